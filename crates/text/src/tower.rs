//! How people are read beside an encoder that was tuned as the item tower of two
//! (`user_tower.json`): what its vectors were trained for says more of how to use them than a look
//! at people's events can.

use crate::TextError;
use crate::model_files::TOWER;
use crate::settings::read;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A user tower without parameters of its own: a person is the sum of the vectors of what they
/// touched, each times `(1 + newer items)^-recency`, at length 1; and, if the vectors know it, what
/// everybody touches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tower {
    /// How much less older items count; 0 for all alike.
    pub recency: f32,
    /// Whether the vectors may be whitened again. Those that follow vectors made for their cosines are
    /// to be taken as they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_be_whitened: bool,
    /// What every person has in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
}

/// What every person has in common: `weight` is added to one value of their vectors, which of an
/// item says how many people touch it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// Which value of a vector.
    pub coordinate: usize,
    /// How much is added.
    pub weight: f32,
}

impl Tower {
    /// The tower that an encoder directory tells of, if it does.
    ///
    /// # Errors
    /// [`TextError::Format`] if the file is not what [`Tower::put`] writes.
    pub fn of(encoder: &Path) -> Result<Option<Self>, TextError> {
        let path = encoder.join(TOWER);
        let tower: Option<Self> = read(&path)?;
        let numbers = tower.iter().flat_map(|t| {
            let weight = t.prior.map(|prior| ("weight of the prior", prior.weight));
            [("recency", t.recency)].into_iter().chain(weight)
        });
        for (name, number) in numbers {
            if !(number >= 0.0 && number.is_finite()) {
                let problem = format!("{name} is {number}; expected a number of at least 0");
                return Err(TextError::format(path, problem));
            }
        }
        Ok(tower)
    }

    /// Lets an encoder directory tell of a tower, or no longer of one.
    ///
    /// # Errors
    /// [`TextError::Io`].
    pub fn put(tower: Option<Self>, encoder: &Path) -> Result<(), TextError> {
        let path = encoder.join(TOWER);
        let done = match tower {
            Some(tower) => {
                let text = serde_json::to_string(&tower).map_err(std::io::Error::from);
                text.and_then(|text| std::fs::write(&path, text))
            }
            None if path.exists() => std::fs::remove_file(&path),
            None => Ok(()),
        };
        done.map_err(|e| TextError::io(&path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tower_is_read_as_it_was_put() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        assert_eq!(Tower::of(at).unwrap(), None);
        let known = Prior {
            coordinate: 3,
            weight: 1.5,
        };
        for (recency, prior) in [(1.0, None), (0.0, Some(known)), (0.6, None)] {
            let tower = Some(Tower {
                recency,
                may_be_whitened: recency > 0.5,
                prior,
            });
            Tower::put(tower, at).unwrap();
            assert_eq!(Tower::of(at).unwrap(), tower);
        }
        Tower::put(None, at).unwrap();
        Tower::put(None, at).unwrap();
        assert_eq!(Tower::of(at).unwrap(), None);
    }

    #[test]
    fn a_damaged_one_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        for (text, problem) in [
            ("{\"recency\": -1.0}", "expected a number of at least 0"),
            ("{\"recency\": \"much\"}", "expected f32"),
            ("{}", "recency"),
            ("{\"recency\": 1.0, \"age\": 3}", "age"),
            (
                "{\"recency\": 1.0, \"prior\": {\"coordinate\": 3, \"weight\": -0.5}}",
                "weight of the prior is -0.5",
            ),
            ("{\"recency\": 1.0, \"prior\": 3}", "expected struct Prior"),
        ] {
            std::fs::write(dir.path().join(TOWER), text).unwrap();
            let error = Tower::of(dir.path()).unwrap_err().to_string();
            let named = error.contains(TOWER) && error.contains(problem);
            assert!(named, "{text}: {error}");
        }
    }
}
