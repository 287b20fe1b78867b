//! `semrec mine`: all that it writes, the same for every number of threads, from a data set or from
//! texts alone; and what it refuses.

use crate::binary::{TINY, done, failed, semrec};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// 60 items of three kinds, some of them duplicates, variants, contradictions, empty or too long;
/// and people who like one kind each, more and more of them chairs.
fn shop(home: &Path) {
    let mut items = "sku,title,category\n".to_owned();
    for i in 0..60 {
        let (words, kind) = [
            ("red reading lamp for the desk", "lamps"),
            ("oak chair with arms", "chairs"),
            ("wool carpet from Persia", "carpets"),
        ][i % 3];
        writeln!(items, "s{i},{words} number {i},{kind}").unwrap();
    }
    writeln!(items, "same1,Sofa in blue velvet,sofas").unwrap();
    writeln!(items, "same2,sofa in Blue velvet!,sofas").unwrap();
    writeln!(items, "same3,sofa in Blue velvet,beds").unwrap();
    writeln!(items, "empty,,").unwrap();
    writeln!(
        items,
        "long,{},lamps",
        "a very long description ".repeat(40)
    )
    .unwrap();
    let mut events = "user,sku,timestamp\n".to_owned();
    for u in 0..90 {
        for e in 0..4 {
            let kind = if u > 30 { 1 } else { u % 3 };
            let item = kind + 3 * ((u + e) % 20);
            writeln!(events, "u{u},s{item},{}", 1_700_000_000 + 86_400 * u + e).unwrap();
        }
    }
    std::fs::write(home.join("items.csv"), items).unwrap();
    std::fs::write(home.join("events.csv"), events).unwrap();
    let files = ["--items", "items.csv", "--interactions", "events.csv"];
    let roles = ["--roles", "text=title,category=category", "--out", "shop"];
    done(home, &[&["import"], &files[..], &roles[..]].concat());
}

fn read(home: &Path, name: &str) -> String {
    std::fs::read_to_string(home.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The cells of a column by the header's names.
fn column(home: &Path, table: &str, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_path(home.join(table)).unwrap();
    let at = reader.headers().unwrap().iter().position(|h| h == name);
    let at = at.unwrap_or_else(|| panic!("{table} has no {name}"));
    let rows = reader.records();
    rows.map(|r| r.unwrap()[at].to_owned()).collect()
}

fn mine<'a>(of: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["mine", of, "--encoder", TINY, "--out", out], more].concat()
}

#[test]
fn a_data_set_is_mined_the_same_way_on_any_number_of_threads() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shop(home);
    let said = done(home, &mine("shop", "one", &["--threads", "1"]));
    assert!(said.contains("65 items, 64 with text"), "{said}");
    done(home, &mine("shop", "two", &["--threads", "2"]));
    let names = [
        "topics",
        "groups",
        "items",
        "alike",
        "contradictions",
        "interests",
    ];
    let files = names
        .iter()
        .flat_map(|n| [format!("{n}.csv"), format!("{n}.parquet")]);
    let pages = ["mine.html", "map.svg", "map.png", "mine.json"].map(str::to_owned);
    for file in files.chain(pages) {
        let of = |out: &str| std::fs::read(home.join(out).join(&file)).unwrap();
        assert!(of("one") == of("two"), "{file}");
    }

    // The third has another label, which is a word more; that it is near is up to the encoder.
    let alike = column(home, "one/alike.csv", "item");
    let kinds = column(home, "one/alike.csv", "kind");
    let same = alike
        .iter()
        .zip(&kinds)
        .filter(|(i, _)| i.starts_with("same"));
    assert!(same.count() >= 2, "{alike:?} {kinds:?}");
    let wrong = column(home, "one/contradictions.csv", "item");
    assert_eq!(wrong, ["same1", "same2", "same3"]);
    let differ = column(home, "one/contradictions.csv", "differ_in");
    assert_eq!(differ, ["category"; 3]);
    let items = column(home, "one/items.csv", "item");
    let of = |name: &str, item: &str| {
        let at = items.iter().position(|i| i == item).unwrap();
        column(home, "one/items.csv", name)[at].clone()
    };
    assert_eq!(
        (of("cut", "long"), of("cut", "s1")),
        ("true".into(), "false".into())
    );
    assert_eq!(
        (of("topic", "empty"), of("x", "empty")),
        (String::new(), String::new())
    );
    let mut ids = column(home, "one/items.csv", "semantic_id");
    ids.retain(|id| !id.is_empty());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 64);
    // Each person has one kind of item, and with four events 4/9 of the mixture is their own.
    let confidence = column(home, "one/interests.csv", "confidence");
    assert!(
        confidence
            .iter()
            .all(|c| (c.parse::<f64>().unwrap() - 4.0 / 9.0).abs() < 1e-9)
    );

    let page = read(home, "one/mine.html");
    for part in [
        "semrecMap(",
        "rising",
        "sofa in Blue velvet",
        "Semantic ids",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for outside in ["src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let figures: Value = serde_json::from_str(&read(home, "one/mine.json")).unwrap();
    assert_eq!(
        figures["semantic_ids"]["levels"].as_array().unwrap().len(),
        3
    );
    assert!(figures["semantic_ids"]["levels"][0]["co_purchase"].is_number());
}

#[test]
fn texts_alone_can_be_mined() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shop(home);
    let said = done(home, &mine("items.csv", "mined", &["--topics", "4"]));
    assert!(said.contains("no interactions: popularity"), "{said}");
    assert_eq!(column(home, "mined/topics.csv", "topic").len(), 4);
    assert!(!home.join("mined/interests.csv").exists());
    assert!(read(home, "mined/mine.html").contains("has no interactions"));
    // Nothing tells these apart, and they end no script.
    let text = "the </script> end";
    let same: String = (0..20).map(|i| format!("{i},{text}\n")).collect();
    std::fs::write(home.join("same.csv"), format!("id,text\n{same}")).unwrap();
    done(home, &mine("same.csv", "same", &[]));
    assert_eq!(column(home, "same/alike.csv", "kind"), ["duplicate"; 20]);
    let page = read(home, "same/mine.html");
    assert_eq!(page.matches("</script>").count(), 2);
}

/// The same items without their people: all that reads works, all that learns from people says that
/// there are none.
#[test]
fn items_alone_are_a_data_set_to_mine_and_to_search() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shop(home);
    let roles = "text=title,category=category";
    let of_items = [
        "import",
        "--items",
        "items.csv",
        "--roles",
        roles,
        "--out",
        "alone",
    ];
    let said = done(home, &of_items);
    assert!(said.contains("0 users, 65 items, 0 interactions"), "{said}");
    assert!(said.contains("no interactions: mine, embed"), "{said}");
    let said = done(home, &["validate", "alone"]);
    assert!(
        said.contains("WARN  interactions") && !said.contains("FAIL  "),
        "{said}"
    );
    let said = done(home, &mine("alone", "mined", &[]));
    assert!(said.contains("no interactions: popularity"), "{said}");
    // Labels are columns here, which a file of texts does not have.
    let wrong = column(home, "mined/contradictions.csv", "item");
    assert_eq!(wrong, ["same1", "same2", "same3"]);
    assert!(!home.join("mined/interests.csv").exists());

    let on = |verb: &'static str, model: &'static str, more: &[&'static str]| {
        [&[verb, "alone", model, "--encoder", TINY], more].concat()
    };
    done(home, &on("train", "--model=content", &["--out", "bundle"]));
    for (verb, asked) in [
        ("search", &["oak chair with arms number 1"][..]),
        ("recommend", &["--text", "oak chair with arms number 1"]),
        ("similar", &["--item", "s4"]),
    ] {
        let said = done(
            home,
            &[&[verb, "bundle"], asked, &["-k", "1", "--json"]].concat(),
        );
        assert!(said.contains("oak chair"), "{verb}: {said}");
    }
    let last = |said: String| {
        let line = said.lines().rfind(|l| l.starts_with("semrec:"));
        line.unwrap_or_default().to_owned()
    };
    let error = |args: &[&str]| last(failed(home, args));
    insta::assert_snapshot!(error(&on("train", "--model=ease", &["--out", "no"])), @"semrec: ease learns from interactions, and alone has none: import it with --interactions, or take --model content, which reads items alone");
    insta::assert_snapshot!(error(&on("evaluate", "--models=content", &[])), @"semrec: there are no interactions to learn from or to hold out; import the data with --interactions");
    let tuning = on("tune", "--model=content", &["--trials", "2"]);
    assert!(error(&tuning).contains("no interactions to learn from"));
    let nothing = semrec(home, &["import", "--out", "none"]);
    assert_eq!(nothing.status.code(), Some(2), "wrong use");
    let test = [
        "import",
        "--items",
        "items.csv",
        "--test-interactions",
        "events.csv",
        "--out",
        "t",
    ];
    assert!(error(&test).contains("no file of interactions to learn from"));
    assert!(!home.join("no").exists() && !home.join("none").exists());
}

#[test]
fn what_cannot_be_mined_is_said_and_nothing_is_written() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shop(home);
    let error = |args: &[&str]| {
        let said = failed(home, &mine("shop", "out", args));
        let last = said.lines().rfind(|l| l.starts_with("semrec:"));
        last.unwrap_or_default().to_owned()
    };
    insta::assert_snapshot!(error(&["--topics", "33"]), @"semrec: the number of topics is 33; expected 2 to 32, half of the 64 items that have a text");
    insta::assert_snapshot!(error(&["--outliers", "2"]), @"semrec: the share of outliers is 2; expected 0 to 0.9");
    assert!(!home.join("out").exists());
    std::fs::write(home.join("few.csv"), "id,text\na,one lamp\nb,two lamps\n").unwrap();
    let said = failed(home, &mine("few.csv", "out", &[]));
    assert!(
        said.contains("2 of 2 items have a text, and at least 10 are needed"),
        "{said}"
    );
    std::fs::create_dir(home.join("mine")).unwrap();
    std::fs::write(home.join("mine/letter.txt"), "dear").unwrap();
    let said = failed(home, &mine("shop", "mine", &[]));
    assert!(said.contains("is not replaced"), "{said}");
}
