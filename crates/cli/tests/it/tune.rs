//! `semrec tune`: the same trials from the same seed, wherever it was stopped; on validation
//! events alone; and what it finds is of use to the other verbs.

#[cfg(unix)]
use crate::binary::signal;
use crate::binary::{command, done, failed, semrec};
use crate::flow::shop;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;

/// A place with the shop imported.
fn place() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    shop(home.path());
    import(home.path(), "shop");
    home
}

fn import(home: &Path, out: &str) {
    let args = [
        "import",
        "--items",
        "items.csv",
        "--interactions",
        "events.csv",
    ];
    done(home, &[&args[..], &["--out", out]].concat());
}

/// The command line for the data set `shop`, without texts.
fn tune<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["tune", "shop", "--encoder", "none"], args].concat()
}

fn read(home: &Path, name: &str) -> String {
    std::fs::read_to_string(home.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The trials of a journal, without how long they took.
fn trials(home: &Path, journal: &str) -> Vec<Value> {
    let text = read(home, journal);
    let lines = text.lines().skip(1);
    let trials = lines.map(|line| {
        let mut trial: Value = serde_json::from_str(line).unwrap();
        let fields = trial.as_object_mut().unwrap();
        assert!(fields.shift_remove("fit_seconds").is_some());
        assert!(fields.shift_remove("evaluate_seconds").is_some());
        trial
    });
    trials.collect()
}

#[test]
fn trials_follow_from_the_seed_alone() {
    let home = place();
    let home = home.path();
    for method in ["tpe", "random", "halving"] {
        let run = |out: &str, more: &[&str]| {
            let args = [
                "--model", "ease,als", "--trials", "14", "--method", method, "--out", out,
            ];
            let few = ["--set", "als.factors=4", "--set", "als.iterations=4"];
            done(home, &[tune(&args), few.to_vec(), more.to_vec()].concat());
        };
        let (one, two, other) = (
            format!("{method}1"),
            format!("{method}2"),
            format!("{method}3"),
        );
        run(&one, &["--threads", "1"]);
        run(&two, &["--threads", "2"]);
        run(&other, &["--seed", "7"]);
        for model in ["ease", "als"] {
            let of = |out: &str| trials(home, &format!("{out}/{model}.jsonl"));
            assert_eq!(of(&one), of(&two), "{method}, {model}");
            assert_ne!(of(&one), of(&other), "{method}, {model}");
            let expected = if method == "halving" { 14 + 5 + 2 } else { 14 };
            assert_eq!(of(&one).len(), expected, "{method}, {model}");
        }
    }
}

/// Starts a search of very many trials, and waits until some are written.
#[cfg(unix)]
fn running(home: &Path, out: &str, journal: &str) -> std::process::Child {
    let args = tune(&["--model", "item-knn", "--trials", "100000", "--out", out]);
    let mut child = command(home, &args)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let lines = || std::fs::read_to_string(home.join(journal)).map_or(0, |t| t.lines().count());
    let before = lines();
    while lines() < before + 4 {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::yield_now();
    }
    child
}

/// One run is killed, its last line torn, the next one interrupted, the third goes to its end.
#[cfg(unix)]
#[test]
fn a_stopped_search_makes_the_trials_it_would_have_made() {
    let home = place();
    let home = home.path();
    let journal = "stopped/item-knn.jsonl";
    let mut child = running(home, "stopped", journal);
    let said = failed(home, &tune(&["--model", "item-knn", "--out", "stopped"]));
    assert!(said.contains("being written by another process"), "{said}");
    signal(&child, "-KILL");
    child.wait().unwrap();
    let text = read(home, journal);
    std::fs::write(home.join(journal), &text[..text.trim_end().len() - 5]).unwrap();

    let child = running(home, "stopped", journal);
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("goes on after the "), "{said}");
    assert!(
        said.contains("interrupted; finished trials are kept in stopped"),
        "{said}"
    );

    let made = trials(home, journal).len();
    let number = (made + 15).to_string();
    let end = |out| tune(&["--model", "item-knn", "--trials", &number, "--out", out]).join(" ");
    for out in ["stopped", "whole"] {
        done(home, &end(out).split(' ').collect::<Vec<_>>());
    }
    let whole = trials(home, "whole/item-knn.jsonl");
    assert_eq!(whole.len(), made + 15);
    assert_eq!(trials(home, journal), whole);
    assert_eq!(
        read(home, "stopped/best.toml"),
        read(home, "whole/best.toml")
    );
    // Nothing is left to do, and nothing is done.
    done(home, &end("whole").split(' ').collect::<Vec<_>>());
    assert_eq!(trials(home, "whole/item-knn.jsonl"), whole);
}

#[test]
fn a_journal_of_another_search_is_refused() {
    let home = place();
    let home = home.path();
    let search = ["--model", "ease", "--trials", "2", "--out", "out"];
    done(home, &tune(&search));
    let before = read(home, "out/ease.jsonl");
    let cases: [(&[&str], &str); 6] = [
        (
            &["--split", "temporal:0.8"],
            "its split is leave-one-out, and temporal:0.8 was asked for",
        ),
        (&["--seed", "7"], "its seed is 42, and 7 was asked for"),
        (
            &["--metric", "recall@5"],
            "its metric is ndcg@10, and recall@5 was asked for",
        ),
        (
            &["--method", "random"],
            "its method is tpe, and random was asked for",
        ),
        (
            &["--space", "lambda=1..2"],
            "its space is lambda=log:5..5000 dropout=even:0..0.8",
        ),
        (
            &["--set", "recency=0.5"],
            "its space is lambda=log:5..5000 dropout=even:0..0.8",
        ),
    ];
    for (more, expected) in cases {
        let said = failed(home, &[&tune(&search)[..], more].concat());
        assert!(
            said.contains("out/ease.jsonl: holds trials of another search"),
            "{said}"
        );
        assert!(said.contains(expected), "{said}");
        assert!(
            said.contains("name another --out, or delete the file"),
            "{said}"
        );
    }
    let events = read(home, "events.csv").replace("\nu3,s3,", "\nu3,s1,");
    std::fs::write(home.join("events.csv"), events).unwrap();
    import(home, "shop");
    let said = failed(home, &tune(&search));
    assert!(said.contains("its data fingerprint is "), "{said}");
    assert_eq!(read(home, "out/ease.jsonl"), before);
}

#[test]
fn what_cannot_be_searched_is_said() {
    let home = place();
    let home = home.path();
    let cases: [(&[&str], i32, &str); 11] = [
        (&[], 2, "--model"),
        (&["--model", "ease", "--metric", "auc"], 2, "as in ndcg@10"),
        (
            &["--model", "ease", "--metric", "gini@10"],
            2,
            "as in ndcg@10",
        ),
        (
            &["--model", "ease", "--method", "grid"],
            2,
            "expected tpe, random or halving",
        ),
        (&["--model", "ease", "--trials", "0"], 2, "--trials"),
        (&["--model", "esae"], 1, "'esae' is no model"),
        (
            &["--model", "ease", "--space", "lamda=1..2"],
            1,
            "ease has no parameter 'lamda'; it has ",
        ),
        (
            &["--model", "ease", "--space", "lambda=2..1"],
            1,
            "must be less than the second",
        ),
        (
            &["--model", "ease,als", "--set", "lambda=2"],
            1,
            "say of which model, as in ease.lambda=2",
        ),
        (&["--model", "content"], 1, "content reads the items' texts"),
        (
            &["--model", "ease", "--budget", "0"],
            1,
            "as in --budget 600",
        ),
    ];
    for (args, code, expected) in cases {
        let output = semrec(home, &tune(args));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    assert!(!home.join("semrec-tune").exists());
}

/// Dropout has to be less than 1.
#[test]
fn a_trial_that_fails_is_a_trial() {
    let home = place();
    let home = home.path();
    let search = [
        "--model",
        "ease",
        "--trials",
        "12",
        "--space",
        "dropout=0..3",
        "--out",
        "out",
    ];
    let said = done(home, &tune(&search));
    assert!(said.contains(" of them failed"), "{said}");
    let trials = trials(home, "out/ease.jsonl");
    let (failed_ones, worked): (Vec<_>, Vec<_>) = trials.iter().partition(|t| t["value"].is_null());
    assert!(failed_ones.len() > 2 && worked.len() > 2, "{trials:?}");
    for trial in failed_ones {
        let error = trial["error"].as_str().unwrap();
        assert!(
            error.contains("expected at least 0 and less than 1"),
            "{error}"
        );
    }
    let all = [
        "--model",
        "ease",
        "--trials",
        "3",
        "--set",
        "dropout=2",
        "--out",
        "none",
    ];
    let said = failed(home, &tune(&all));
    assert!(
        said.contains("no trial of ease was measured: parameters of ease: dropout is 2"),
        "{said}"
    );
}

/// The last event of each person is another one: no trial changes.
#[test]
fn test_events_have_no_part_in_it() {
    let home = place();
    let home = home.path();
    let search = |out| {
        [
            "--model",
            "ease,recent-popularity",
            "--trials",
            "6",
            "--out",
            out,
        ]
    };
    let said = done(home, &tune(&search("before")));
    assert!(
        said.contains("60 people of the validation part; test events were not touched"),
        "{said}"
    );
    let text = read(home, "events.csv");
    let last = |line: &str| line.split(',').nth(2).is_some_and(|t| t >= "1700004000");
    let moved = text
        .lines()
        .map(|line| match line.split(',').collect::<Vec<_>>()[..] {
            [user, _, time] if last(line) && user != "user" => format!("{user},s39,{time}\n"),
            _ => format!("{line}\n"),
        });
    let moved: String = moved.collect();
    assert!(moved.matches(",s39,").count() >= 60 && moved.len() > 1000);
    std::fs::write(home.join("events.csv"), moved).unwrap();
    import(home, "shop");
    done(home, &tune(&search("after")));
    for model in ["ease", "recent-popularity"] {
        let of = |out: &str| trials(home, &format!("{out}/{model}.jsonl"));
        assert_eq!(of("before"), of("after"), "{model}");
    }
}

#[test]
fn what_is_found_is_written_and_of_use() {
    let home = place();
    let home = home.path();
    let models = [
        "--model",
        "item-knn,ease,popularity",
        "--trials",
        "12",
        "--metric",
        "recall@5",
    ];
    let said = done(home, &[&tune(&models)[..], &["--out", "out"]].concat());
    assert!(said.contains("item-knn: 12 trials by tpe"), "{said}");
    assert!(said.contains("it has no parameters to search"), "{said}");
    let study: Value = serde_json::from_str(&read(home, "out/tune.json")).unwrap();
    let tuned = study["models"].as_array().unwrap();
    assert_eq!(tuned.len(), 3);
    let number = |i: usize| tuned[i]["trials"].as_array().unwrap().len();
    assert_eq!((number(0), number(1), number(2)), (12, 12, 1));
    let best = usize::try_from(tuned[1]["best"].as_u64().unwrap()).unwrap();
    let best = &tuned[1]["trials"][best];
    assert!(best["value"].as_f64() >= tuned[1]["own"].as_f64());
    // A header, and a row for each trial.
    let csv = read(home, "out/trials.csv");
    assert_eq!(csv.lines().count(), 1 + 12 + 12 + 1);
    assert!(csv.starts_with("model,trial,setting,share,value,"), "{csv}");
    let page = read(home, "out/tune.html");
    assert!(page.contains("recall@5") && !page.contains("<script") && !page.contains("http"));
    // The history of each model, and a chart for each of 6 + 3 parameters.
    assert_eq!(page.matches("<svg ").count(), 3 + 6 + 3);

    let evaluate = [
        "evaluate",
        "shop",
        "--encoder",
        "none",
        "--models",
        "ease",
        "-k",
        "5",
    ];
    let params = [
        "--params",
        "out/best.toml",
        "--json",
        "e.json",
        "--set",
        "ease.recency=0.25",
    ];
    done(home, &[&evaluate[..], &params].concat());
    let results: Value = serde_json::from_str(&read(home, "e.json")).unwrap();
    let used = &results["models"][0]["params"];
    assert_eq!(used["lambda"], best["values"]["lambda"]);
    assert_eq!(used["dropout"], best["values"]["dropout"]);
    assert_eq!(used["recency"], 0.25);
    let train = [
        "train",
        "shop",
        "--encoder",
        "none",
        "--model",
        "ease",
        "--params",
        "out/best.toml",
        "--out",
        "bundle",
    ];
    done(home, &train);
    let manifest = std::fs::read_dir(home.join("bundle")).unwrap();
    let texts = manifest.map(|e| std::fs::read(e.unwrap().path()).unwrap_or_default());
    let lambda = best["values"]["lambda"].to_string();
    let texts: Vec<String> = texts
        .map(|b| String::from_utf8_lossy(&b).into_owned())
        .collect();
    assert!(texts.iter().any(|t| t.contains(&lambda)), "{lambda}");
    let said = failed(
        home,
        &["train", "shop", "--params", "items.csv", "--out", "b"],
    );
    assert!(said.contains("items.csv is not TOML"), "{said}");
}
