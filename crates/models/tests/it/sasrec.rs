//! The sequential model from events to rankings: it learns an order, goes on after a kill to the
//! bit, reads texts of items nobody touched, and is stored as it is.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use crate::fixture::{self, history, log, training};
use semrec_data::{Clock, Interactions, top_k};
use semrec_models::{
    ModelError, Query, Recommender, RunFiles, Tensors, Training, fit, load, params_of, renew,
};
use semrec_text::Vectors;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use toml::Table;

const ITEMS: u32 = 12;
/// Never touched; its text is that of item 3.
const COLD: u32 = ITEMS;

/// People who go round the items in order, each from another one, some further than others.
fn rounds() -> Interactions {
    let of = |user: u32| (0..6 + user % 5).map(move |k| (user, (user * 7 + k) % ITEMS));
    let pairs: Vec<(u32, u32)> = (0..60).flat_map(of).collect();
    log(&pairs, 60, COLD as usize + 1, Clock::Position)
}

/// Two coordinates on a circle for each item, and a third that is nearly the same for all.
fn texts() -> Vectors {
    let mut data = Vec::new();
    for item in (0..ITEMS).chain([3]) {
        let angle = item as f32 / ITEMS as f32 * std::f32::consts::TAU;
        data.extend([angle.sin(), angle.cos(), 0.1]);
    }
    let mut vectors = Vectors::new(3, data);
    vectors.normalise();
    vectors
}

fn params(more: &str) -> Table {
    let small =
        "dim = 16\nblocks = 1\nbatch = 64\nepochs = 12\nlearning_rate = 0.01\ndropout = 0.1";
    let mut params: Table = small.parse().unwrap();
    params.extend(more.parse::<Table>().unwrap());
    params
}

fn train(
    params: &Table,
    run: Option<&Path>,
    progress: &(dyn Fn(&str, usize, usize) + Sync),
) -> Result<Box<dyn Recommender>, ModelError> {
    let (log, texts) = (rounds(), texts());
    let training = Training {
        seed: 5,
        run: run.map(|dir| RunFiles { dir, now: &|| 1e9 }),
        progress,
        ..training(&log, Some(&texts))
    };
    fit("sasrec", params, &training)
}

fn scores(model: &dyn Recommender, items: &[u32]) -> Vec<f32> {
    fixture::scores(model, &[history(items)])
}

fn quiet(_: &str, _: usize, _: usize) {}

#[test]
fn what_comes_next_is_learned_by_every_kind_of_block_and_loss() {
    for more in [
        "",
        "block = 'gated'",
        "block = 'hstu'",
        "temperature = 0.1",
        "negatives = 6",
        "ids = false",
        "text = false",
        "semantic = 'tokens'",
        "ids = false\ntext = false\nsemantic = 'prefixes'\nsemantic_tokens = 12",
        "decay = 'cosine'",
    ] {
        let long = format!("epochs = 60\npatience = 60\n{more}");
        let model = train(&params(&long), None, &quiet).unwrap();
        let right = (0..ITEMS).filter(|&item| {
            let history: Vec<u32> = (1..=6).map(|k| (item + ITEMS - 6 + k) % ITEMS).collect();
            let mut scores = scores(&*model, &history);
            history
                .iter()
                .for_each(|&seen| scores[seen as usize] = f32::NEG_INFINITY);
            top_k(&scores, 1)[0].item == (item + 1) % ITEMS
        });
        let right = right.count();
        assert!(right >= 10, "{more}: {right} of 12 next items are first");
    }
}

#[test]
fn a_run_that_was_killed_goes_on_to_the_same_bits_and_keeps_one_curve() {
    let params = |more: &str| params(&format!("semantic = 'prefixes'\n{more}"));
    let whole = train(&params(""), None, &quiet).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let dies = |label: &str, done: usize, _: usize| {
        assert!(done < 6 || !label.contains("epoch"), "killed");
    };
    let killed = catch_unwind(AssertUnwindSafe(|| {
        train(&params(""), Some(dir.path()), &dies)
    }));
    assert!(killed.is_err());
    let first = std::sync::Mutex::new(None);
    let note = |label: &str, done: usize, _: usize| {
        if label.contains("epoch") {
            first.lock().unwrap().get_or_insert(done);
        }
    };
    let resumed = train(&params(""), Some(dir.path()), &note).unwrap();
    assert_eq!(*first.lock().unwrap(), Some(6), "five epochs were kept");
    assert_eq!(scores(&*resumed, &[1, 2, 3]), scores(&*whole, &[1, 2, 3]));
    let own: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(own.len(), 1, "a run has one directory");
    let own = own[0].as_ref().unwrap().path();
    let curve = std::fs::read_to_string(own.join("curve.csv")).unwrap();
    let epochs: Vec<&str> = curve
        .lines()
        .filter(|l| l.contains("train/loss"))
        .map(|l| l.split(',').nth(1).unwrap())
        .collect();
    let expected: Vec<String> = (1..=epochs.len()).map(|e| e.to_string()).collect();
    assert_eq!(epochs, expected);
    let finished =
        |label: &str, _: usize, _: usize| assert!(!label.contains("epoch"), "trained on");
    let again = train(&params(""), Some(dir.path()), &finished).unwrap();
    assert_eq!(scores(&*again, &[1, 2, 3]), scores(&*whole, &[1, 2, 3]));
    train(&params("weight_decay = 0.2"), Some(dir.path()), &quiet).unwrap();
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        2,
        "another run, another place"
    );
}

#[test]
fn an_item_nobody_touched_is_ranked_like_the_one_whose_text_it_has() {
    for block in [
        "block = 'hstu'",
        "block = 'transformer'",
        "semantic = 'prefixes'",
    ] {
        let asked = params(&format!("epochs = 30\nid_dropout = 0.4\n{block}"));
        let model = train(&asked, None, &quiet).unwrap();
        let before = |history: &[u32]| {
            let scores = scores(&*model, history);
            let cold = scores[COLD as usize];
            scores.iter().filter(|&&s| s > cold).count()
        };
        let (after_2, after_8) = (before(&[1, 2]), before(&[7, 8]));
        assert!(
            after_2 <= 4 && after_8 >= after_2 + 3,
            "{block}: it belongs after 2, not after 8; {after_2} and {after_8} items come first"
        );
    }
    let without = train(&params("text = false"), None, &quiet).unwrap();
    assert_eq!(scores(&*without, &[1, 2])[COLD as usize], f32::NEG_INFINITY);
}

/// Two items that came later, with the texts of items 3 (that of the cold one) and 7, and one that
/// says nothing; item 5, which people touched, reads otherwise now.
#[test]
fn an_item_that_came_later_is_read_as_one_nobody_touched_from_memory_and_from_disk() {
    let texts = texts();
    let of = |items: &[u32]| {
        let rows = items.iter().flat_map(|&i| texts.row(i as usize));
        let mut rows: Vec<f32> = rows.copied().collect();
        rows.extend([0.0; 3]);
        Vectors::new(3, rows)
    };
    for more in [
        "",
        "ids = false",
        "semantic = 'prefixes'\ntemperature = 0.2",
        "text = false\nsemantic = 'tokens'",
    ] {
        let model = train(&params(more), None, &quiet).unwrap();
        let mut tensors = Tensors::default();
        model.save(&mut tensors).unwrap();
        let model: Arc<dyn Recommender> = model.into();
        let stored: Arc<dyn Recommender> = load(&tensors).unwrap().into();
        let before = scores(&*model, &[1, 2, 6]);
        let later = renew(&model, 16, &[13, 14, 5, 15], &of(&[3, 7, 9]));
        let again = renew(&stored, 16, &[13, 14, 5, 15], &of(&[3, 7, 9]));
        let after = scores(&*later, &[1, 2, 6]);
        assert_eq!(after, scores(&*again, &[1, 2, 6]), "{more}");
        let cold = after[COLD as usize];
        assert!(
            (after[13] - cold).abs() < 1e-3 * cold.abs(),
            "{more}: {after:?}"
        );
        assert_eq!(
            after[15],
            f32::NEG_INFINITY,
            "{more}: nothing is said of it"
        );
        let own = !more.contains("ids = false");
        assert_eq!(after[5] == before[5], own, "{more}: what was learned stays");
        assert_eq!(after[..5], before[..5], "{more}");
        let with = scores(&*later, &[1, 2, 14]);
        assert_ne!(
            with,
            scores(&*later, &[1, 2]),
            "{more}: it is read in a history"
        );
    }
    let ids = train(&params("text = false"), None, &quiet).unwrap();
    let ids = renew(&ids.into(), 14, &[13], &Vectors::zeros(1, 3));
    assert_eq!(scores(&*ids, &[1, 2])[13], f32::NEG_INFINITY);
}

#[test]
fn it_is_stored_as_it_is_and_a_damaged_file_is_an_error() {
    let model = train(&params("block = 'gated'"), None, &quiet).unwrap();
    let mut tensors = Tensors::default();
    model.save(&mut tensors).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    tensors.write(&path).unwrap();
    let again = load(&Tensors::read(&path).unwrap()).unwrap();
    for history in [&[1, 2, 3][..], &[5], &[]] {
        assert_eq!(scores(&*again, history), scores(&*model, history));
    }
    assert!(scores(&*model, &[]).iter().all(|s| *s == f32::NEG_INFINITY));
    let mut damaged = Tensors::default();
    damaged
        .put_model("sasrec", &params_of("sasrec", &params("")).unwrap())
        .unwrap();
    damaged.put_f32("vectors", &[2, 16], vec![0.0; 32]).unwrap();
    let error = load(&damaged).unwrap_err().to_string();
    assert!(error.contains("network.positions"), "{error}");
}

#[test]
fn an_explanation_is_what_a_score_loses_without_an_event() {
    let model = train(&params(""), None, &quiet).unwrap();
    let events = history(&[4, 5, 6]);
    let query = Query {
        history: &events,
        text: None,
    };
    let parts = model.explain(&query, 7);
    let whole = scores(&*model, &[4, 5, 6])[7];
    let without_last = scores(&*model, &[4, 5])[7];
    let last = parts
        .iter()
        .find(|p| p.cause == semrec_models::Cause::History(6))
        .unwrap();
    assert!((last.amount - (whole - without_last)).abs() < 1e-4);
    assert!(parts.is_sorted_by(|a, b| a.amount >= b.amount));
}

#[test]
fn parameters_out_of_range_are_named() {
    for (more, said) in [
        ("heads = 3", "multiple of heads"),
        ("dropout = 1.0", "dropout is 1"),
        ("ids = false\ntext = false", "ids and text are both false"),
        ("epochs = 0", "epochs must be at least 1"),
        ("semantic_levels = 9", "semantic_levels is 9"),
        (
            "semantic = 'words'",
            "expected one of `none`, `tokens`, `prefixes`",
        ),
    ] {
        let mut params = Table::new();
        params.extend(more.parse::<Table>().unwrap());
        let error = train(&params, None, &quiet).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
