//! The tokenizer of a model directory, held against its other files.

use crate::TextError;
use crate::settings::SpecialEnds;
use serde::de::IgnoredAny;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::panic::catch_unwind;
use std::path::Path;
use tokenizers::{Model, ModelWrapper, Tokenizer, TruncationParams};

/// Reads `tokenizer.json` for a model that has `vocabulary` tokens, and has it cut texts at
/// `max_tokens`; with the SHA-256 of the file, which can be long.
pub(crate) fn load(
    dir: &Path,
    vocabulary: usize,
    max_tokens: usize,
) -> Result<(Tokenizer, [u8; 32]), TextError> {
    let path = dir.join("tokenizer.json");
    let bytes = std::fs::read(&path).map_err(|e| TextError::io(&path, e))?;
    let bad = |problem: String| TextError::format(&path, problem);
    let mut tokenizer =
        parse(&bytes).map_err(|e| bad(format!("is no tokenizer: {e}; fetch the model again")))?;
    let largest = largest(&tokenizer);
    if largest >= vocabulary {
        return Err(bad(format!(
            "has a token numbered {largest}; config.json says there are {vocabulary}"
        )));
    }
    check_templates(&tokenizer).map_err(bad)?;
    let special = tokenizer
        .get_post_processor()
        .map_or(0, |p| tokenizers::PostProcessor::added_tokens(p, false));
    if max_tokens <= special {
        return Err(bad(format!(
            "adds {special} special tokens where {max_tokens} are the most; nothing of a text would \
             be left"
        )));
    }
    tokenizer.with_padding(None);
    let truncation = TruncationParams {
        max_length: max_tokens,
        ..TruncationParams::default()
    };
    tokenizer
        .with_truncation(Some(truncation))
        .map_err(|e| bad(e.to_string()))?;
    check_special(&tokenizer, vocabulary, &SpecialEnds::read(dir)?).map_err(bad)?;
    Ok((tokenizer, Sha256::digest(&bytes).into()))
}

/// The library takes a decoder that it cannot read for a programming error and panics; here that
/// is an error like any other, and a file that is cut short does not get there.
fn parse(bytes: &[u8]) -> Result<Tokenizer, String> {
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(|e| e.to_string())?;
    catch_unwind(|| Tokenizer::from_bytes(bytes))
        .map_err(|_| "it is cut short or damaged".to_owned())?
        .map_err(|e| e.to_string())
}

/// The largest number of a token.
fn largest(tokenizer: &Tokenizer) -> usize {
    // The pieces of a unigram model are numbered as they come; copying some 250,000 of them to
    // look at their numbers would take longer than a text.
    let vocabulary = match tokenizer.get_model() {
        ModelWrapper::Unigram(model) => {
            let added = tokenizer.get_added_vocabulary().get_vocab().values();
            let largest = added.copied().max().unwrap_or(0) as usize;
            return largest.max(model.get_vocab_size().saturating_sub(1));
        }
        ModelWrapper::BPE(_) | ModelWrapper::WordPiece(_) | ModelWrapper::WordLevel(_) => {
            tokenizer.get_vocab(true)
        }
    };
    vocabulary.into_values().max().unwrap_or(0) as usize
}

/// Refuses a tokenizer that puts unknown tokens around a text, whose numbers need not be in its
/// vocabulary.
///
/// Also one without the tokens at the ends of a text that `tokenizer_config.json` asks
/// for: older tokenizers of causal models add them in Python code, which is not run here, and the
/// last token is what many of them pool.
fn check_special(
    tokenizer: &Tokenizer,
    vocabulary: usize,
    ends: &SpecialEnds,
) -> Result<(), String> {
    let empty = tokenizer.encode("", true).map_err(|e| e.to_string())?;
    if let Some(id) = empty
        .get_ids()
        .iter()
        .find(|&&id| id as usize >= vocabulary)
    {
        return Err(format!(
            "puts a token numbered {id} around texts; config.json says there are {vocabulary}"
        ));
    }
    let (first, last) = (empty.get_tokens().first(), empty.get_tokens().last());
    for (place, wanted, got) in [("first", &ends.first, first), ("last", &ends.last, last)] {
        if let Some(wanted) = wanted
            && got != Some(wanted)
        {
            return Err(format!(
                "does not put '{wanted}' {place}, as tokenizer_config.json asks for; add it to \
                 its post_processor"
            ));
        }
    }
    Ok(())
}

/// Refuses a template that puts in a special token it does not describe, on which the library
/// would panic.
fn check_templates(tokenizer: &Tokenizer) -> Result<(), String> {
    let Some(processor) = tokenizer.get_post_processor() else {
        return Ok(());
    };
    let processor = serde_json::to_value(processor).map_err(|e| e.to_string())?;
    match undescribed(&processor) {
        Some(token) => Err(format!(
            "its post_processor puts in '{token}', which is not among its special_tokens"
        )),
        None => Ok(()),
    }
}

/// A special token that is in a template of this processor, or of one in it, without being
/// described there.
fn undescribed(processor: &Value) -> Option<&str> {
    let list = |name: &str| processor[name].as_array().into_iter().flatten();
    let placed = list("single").chain(list("pair"));
    placed
        .filter_map(|piece| piece["SpecialToken"]["id"].as_str())
        .find(|token| processor["special_tokens"].get(token).is_none())
        .or_else(|| list("processors").find_map(undescribed))
}
