//! The page of a fine-tuning: complete on its own, everything escaped, plain about what came of it.

use semrec_eval::{
    BeforeAfter, Beside, Comparison, CurvePoint, DatasetFacts, Finetuned, LabelFigures,
    ModelResult, PairFigures, Protocol, ReliabilityBin, Slice, SliceComparison, render_finetuning,
};
use serde_json::json;

fn model(name: &str, value: f64) -> ModelResult {
    let mut model = ModelResult {
        name: name.to_owned(),
        ..ModelResult::default()
    };
    model.metrics.push("ndcg@10", value);
    model.metrics.push("recall@10", 2.0 * value);
    let mut slice = Slice {
        name: "cold-items".to_owned(),
        cases: 1_234,
        metrics: semrec_eval::Figures::default(),
    };
    slice.metrics.push("ndcg@10", value / 2.0);
    model.slices.push(slice);
    model
}

fn comparison(p_value: f64) -> Comparison {
    Comparison {
        a: "tuned".to_owned(),
        b: "frozen".to_owned(),
        metric: "ndcg@10".to_owned(),
        difference: 0.01,
        p_value,
        p_holm: p_value,
    }
}

fn finetuned() -> Finetuned {
    let point = |step, epoch, name: &str, value| CurvePoint {
        step,
        epoch,
        name: name.to_owned(),
        value,
    };
    let compared = BeforeAfter {
        beside: vec![Beside {
            result: model("general", 0.025),
            frozen: Comparison {
                a: "general".to_owned(),
                b: "frozen".to_owned(),
                ..comparison(0.01)
            },
            tuned: Comparison {
                b: "general".to_owned(),
                ..comparison(0.2)
            },
        }],
        before: model("frozen", 0.02),
        after: model("tuned", 0.03),
        comparison: comparison(0.0001),
        slice_comparisons: vec![SliceComparison {
            slice: "cold-items".to_owned(),
            cases: 1_234,
            comparison: comparison(0.4),
        }],
    };
    Finetuned {
        dataset: DatasetFacts {
            name: "Tom & Sons".to_owned(),
            fingerprint: "abc".to_owned(),
            ..DatasetFacts::default()
        },
        encoder: "mini<lm>".to_owned(),
        objective: json!({"name": "contrastive", "user_tower": {"name": "recency"}}),
        settings: json!({"epochs": 2, "optimiser": {"clip": 1.0}}),
        tower: json!({"recency": 1.0}),
        trained: 12_345,
        parameters: 1_234_500,
        seconds: 61.0,
        measure: "ndcg@10".to_owned(),
        kept_epoch: Some(1),
        curve: vec![
            point(0, 0, "validation/ndcg@10", 0.02),
            point(10, 1, "train/step-loss", 4.0),
            point(20, 1, "train/step-loss", 3.0),
            point(20, 1, "train/loss", 3.5),
            point(20, 1, "validation/ndcg@10", 0.03),
        ],
        pairs: None,
        protocol: Some(Protocol {
            split: "leave-one-out".to_owned(),
            candidates: "full".to_owned(),
            users_evaluated: 678,
            ..Protocol::default()
        }),
        verdict: Some(compared.verdict()),
        compared: Some(compared),
    }
}

#[test]
fn the_page_is_complete_on_its_own() {
    let page = render_finetuning(&finetuned()).unwrap();
    for expected in [
        "Tuning helped: ndcg@10 of 0.0300 with the tuned encoder against 0.0200",
        "Beside general with ndcg@10 of 0.0250: the frozen encoder has 0.0200, worse (p = 0.0100); \
         the tuned one 0.0300, not surely different (p = 0.2000).",
        "<h1>Tom &#38; Sons</h1>",
        "mini&#60;lm&#62;",
        "12,345",
        "1.0 %",
        "678 people",
        "<td>+50.0 %</td><td>0.400</td>",
        "optimiser.clip",
        "user_tower.name",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert_eq!(page.matches("<svg viewBox=\"0 0 520 290\"").count(), 2);
    // The loss has its two points as a line, and the mean of the epoch as a mark.
    assert_eq!(page.matches("<g class=\"trial best\">").count(), 2);
    assert_eq!(page.matches("class=\"own\"").count(), 1);
    assert!(
        !page.contains("<script") && !page.contains("http"),
        "{page}"
    );
    assert!(!page.contains("The classifier"));
}

#[test]
fn what_learned_from_the_validation_part_says_so() {
    let ends = "ended by its validation part";
    assert!(render_finetuning(&finetuned()).unwrap().contains(ends));
    let page = render_finetuning(&Finetuned {
        settings: json!({"epochs": 2, "patience": null}),
        ..finetuned()
    });
    let page = page.unwrap();
    assert!(page.contains("tuned on its training and validation parts, the last epoch kept"));
    assert!(page.contains("on events that were learned from too") && !page.contains(ends));
}

#[test]
fn a_classifier_has_its_report_and_what_was_not_compared_is_said() {
    let page = render_finetuning(&Finetuned {
        compared: None,
        protocol: None,
        verdict: None,
        kept_epoch: Some(0),
        curve: Vec::new(),
        pairs: Some(PairFigures {
            labels: vec![LabelFigures {
                label: 1,
                precision: 0.75,
                recall: 0.5,
                f1: 0.6,
                support: 1_000,
            }],
            auc: 0.875,
            reliability: vec![ReliabilityBin {
                count: 10,
                probability: 0.25,
                share: 0.2,
            }],
            ..PairFigures::default()
        }),
        ..finetuned()
    })
    .unwrap();
    for expected in [
        "was not compared",
        "the encoder is what it was",
        "<td>0.7500</td><td>0.5000</td><td>0.6000</td><td>1,000</td>",
        "AUC 0.8750",
        "0.250",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(!page.contains("<svg") && !page.contains("Before and after"));
}

#[test]
fn the_json_is_flat_where_both_stand() {
    let json = serde_json::to_value(finetuned()).unwrap();
    assert_eq!(json["verdict"], "helped");
    assert_eq!(json["before"]["metrics"]["ndcg@10"], 0.02);
    assert_eq!(json["after"]["slices"]["cold-items"]["cases"], 1_234);
    assert_eq!(json["comparison"]["a"], "tuned");
    assert_eq!(json["curve"][1]["name"], "train/step-loss");
}
