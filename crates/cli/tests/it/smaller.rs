//! Smaller encoders from the command line: made, found by their names, and compared by the figures
//! that `evaluate` has.

use crate::binary::{TINY, done, failed, semrec};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// A home with a data set `shop` of 40 items and 30 people, one `bare` without texts, and the
/// encoder `tiny`.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let mut items = "sku,title\n".to_owned();
    let mut events = "user,sku,timestamp\n".to_owned();
    for i in 0..40 {
        let kind = ["lamp", "chair", "kettle", "hand cream"][i % 4];
        writeln!(items, "s{i},a {kind} number {i} for the camp").unwrap();
    }
    for u in 0..30 {
        for e in 0..5 {
            let item = (u % 4 + 4 * (u + e)) % 40;
            writeln!(events, "u{u},s{item},{}", 1_700_000_000 + 1000 * e + u).unwrap();
        }
    }
    std::fs::write(home.path().join("items.csv"), items).unwrap();
    std::fs::write(home.path().join("events.csv"), events).unwrap();
    let shop = ["import", "--interactions", "events.csv"];
    let with_items = [&shop[..], &["--items", "items.csv", "--out", "shop"]].concat();
    done(home.path(), &with_items);
    done(home.path(), &[&shop[..], &["--out", "bare"]].concat());
    done(home.path(), &["model", "pull", TINY]);
    home
}

fn json(home: &Path, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(home.join(file)).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn a_converted_encoder_has_a_name_and_the_figures_of_evaluate() {
    let home = home();
    let home = home.path();
    let convert = [
        "model",
        "convert",
        "tiny",
        "--out",
        "small",
        "--precision",
        "int8",
        "--layers",
        "2",
        "--dataset",
        "shop",
        "--json",
        "both.json",
    ];
    let said = done(home, &convert);
    assert!(said.contains("stay: mean cosine"), "{said}");
    assert!(said.contains("3 layers become 2"), "{said}");
    let rows = said
        .lines()
        .filter(|l| l.starts_with(" tiny") || l.starts_with(" small"));
    assert_eq!(rows.count(), 2, "{said}");
    assert!(done(home, &["model", "list"]).contains("small"));

    let both = json(home, "both.json");
    assert_eq!(both["protocol"]["split"], "leave-one-out");
    assert_eq!(
        (&both["model"], &both["texts_measured"]),
        (&"content".into(), &40.into())
    );
    let (tiny, small) = (&both["encoders"][0], &both["encoders"][1]);
    assert_eq!(
        (&tiny["name"], &tiny["layers"]),
        (&"tiny".into(), &3.into())
    );
    assert_eq!(
        (&small["name"], &small["layers"]),
        (&"small".into(), &2.into())
    );
    assert!(number(&small["bytes"]) < number(&tiny["bytes"]));
    assert!(tiny["cosine"].is_null() && tiny["p_value"].is_null());
    let cosine = number(&small["cosine"]);
    assert!(cosine > 0.5 && cosine < 0.9999, "{cosine}");
    let (before, after) = (
        number(&tiny["metrics"]["ndcg@10"]),
        number(&small["metrics"]["ndcg@10"]),
    );
    let lost = number(&small["ndcg_lost_percent"]);
    assert!((lost - 100.0 * (before - after) / before).abs() < 1e-9);
    // One pair, which is not corrected for anything.
    assert_eq!(small["p_holm"], small["p_value"]);

    for (name, row) in [("tiny", tiny), ("small", small)] {
        let evaluate = [
            "evaluate",
            "shop",
            "--models",
            "content",
            "-k",
            "10",
            "--encoder",
            name,
            "--json",
            "evaluate.json",
        ];
        done(home, &evaluate);
        let model = &json(home, "evaluate.json")["models"][0];
        assert_eq!(model["metrics"], row["metrics"], "{name}");
        assert_eq!(model["ci95"], row["ci95"], "{name}");
    }
}

#[test]
fn the_fast_tier_and_a_directory_stand_beside_the_encoder() {
    let home = home();
    let home = home.path();
    let said = done(home, &["model", "distil", "tiny", "shop", "--out", "fast"]);
    assert!(said.contains("token vectors fitted to 40 texts"), "{said}");
    let narrow = [
        "model",
        "convert",
        "tiny",
        "--out",
        "./narrow",
        "--dimensions",
        "8",
    ];
    assert!(done(home, &narrow).contains("36 values a vector become 8"));
    let compare = [
        "model",
        "compare",
        "shop",
        "tiny",
        "fast",
        "./narrow",
        "-k",
        "5",
        "--split",
        "ratio:0.6",
        "--json",
        "all.json",
    ];
    done(home, &compare);
    let all = json(home, "all.json");
    assert_eq!(all["protocol"]["split"], "ratio:0.6");
    let [tiny, fast, narrow] = [0, 1, 2].map(|i| &all["encoders"][i]);
    assert_eq!(
        (&fast["architecture"], &fast["layers"]),
        (&"model2vec".into(), &0.into())
    );
    assert!(number(&fast["cosine"]) > 0.5, "{fast}");
    assert_eq!(
        (&narrow["name"], &narrow["dimensions"]),
        (&"./narrow".into(), &8.into())
    );
    assert!(narrow["cosine"].is_null(), "of another length: {narrow}");
    assert!(number(&narrow["p_holm"]) >= number(&narrow["p_value"]));
    for row in [tiny, fast, narrow] {
        assert!(row["metrics"]["recall@5"].is_number(), "{row}");
        if cfg!(target_os = "linux") {
            assert!(number(&row["memory_kib"]) > 0.0, "{row}");
            assert!(number(&row["texts_per_cpu_second"]) > 0.0, "{row}");
        }
    }
}

#[test]
fn what_cannot_be_made_or_compared_is_said() {
    let home = home();
    let home = home.path();
    std::fs::create_dir(home.join("broken")).unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::write(home.join("broken").join(name), "{}").unwrap();
    }
    let cases: [(&[&str], &str); 9] = [
        (
            &["convert", "tiny", "--out", "small"],
            "nothing is to become smaller; name --precision, --layers, --dimensions or --max-tokens",
        ),
        (
            &["convert", "tiny", "--out", "small", "--layers", "4"],
            "has 3 layers; expected 1 to that, got 4",
        ),
        (
            &["convert", "tiny", "--out", "tiny", "--precision", "f16"],
            "model 'tiny' is taken",
        ),
        (
            &["convert", "tiny", "--out", "./shop", "--precision", "f16"],
            "is there already",
        ),
        (
            &[
                "convert",
                "tiny",
                "--out",
                "small",
                "--layers",
                "2",
                "--dataset",
                "bare",
            ],
            "have no text; encoders are compared on",
        ),
        (&["distil", "tiny", "bare", "--out", "fast"], "have no text"),
        (
            &["compare", "shop", "tiny", "nobody"],
            "model 'nobody' is neither",
        ),
        (
            &["compare", "shop", "tiny", "-k", "0"],
            "expected a whole number from 1 on",
        ),
        (
            &["compare", "shop", "broken"],
            "broken/config.json: model_type is missing",
        ),
    ];
    for (args, want) in cases {
        let said = failed(home, &[&["model"], args].concat());
        assert!(said.contains(want), "{args:?}: {said}");
    }
    let models = home.join("home/models");
    assert!(!models.join("small").exists() && !models.join("fast").exists());
    let wrong = semrec(
        home,
        &["model", "convert", "tiny", "--out", "x", "--layers", "two"],
    );
    assert_eq!(wrong.status.code(), Some(2));
}
