//! `rp3beta`, `slim` and `gf-cf` against references in double precision, which
//! `reference/linear.py` makes; and damaged models of theirs.

use crate::fixture::{self, history, log, scores};
use semrec_data::Clock;
use semrec_models::{Query, Recommender, Tensors, load};
use serde::Deserialize;
use toml::toml;

#[derive(Deserialize)]
struct Reference {
    n_users: usize,
    n_items: usize,
    pairs: Vec<(u32, u32)>,
    history: Vec<u32>,
    rp3beta: Vec<f32>,
    slim: Sparse,
    slim_dropout: Sparse,
    gf_cf: Vec<f32>,
    one_step: Vec<f32>,
}

#[derive(Deserialize)]
struct Sparse {
    weights: usize,
    scores: Vec<f32>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../reference/linear.json")).expect("valid JSON")
}

fn fitted(model: &str, params: &toml::Table, r: &Reference) -> Box<dyn Recommender> {
    let log = log(&r.pairs, r.n_users, r.n_items, Clock::None);
    fixture::fitted(model, params, &log)
}

/// Scores of the history agree with the reference, the item nobody touched has none, and what the
/// items of the history add is each score.
fn check(model: &dyn Recommender, r: &Reference, expected: &[f32]) {
    let history = history(&r.history);
    let scores = scores(model, std::slice::from_ref(&history));
    let query = Query {
        history: &history,
        text: None,
    };
    assert_eq!(scores[r.n_items - 1], f32::NEG_INFINITY);
    for (item, (&got, &expected)) in (0u32..).zip(scores.iter().zip(expected)) {
        if item as usize == r.n_items - 1 {
            continue;
        }
        let tolerance = 2e-4 * expected.abs().max(0.1);
        let name = model.name();
        assert!(
            (got - expected).abs() <= tolerance,
            "{name}, item {item}: got {got}, expected {expected}"
        );
        let parts: f32 = model.explain(&query, item).iter().map(|p| p.amount).sum();
        assert!(
            (got - parts).abs() <= tolerance,
            "{name}, item {item}: {got} is not {parts}"
        );
    }
}

#[test]
fn rp3beta_agrees_with_products_of_transition_matrices() {
    let r = reference();
    let params = toml! { alpha = 0.7 beta = 0.4 neighbours = 6 };
    check(fitted("rp3beta", &params, &r).as_ref(), &r, &r.rp3beta);
}

#[test]
fn slim_agrees_with_nonnegative_least_squares() {
    let r = reference();
    for (params, expected) in [
        (toml! { l1 = 1.5 l2 = 4.0 dropout = 0.0 }, &r.slim),
        (toml! { l1 = 0.5 l2 = 2.0 dropout = 0.25 }, &r.slim_dropout),
    ] {
        let model = fitted("slim", &params, &r);
        check(model.as_ref(), &r, &expected.scores);
        let mut tensors = Tensors::default();
        model.save(&mut tensors).unwrap();
        assert_eq!(tensors.shape("neighbours").unwrap(), [expected.weights]);
    }
}

#[test]
fn gf_cf_agrees_with_a_function_of_all_eigenvalues() {
    let r = reference();
    let params = toml! { order = 5 flatness = 3.0 rank = 3 ideal = 0.4 power = 0.3 };
    check(fitted("gf-cf", &params, &r).as_ref(), &r, &r.gf_cf);
    let params = toml! { order = 1 flatness = 1.0 rank = 0 ideal = 0.0 power = 0.0 };
    check(fitted("gf-cf", &params, &r).as_ref(), &r, &r.one_step);
}

#[test]
fn a_damaged_model_is_refused_with_what_is_wrong() {
    let r = reference();
    let message = |model: &str, name: &str, damage: fn(&mut Vec<u32>)| {
        let mut tensors = Tensors::default();
        fitted(model, &toml::Table::new(), &r)
            .save(&mut tensors)
            .unwrap();
        let mut values = tensors.u32(name).unwrap().1.to_vec();
        damage(&mut values);
        // An array cannot be stored twice: the damaged one takes the place of the whole.
        let mut damaged = Tensors::default();
        let config = toml::from_str::<toml::Table>(tensors.text("config").unwrap()).unwrap();
        damaged.put_model(name_of(model), &config).unwrap();
        damaged.put_u32(name, &[values.len()], values).unwrap();
        for other in ["counts", "lengths", "neighbours", "row_lengths", "columns"] {
            if let (true, Ok((shape, values))) = (other != name, tensors.u32(other)) {
                damaged.put_u32(other, shape, values.to_vec()).unwrap();
            }
        }
        for other in ["similarities", "basis"] {
            if let Ok((shape, values)) = tensors.f32(other) {
                damaged.put_f32(other, shape, values.to_vec()).unwrap();
            }
        }
        if let Ok([n]) = tensors.dimensions("n_columns") {
            damaged.put_dimensions("n_columns", &[n]).unwrap();
        }
        load(&damaged).map(|_| ()).unwrap_err().to_string()
    };
    for model in ["rp3beta", "slim"] {
        assert!(message(model, "lengths", |v| v[0] += 1).contains("that add up to"));
        assert!(message(model, "neighbours", |v| v[0] = 99).contains("names item 99"));
        assert!(message(model, "neighbours", |v| v.swap(0, 1)).contains("in order for item 0"));
        assert!(message(model, "counts", |v| v.truncate(3)).contains("has 14 lengths"));
    }
    assert!(message("gf-cf", "row_lengths", |v| v[0] += 1).contains("add up to"));
    assert!(message("gf-cf", "columns", |v| v[0] = 99).contains("below 14"));
    assert!(message("gf-cf", "columns", |v| v.swap(0, 1)).contains("in order"));
}

fn name_of(model: &str) -> &'static str {
    semrec_models::names()
        .into_iter()
        .find(|&name| name == model)
        .expect("a model")
}
