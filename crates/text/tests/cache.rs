//! The embedding cache, with the tiny random BERT of `golden/`.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use semrec_text::{Cache, CacheStats, Encoder, Role, Vectors};
use std::path::{Path, PathBuf};

/// Header, then 16 + 4·36 + 8 bytes a record.
const HEADER: usize = 16;
const RECORD: usize = 168;

fn tiny() -> Encoder {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tiny");
    Encoder::load(&dir).unwrap()
}

fn embed(cache: &mut Cache, encoder: &Encoder, texts: &[&str]) -> (Vectors, CacheStats) {
    cache
        .embed(encoder, Role::Passage, texts, &|_, _| {})
        .unwrap()
}

fn stats(hits: usize, misses: usize) -> CacheStats {
    CacheStats { hits, misses }
}

fn file(root: &Path, encoder: &Encoder) -> PathBuf {
    root.join(format!("{}.vectors", encoder.fingerprint()))
}

#[test]
fn encodes_each_text_once() {
    let (root, encoder) = (tempfile::tempdir().unwrap(), tiny());
    let texts = ["a", "b", "", "a", "  \n", "c"];
    let mut cache = Cache::open(root.path(), &encoder).unwrap();
    let (vectors, first) = embed(&mut cache, &encoder, &texts);
    assert_eq!(first, stats(1, 3));
    let plain = encoder.encode(&texts, &|_, _| {}).unwrap();
    for row in [0, 1, 3, 5] {
        assert_eq!(vectors.row(row), plain.row(row), "row {row}");
    }
    for row in [2, 4] {
        assert!(vectors.row(row).iter().all(|&x| x == 0.0), "row {row}");
    }
    let mut again = Cache::open(root.path(), &encoder).unwrap();
    assert_eq!(again.len(), 3);
    assert_eq!(embed(&mut again, &encoder, &texts), (vectors, stats(4, 0)));
    assert_eq!(embed(&mut again, &encoder, &["a", "d"]).1, stats(1, 1));
}

#[test]
fn queries_are_kept_beside_passages_where_they_differ() {
    let root = tempfile::tempdir().unwrap();
    let plain = tiny();
    let mut cache = Cache::open(root.path(), &plain).unwrap();
    embed(&mut cache, &plain, &["the"]);
    let (_, found) = cache
        .embed(&plain, Role::Query, &["the"], &|_, _| {})
        .unwrap();
    assert_eq!(found, stats(1, 0));
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/architectures/xlm-roberta");
    let prompted = Encoder::load(&dir).unwrap();
    let mut cache = Cache::open(root.path(), &prompted).unwrap();
    let (passage, _) = embed(&mut cache, &prompted, &["the"]);
    for found in [stats(0, 1), stats(1, 0)] {
        let (query, got) = cache
            .embed(&prompted, Role::Query, &["the"], &|_, _| {})
            .unwrap();
        assert_eq!(got, found);
        assert_ne!(query, passage);
        assert_eq!(
            query,
            prompted.encode_queries(&["the"], &|_, _| {}).unwrap()
        );
    }
    assert_eq!(
        embed(&mut cache, &prompted, &["the"]),
        (passage, stats(1, 0))
    );
}

#[test]
fn a_torn_tail_is_cut_and_a_damaged_record_encoded_again() {
    let (root, encoder) = (tempfile::tempdir().unwrap(), tiny());
    let path = file(root.path(), &encoder);
    let mut cache = Cache::open(root.path(), &encoder).unwrap();
    let (whole, _) = embed(&mut cache, &encoder, &["a", "b", "c"]);
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len(), HEADER + 3 * RECORD);
    // Cut after any number of bytes: what is whole is kept, the rest is encoded again.
    for (kept, misses) in [(0, 3), (7, 3), (HEADER + RECORD, 2), (bytes.len() - 1, 1)] {
        std::fs::write(&path, &bytes[..kept]).unwrap();
        let mut cache = Cache::open(root.path(), &encoder).unwrap();
        let got = embed(&mut cache, &encoder, &["a", "b", "c"]);
        assert_eq!(
            got,
            (whole.clone(), stats(3 - misses, misses)),
            "{kept} bytes"
        );
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
    let mut damaged = bytes.clone();
    damaged[HEADER + RECORD + 40] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let mut cache = Cache::open(root.path(), &encoder).unwrap();
    assert_eq!(
        embed(&mut cache, &encoder, &["a", "b", "c"]),
        (whole, stats(2, 1))
    );
}

#[test]
fn two_writers_share_a_file() {
    let (root, encoder) = (tempfile::tempdir().unwrap(), tiny());
    let mut one = Cache::open(root.path(), &encoder).unwrap();
    let mut other = Cache::open(root.path(), &encoder).unwrap();
    embed(&mut one, &encoder, &["a"]);
    embed(&mut other, &encoder, &["b"]);
    embed(&mut one, &encoder, &["c"]);
    let mut cache = Cache::open(root.path(), &encoder).unwrap();
    let (vectors, all) = embed(&mut cache, &encoder, &["c", "b", "a"]);
    assert_eq!(all, stats(3, 0));
    assert_eq!(
        vectors,
        encoder.encode(&["c", "b", "a"], &|_, _| {}).unwrap()
    );
}

#[test]
fn a_foreign_file_is_refused_and_left_alone() {
    let (root, encoder) = (tempfile::tempdir().unwrap(), tiny());
    let path = file(root.path(), &encoder);
    std::fs::write(&path, b"something else altogether").unwrap();
    let error = Cache::open(root.path(), &encoder).unwrap_err().to_string();
    assert!(error.contains("is no cache of this version"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"something else altogether");
}
