//! The formats a person can name.

use crate::DataError;
use std::fmt;
use std::str::FromStr;

/// How a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Found out for each file from its name and its first bytes.
    #[default]
    Auto,
    /// CSV, TSV and the like; the delimiter is found out.
    Csv,
    /// JSON lines, or a JSON array.
    Jsonl,
    /// Parquet.
    Parquet,
    /// RecBole's atomic files.
    Recbole,
    /// MovieLens: `::` files, `u.data` and its companions, or CSV.
    Movielens,
    /// MIND: `behaviors.tsv` and `news.tsv`.
    Mind,
    /// Gorse's JSON lines.
    Gorse,
    /// `user item item …`.
    Adjacency,
}

impl Format {
    /// All formats, in the order help lists them.
    pub const ALL: [Self; 9] = [
        Self::Auto,
        Self::Csv,
        Self::Jsonl,
        Self::Parquet,
        Self::Recbole,
        Self::Movielens,
        Self::Mind,
        Self::Gorse,
        Self::Adjacency,
    ];

    /// The name `--format` takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::Recbole => "recbole",
            Self::Movielens => "movielens",
            Self::Mind => "mind",
            Self::Gorse => "gorse",
            Self::Adjacency => "adjacency",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = DataError;

    fn from_str(s: &str) -> Result<Self, DataError> {
        Self::ALL
            .into_iter()
            .find(|f| f.name() == s)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|f| f.name()).collect();
                DataError::Unusable(format!(
                    "'{s}' is no format; expected one of {}",
                    names.join(", ")
                ))
            })
    }
}
