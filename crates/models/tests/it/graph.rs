//! The models whose vectors walk over the graph, from events to rankings: they learn what goes
//! together, go on after a kill to the bit, whatever the number of threads; a head is used on
//! another catalogue.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use crate::fixture::{self, history, log, training};
use semrec_data::{Clock, Interactions, top_k};
use semrec_models::{ModelError, Query, Recommender, RunFiles, Tensors, Training, fit, load};
use semrec_text::Vectors;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use toml::Table;

const MODELS: [&str; 2] = ["lightgcn", "alpharec"];
const GROUPS: u32 = 4;
const ITEMS: u32 = 20;
/// Never touched; its text is that of item 1, of the second group.
const COLD: u32 = ITEMS;

/// Item `i` is of group `i % 4`; everybody stays with three quarters of the items of a group.
fn groups() -> Interactions {
    let of = |user: u32| {
        let items = (0..ITEMS / GROUPS).filter(move |k| !(user / GROUPS + k).is_multiple_of(4));
        items.map(move |k| (user, k * GROUPS + user % GROUPS))
    };
    let pairs: Vec<(u32, u32)> = (0..60).flat_map(of).collect();
    log(&pairs, 60, COLD as usize + 1, Clock::Position)
}

/// A text for each item: its group, a little noise, and something all have in common.
fn texts(items: impl Iterator<Item = u32>) -> Vectors {
    let of = |item: u32| {
        let mut text = [0.2f32; 6];
        text[(item % GROUPS) as usize] += 1.0;
        text[4] = ((item * 7) % 5) as f32 / 10.0;
        text[5] = ((item * 3) % 7) as f32 / 10.0;
        text
    };
    let mut vectors = Vectors::new(6, items.flat_map(of).collect());
    vectors.normalise();
    vectors
}

fn own_texts() -> Vectors {
    texts((0..ITEMS).chain([1]))
}

fn params(model: &str, more: &str) -> Table {
    let small =
        "dim = 8\nbatch = 64\nepochs = 12\nlearning_rate = 0.02\ntemperature = 0.5\ndropout = 0.3";
    let mut params: Table = small.parse().unwrap();
    if model == "alpharec" {
        params.insert("hidden".to_owned(), 8.into());
    }
    params.extend(more.parse::<Table>().unwrap());
    params
}

fn train(
    model: &str,
    more: &str,
    run: Option<&Path>,
    progress: &(dyn Fn(&str, usize, usize) + Sync),
) -> Result<Box<dyn Recommender>, ModelError> {
    let (log, texts) = (groups(), own_texts());
    let training = Training {
        seed: 5,
        run: run.map(|dir| RunFiles { dir, now: &|| 1e9 }),
        progress,
        ..training(&log, Some(&texts))
    };
    fit(model, &params(model, more), &training)
}

fn scores(model: &dyn Recommender, items: &[u32]) -> Vec<f32> {
    fixture::scores(model, &[history(items)])
}

fn quiet(_: &str, _: usize, _: usize) {}

#[test]
fn what_goes_together_is_learned_by_every_kind_of_loss() {
    for model in MODELS {
        for more in [
            "",
            "negatives = 6",
            "layers = 0",
            "layers = 3",
            "decay = 'linear'",
        ] {
            let fitted = train(
                model,
                &format!("epochs = 80\npatience = 80\n{more}"),
                None,
                &quiet,
            )
            .unwrap();
            let right: usize = (0..GROUPS)
                .map(|group| {
                    let seen = [group, group + GROUPS];
                    let mut scores = scores(&*fitted, &seen);
                    seen.iter()
                        .for_each(|&item| scores[item as usize] = f32::NEG_INFINITY);
                    let best = top_k(&scores, 3).into_iter().map(|r| r.item);
                    best.filter(|&item| item == COLD && group == 1 || item % GROUPS == group)
                        .count()
                })
                .sum();
            assert!(right >= 10, "{model}, {more}: {right} of 12 go together");
        }
    }
}

#[test]
fn a_run_that_was_killed_goes_on_to_the_same_bits_on_any_number_of_threads() {
    for model in MODELS {
        let whole = train(model, "patience = 20", None, &quiet).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let dies = |_: &str, done: usize, _: usize| assert!(done < 6, "killed");
        let killed = catch_unwind(AssertUnwindSafe(|| {
            train(model, "patience = 20", Some(dir.path()), &dies)
        }));
        assert!(killed.is_err());
        let first = std::sync::Mutex::new(None);
        let note = |_: &str, done: usize, _: usize| {
            first.lock().unwrap().get_or_insert(done);
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3);
        let resumed = pool
            .build()
            .unwrap()
            .install(|| train(model, "patience = 20", Some(dir.path()), &note).unwrap());
        assert_eq!(*first.lock().unwrap(), Some(6), "five epochs were kept");
        assert_eq!(scores(&*resumed, &[1, 2, 3]), scores(&*whole, &[1, 2, 3]));
    }
}

#[test]
fn stored_as_they_are_and_contributions_add_up() {
    for model in MODELS {
        let fitted = train(model, "", None, &quiet).unwrap();
        let mut tensors = Tensors::default();
        fitted.save(&mut tensors).unwrap();
        let again = load(&tensors).unwrap();
        for items in [&[1, 2, 3][..], &[5], &[]] {
            assert_eq!(scores(&*again, items), scores(&*fitted, items));
        }
        assert!(
            scores(&*fitted, &[])
                .iter()
                .all(|s| *s == f32::NEG_INFINITY)
        );
        let events = history(&[1, 5, 2]);
        let sentence = own_texts();
        let text = (model == "alpharec").then(|| sentence.row(3));
        let query = Query {
            history: &events,
            text,
        };
        let mut out = vec![f32::NAN; ITEMS as usize + 1];
        fitted.score(&[query], &mut out);
        for (item, &score) in (0u32..).zip(&out).filter(|(_, s)| s.is_finite()) {
            let parts = fitted.explain(&query, item);
            assert_eq!(parts.len(), 3 + usize::from(text.is_some()));
            let sum: f32 = parts.iter().map(|c| c.amount).sum();
            assert!((sum - score).abs() < 1e-5, "{model}, item {item}");
        }
        assert!(fitted.explain(&query, 99).is_empty());
    }
}

#[test]
fn an_item_nobody_touched_is_ranked_by_its_text_and_not_without() {
    let reads = train("alpharec", "epochs = 40", None, &quiet).unwrap();
    let of = |items: &[u32]| scores(&*reads, items)[COLD as usize];
    assert!(of(&[1, 5]) > of(&[2, 6]) + 0.5);
    let without = train("lightgcn", "", None, &quiet).unwrap();
    assert_eq!(scores(&*without, &[1])[COLD as usize], f32::NEG_INFINITY);
}

#[test]
fn a_head_is_used_on_another_catalogue_as_it_is_or_trained_further() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let mut tensors = Tensors::default();
    let first = train("alpharec", "epochs = 40", None, &quiet).unwrap();
    first.save(&mut tensors).unwrap();
    tensors.write(&path).unwrap();
    // Other items in another order; of the first log nothing can be learned, not even a whitening.
    let others = texts(40..52);
    let few = log(&[(0, 0)], 1, 12, Clock::Position);
    let all: Vec<(u32, u32)> = (0..12).map(|item| (item % 3, item)).collect();
    let enough = log(&all, 3, 12, Clock::Position);
    let from = |log: &Interactions, epochs: u32, dir: &Path| {
        let params = format!("from = '{}'\nepochs = {epochs}\nlayers = 0", dir.display());
        fit(
            "alpharec",
            &params.parse().unwrap(),
            &training(log, Some(&others)),
        )
    };
    for log in [&few, &enough] {
        let moved = from(log, 0, dir.path()).unwrap();
        for group in 0..GROUPS {
            let scores = scores(&*moved, &[group]);
            let best = top_k(&scores, 3).into_iter().map(|r| r.item % GROUPS);
            assert_eq!(best.collect::<Vec<u32>>(), [group; 3]);
        }
    }
    let further = from(&enough, 2, &path).unwrap();
    assert!(further.notes().iter().any(|n| n.contains("began with")));
    let gone = from(&few, 0, &dir.path().join("gone"))
        .unwrap_err()
        .to_string();
    assert!(gone.contains("gone"), "{gone}");
    let narrow = Vectors::new(3, vec![1.0; 36]);
    let params = format!("from = '{}'\nepochs = 0", dir.path().display());
    let wrong = fit(
        "alpharec",
        &params.parse().unwrap(),
        &training(&few, Some(&narrow)),
    );
    let wrong = wrong.unwrap_err().to_string();
    assert!(
        wrong.contains("text vectors of 6 values; these have 3"),
        "{wrong}"
    );
}

#[test]
fn a_damaged_model_and_parameters_out_of_range_are_named() {
    for (model, array) in [("lightgcn", "keys"), ("alpharec", "head.bias")] {
        let fitted = train(model, "", None, &quiet).unwrap();
        let mut whole = Tensors::default();
        fitted.save(&mut whole).unwrap();
        let (shape, values) = whole.f32(array).unwrap();
        for bad in [vec![f32::NAN; values.len()], values[1..].to_vec()] {
            let mut damaged = Tensors::default();
            damaged.put_text("model", whole.model().unwrap());
            damaged.put_text("config", whole.text("config").unwrap());
            for name in [
                "best",
                "recency",
                "mean",
                "matrix",
                "keys",
                "values",
                "head.first",
            ]
            .into_iter()
            .chain(["head.second", "head.bias"])
            {
                if let (true, Ok((shape, values))) = (name != array, whole.f32(name)) {
                    damaged.put_f32(name, shape, values.to_vec()).unwrap();
                }
            }
            let shape = if bad.len() == values.len() {
                shape
            } else {
                &[bad.len()]
            };
            damaged.put_f32(array, shape, bad).unwrap();
            let error = load(&damaged).unwrap_err().to_string();
            assert!(error.contains(array), "{error}");
        }
    }
    for (model, more, said) in [
        ("lightgcn", "temperature = 0.0", "temperature is 0"),
        ("lightgcn", "dropout = 1.0", "dropout is 1"),
        ("lightgcn", "parts = 1", "parts is 1"),
        ("lightgcn", "epochs = 0", "epochs is 0"),
        ("lightgcn", "recency = nan", "recency is NaN"),
        ("alpharec", "epochs = 0", "whose head is taken"),
        ("alpharec", "text_weight = -1.0", "text_weight is -1"),
    ] {
        let error = train(model, more, None, &quiet).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
