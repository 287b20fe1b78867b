//! An index on disk: saved, opened, changed and saved again, and what damage does.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use semrec_index::{Config, Neighbour, Precision, VectorIndex};
use std::path::Path;

const DIM: usize = 12;
/// The graph is asked from 160 · 16 items on.
const CONFIG: Config = Config {
    precision: Precision::Int8,
    keep_full: true,
    exact_below: 1000,
    links: 8,
    ef_build: 40,
    ef_search: 16,
};

/// Values in [-1, 1) that look like noise.
fn vectors(n: usize, seed: u32) -> Vec<f32> {
    let value = |i: u32| {
        let mixed = (i + 1)
            .wrapping_mul(2_654_435_761)
            .wrapping_add(seed.wrapping_mul(40_503));
        let mixed = (mixed ^ mixed >> 15).wrapping_mul(2_246_822_519);
        (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..).map(value).take(n * DIM).collect()
}

fn best(index: &VectorIndex, query: &[f32]) -> Vec<Neighbour> {
    index.search(query, 5, |_| true).unwrap()
}

/// The share of what a scan finds that a search finds.
fn recall(index: &VectorIndex) -> f64 {
    let queries = vectors(40, 99);
    let hits = queries.chunks(DIM).map(|query| {
        let want = index.search_exact(query, 5, |_| true).unwrap();
        let found = best(index, query);
        found.iter().filter(|n| want.contains(n)).count()
    });
    hits.sum::<usize>() as f64 / 200.0
}

#[test]
fn what_was_saved_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    for (precision, n) in [
        (Precision::F32, 0),
        (Precision::F32, 3000),
        (Precision::F16, 500),
        (Precision::Int8, 3000),
    ] {
        let config = Config {
            precision,
            ..CONFIG
        };
        let index = VectorIndex::build(DIM, vectors(n, 1), config).unwrap();
        let query = vectors(1, 2);
        let before = best(&index, &query);
        index.save(&path).unwrap();
        VectorIndex::verify(&path).unwrap();
        let opened = VectorIndex::open(&path).unwrap();
        assert_eq!((opened.len(), opened.dim()), (n, DIM));
        assert_eq!(
            (opened.has_graph(), index.has_graph()),
            (n == 3000, n == 3000)
        );
        assert_eq!(opened.config(), index.config());
        assert_eq!(opened.vector(7), index.vector(7));
        // The links are the same, so that even approximate answers are.
        for index in [&opened, &index] {
            index.prepare().unwrap();
            assert_eq!(best(index, &query), before);
        }
    }
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "no staged file is left behind");
}

#[test]
fn changes_over_a_mapped_file_are_linked_at_the_next_save() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let built = VectorIndex::build(DIM, vectors(3000, 1), CONFIG).unwrap();
    built.save(&path).unwrap();
    let [index, other] = [(); 2].map(|()| VectorIndex::open(&path).unwrap());
    let before = recall(&index);
    assert!(before >= 0.8, "{before}");
    for (item, vector) in (0..).zip(vectors(300, 3).chunks(DIM)) {
        index.push(vector).unwrap();
        index.update(item * 7, vector).unwrap();
        index.remove(item * 7 + 1);
    }
    let query = vectors(1, 4);
    let scanned = |index: &VectorIndex| index.search_exact(&query, 20, |_| true).unwrap();
    let found = scanned(&index);
    assert_eq!(index.len(), 3000);
    index.save(&path).unwrap();
    for index in [&index, &VectorIndex::open(&path).unwrap()] {
        assert_eq!((index.len(), scanned(index)), (3000, found.clone()));
        let after = recall(index);
        assert!(after >= 0.8, "{after}");
        assert_eq!(index.vector(1), None);
    }
    // One that had the earlier file open goes on with it.
    assert_eq!((other.len(), recall(&other)), (3000, before));
    // More than a quarter has changed: built anew. Then too few are left for a graph.
    for (removed, graph) in [(0..500, true), (500..2700, false)] {
        for item in removed {
            index.remove(item);
        }
        index.save(&path).unwrap();
        assert_eq!(index.has_graph(), graph);
        assert!(recall(&index) >= 0.8);
    }
}

/// Damages a copy of a file; what opening, searching or verifying it says.
fn said(path: &Path, damage: &dyn Fn(&mut Vec<u8>)) -> String {
    let mut bytes = std::fs::read(path).unwrap();
    let whole = bytes.len().to_string();
    damage(&mut bytes);
    let damaged = path.with_extension("damaged");
    std::fs::write(&damaged, bytes).unwrap();
    let tried = VectorIndex::open(&damaged).and_then(|index| {
        index.search(&vectors(1, 2), 5, |_| true)?;
        VectorIndex::verify(&damaged)
    });
    let message = tried.unwrap_err().to_string();
    let message = message.replace(&damaged.display().to_string(), "FILE");
    message.replace(&whole, "ALL")
}

#[test]
fn damage_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let index = VectorIndex::build(DIM, vectors(3000, 1), CONFIG).unwrap();
    index.save(&path).unwrap();
    let said = |damage: &dyn Fn(&mut Vec<u8>)| said(&path, damage);
    insta::assert_snapshot!(said(&|bytes| bytes.clear()), @"FILE is no whole index: it has 0 bytes, its header alone has 256; build and save it again");
    insta::assert_snapshot!(said(&|bytes| bytes.truncate(255)), @"FILE is no whole index: it has 255 bytes, its header alone has 256; build and save it again");
    insta::assert_snapshot!(said(&|bytes| bytes.truncate(5000)), @"FILE is no whole index: it has 5000 bytes, expected ALL: it was cut off or added to; build and save it again");
    insta::assert_snapshot!(said(&|bytes| bytes[0] = b'x'), @"FILE is no whole index: it does not begin with 'semrecvi'; build and save it again");
    insta::assert_snapshot!(said(&|bytes| bytes[..8].reverse()), @"FILE is no whole index: it was written on a machine with the other byte order; build and save it again");
    insta::assert_snapshot!(said(&|bytes| bytes[8..16].copy_from_slice(&9_u64.to_ne_bytes())), @"FILE is no whole index: its format is version 9, expected 1; build and save it again");
    insta::assert_snapshot!(said(&|bytes| bytes[16] ^= 1), @"FILE is no whole index: the checksum of its header is wrong; build and save it again");
    // 3,000 bits in 376 bytes, rows of 16 bytes, vectors of 48, then the links.
    let starts = [256, 640, 640 + 48_000, 640 + 192_000];
    for (start, part) in starts
        .into_iter()
        .zip(["presence", "rows", "full vectors", "graph"])
    {
        let message = said(&move |bytes| bytes[start + 100] ^= 1);
        assert!(
            message.contains(&format!("the checksum of its {part} is ")),
            "{message}"
        );
    }
    let missing = VectorIndex::open(&folder.path().join("missing")).unwrap_err();
    assert!(missing.to_string().starts_with("opening "), "{missing}");
    let nowhere = index
        .save(&folder.path().join("missing/index"))
        .unwrap_err();
    assert!(
        nowhere.to_string().starts_with("creating a file beside "),
        "{nowhere}"
    );
}

#[test]
fn figures_that_lie_are_refused_though_the_checksum_fits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let index = VectorIndex::build(DIM, vectors(100, 1), CONFIG).unwrap();
    index.save(&path).unwrap();
    // Field after field of the header is replaced and the checksum put right.
    for field in 2..23 {
        for value in [u64::MAX, u64::MAX / 2, (1 << 32) - 1, 1 << 40, 3] {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[8 * field..8 * field + 8].copy_from_slice(&value.to_ne_bytes());
            let checksum = u64::from(crc32fast::hash(&bytes[..248]));
            bytes[248..256].copy_from_slice(&checksum.to_ne_bytes());
            let damaged = path.with_extension("damaged");
            std::fs::write(&damaged, bytes).unwrap();
            // Settings may be any number, and checksums of vectors are for `verify`.
            let opened = VectorIndex::open(&damaged);
            let harmless = (6..10).contains(&field) || [16, 19, 22].contains(&field);
            assert!(opened.is_err() || harmless, "field {field} = {value}");
            let found = opened.map(|index| index.search(&vectors(1, 2), 5, |_| true));
            assert!(found.is_err() || found.is_ok_and(|found| found.is_ok()));
        }
    }
}
