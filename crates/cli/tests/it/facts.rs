//! Facts from the files to the reasons: a catalogue without a word, known by its labels and by a
//! knowledge graph.

use crate::binary::{done, failed};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// Even items are by the maker `m0`, odd ones by `m1`; the shelf goes by the number. Two kinds of
/// people: one buys even items in order, the other odd ones.
fn shop(home: &Path) {
    let mut items = "sku,category\n".to_owned();
    let mut facts = "head,relation,tail\n".to_owned();
    let mut links = "sku,entity\n".to_owned();
    for i in 0..20 {
        writeln!(items, "s{i},shelf {}", i % 3).unwrap();
        writeln!(facts, "e{i},made_by,m{}", i % 2).unwrap();
        writeln!(links, "s{i},e{i}").unwrap();
    }
    let mut events = "user,sku,timestamp\n".to_owned();
    for u in 0..30 {
        for e in 0..5 {
            let item = (u % 2) + 2 * ((u / 2 + e) % 10);
            writeln!(events, "u{u},s{item},{}", 1_700_000_000 + 1000 * e + u).unwrap();
        }
    }
    for (name, text) in [
        ("items.csv", items),
        ("facts.csv", facts),
        ("links.csv", links),
        ("events.csv", events),
    ] {
        std::fs::write(home.join(name), text).unwrap();
    }
    let line = "import --items items.csv --interactions events.csv --kg facts.csv --link links.csv --out shop";
    let args: Vec<&str> = line.split(' ').collect();
    let said = done(home, &args);
    assert!(
        said.contains("facts: facts.csv, csv with ',': 20 rows"),
        "{said}"
    );
    assert!(said.contains("20 of 20 items are entities"), "{said}");
}

#[test]
fn a_catalogue_without_words_is_read_by_its_facts() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shop(home);
    let run = |line: &str| done(home, &line.split(' ').collect::<Vec<_>>());
    let said = run("validate shop");
    assert!(said.contains("PASS  knowledge"), "{said}");
    run(
        "evaluate shop --encoder none --facts graph --models random,content --json r.json --cases c.csv",
    );
    let results: Value =
        serde_json::from_str(&std::fs::read_to_string(home.join("r.json")).unwrap()).unwrap();
    assert_eq!(results["protocol"]["facts"], "graph");
    let cases = std::fs::read_to_string(home.join("c.csv")).unwrap();
    let mut lines = cases.lines();
    assert!(
        lines.next().unwrap().starts_with("model,user,recall@10,"),
        "{cases}"
    );
    // 30 people for each of two models; their mean is what the JSON says.
    let recalls: Vec<f64> = lines
        .filter(|l| l.starts_with("content,"))
        .map(|l| l.split(',').nth(2).unwrap().parse().unwrap())
        .collect();
    assert_eq!(recalls.len(), 30);
    let mean = recalls.iter().sum::<f64>() / 30.0;
    let expected = results["models"][1]["metrics"]["recall@10"]
        .as_f64()
        .unwrap();
    assert!((mean - expected).abs() < 1e-6, "{mean} and {expected}");
    // All ten items of one's maker are ranked first, six of them are new to each person.
    assert_eq!(expected, 1.0);

    run("train shop --encoder none --facts both --model content --out bundle");
    let json = run("recommend bundle --history s0,s2 -k 3 --explain --json");
    let reply: Value = serde_json::from_str(&json).unwrap();
    let why = reply["items"][0]["why"].as_str().unwrap();
    assert!(why.contains("made_by: m0"), "{reply}");
    let facts = &reply["items"][0]["reasons"][0]["facts"];
    assert!(!facts.as_array().unwrap().is_empty(), "{reply}");
}

#[test]
fn facts_that_are_not_there_are_asked_for_in_vain() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shop(home);
    let line = "import --items items.csv --interactions events.csv --out bare";
    done(home, &line.split(' ').collect::<Vec<_>>());
    let line = "evaluate bare --encoder none --facts graph --models content";
    let said = failed(home, &line.split(' ').collect::<Vec<_>>());
    assert!(said.contains("has no knowledge graph"), "{said}");
    let line = "evaluate bare --encoder none --models content";
    let said = failed(home, &line.split(' ').collect::<Vec<_>>());
    assert!(said.contains("it reads the items' texts"), "{said}");
    let line = "import --interactions events.csv --link links.csv --out odd";
    let said = failed(home, &line.split(' ').collect::<Vec<_>>());
    assert!(said.contains("no file of its facts was given"), "{said}");
}
