//! The main job from end to end, on a shop of 40 items and 60 people, with a tiny encoder.

use crate::binary::{TINY, done, failed, semrec};
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Two kinds of people: one buys even items in order, the other odd ones.
pub(crate) fn shop(home: &Path) -> (PathBuf, PathBuf) {
    let mut items = "sku,title,category\n".to_owned();
    for i in 0..40 {
        let (colour, kind) = if i % 2 == 0 {
            ("red", "lamp")
        } else {
            ("blue", "chair")
        };
        writeln!(items, "s{i},{colour} {kind} number {i},{kind}").unwrap();
    }
    let mut events = "user,sku,timestamp\n".to_owned();
    for u in 0..60 {
        for e in 0..5 {
            let item = (u % 2) + 2 * ((u / 2 + e) % 20);
            writeln!(events, "u{u},s{item},{}", 1_700_000_000 + 1000 * e + u).unwrap();
        }
    }
    let paths = (home.join("items.csv"), home.join("events.csv"));
    std::fs::write(&paths.0, items).unwrap();
    std::fs::write(&paths.1, events).unwrap();
    paths
}

/// Person 0 bought s0, s2, s4, s6 and s8 along with the other buyers of red lamps.
fn red_lamps_with_reasons_that_add_up(reply: &Value) {
    let items = reply["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    for item in items {
        assert!(
            item["title"].as_str().unwrap().starts_with("red lamp"),
            "{reply}"
        );
        assert!(!item["why"].as_str().unwrap().is_empty(), "{reply}");
        let parts = item["reasons"].as_array().unwrap();
        let sum: f64 = parts.iter().map(|r| r["amount"].as_f64().unwrap()).sum();
        let score = item["score"].as_f64().unwrap();
        assert!(
            (sum - score).abs() < 1e-3 * score.abs().max(1.0),
            "{sum} of {score}"
        );
    }
}

#[test]
fn from_two_files_to_a_report_and_recommendations_with_reasons() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shop(home);
    let said = done(
        home,
        &[
            "up",
            "items.csv",
            "events.csv",
            "--out",
            "out",
            "--encoder",
            TINY,
            "--split",
            "leave-one-out",
            "--no-serve",
        ],
    );
    assert!(
        said.contains("60 users, 40 items, 300 interactions"),
        "{said}"
    );
    let report = std::fs::read_to_string(home.join("out/report.html")).unwrap();
    assert!(report.contains("ndcg@10") && !report.contains("<script"));

    let json = done(
        home,
        &[
            "recommend",
            "out/bundle",
            "--user",
            "u0",
            "-k",
            "3",
            "--explain",
            "--json",
        ],
    );
    let reply: Value = serde_json::from_str(&json).unwrap();
    red_lamps_with_reasons_that_add_up(&reply);

    let said = done(
        home,
        &[
            "recommend",
            "out/bundle",
            "--text",
            "a blue chair",
            "-k",
            "4",
        ],
    );
    assert_eq!(
        said.lines().filter(|l| l.contains(" content ")).count(),
        4,
        "{said}"
    );
    let json = done(
        home,
        &["similar", "out/bundle", "--item", "s1", "-k", "2", "--json"],
    );
    assert!(json.contains("blue chair"), "{json}");
    // An item's own text is the nearest to itself.
    let json = done(
        home,
        &[
            "search",
            "out/bundle",
            "red lamp number 8. lamp",
            "-k",
            "1",
            "--json",
        ],
    );
    let reply: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(reply["items"][0]["item"], "s8", "{json}");
}

#[test]
fn figures_are_written_as_agreed_and_are_the_same_again() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shop(home);
    done(
        home,
        &[
            "import",
            "--items",
            "items.csv",
            "--interactions",
            "events.csv",
            "--out",
            "shop",
        ],
    );
    assert!(done(home, &["validate", "shop"]).contains("nothing failed"));
    let run = |file: &str, threads: &str| -> Value {
        done(
            home,
            &[
                "evaluate",
                "shop",
                "--models",
                "popularity,item-knn,ease,als,content,hybrid",
                "--encoder",
                TINY,
                "-k",
                "5,10",
                "--json",
                file,
                "--set",
                "ease.lambda=20",
                "--threads",
                threads,
            ],
        );
        serde_json::from_str(&std::fs::read_to_string(home.join(file)).unwrap()).unwrap()
    };
    let results = run("a.json", "1");
    assert_eq!(results["dataset"]["items"], 40);
    assert_eq!(results["protocol"]["split"], "leave-one-out");
    assert_eq!(results["protocol"]["candidates"], "full");
    assert_eq!(results["protocol"]["users_evaluated"], 60);
    let ease = &results["models"][2];
    assert_eq!(
        (&ease["name"], &ease["params"]["lambda"]),
        (&"ease".into(), &20.0.into())
    );
    // Everybody's last item was bought by others right after the one before it.
    assert!(
        ease["metrics"]["recall@5"].as_f64().unwrap() > 0.5,
        "{ease}"
    );
    for key in [
        "fit_seconds",
        "evaluate_seconds",
        "peak_memory_mib",
        "ci95",
        "slices",
    ] {
        assert!(!ease[key].is_null(), "{key} is missing");
    }
    for slice in ["cold-items", "tail-items", "cold-users", "warm"] {
        assert!(
            ease["slices"][slice].is_object(),
            "slice {slice} is missing"
        );
    }
    let comparison = &results["comparisons"][0];
    for key in ["a", "b", "metric", "difference", "p_value", "p_holm"] {
        assert!(!comparison[key].is_null(), "{key} is missing");
    }
    let again = run("b.json", "3");
    for (a, b) in results["models"]
        .as_array()
        .unwrap()
        .iter()
        .zip(again["models"].as_array().unwrap())
    {
        assert_eq!(a["metrics"], b["metrics"], "{}", a["name"]);
    }
}

#[test]
fn text_is_optional_and_what_needs_it_says_so() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shop(home);
    done(
        home,
        &["import", "--interactions", "events.csv", "--out", "ids"],
    );
    done(
        home,
        &["train", "ids", "--model", "item-knn", "--out", "bundle"],
    );
    let said = done(
        home,
        &["recommend", "bundle", "--history", "s0,s2", "-k", "2"],
    );
    assert!(said.contains("item-knn"), "{said}");
    let output = semrec(home, &["search", "bundle", "lamp"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("without texts"));
    let output = semrec(
        home,
        &["train", "ids", "--model", "content", "--out", "other"],
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("content"));
    assert!(!home.join("other").exists());
}

/// A head learned in one shop ranks in another without training, but not for texts that another
/// encoder reads.
#[test]
fn a_head_is_put_to_another_shop_read_by_the_same_encoder() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    shop(home);
    let import = [
        "import",
        "--items",
        "items.csv",
        "--interactions",
        "events.csv",
    ];
    done(home, &[&import[..], &["--out", "shop"]].concat());
    let model = ["--model", "alpharec", "--set", "epochs=2", "--set", "dim=8"];
    let out = ["--encoder", TINY, "--out", "bundle"];
    done(home, &[&["train", "shop"][..], &model, &out].concat());
    let from = [
        "--set",
        "alpharec.from=bundle",
        "--set",
        "alpharec.epochs=0",
    ];
    let evaluate = ["evaluate", "shop", "--models", "alpharec"];
    let said = done(home, &[&evaluate[..], &from, &["--encoder", TINY]].concat());
    assert!(said.contains("alpharec"), "{said}");
    let halved = ["--out", "half", "--precision", "f16"];
    done(home, &[&["model", "convert", TINY][..], &halved].concat());
    let other = [&evaluate[..], &from, &["--encoder", "half"]].concat();
    let said = failed(home, &other);
    assert!(said.contains("bundle was trained on texts as"), "{said}");
}
