//! Bundles on disk: what is written, what is read of it, and what is refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod shop;

use semrec_data::Dataset;
use semrec_engine::{Engine, Recommendation, Request, erase};
use semrec_text::Encoder;
use shop::{ITEMS, bundle, encoder};
use std::path::Path;

fn refused(bundle: &Path) -> String {
    let error = Engine::open(bundle).unwrap_err().to_string();
    error.replace(bundle.to_str().unwrap(), "BUNDLE")
}

/// Ids and scores.
fn told(items: &[Recommendation]) -> Vec<(&str, f32)> {
    items.iter().map(|r| (&*r.item, r.score)).collect()
}

#[test]
fn the_nearest_texts_are_those_a_full_sort_finds() {
    let dir = tempfile::tempdir().unwrap();
    let (path, vectors) = bundle(dir.path());
    let engine = Engine::open(&path).unwrap();
    let words = "a lamp for the kitchen";
    let model = Encoder::load(&encoder()).unwrap();
    let query = model.encode_queries(&[words], &|_, _| {}).unwrap();
    let dot = |v: &[f32]| v.iter().zip(query.row(0)).map(|(a, b)| a * b).sum::<f32>();
    let ids = &engine.dataset().items.ids;
    // Items 9, 19 and 29 say nothing, so they are near to nothing.
    let mut want: Vec<(&str, f32)> = (0u32..)
        .zip(vectors.rows())
        .filter(|(_, v)| v.iter().any(|&x| x != 0.0))
        .map(|(item, v)| (ids.name(item), dot(v)))
        .collect();
    assert_eq!(want.len(), 27);
    want.sort_by(|a, b| b.1.total_cmp(&a.1));
    let found = engine.search(words, ITEMS).unwrap();
    let wish = engine
        .recommend(&Request {
            text: Some(words.to_owned()),
            k: 27,
            ..Request::default()
        })
        .unwrap();
    for found in [&found.items, &wish.items] {
        let found = told(found);
        assert_eq!(found.len(), want.len());
        for (found, want) in found.iter().zip(&want) {
            assert_eq!(found.0, want.0);
            assert!((found.1 - want.1).abs() < 1e-5, "{found:?}, {want:?}");
        }
    }
}

#[test]
fn what_goes_with_an_item_reads_like_it_where_it_says_something() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = bundle(dir.path());
    let engine = Engine::open(&path).unwrap();
    // All of a score of `content` goes back to the history, so both orders are one.
    let for_one = |item: &str| {
        let request = Request {
            history: vec![item.to_owned()],
            k: 3,
            ..Request::default()
        };
        engine.recommend(&request).unwrap().items
    };
    let found = engine.similar("i4", 3, false).unwrap();
    let other = for_one("i4");
    for (found, want) in told(&found.items).iter().zip(told(&other)) {
        assert_eq!(found.0, want.0);
        // The parts of a score are summed in another order than the score itself.
        assert!((found.1 - want.1).abs() < 1e-6, "{found:?}, {want:?}");
    }
    assert!(found.items.iter().all(|r| r.source == "content"));
    // One without a text has no neighbours by text; the most popular stand in.
    let found = engine.similar("i9", 3, false).unwrap();
    assert_eq!(found.items.len(), 3);
    assert!(found.items.iter().all(|r| r.source == "popularity"));
}

#[test]
fn no_vector_is_there_twice_and_the_encoder_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = bundle(dir.path());
    let entries = std::fs::read_dir(&path).unwrap();
    let mut names: Vec<_> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let want = [
        "bundle.json",
        "data",
        "encoder",
        "items.index",
        "model.safetensors",
    ];
    assert_eq!(names, want);
    let (copy, original) = (
        Encoder::load(&path.join("encoder")).unwrap(),
        Encoder::load(&encoder()).unwrap(),
    );
    assert_eq!(copy.fingerprint(), original.fingerprint());
    assert!(path.join("encoder/3_Dense/model.safetensors").is_file());
}

#[test]
fn what_does_not_fit_together_is_refused_by_the_name_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = bundle(dir.path());
    let index = path.join("items.index");
    let bytes = std::fs::read(&index).unwrap();

    std::fs::write(&index, &bytes[..bytes.len() - 1]).unwrap();
    let want = format!(
        "BUNDLE/items.index: is no whole index: it has {} bytes, expected {}: it was cut off or added to; train again",
        bytes.len() - 1,
        bytes.len()
    );
    assert_eq!(refused(&path), want);

    let fewer = semrec_index::VectorIndex::new(2, semrec_index::Config::default()).unwrap();
    fewer.push(&[1.0, 0.0]).unwrap();
    fewer.save(&index).unwrap();
    insta::assert_snapshot!(refused(&path), @"BUNDLE/items.index: holds 1 items, the catalogue 30; train again");

    for _ in 1..ITEMS {
        fewer.push(&[1.0, 0.0]).unwrap();
    }
    fewer.save(&index).unwrap();
    let engine = Engine::open(&path).unwrap();
    let error = engine.search("a lamp", 3).unwrap_err().to_string();
    let error = error.replace(path.to_str().unwrap(), "BUNDLE");
    insta::assert_snapshot!(error, @"BUNDLE/encoder: makes vectors of 24 values, those of the items have 2; train again");

    std::fs::remove_file(&index).unwrap();
    let error = refused(&path);
    assert!(error.contains("BUNDLE/items.index: "), "{error}");
}

#[test]
fn an_older_layout_is_told_to_train_again() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = bundle(dir.path());
    let manifest = path.join("bundle.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    assert!(text.contains("\"format\": 2"), "{text}");
    std::fs::write(&manifest, text.replace("\"format\": 2", "\"format\": 1")).unwrap();
    insta::assert_snapshot!(refused(&path), @"BUNDLE: is a bundle of layout 1; this build reads layout 2: train again");
}

/// Data that have some people less, as they are when the process ends in the middle of it, and after.
#[test]
fn a_bundle_without_some_of_its_people_serves_as_before() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = bundle(dir.path());
    let request = Request {
        history: vec!["i4".to_owned()],
        k: 5,
        ..Request::default()
    };
    let answer = |engine: &Engine| engine.recommend(&request).unwrap().items;
    let before = Engine::open(&path).unwrap();
    let data = std::fs::read(path.join("data/interactions.parquet")).unwrap();
    assert_eq!(erase(&path, &|id| id == "nobody").unwrap(), 0);
    assert_eq!(
        std::fs::read(path.join("data/interactions.parquet")).unwrap(),
        data
    );
    for user in ["u3", "u4"] {
        let manifest = path.join("bundle.json");
        let copy = |from: &Path, to: &Path| {
            let of = ["dataset.toml", "items.parquet", "users.parquet"];
            for file in of.iter().chain(&["interactions.parquet"]) {
                std::fs::copy(from.join(file), to.join(file)).unwrap();
            }
        };
        let kept = tempfile::tempdir().unwrap();
        copy(&path.join("data"), kept.path());
        assert_eq!(erase(&path, &|id| id == user).unwrap(), 1);
        let after = Engine::open(&path).unwrap();
        assert!(after.dataset().users.ids.get(user).is_none());
        assert_eq!(after.dataset().fingerprint, before.dataset().fingerprint);
        assert_eq!(told(&answer(&after)), told(&answer(&before)));
        // Killed before the data were in place: the old ones are known as well.
        let done = std::fs::read_to_string(&manifest).unwrap();
        let mut info: serde_json::Value = serde_json::from_str(&done).unwrap();
        let less = info["erased"][0].clone();
        let old = Dataset::load(kept.path()).unwrap().fingerprint;
        info["erased"] = serde_json::json!([old, less]);
        std::fs::write(&manifest, info.to_string()).unwrap();
        let new = tempfile::tempdir().unwrap();
        copy(&path.join("data"), new.path());
        copy(kept.path(), &path.join("data"));
        assert!(Engine::open(&path).is_ok());
        copy(new.path(), &path.join("data"));
        assert!(Engine::open(&path).is_ok());
        std::fs::write(&manifest, done).unwrap();
    }
    let data = Dataset::load(&path.join("data")).unwrap();
    assert_eq!((data.users.len(), data.interactions.len()), (28, 84));
    let of_import = std::fs::read_to_string(path.join("data/dataset.toml")).unwrap();
    assert!(!of_import.contains("example = \"u"), "{of_import}");
}
