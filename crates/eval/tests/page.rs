//! The JSON has the agreed shape, and the page stands alone and escapes what it is given.

mod sample;

use semrec_eval::{EvalError, Report, Results, render};

fn page(results: &Results) -> Result<String, EvalError> {
    render(&Report {
        results,
        imported: vec!["items.csv: <3 columns>".into()],
        examples: sample::examples(),
    })
}

#[test]
fn page_stands_alone_and_escapes() {
    let results = sample::results().unwrap();
    let html = page(&results).unwrap();
    for outside in [
        "http:", "https:", "<script", "<link", "@import", "url(", "<img",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("a-model-of-one&#39;s-own &#60;b&#62;&#38;"));
    assert!(html.contains("items.csv: &#60;3 columns&#62;"));
    assert!(html.contains("prefers-color-scheme: dark"));
    assert!(html.contains("hybrid ranks best: ndcg@10 of 0."));
    assert!(!html.contains("NaN") && !html.contains("inf"));
    // Six charts, each said in words.
    assert_eq!(html.matches("role=\"img\" aria-label=\"").count(), 6);
    let tables = html.matches("<table>").count();
    assert_eq!(html.matches("<caption>").count(), tables);
}

#[test]
fn page_of_one_model_without_extras() {
    let mut results = sample::results().unwrap();
    results.models.truncate(1);
    results.comparisons.clear();
    results.slice_comparisons.clear();
    results.protocol.warnings.clear();
    let model = &mut results.models[0];
    model.by_item_popularity.clear();
    model.by_history_length.clear();
    model.classification = None;
    let html = page(&results).unwrap();
    assert!(html.contains("no model beats showing everybody what is popular"));
    assert!(!html.contains("Quality by coldness") && !html.contains("class=\"warnings\""));
    results.models.clear();
    assert!(matches!(page(&results), Err(EvalError::NoModels)));
}

#[test]
fn json_has_the_agreed_fields() {
    let json = serde_json::to_value(sample::results().unwrap()).unwrap();
    let keys = |pointer: &str| -> Vec<&str> {
        let object = json.pointer(pointer).unwrap().as_object().unwrap();
        object.keys().map(String::as_str).collect()
    };
    assert_eq!(
        keys(""),
        [
            "dataset",
            "protocol",
            "models",
            "comparisons",
            "slice_comparisons"
        ]
    );
    for (pointer, agreed) in [
        (
            "/dataset",
            &["users", "items", "interactions", "fingerprint"][..],
        ),
        (
            "/protocol",
            &[
                "split",
                "candidates",
                "exclude_seen",
                "seed",
                "users_evaluated",
            ],
        ),
        (
            "/models/0",
            &[
                "name",
                "params",
                "fit_seconds",
                "evaluate_seconds",
                "peak_memory_mib",
                "metrics",
                "ci95",
                "slices",
            ],
        ),
        (
            "/models/0/slices",
            &["cold-items", "tail-items", "cold-users", "warm"],
        ),
        ("/models/0/slices/cold-items", &["cases", "ndcg@10"]),
        (
            "/comparisons/0",
            &["a", "b", "metric", "difference", "p_value", "p_holm"],
        ),
        (
            "/slice_comparisons/0",
            &["slice", "cases", "a", "b", "difference", "p_holm"],
        ),
    ] {
        let there = keys(pointer);
        for key in agreed {
            assert!(there.contains(key), "{pointer} lacks {key}: {there:?}");
        }
    }
}

#[test]
fn json_lists_the_metrics_in_order_with_intervals() {
    let json = serde_json::to_value(sample::results().unwrap()).unwrap();
    let metrics = json["models"][0]["metrics"].as_object().unwrap();
    let metrics: Vec<&str> = metrics.keys().map(String::as_str).collect();
    let first: Vec<_> = metrics.iter().take(10).copied().collect();
    assert_eq!(
        first,
        [
            "recall@10",
            "ndcg@10",
            "mrr@10",
            "hit@10",
            "precision@10",
            "map@10",
            "coverage@10",
            "gini@10",
            "novelty@10",
            "popularity@10"
        ]
    );
    let interval = json
        .pointer("/models/0/ci95/ndcg@10")
        .unwrap()
        .as_array()
        .unwrap();
    let mean = json["models"][0]["metrics"]["ndcg@10"].as_f64().unwrap();
    assert!(interval[0].as_f64().unwrap() <= mean && mean <= interval[1].as_f64().unwrap());
}
