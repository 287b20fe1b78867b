//! The encoder against sentence-transformers: the vectors in `golden/` come from
//! `golden/make_golden.py` and `golden/make_architectures.py`.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use semrec_text::{Encoder, Kernels, TextError};
use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Golden {
    text: String,
    vector: Vec<f32>,
    /// The vector of the text as a query, where it is another.
    query: Option<Vec<f32>>,
}

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn tiny() -> Encoder {
    Encoder::load(&golden_dir().join("tiny")).unwrap()
}

fn golden(file: &str) -> Vec<Golden> {
    let text = std::fs::read(golden_dir().join(file)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Largest difference between any component of the encoder's and the stored vectors.
fn worst_error(encoder: &Encoder, golden: &[Golden]) -> f32 {
    assert!(golden.len() >= 11);
    let texts: Vec<&str> = golden.iter().map(|g| g.text.as_str()).collect();
    let passages = encoder.encode(&texts, &|_, _| {}).unwrap();
    let queries = encoder.encode_queries(&texts, &|_, _| {}).unwrap();
    let mut worst = 0.0_f32;
    for (i, golden) in golden.iter().enumerate() {
        let query = golden.query.as_ref().unwrap_or(&golden.vector);
        for (row, want) in [(passages.row(i), &golden.vector), (queries.row(i), query)] {
            assert_eq!(row.len(), want.len());
            for (got, want) in row.iter().zip(want) {
                worst = worst.max((got - want).abs());
            }
        }
    }
    worst
}

#[test]
fn tiny_random_bert_agrees_with_the_reference() {
    let worst = worst_error(&tiny(), &golden("tiny.json"));
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn every_architecture_agrees_with_the_reference() {
    // Name, what config.json says it is, length of the vectors, whether queries have a prompt of
    // their own.
    let cases = [
        ("bert", "bert", 48, false),
        ("roberta", "roberta", 32, false),
        ("xlm-roberta", "xlm-roberta", 64, true),
        ("distilbert", "distilbert", 24, false),
        ("mpnet", "mpnet", 48, false),
        ("gpt2", "gpt2", 40, false),
        ("llama", "llama", 48, false),
        ("qwen2", "qwen2", 20, false),
        ("qwen3", "qwen3", 48, true),
        ("qwen3-both-ways", "qwen3", 48, false),
    ];
    for ((name, architecture, dim, prompted), kernels) in cases
        .into_iter()
        .flat_map(|case| [Kernels::MultiplyAdd, Kernels::Auto].map(|kernels| (case, kernels)))
    {
        let dir = golden_dir().join("architectures").join(name);
        let encoder = Encoder::load_with(&dir, kernels).unwrap();
        assert_eq!(
            (encoder.architecture(), encoder.layers()),
            (architecture, 2)
        );
        assert_eq!((encoder.dim(), encoder.max_tokens()), (dim, 100), "{name}");
        let golden = golden(&format!("architectures/{name}.json"));
        assert_eq!(golden.iter().any(|g| g.query.is_some()), prompted, "{name}");
        let worst = worst_error(&encoder, &golden);
        // Products on matrix tiles keep 16 bits of each factor or more, and the components of
        // these few-dimensional vectors are an order of magnitude above those of a real model.
        let tolerance = match kernels {
            Kernels::Auto => 5e-5,
            Kernels::Vectors | Kernels::MultiplyAdd => 3e-6,
        };
        assert!(worst < tolerance, "{name} {kernels:?}: {worst}");
    }
}

/// Runs where the real weights are: `target/models/minilm`, see `recipes/encoder-speed.sh`.
#[test]
fn minilm_agrees_with_the_reference() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/models/minilm");
    if !dir.join("model.safetensors").exists() {
        return;
    }
    for kernels in [Kernels::MultiplyAdd, Kernels::Auto] {
        let encoder = Encoder::load_with(&dir, kernels).unwrap();
        assert_eq!((encoder.dim(), encoder.max_tokens()), (384, 256));
        let worst = worst_error(&encoder, &golden("minilm.json"));
        assert!(worst < 1e-5, "{kernels:?}: {worst}");
    }
}

#[test]
fn neighbours_and_threads_change_nothing() {
    let encoder = tiny();
    let texts: Vec<String> = (0..300)
        .map(|i| "a word of the text, ".repeat(i % 9) + &i.to_string())
        .collect();
    let together = encoder.encode(&texts, &|_, _| {}).unwrap();
    for (i, text) in texts.iter().enumerate() {
        let alone = encoder.encode(&[text], &|_, _| {}).unwrap();
        assert_eq!(alone.row(0), together.row(i), "text {i}");
    }
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let again = pool.install(|| encoder.encode(&texts, &|_, _| {}).unwrap());
        assert_eq!(again, together, "{threads} threads");
    }
}

#[test]
fn progress_ends_at_the_number_of_texts() {
    let most = std::sync::Mutex::new(0);
    let texts = vec!["a text"; 1000];
    let report = |done: usize, all: usize| {
        assert_eq!(all, 1000);
        let mut most = most.lock().unwrap();
        *most = done.max(*most);
    };
    tiny().encode(&texts, &report).unwrap();
    assert_eq!(*most.lock().unwrap(), 1000);
    assert_eq!(tiny().encode::<&str>(&[], &|_, _| {}).unwrap().len(), 0);
}

/// Copies the tiny model, changes one file, and loads it.
fn load_changed(file: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) -> Result<Encoder, TextError> {
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("1_Pooling")).unwrap();
    for name in [
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "1_Pooling/config.json",
    ] {
        let mut bytes = std::fs::read(golden_dir().join("tiny").join(name)).unwrap();
        if name == file {
            bytes = change(bytes);
        }
        std::fs::write(copy.path().join(name), bytes).unwrap();
    }
    Encoder::load(copy.path())
}

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = bytes
        .windows(from.len())
        .position(|w| w == from.as_bytes())
        .unwrap();
    [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
}

#[test]
fn damaged_models_are_refused_by_name() {
    let weights = "model.safetensors";
    let last = "encoder.layer.2.output.dense.weight";
    let cases = [
        (
            load_changed(weights, |b| b[..b.len() - 4].to_vec()),
            "the file is truncated",
        ),
        (
            load_changed(weights, |b| {
                replace(&b, last, &last.replace("dense", "tense"))
            }),
            "tensor 'encoder.layer.2.output.dense.weight' is missing",
        ),
        (
            load_changed("config.json", |b| {
                replace(
                    &b,
                    "\"intermediate_size\": 100",
                    "\"intermediate_size\": 99",
                )
            }),
            "tensor 'encoder.layer.0.intermediate.dense.weight' has the shape [100, 36]; \
             config.json makes it [99, 36]",
        ),
        (
            load_changed(weights, |mut b| {
                let end = b.len();
                b[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
                b
            }),
            "holds a NaN",
        ),
        (
            load_changed("tokenizer.json", |b| {
                replace(&b, "\"[PAD]\": 0", "\"[PAD]\": 9999")
            }),
            "has a token numbered 9999",
        ),
        (
            load_changed("tokenizer.json", |_| b"{}".to_vec()),
            "is no tokenizer",
        ),
    ];
    for (result, want) in cases {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(want), "{error}\nexpected: {want}");
    }
}

#[test]
fn fingerprint_follows_what_changes_the_vectors() {
    let tiny = tiny();
    assert_eq!(tiny.name(), "tiny");
    assert_eq!(tiny.fingerprint().len(), 64);
    let same = load_changed("", |b| b).unwrap();
    assert_eq!(same.fingerprint(), tiny.fingerprint());
    let shorter = load_changed("sentence_bert_config.json", |b| replace(&b, "64", "32")).unwrap();
    assert_ne!(shorter.fingerprint(), tiny.fingerprint());
    let other = load_changed("model.safetensors", |mut b| {
        let end = b.len();
        b[end - 4..].copy_from_slice(&0.125f32.to_le_bytes());
        b
    });
    assert_ne!(other.unwrap().fingerprint(), tiny.fingerprint());
}
