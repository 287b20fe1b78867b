//! What a model directory says of itself: architecture, pooling, prompts, the length texts are
//! cut at.
//!
//! Read are `config.json` (the shape), `modules.json` and the folders it points to
//! (`1_Pooling/config.json` where there is no `modules.json`), the prompts and the dimension to
//! cut at from `config_sentence_transformers.json`, and the length from
//! `sentence_bert_config.json`, else `tokenizer_config.json`, else the number of positions. What
//! cannot be honoured is an error, never ignored: a model that is run differently from how it was
//! trained gives vectors that only look right.

mod ends;
mod length;
mod modules;
mod prompts;
mod raw;
mod rotary;
mod shape;

pub(crate) use ends::SpecialEnds;
pub use modules::Activate;
pub(crate) use modules::{DenseConfig, Step, folders as module_folders};
pub(crate) use prompts::Prompts;
pub use shape::Activation;
pub(crate) use shape::{Family, Positions, Shape};

use crate::TextError;
use crate::pooling::Pooling;
use raw::Raw;
use serde::de::DeserializeOwned;
use std::path::Path;

/// How texts are read, and where their vectors are cut.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Tokens a text is cut at, the special ones included.
    pub(crate) max_tokens: usize,
    /// Whether texts are lowercased before the tokenizer sees them.
    pub(crate) lowercase: bool,
    pub(crate) prompts: Prompts,
    /// Values a vector is cut at.
    pub(crate) truncate: Option<usize>,
}

impl Reading {
    /// How a model without a transformer reads.
    pub(crate) fn of_static(dir: &Path) -> Result<Self, TextError> {
        Self::read(dir, None, usize::MAX)
    }

    /// The settings of a model that has places for `longest` tokens, if there is an end to them,
    /// and was trained with `trained`.
    fn read(dir: &Path, longest: Option<usize>, trained: usize) -> Result<Self, TextError> {
        let (max_tokens, lowercase) = length::read(dir, longest, trained)?;
        let (prompts, truncate) = prompts::read(dir)?;
        Ok(Self {
            max_tokens,
            lowercase,
            prompts,
            truncate,
        })
    }
}

/// Everything but weights and tokenizer of a transformer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) shape: Shape,
    pub(crate) pooling: Pooling,
    /// What follows the pooling, in its order.
    pub(crate) steps: Vec<Step>,
    pub(crate) reading: Reading,
}

impl Settings {
    /// Reads the settings of a model directory.
    pub(crate) fn read(dir: &Path) -> Result<Self, TextError> {
        let path = dir.join("config.json");
        let raw: Raw = read_present(&path)?;
        let shape = Shape::read(&raw).map_err(|problem| TextError::format(&path, problem))?;
        let mut reading = Reading::read(dir, shape.longest(), shape.trained())?;
        let max_tokens = reading.max_tokens;
        if let Some(window) = shape.window.filter(|&window| window < max_tokens) {
            return Err(TextError::format(
                path,
                format!(
                    "sliding_window is {window} where texts of up to {max_tokens} tokens are \
                     read; set max_seq_length to at most {window} in sentence_bert_config.json"
                ),
            ));
        }
        let (pooling, steps) = modules::read(dir, &shape, &reading.prompts)?;
        let width = width(shape.hidden, &steps);
        reading.truncate = reading.truncate.filter(|&cut| cut < width);
        Ok(Self {
            shape,
            pooling,
            steps,
            reading,
        })
    }

    /// Length of the vectors before they are cut.
    pub(crate) fn width(&self) -> usize {
        width(self.shape.hidden, &self.steps)
    }
}

/// Length of the vectors behind some modules.
fn width(hidden: usize, steps: &[Step]) -> usize {
    steps.iter().fold(hidden, |width, step| match step {
        Step::Dense(dense) => dense.outputs,
        Step::Normalize => width,
    })
}

/// A JSON file that must be there.
fn read_present<T: DeserializeOwned>(path: &Path) -> Result<T, TextError> {
    read(path)?.ok_or_else(|| {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        TextError::io(path, missing)
    })
}

/// A JSON file, or nothing where there is none.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, TextError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(TextError::io(path, e)),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|e| TextError::format(path, format!("is not the JSON expected: {e}")))
}

/// A JSON file whatever it holds, or nothing where there is none.
pub(crate) fn read_value(path: &Path) -> Result<Option<serde_json::Value>, TextError> {
    read(path)
}

#[cfg(test)]
mod tests;
