//! The propagation, its loss and gradients against PyTorch (`tests/reference/graph.py` writes what
//! is compared with).

use super::Propagated;
use super::layers::Layers;
use super::served::Served;
use super::step::{Batch, Cut, loss};
use crate::Query;
use crate::graph::Graph;
use crate::lightgcn::LightGcnConfig;
use crate::sparse::Sparse;
use semrec_data::Event;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    n_people: usize,
    n_items: usize,
    dim: usize,
    pairs: Vec<(usize, u32)>,
    temperature: f32,
    power: f32,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    layers: usize,
    cuts: Vec<CutOf>,
    negatives: Vec<u32>,
    start: Vec<f32>,
    loss: f32,
    events: usize,
    gradient: Vec<f32>,
    history: Vec<u32>,
    scores: Vec<f32>,
}

#[derive(Deserialize)]
struct CutOf {
    person: usize,
    parts: usize,
    part: Vec<usize>,
    kept: Vec<bool>,
}

fn reference() -> (Reference, Graph) {
    let r: Reference =
        serde_json::from_str(include_str!("../../tests/reference/graph.json")).unwrap();
    let mut rows = vec![Vec::new(); r.n_people];
    for &(person, item) in &r.pairs {
        rows[person].push(item);
    }
    let graph = Graph::of(Sparse::of_rows(&rows, r.n_items));
    (r, graph)
}

fn assert_close(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let size = expected.iter().fold(1e-2f32, |m, x| m.max(x.abs()));
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!((g - e).abs() < 2e-5 * size, "{what} {i}: {g}, expected {e}");
    }
}

#[test]
fn loss_and_gradient_are_those_of_pytorch_layer_by_layer() {
    let (r, graph) = reference();
    for case in &r.cases {
        let people: Vec<Cut> = case
            .cuts
            .iter()
            .map(|c| Cut {
                person: c.person,
                parts: c.parts,
                part: c.part.clone(),
                kept: c.kept.clone(),
            })
            .collect();
        let batch = Batch {
            graph: &graph,
            walk: &graph.without(people.iter().map(|c| c.person)),
            power: r.power,
            people: &people,
            negatives: &case.negatives,
            temperature: r.temperature,
        };
        let layers = Layers::mean(case.layers);
        let (loss, events, gradient) = loss(&batch, &layers, case.start.clone(), r.dim);
        assert_eq!(events, case.events);
        assert_close(&[loss], &[case.loss], "loss");
        let what = format!("{} layers, gradient", case.layers);
        assert_close(&gradient, &case.gradient, &what);
    }
}

#[test]
fn scores_of_a_history_are_those_of_pytorch_and_contributions_add_up_to_them() {
    let (r, graph) = reference();
    for case in &r.cases {
        let learning = LightGcnConfig {
            dim: r.dim,
            layers: case.layers,
            power: r.power,
            recency: 0.6,
            ..LightGcnConfig::default()
        };
        let found = Propagated::of(&graph, &learning, case.start.clone());
        let served = Served::of(found, r.dim, learning.recency);
        let history: Vec<Event> = case
            .history
            .iter()
            .zip(0..)
            .map(|(&item, time)| Event {
                item,
                value: 1.0,
                time,
            })
            .collect();
        let query = Query {
            history: &history,
            text: None,
        };
        let mut scores = vec![f32::NAN; r.n_items];
        served.score(&[query], |_| None, &mut scores);
        assert_close(&scores, &case.scores, "score");
        for (item, &score) in (0u32..).zip(&scores) {
            let parts = served.explain("x", (&query, None), item);
            let sum: f32 = parts.iter().map(|p| p.amount).sum();
            assert_close(&[sum], &[score], "contributions");
        }
    }
}

/// `L = 3`: items at `E`, `AE`, `AE`, `A²E`, people (before the last step) at `E`, `E`, `AE`, `AE`.
#[test]
fn layers_are_polynomials() {
    let (r, graph) = reference();
    let walk = graph.whole();
    let start = r.cases[0].start.clone();
    let once = graph.spread(&walk, &start, r.dim);
    let twice = graph.spread(&walk, &once, r.dim);
    let (items, people) = Layers::mean(3).forward(&graph, &walk, start.clone(), r.dim);
    let of = |a: f32, b: f32, c: f32| -> Vec<f32> {
        let powers = start.iter().zip(&once).zip(&twice);
        powers.map(|((x, y), z)| a * x + b * y + c * z).collect()
    };
    assert_close(&items, &of(0.25, 0.5, 0.25), "items");
    assert_close(&people, &of(0.5, 0.5, 0.0), "people");
}
