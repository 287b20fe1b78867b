//! What every target does: put a model directory together, load it, and encode with it.

use semrec_text::Encoder;
use std::fs::{create_dir, write};

/// A random BERT of two layers, file by file.
pub const FILES: [(&str, &[u8]); 6] = [
    (
        "config.json",
        include_bytes!("../../tests/golden/architectures/bert/config.json"),
    ),
    (
        "tokenizer.json",
        include_bytes!("../../tests/golden/architectures/bert/tokenizer.json"),
    ),
    (
        "tokenizer_config.json",
        include_bytes!("../../tests/golden/architectures/bert/tokenizer_config.json"),
    ),
    (
        "modules.json",
        include_bytes!("../../tests/golden/architectures/bert/modules.json"),
    ),
    (
        "1_Pooling/config.json",
        include_bytes!("../../tests/golden/architectures/bert/1_Pooling/config.json"),
    ),
    (
        "model.safetensors",
        include_bytes!("../../tests/golden/architectures/bert/model.safetensors"),
    ),
];

/// Loads the model with some files in the place of its own, and encodes two texts where it loads.
/// An error is fine if it names a file; a panic is not.
pub fn check(changed: &[(&str, &[u8])]) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    create_dir(dir.path().join("1_Pooling")).expect("a directory in it");
    for (name, bytes) in FILES.iter().chain(changed) {
        write(dir.path().join(name), bytes).expect("space for it");
    }
    match Encoder::load(dir.path()) {
        Ok(encoder) => {
            let rows = encoder.encode(&["a red kettle", ""], &|_, _| {});
            assert!(rows.is_err() || rows.is_ok_and(|rows| rows.len() == 2));
        }
        Err(error) => {
            let named = error
                .to_string()
                .contains(&dir.path().display().to_string());
            assert!(named, "no file in: {error}");
        }
    }
}
