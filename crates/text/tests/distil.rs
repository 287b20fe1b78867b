//! The fast tier against the encoder it stands for.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use semrec_text::{DistilOptions, Encoder, TextError, distil};
use std::path::{Path, PathBuf};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/architectures/bert")
}

/// Every pair and triple of some words.
fn texts() -> Vec<String> {
    let words = [
        "kettle", "red", "camp", "cream", "hand", "over", "ear", "dry",
    ];
    let pairs = words
        .iter()
        .flat_map(|a| words.iter().map(move |b| format!("{a} {b}")));
    pairs
        .clone()
        .chain(pairs.map(|pair| format!("{pair} {}", words[pair.len() % words.len()])))
        .collect()
}

fn make(dimensions: Option<usize>) -> (tempfile::TempDir, Encoder, semrec_text::Distilled) {
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("fast");
    let options = DistilOptions { dimensions };
    let report = distil(&source(), &target, &texts(), &options, &|_, _, _| {}).unwrap();
    let fast = Encoder::load(&target).unwrap();
    (place, fast, report)
}

#[test]
fn the_fit_brings_it_nearer_to_the_encoder() {
    let (_place, fast, report) = make(None);
    assert_eq!((fast.architecture(), fast.layers()), ("model2vec", 0));
    assert!(report.cosine > report.cosine_before, "{report:?}");
    assert!(report.cosine > 0.9, "{report:?}");
    // On the texts it was fitted on it is near as well, through the public door.
    let whole = Encoder::load(&source()).unwrap();
    let texts = texts();
    let (a, b) = (
        whole.encode(&texts, &|_, _| {}).unwrap(),
        fast.encode(&texts, &|_, _| {}).unwrap(),
    );
    let dots = a
        .rows()
        .zip(b.rows())
        .map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>());
    let mean = dots.sum::<f32>() / texts.len() as f32;
    assert!(mean > 0.9, "{mean}");
}

#[test]
fn threads_and_neighbours_change_nothing() {
    let (_place, fast, _) = make(None);
    let texts = texts();
    let together = fast.encode(&texts, &|_, _| {}).unwrap();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let alone = pool.install(|| fast.encode(&texts[3..4], &|_, _| {}).unwrap());
    assert_eq!(together.row(3), alone.row(0));
    // Nothing was said, so the vector is zero.
    let empty = fast.encode(&[""], &|_, _| {}).unwrap();
    assert!(empty.row(0).iter().all(|&x| x == 0.0));
}

#[test]
fn fewer_dimensions_and_a_repeatable_result() {
    let (_place, fast, report) = make(Some(8));
    assert_eq!(fast.dim(), 8);
    let (_again, same, _) = make(Some(8));
    assert_eq!(fast.fingerprint(), same.fingerprint());
    assert!(report.cosine > 0.9, "{report:?}");
}

#[test]
fn what_cannot_be_distilled_is_said() {
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("fast");
    let run = |source: &Path, texts: &[&str]| -> Result<_, TextError> {
        distil(
            source,
            &target,
            texts,
            &DistilOptions::default(),
            &|_, _, _| {},
        )
    };
    let few = run(&source(), &["a", "b", "b", " "])
        .unwrap_err()
        .to_string();
    assert!(
        few.ends_with("2 different texts to fit on; expected at least 20"),
        "{few}"
    );
    let (held, _, _) = make(None);
    let twice = run(&held.path().join("fast"), &["a"])
        .unwrap_err()
        .to_string();
    assert!(twice.ends_with("is a fast tier already"), "{twice}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}
