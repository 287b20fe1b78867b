//! The models that read texts and learn from clicks: against references, and what is promised of
//! every one of them. `reference/text.py` makes the golden values.

use crate::fixture::{self, history, log};
use semrec_data::Clock;
use semrec_models::{ModelError, Query, Recommender, Tensors, load};
use semrec_text::Vectors;
use serde::Deserialize;
use toml::toml;

const MODELS: [&str; 2] = ["l3ae", "feature-als"];

#[derive(Deserialize)]
struct Reference {
    n_users: usize,
    n_items: usize,
    dim: usize,
    pairs: Vec<(u32, u32)>,
    vectors: Vec<f32>,
    history: Vec<u32>,
    l3ae: Vec<Option<f32>>,
    l3ae_all_neighbours: Vec<Option<f32>>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../reference/text.json")).expect("valid JSON")
}

fn fitted(
    model: &str,
    params: &toml::Table,
    r: &Reference,
) -> Result<Box<dyn Recommender>, ModelError> {
    let log = log(&r.pairs, r.n_users, r.n_items, Clock::None);
    let vectors = Vectors::new(r.dim, r.vectors.clone());
    fixture::fitted_on_texts(model, params, &log, &vectors)
}

fn scores(model: &dyn Recommender, items: &[u32]) -> Vec<f32> {
    fixture::scores(model, &[history(items)])
}

fn assert_close(got: &[f32], expected: &[Option<f32>]) {
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        match expected {
            None => assert_eq!(*got, f32::NEG_INFINITY, "item {i}"),
            Some(e) => assert!(
                (got - e).abs() <= 2e-4 * e.abs().max(0.1),
                "item {i}: got {got}, expected {e}"
            ),
        }
    }
}

#[test]
fn l3ae_is_the_minimum_that_numpy_finds_column_by_column() {
    let r = reference();
    let sharp = toml! {
        lambda = 3.0 text = 1.5 scale = 0.4 sharpness = 2.0 neighbours = 5 dropout = 0.25
        expansion = 1.5
    };
    let model = fitted("l3ae", &sharp, &r).expect("the data suffice");
    assert_close(&scores(model.as_ref(), &r.history), &r.l3ae);
    let plain = toml! {
        lambda = 2.0 text = 0.5 scale = 1.0 sharpness = 1.0 neighbours = 100 dropout = 0.0
        expansion = 0.0
    };
    let model = fitted("l3ae", &plain, &r).expect("the data suffice");
    assert_close(&scores(model.as_ref(), &r.history), &r.l3ae_all_neighbours);
}

/// With no weight on the texts, what is left for items with events is `ease`.
#[test]
fn l3ae_without_texts_is_ease() {
    let r = reference();
    let without = fitted("l3ae", &toml! { text = 0.0 }, &r).expect("the data suffice");
    let ease = fitted("ease", &toml::Table::new(), &r).expect("the data suffice");
    let history = [3, 0, 7];
    let (got, expected) = (
        scores(without.as_ref(), &history),
        scores(ease.as_ref(), &history),
    );
    for (got, expected) in got[..12].iter().zip(&expected) {
        assert!((got - expected).abs() < 1e-4, "{got} and {expected}");
    }
}

#[test]
fn contributions_add_up_and_stored_models_score_the_same() {
    let r = reference();
    for name in MODELS {
        let model = fitted(name, &toml::Table::new(), &r).expect("the data suffice");
        let all = scores(model.as_ref(), &r.history);
        let events = history(&r.history);
        let query = Query {
            history: &events,
            text: None,
        };
        for (item, &score) in (0u32..).zip(&all).filter(|(_, s)| s.is_finite()) {
            let sum: f32 = model.explain(&query, item).iter().map(|c| c.amount).sum();
            assert!((sum - score).abs() < 1e-4, "{name}, item {item}");
        }
        assert!(all[12].is_finite(), "{name} ranks an item by its text");
        assert_eq!(
            all[13],
            f32::NEG_INFINITY,
            "{name} knows nothing of item 13"
        );
        assert!(
            scores(model.as_ref(), &[])
                .iter()
                .all(|&s| s == f32::NEG_INFINITY)
        );
        assert!(model.explain(&query, 99).is_empty());
        let mut tensors = Tensors::default();
        model.save(&mut tensors).expect("it can be stored");
        let again = load(&tensors).expect("it can be loaded");
        assert_eq!(scores(again.as_ref(), &r.history), all, "{name}");
    }
}

#[test]
fn bad_parameters_say_what_was_expected() {
    let r = reference();
    for (name, params, expected) in [
        ("l3ae", toml! { text = -1.0 }, "text is -1"),
        ("l3ae", toml! { dropout = 1.0 }, "dropout is 1"),
        ("l3ae", toml! { neighbours = 0 }, "neighbours is 0"),
        ("l3ae", toml! { recency = nan }, "recency is NaN"),
        ("feature-als", toml! { map = 0.0 }, "map is 0"),
        ("feature-als", toml! { factors = 0 }, "factors is 0"),
    ] {
        let error = fitted(name, &params, &r).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}
