//! Prompts and the dimension to cut at, from `config_sentence_transformers.json`.
//!
//! A prompt stands before the text, joined as they are. Models like E5 were trained with one for
//! what is searched (`passage: `) and another for what is searched for (`query: `). Where a kind
//! has no prompt of its own, the default one stands before it.

use super::{Raw, read as read_json};
use crate::TextError;
use std::path::Path;

/// Names of the prompt for what is searched, in the order sentence-transformers looks.
const PASSAGE: [&str; 3] = ["document", "passage", "corpus"];

/// What stands before texts; empty for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prompts {
    pub(crate) query: String,
    pub(crate) passage: String,
}

impl Prompts {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.query.is_empty() && self.passage.is_empty()
    }
}

/// The prompts of a model directory, and the values its vectors are cut at.
pub(super) fn read(dir: &Path) -> Result<(Prompts, Option<usize>), TextError> {
    let path = dir.join("config_sentence_transformers.json");
    let config = read_json::<Raw>(&path)?.unwrap_or_default();
    let bad = |problem: String| TextError::format(&path, problem);
    let truncate = config.size("truncate_dim").map_err(bad)?;
    let prompts = config.object("prompts").map_err(bad)?.unwrap_or_default();
    let default = match config.text("default_prompt_name").map_err(bad)? {
        None => "",
        Some(name) => prompts.text(name).map_err(bad)?.ok_or_else(|| {
            let names: Vec<&str> = prompts.entries().map(|(name, _)| name).collect();
            bad(format!(
                "default_prompt_name is '{name}'; expected one of the prompts, [{}]",
                names.join(", ")
            ))
        })?,
    };
    // An empty prompt is one: it takes the place of the default.
    let first = |names: &[&str]| -> Result<String, TextError> {
        for name in names {
            if let Some(prompt) = prompts.text(name).map_err(bad)? {
                return Ok(prompt.to_owned());
            }
        }
        Ok(default.to_owned())
    };
    let prompts = Prompts {
        query: first(&["query"])?,
        passage: first(&PASSAGE)?,
    };
    Ok((prompts, truncate))
}
