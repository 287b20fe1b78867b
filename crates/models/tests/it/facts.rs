//! Facts beside texts: against a reference, and what is promised of every model that reads.
//! `reference/facts.py` makes the golden values.

use crate::fixture::{history, log, scores, training};
use semrec_data::{Clock, Facts, Interactions};
use semrec_models::{ModelError, Query, Recommender, Tensors, Training, fit, load};
use semrec_text::Vectors;
use serde::Deserialize;
use toml::{Table, toml};

#[derive(Deserialize)]
struct Reference {
    n_users: usize,
    n_items: usize,
    dim: usize,
    share: f32,
    pairs: Vec<(u32, u32)>,
    vectors: Vec<f32>,
    fields: Vec<Vec<u32>>,
    graph: Vec<Vec<u32>>,
    history: Vec<u32>,
    both: Vec<Option<f32>>,
    facts_alone: Vec<Option<f32>>,
    texts_alone: Vec<Option<f32>>,
}

/// The data of the reference as models take them.
struct Bench {
    reference: Reference,
    log: Interactions,
    vectors: Vectors,
    facts: Facts,
}

impl Bench {
    fn new() -> Self {
        let text = include_str!("../reference/facts.json");
        let reference: Reference = serde_json::from_str(text).expect("valid JSON");
        let named = |lists: &[Vec<u32>]| -> Vec<Vec<(String, String)>> {
            let name = |f: &u32| ("is".to_owned(), f.to_string());
            lists.iter().map(|l| l.iter().map(name).collect()).collect()
        };
        let facts = Facts::new(&named(&reference.fields), &named(&reference.graph));
        Self {
            log: log(
                &reference.pairs,
                reference.n_users,
                reference.n_items,
                Clock::None,
            ),
            vectors: Vectors::new(reference.dim, reference.vectors.clone()),
            facts,
            reference,
        }
    }

    fn training(&self, texts: bool, facts: bool) -> Training<'_> {
        Training {
            item_facts: facts.then_some(&self.facts),
            ..training(&self.log, texts.then_some(&self.vectors))
        }
    }

    fn fit(
        &self,
        model: &str,
        params: &Table,
        (texts, facts): (bool, bool),
    ) -> Result<Box<dyn Recommender>, ModelError> {
        fit(model, params, &self.training(texts, facts))
    }

    fn scores(&self, model: &dyn Recommender) -> Vec<f32> {
        scores(model, &[history(&self.reference.history)])
    }
}

fn assert_close(got: &[f32], expected: &[Option<f32>]) {
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        match expected {
            None => assert_eq!(*got, f32::NEG_INFINITY, "item {i}"),
            Some(e) => assert!((got - e).abs() < 2e-4, "item {i}: got {got}, expected {e}"),
        }
    }
}

#[test]
fn content_scores_are_those_of_numpy() {
    let bench = Bench::new();
    let r = &bench.reference;
    let mut shared = Table::new();
    shared.insert("facts".to_owned(), f64::from(r.share).into());
    for (params, read, expected) in [
        (shared.clone(), (true, true), &r.both),
        // A share of 1 and no encoder are the same; a share of 0 and no facts, too.
        (toml! { facts = 1.0 }, (true, true), &r.facts_alone),
        (shared.clone(), (false, true), &r.facts_alone),
        (toml! { facts = 0.0 }, (true, true), &r.texts_alone),
        (shared, (true, false), &r.texts_alone),
    ] {
        let model = bench
            .fit("content", &params, read)
            .expect("the data suffice");
        assert_close(&bench.scores(&*model), expected);
    }
}

/// Item 13 has neither events nor a text, but the facts of item 3.
#[test]
fn every_model_that_reads_knows_an_item_by_its_facts_alone() {
    let bench = Bench::new();
    let short = toml! { epochs = 1 dim = 8 heads = 1 batch = 32 };
    for (name, params) in [
        ("content", Table::new()),
        ("l3ae", Table::new()),
        ("feature-als", toml! { factors = 4 }),
        ("sasrec", short),
    ] {
        for read in [(true, true), (false, true)] {
            let model = bench.fit(name, &params, read).expect("the data suffice");
            let all = bench.scores(&*model);
            assert!(all[13].is_finite(), "{name} knows item 13 by its facts");
            let events = history(&[3]);
            let query = Query {
                history: &events,
                text: None,
            };
            assert!(!model.explain(&query, 13).is_empty(), "{name}");
            let mut tensors = Tensors::default();
            model.save(&mut tensors).expect("it can be stored");
            let again = load(&tensors).expect("it can be loaded");
            assert_eq!(bench.scores(&*again), all, "{name}");
        }
        let texts = bench
            .fit(name, &params, (true, false))
            .expect("the data suffice");
        let unknown = bench.scores(&*texts)[13];
        assert_eq!(unknown, f32::NEG_INFINITY, "{name} needs the facts for it");
    }
}

#[test]
fn a_sentence_goes_beside_the_texts() {
    let bench = Bench::new();
    let model = bench
        .fit("content", &Table::new(), (true, true))
        .expect("the data suffice");
    let sentence = bench.vectors.row(0);
    let query = Query {
        history: &[],
        text: Some(sentence),
    };
    let mut all = vec![f32::NAN; bench.reference.n_items];
    model.score(&[query], &mut all);
    let best = (0..all.len()).max_by(|&a, &b| all[a].total_cmp(&all[b]));
    // Item 2, without facts, is known by its text alone and could be nearer; its text is another.
    assert_eq!(best, Some(0), "{all:?}");
    let alone = bench
        .fit("content", &Table::new(), (false, true))
        .expect("the data suffice");
    alone.score(&[query], &mut all);
    assert!(all.iter().all(|&s| s == f32::NEG_INFINITY), "{all:?}");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let bench = Bench::new();
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(|| {
            let model = bench.fit("content", &Table::new(), (true, true));
            bench.scores(&*model.expect("the data suffice"))
        })
    };
    assert_eq!(of(1), of(3));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let bench = Bench::new();
    let said = |model: &str, params: &Table, training: &Training<'_>| {
        fit(model, params, training)
            .expect_err("an error")
            .to_string()
    };
    for model in ["content", "l3ae", "feature-als", "sasrec"] {
        let wrong = said(model, &toml! { facts = 1.5 }, &bench.training(true, true));
        assert!(wrong.contains("facts is 1.5; expected 0 to 1"), "{wrong}");
    }
    let few = Facts::new(&[vec![("is", "0")]], &[]);
    let training = Training {
        item_facts: Some(&few),
        ..bench.training(true, false)
    };
    let wrong = said("content", &Table::new(), &training);
    assert!(wrong.contains("facts of 1 items for 14"), "{wrong}");
    let apart: Vec<Vec<(String, String)>> = (0..14)
        .map(|i| vec![("is".to_owned(), i.to_string())])
        .collect();
    let apart = Facts::new(&apart, &[]);
    let training = Training {
        item_facts: Some(&apart),
        ..bench.training(false, false)
    };
    let wrong = said("content", &Table::new(), &training);
    assert!(
        wrong.contains("neither text vectors nor facts in common"),
        "{wrong}"
    );
}
