//! `semrec finetune`: an encoder that every verb takes, figures that are those of `evaluate`, and a
//! run that was stopped ends as it would have.

use crate::binary::{TINY, done, failed};
#[cfg(unix)]
use crate::binary::{command, signal};
use crate::flow::shop;
use serde_json::Value;
use std::path::Path;

fn place() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    shop(home.path());
    let import = [
        "import",
        "--items",
        "items.csv",
        "--interactions",
        "events.csv",
        "--out",
        "shop",
    ];
    done(home.path(), &import);
    home
}

/// The command line, for the tiny encoder and a rate that moves it.
fn finetune<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let own = [
        "finetune",
        "shop",
        "--encoder",
        TINY,
        "--learning-rate",
        "1e-3",
        "--batch",
        "40",
    ];
    [&own, args].concat()
}

fn json(home: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(home.join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_figures_are_those_of_evaluate_and_it_is_said_whether_it_helped() {
    let home = place();
    let home = home.path();
    let said = done(
        home,
        &finetune(&[
            "--method",
            "full",
            "--objective",
            "contrastive",
            "--epochs",
            "2",
            "--out",
            "./tuned",
            "--json",
            "tuned.json",
            "--report",
            "tuned.html",
        ]),
    );
    let verdicts = ["Tuning helped:", "Tuning did not help", "It cannot be told"];
    assert!(verdicts.iter().any(|v| said.contains(v)), "{said}");
    for expected in [
        "frozen",
        "tuned",
        "ndcg@10 by slice:",
        "next: semrec evaluate",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let tuned = json(home, "tuned.json");
    let names: Vec<&str> = tuned["curve"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.iter().filter(|n| **n == "train/loss").count(), 2);
    assert_eq!(
        names.iter().filter(|n| **n == "validation/ndcg@10").count(),
        3
    );
    let evaluate = |encoder: &str, out: &str| {
        done(
            home,
            &[
                "evaluate",
                "shop",
                "--models",
                "content",
                "--encoder",
                encoder,
                "--json",
                out,
            ],
        );
        json(home, out)["models"][0]["metrics"].clone()
    };
    assert_eq!(tuned["before"]["metrics"], evaluate(TINY, "a.json"));
    assert_eq!(tuned["after"]["metrics"], evaluate("./tuned", "b.json"));
    // It was tuned beside a tower, and is read as that one reads.
    let tower = std::fs::read_to_string(home.join("tuned/user_tower.json")).unwrap();
    assert_eq!(tower, r#"{"recency":1.0}"#);
    assert_eq!(tuned["tower"].to_string(), tower);
    let page = std::fs::read_to_string(home.join("tuned.html")).unwrap();
    assert!(page.contains("Before and after") && page.contains("Training loss"));
    // What is there is not replaced.
    let again = finetune(&[
        "--method",
        "full",
        "--objective",
        "contrastive",
        "--out",
        "./tuned",
    ]);
    assert!(failed(home, &again).contains("./tuned exists"));
}

#[test]
fn a_classifier_has_its_report_and_low_rank_changes_are_kept_apart() {
    let home = place();
    let home = home.path();
    let said = done(
        home,
        &finetune(&[
            "--method",
            "lora",
            "--rank",
            "2",
            "--objective",
            "bce",
            "--epochs",
            "1",
            "--out",
            "./ranker",
            "--no-evaluate",
        ]),
    );
    for expected in ["precision", "AUC", "expected calibration error"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    for file in [
        "classifier.safetensors",
        "peft/adapter_config.json",
        "config.json",
    ] {
        assert!(home.join("ranker").join(file).is_file(), "{file}");
    }
    // The changes alone are an encoder, and so is what they and their base are merged to.
    let said = done(
        home,
        &["model", "merge", "./ranker/peft", "--out", "./again"],
    );
    assert!(
        said.contains("./ranker/peft, merged, is in ./again"),
        "{said}"
    );
    assert!(!home.join("ranker/peft/model.safetensors").exists());
    let measured = ["./ranker", "./ranker/peft", "./again"].map(|encoder| {
        let line = [
            "evaluate",
            "shop",
            "--models",
            "content",
            "--json",
            "figures.json",
        ];
        done(home, &[&line[..], &["--encoder", encoder]].concat());
        let metrics = &json(home, "figures.json")["models"][0]["metrics"];
        ["ndcg@10", "recall@20", "coverage@10"].map(|name| metrics[name].clone())
    });
    assert_eq!(measured[0], measured[1]);
    assert_eq!(measured[0], measured[2]);
    let error = failed(home, &["model", "merge", "./ranker", "--out", "./more"]);
    assert!(
        error.contains("holds no adapter_model.safetensors"),
        "{error}"
    );
}

/// The second of two trainings is beside the general encoder too, and learns from all that is not
/// asked for.
#[test]
fn an_encoder_is_tuned_again_and_compared_with_the_general_one() {
    let home = place();
    let home = home.path();
    let line = ["--method", "full", "--objective", "contrastive", "--final"];
    let ends = ["--epochs", "1", "--no-evaluate", "--out", "./first"];
    done(home, &finetune(&[&line[..], &ends].concat()));
    let again = [
        "--encoder",
        "./first",
        "--epochs",
        "1",
        "--out",
        "./second",
        "--beside",
        TINY,
        "--json",
        "second.json",
    ];
    let own = ["finetune", "shop"];
    let said = done(home, &[&own[..], &line, &again].concat());
    assert!(
        said.contains("Beside ") && said.contains(": the frozen encoder has "),
        "{said}"
    );
    let second = json(home, "second.json");
    assert_eq!(second["kept_epoch"], 1);
    assert_eq!(second["beside"][0]["result"]["name"], TINY);
    let error = failed(
        home,
        &[
            &own[..],
            &line,
            &["--encoder", TINY, "--out", "./third", "--beside", "nothing"],
        ]
        .concat(),
    );
    assert!(error.contains("nothing"), "{error}");
}

#[test]
fn what_cannot_be_tuned_is_said() {
    let home = place();
    let home = home.path();
    let said = |args: &[&str]| {
        let own = ["finetune", "shop", "--encoder", TINY, "--method", "full"];
        let own = [&own[..], &["--out", "./tuned", "--no-evaluate"]].concat();
        failed(home, &[&own[..], args].concat())
    };
    let error = said(&["--objective", "contrastive", "--batch", "1"]);
    assert!(error.contains("expected at least 2"), "{error}");
    let error = said(&["--objective", "contrastive", "--learning-rate", "1e30"]);
    for expected in ["no encoder was written", "diverged in step", "of epoch 1"] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let error = said(&["--objective", "bce", "--labels", "given"]);
    assert!(error.contains("both classes are needed"), "{error}");
    assert!(!home.join("tuned").exists());
}

/// Stopped as soon as there is a checkpoint, and begun again: the encoder of an unbroken run.
#[cfg(unix)]
#[test]
fn a_stopped_run_ends_as_it_would_have() {
    use std::process::Stdio;

    let home = place();
    let home = home.path();
    let line = |out: &'static str| {
        finetune(&[
            "--method",
            "full",
            "--objective",
            "contrastive",
            "--epochs",
            "6",
            "--patience",
            "9",
            "--no-evaluate",
            "--out",
            out,
        ])
    };
    done(home, &line("./whole"));
    let child = command(home, &line("./parts"))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let runs = || {
        std::fs::read_dir(home.join("parts.run"))
            .into_iter()
            .flatten()
    };
    let kept = || runs().any(|run| run.unwrap().path().join("checkpoint.safetensors").exists());
    while !kept() && !home.join("parts").exists() {
        std::thread::yield_now();
    }
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("the same command goes on from there"),
            "{said}"
        );
        done(home, &line("./parts"));
    }
    let weights = |out: &str| std::fs::read(home.join(out).join("model.safetensors")).unwrap();
    assert_eq!(weights("whole"), weights("parts"));
}
