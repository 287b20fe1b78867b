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

fn architecture(name: &str) -> PathBuf {
    golden_dir().join("architectures").join(name)
}

fn architecture_model(name: &str) -> Encoder {
    Encoder::load(&architecture(name)).unwrap()
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
    let texts: Vec<String> = (0..300)
        .map(|i| "a word of the text, ".repeat(i % 9) + &i.to_string())
        .collect();
    let biased = architecture_model("mpnet");
    let turned = architecture_model("qwen3");
    let dense = architecture_model("distilbert");
    for encoder in [tiny(), biased, turned, dense] {
        let name = encoder.name();
        let together = encoder.encode(&texts, &|_, _| {}).unwrap();
        for (i, text) in texts.iter().enumerate() {
            let alone = encoder.encode(&[text], &|_, _| {}).unwrap();
            assert_eq!(alone.row(0), together.row(i), "{name}, text {i}");
        }
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let again = pool.install(|| encoder.encode(&texts, &|_, _| {}).unwrap());
            assert_eq!(again, together, "{name}, {threads} threads");
        }
    }
}

#[test]
fn an_empty_text_is_its_special_tokens_or_zero() {
    // Tokens around a text: both, none, one after, one before.
    let cases = [
        ("distilbert", true),
        ("gpt2", false),
        ("qwen2", true),
        ("llama", true),
    ];
    for (name, some) in cases {
        let encoder = architecture_model(name);
        let alone = encoder.encode(&["", ""], &|_, _| {}).unwrap();
        let among = encoder.encode(&["the", "", "river"], &|_, _| {}).unwrap();
        assert_eq!(alone.row(0), among.row(1), "{name}");
        let length: f32 = alone.row(0).iter().map(|x| x * x).sum();
        let want = if some { 1.0 } else { 0.0 };
        assert!((length - want).abs() < 1e-5, "{name}: {length}");
    }
    // A dense layer behind the pooling makes nothing of nothing, in spite of its biases.
    let (gpt2, dense) = (
        architecture("gpt2"),
        architecture("distilbert").join("3_Dense"),
    );
    let copy = copy_of(&gpt2);
    let at = |name: &str| copy.path().join(name);
    std::fs::create_dir(at("3_Dense")).unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(dense.join(name), at("3_Dense").join(name)).unwrap();
    }
    let modules = r#"[{"path": "1", "type": "m.Pooling"}, {"path": "3_Dense", "type": "m.Dense"}]"#;
    std::fs::write(at("modules.json"), modules).unwrap();
    let encoder = Encoder::load(copy.path()).unwrap();
    assert_eq!(encoder.dim(), 24);
    let rows = encoder.encode(&["", "the"], &|_, _| {}).unwrap();
    assert!(rows.row(0).iter().all(|&x| x == 0.0));
    assert!(rows.row(1).iter().any(|&x| x != 0.0));
}

#[test]
fn parameters_are_the_values_of_the_file() {
    // Models without a head, whose every tensor is read.
    for name in ["mpnet", "xlm-roberta", "qwen3"] {
        let file = std::fs::read(architecture(name).join("model.safetensors")).unwrap();
        let header = u64::from_le_bytes(file[..8].try_into().unwrap());
        let values = (file.len() - 8 - usize::try_from(header).unwrap()) / 4;
        assert_eq!(architecture_model(name).parameters(), values, "{name}");
    }
    // 24 rows of 40, and 24 biases.
    let with = architecture_model("distilbert").parameters();
    let copy = copy_of(&architecture("distilbert"));
    std::fs::remove_file(copy.path().join("modules.json")).unwrap();
    let without = Encoder::load(copy.path()).unwrap().parameters();
    assert_eq!(with - without, 24 * 40 + 24);
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

/// A copy of a model directory.
fn copy_of(model: &Path) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                std::fs::create_dir(&target).unwrap();
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    copy(model, dir.path());
    dir
}

/// Copies a model, changes one file, and loads it.
fn load_changed_of(
    model: &Path,
    file: &str,
    change: impl Fn(Vec<u8>) -> Vec<u8>,
) -> Result<Encoder, TextError> {
    let copy = copy_of(model);
    let path = copy.path().join(file);
    std::fs::write(&path, change(std::fs::read(&path).unwrap())).unwrap();
    Encoder::load(copy.path())
}

/// The same with the tiny model.
fn load_changed(file: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) -> Result<Encoder, TextError> {
    load_changed_of(&golden_dir().join("tiny"), file, change)
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
    let same = load_changed("config.json", |b| b).unwrap();
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

#[test]
fn fingerprint_follows_prompts_modules_and_dimensions() {
    // A file, and what is put in the place of what.
    let cases = [
        (
            "qwen3",
            "config_sentence_transformers.json",
            "river",
            "other",
        ),
        ("qwen2", "config_sentence_transformers.json", "20", "19"),
        ("distilbert", "3_Dense/config.json", "Tanh", "Identity"),
        (
            "distilbert",
            "3_Dense/model.safetensors",
            "linear",
            "linear",
        ),
        (
            "mpnet",
            "1_Pooling/config.json",
            "mean_tokens",
            "max_tokens",
        ),
    ];
    for (name, file, from, to) in cases {
        let before = architecture_model(name);
        let after = load_changed_of(&architecture(name), file, |bytes| {
            let mut bytes = replace(&bytes, from, to);
            if file.ends_with("safetensors") {
                // The last bias becomes another.
                let end = bytes.len();
                bytes[end - 4..].copy_from_slice(&0.5f32.to_le_bytes());
            }
            bytes
        });
        let after = after.unwrap();
        assert_ne!(after.fingerprint(), before.fingerprint(), "{name}/{file}");
    }
}

#[test]
fn damaged_parts_of_other_architectures_are_refused_by_name() {
    let weights = "model.safetensors";
    let cases = [
        (
            load_changed_of(&architecture("gpt2"), "config.json", |b| {
                replace(&b, "\"n_inner\": null", "\"n_inner\": 99")
            }),
            "tensor 'transformer.h.0.mlp.c_fc.weight' has the shape [40, 160]; config.json makes \
             it [40, 99]",
        ),
        (
            load_changed_of(&architecture("llama"), weights, |b| {
                replace(&b, "mlp.gate_proj.bias", "mlp.gate_proj.bits")
            }),
            "tensor 'model.layers.0.mlp.gate_proj.bias' is missing",
        ),
        (
            load_changed_of(&architecture("qwen3"), "config.json", |b| {
                replace(&b, "\"head_dim\": 20", "\"head_dim\": 10")
            }),
            "tensor 'layers.0.self_attn.q_proj.weight' has the shape [80, 48]; config.json makes \
             it [40, 48]",
        ),
        (
            load_changed_of(
                &architecture("distilbert"),
                "3_Dense/model.safetensors",
                |b| replace(&b, "linear.bias", "linear.bits"),
            ),
            "3_Dense/model.safetensors: tensor 'linear.bias' is missing",
        ),
        (
            load_changed_of(&architecture("gpt2"), "tokenizer_config.json", |b| {
                replace(&b, "{", "{\"add_eos_token\": true, ")
            }),
            "does not put '<|endoftext|>' last, as tokenizer_config.json asks for",
        ),
        (
            load_changed_of(&architecture("xlm-roberta"), "tokenizer.json", |b| {
                // The number of the token in the template, which is not that in the vocabulary.
                replace(
                    &b,
                    "\"ids\": [\n          2\n",
                    "\"ids\": [\n          99\n",
                )
            }),
            "puts a token numbered 99 around texts; config.json says there are 53",
        ),
    ];
    for (result, want) in cases {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(want), "{error}\nexpected: {want}");
    }
}
