//! The length texts are cut at.

use super::Raw;
use crate::TextError;
use std::path::Path;

/// Where sentence-transformers keeps the length; the older versions named it after the model.
const FILES: [&str; 5] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_mpnet_config.json",
];

/// Fewer tokens would leave none of the text between two special ones.
const SHORTEST: usize = 3;

/// The tokens a text is cut at, and whether texts are lowercased.
///
/// Never more than there are positions for. Where positions have no end it is what
/// `max_seq_length` says, else at most the length the model was trained with.
pub(super) fn read(
    dir: &Path,
    longest: Option<usize>,
    trained: usize,
) -> Result<(usize, bool), TextError> {
    let within = |length: usize| longest.map_or(length, |most| length.min(most));
    let mut lowercase = false;
    for path in FILES.map(|name| dir.join(name)) {
        let Some(own) = super::read::<Raw>(&path)? else {
            continue;
        };
        let bad = |problem| TextError::format(&path, problem);
        lowercase = own.flag("do_lower_case", false).map_err(bad)?;
        let Some(length) = own.number("max_seq_length").map_err(bad)? else {
            break;
        };
        if length < SHORTEST as f64 {
            return Err(bad(format!(
                "max_seq_length is {length}; expected at least {SHORTEST}"
            )));
        }
        return Ok((within(whole(length)), lowercase));
    }
    let path = dir.join("tokenizer_config.json");
    let tokenizer = super::read::<Raw>(&path)?.unwrap_or_default();
    let said = tokenizer
        .number("model_max_length")
        .map_err(|problem| TextError::format(&path, problem))?;
    // transformers writes 1e30 for "unlimited".
    let length = said.map_or(usize::MAX, whole);
    Ok((within(length.max(SHORTEST).min(trained)), lowercase))
}

/// A length as a whole number.
fn whole(length: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates, and every use takes the smaller of it and a limit"
    )]
    let whole = length as usize;
    whole
}
