//! Tokens on their way through an encoder: each alone, and those of texts.

use crate::{Encoder, TextError, Vectors};
use rayon::prelude::*;

/// The encoder's vector of each token of its vocabulary alone, between what the tokenizer puts at
/// the ends of a text and behind the prompt for items.
pub(super) fn alone(
    encoder: &Encoder,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vectors, TextError> {
    let (before, after) = encoder.ends()?;
    let sequences: Vec<Vec<u32>> = (0u32..)
        .take(encoder.vocabulary())
        .map(|token| [&before[..], &[token], &after[..]].concat())
        .collect();
    Ok(encoder.encode_tokens(&sequences, progress))
}

/// The tokens of texts, without those at the ends and without prompt.
pub(super) fn of_texts(encoder: &Encoder, texts: &[&str]) -> Result<Vec<Vec<u32>>, TextError> {
    let tokens = texts.par_iter().map(|text| encoder.plain_tokens(text));
    tokens.collect()
}
