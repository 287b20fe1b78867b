//! The special tokens that `tokenizer_config.json` asks for at the ends of a text.

use super::Raw;
use crate::TextError;
use std::path::Path;

/// Tokens that must stand first and last, where it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpecialEnds {
    pub(crate) first: Option<String>,
    pub(crate) last: Option<String>,
}

impl SpecialEnds {
    /// Reads them.
    pub(crate) fn read(dir: &Path) -> Result<Self, TextError> {
        let path = dir.join("tokenizer_config.json");
        let config = super::read::<Raw>(&path)?.unwrap_or_default();
        let end = |flag: &str, token: &str| -> Result<Option<String>, String> {
            if !config.flag(flag, false)? {
                return Ok(None);
            }
            // Older files describe the token, newer ones have it as it is.
            match config.get(token) {
                Some(serde_json::Value::Object(described)) => {
                    let content = described.get("content").and_then(|c| c.as_str());
                    Ok(content.map(str::to_owned))
                }
                _ => Ok(config.text(token)?.map(str::to_owned)),
            }
        };
        let ends = || -> Result<Self, String> {
            Ok(Self {
                first: end("add_bos_token", "bos_token")?,
                last: end("add_eos_token", "eos_token")?,
            })
        };
        ends().map_err(|problem| TextError::format(path, problem))
    }
}
