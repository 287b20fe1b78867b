//! What a model directory says of itself: architecture, pooling, the length texts are cut at.
//!
//! Read are `config.json` (the shape), `modules.json` and the pooling configuration it points to
//! (`1_Pooling/config.json` where there is no `modules.json`), and the length from
//! `sentence_bert_config.json`, else `tokenizer_config.json`, else the number of positions. What
//! cannot be honoured is an error, never ignored: a model that is run differently from how it was
//! trained gives vectors that only look right.

use crate::TextError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// How the vectors of the tokens become the vector of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// The mean over the tokens.
    Mean,
    /// The first token's.
    First,
}

/// Shape of a BERT.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BertConfig {
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) vocabulary: usize,
    pub(crate) positions: usize,
    pub(crate) types: usize,
    pub(crate) eps: f32,
}

/// The architectures there is a forward pass for, with their shapes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ArchitectureConfig {
    Bert(BertConfig),
}

/// Everything but weights and tokenizer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) architecture: ArchitectureConfig,
    pub(crate) pooling: Pooling,
    /// Tokens a text is cut at, the special ones included.
    pub(crate) max_tokens: usize,
    /// Whether texts are lowercased before the tokenizer sees them.
    pub(crate) lowercase: bool,
}

#[derive(Deserialize)]
struct RawConfig {
    model_type: Option<String>,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: Option<usize>,
    layer_norm_eps: Option<f32>,
    hidden_act: Option<String>,
    position_embedding_type: Option<String>,
}

#[derive(Deserialize)]
struct RawLength {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

#[derive(Deserialize)]
struct RawTokenizerConfig {
    /// A float, because transformers writes 1e30 for "unlimited".
    model_max_length: Option<f64>,
}

#[derive(Deserialize)]
struct RawModule {
    path: String,
    r#type: String,
}

impl Settings {
    /// Reads the settings of a model directory.
    pub(crate) fn read(dir: &Path) -> Result<Self, TextError> {
        let path = dir.join("config.json");
        let kind: serde_json::Value = read(&path)?.ok_or_else(|| {
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            TextError::io(&path, missing)
        })?;
        let model_type = kind.get("model_type").and_then(|v| v.as_str());
        if model_type != Some("bert") {
            return Err(TextError::format(
                &path,
                format!(
                    "model_type is {}; there is a forward pass for 'bert' only",
                    model_type.map_or("missing".into(), |t| format!("'{t}'"))
                ),
            ));
        }
        let raw: RawConfig =
            serde_json::from_value(kind).map_err(|e| TextError::format(&path, e.to_string()))?;
        let bert = bert(&raw).map_err(|problem| TextError::format(&path, problem))?;
        let (max_tokens, lowercase) = length(dir, bert.positions)?;
        Ok(Self {
            architecture: ArchitectureConfig::Bert(bert),
            pooling: pooling(dir)?,
            max_tokens,
            lowercase,
        })
    }
}

fn bert(raw: &RawConfig) -> Result<BertConfig, String> {
    let sizes = [
        ("hidden_size", raw.hidden_size),
        ("num_hidden_layers", raw.num_hidden_layers),
        ("num_attention_heads", raw.num_attention_heads),
        ("intermediate_size", raw.intermediate_size),
        ("vocab_size", raw.vocab_size),
        ("max_position_embeddings", raw.max_position_embeddings),
        ("type_vocab_size", raw.type_vocab_size.unwrap_or(2)),
    ];
    for (name, size) in sizes {
        // Products of two sizes must stay far from overflow before the weights are looked at.
        if size == 0 || size > 1 << 28 {
            return Err(format!("{name} is {size}; expected 1 to 2^28"));
        }
    }
    if !raw.hidden_size.is_multiple_of(raw.num_attention_heads) {
        return Err(format!(
            "hidden_size {} is no multiple of num_attention_heads {}",
            raw.hidden_size, raw.num_attention_heads
        ));
    }
    let expect = |name: &str, got: &Option<String>, want: &str| match got.as_deref() {
        Some(got) if got != want => Err(format!("{name} is '{got}'; only '{want}' is supported")),
        _ => Ok(()),
    };
    expect("model_type", &raw.model_type, "bert")?;
    expect("hidden_act", &raw.hidden_act, "gelu")?;
    expect(
        "position_embedding_type",
        &raw.position_embedding_type,
        "absolute",
    )?;
    let eps = raw.layer_norm_eps.unwrap_or(1e-12);
    if !(0.0..1.0).contains(&eps) {
        return Err(format!("layer_norm_eps is {eps}; expected 0 to 1"));
    }
    Ok(BertConfig {
        hidden: raw.hidden_size,
        layers: raw.num_hidden_layers,
        heads: raw.num_attention_heads,
        intermediate: raw.intermediate_size,
        vocabulary: raw.vocab_size,
        positions: raw.max_position_embeddings,
        types: raw.type_vocab_size.unwrap_or(2),
        eps,
    })
}

/// The length texts are cut at, and whether they are lowercased.
fn length(dir: &Path, positions: usize) -> Result<(usize, bool), TextError> {
    let path = dir.join("sentence_bert_config.json");
    let own: Option<RawLength> = read(&path)?;
    let lowercase = own.as_ref().is_some_and(|l| l.do_lower_case);
    if let Some(length) = own.and_then(|l| l.max_seq_length) {
        if length < 3 {
            return Err(TextError::format(
                path,
                format!("max_seq_length is {length}; expected at least 3"),
            ));
        }
        return Ok((length.min(positions), lowercase));
    }
    let tokenizer: Option<RawTokenizerConfig> = read(&dir.join("tokenizer_config.json"))?;
    let limit = tokenizer.and_then(|t| t.model_max_length);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 3 and the number of positions"
    )]
    let length = limit.map_or(positions, |l| {
        l.clamp(3.0, positions.max(3) as f64) as usize
    });
    Ok((length.min(positions), lowercase))
}

fn pooling(dir: &Path) -> Result<Pooling, TextError> {
    let modules_path = dir.join("modules.json");
    let mut at = PathBuf::from("1_Pooling");
    let modules: Option<Vec<RawModule>> = read(&modules_path)?;
    for module in modules.unwrap_or_default() {
        match module.r#type.rsplit('.').next() {
            Some("Transformer") if module.path.is_empty() => {}
            Some("Pooling") => at = PathBuf::from(&module.path),
            // Every vector is scaled to length 1 anyway.
            Some("Normalize") => {}
            _ => {
                return Err(TextError::format(
                    modules_path,
                    format!(
                        "module '{}' at '{}' is not supported; expected Transformer, Pooling and \
                         Normalize",
                        module.r#type, module.path
                    ),
                ));
            }
        }
    }
    if at.is_absolute()
        || at
            .components()
            .any(|c| c == std::path::Component::ParentDir)
    {
        return Err(TextError::format(
            modules_path,
            "a module lies outside the directory",
        ));
    }
    let path = dir.join(at).join("config.json");
    let Some(modes): Option<serde_json::Map<String, serde_json::Value>> = read(&path)? else {
        return Ok(Pooling::Mean);
    };
    // Older files hold one flag per mode, newer ones the name of the mode.
    let flags = modes.iter().filter(|(_, v)| v.as_bool() == Some(true));
    let mut on: Vec<&str> = flags
        .filter_map(|(name, _)| name.strip_prefix("pooling_mode_"))
        .collect();
    on.extend(modes.get("pooling_mode").and_then(|v| v.as_str()));
    match on.as_slice() {
        ["mean_tokens" | "mean"] => Ok(Pooling::Mean),
        ["cls_token" | "cls"] => Ok(Pooling::First),
        _ => Err(TextError::format(
            path,
            format!(
                "pooling is [{}]; expected exactly one of mean_tokens and cls_token",
                on.join(", ")
            ),
        )),
    }
}

/// A JSON file, or nothing where there is none.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, TextError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(TextError::io(path, e)),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|e| TextError::format(path, format!("is not the JSON expected: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 10,
        "max_position_embeddings": 64}"#;

    fn settings(files: &[(&str, &str)]) -> Result<Settings, String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Settings::read(dir.path())
            .map_err(|e| e.to_string().replace(dir.path().to_str().unwrap(), "DIR"))
    }

    #[test]
    fn defaults_and_what_overrides_them() {
        let plain = settings(&[("config.json", CONFIG)]).unwrap();
        assert_eq!((plain.pooling, plain.max_tokens), (Pooling::Mean, 64));
        let given = settings(&[
            ("config.json", CONFIG),
            ("tokenizer_config.json", r#"{"model_max_length": 50}"#),
            (
                "sentence_bert_config.json",
                r#"{"max_seq_length": 32, "do_lower_case": true}"#,
            ),
            (
                "modules.json",
                r#"[{"path": "p", "type": "sentence_transformers.models.Pooling"}]"#,
            ),
            ("p/config.json", r#"{"pooling_mode_cls_token": true}"#),
        ])
        .unwrap();
        assert_eq!((given.pooling, given.max_tokens), (Pooling::First, 32));
        assert!(given.lowercase);
        let unlimited = r#"{"model_max_length": 1000000000000000019884624838656}"#;
        let huge = settings(&[
            ("config.json", CONFIG),
            ("tokenizer_config.json", unlimited),
        ]);
        assert_eq!(huge.unwrap().max_tokens, 64);
    }

    #[test]
    fn what_cannot_be_honoured_is_said() {
        let roberta = CONFIG.replace("\"bert\"", "\"roberta\"");
        let odd = CONFIG.replace("\"hidden_size\": 8", "\"hidden_size\": 7");
        let dense = r#"[{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]"#;
        let max = r#"{"pooling_mode_max_tokens": true}"#;
        let cases: [(&[(&str, &str)], &str); 5] = [
            (
                &[("config.json", &roberta)],
                "DIR/config.json: model_type is 'roberta'; there is a forward pass for 'bert' only",
            ),
            (
                &[("config.json", &odd)],
                "DIR/config.json: hidden_size 7 is no multiple of num_attention_heads 2",
            ),
            (
                &[("config.json", CONFIG), ("modules.json", dense)],
                "DIR/modules.json: module 'sentence_transformers.models.Dense' at '2_Dense' is not \
                 supported; expected Transformer, Pooling and Normalize",
            ),
            (
                &[("config.json", CONFIG), ("1_Pooling/config.json", max)],
                "DIR/1_Pooling/config.json: pooling is [max_tokens]; expected exactly one of \
                 mean_tokens and cls_token",
            ),
            (&[], "DIR/config.json: entity not found"),
        ];
        for (files, want) in cases {
            assert_eq!(settings(files).unwrap_err(), want);
        }
    }
}
