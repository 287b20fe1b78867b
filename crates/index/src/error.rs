//! What can go wrong with an index, in words for the person who has to put it right.

use std::path::{Path, PathBuf};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// Vectors are between 1 and 65,536 values long.
    #[error("vectors of {got} values cannot be indexed, expected 1 to {most}")]
    Dimension {
        /// Length that was asked for.
        got: usize,
        /// Longest one.
        most: usize,
    },
    /// A vector or a query has another length than the index.
    #[error("{what} has {got} values, the index holds vectors of {expected}")]
    Length {
        /// What was given.
        what: String,
        /// Its length.
        got: usize,
        /// Length of the vectors of the index.
        expected: usize,
    },
    /// A value is no number, or too large for how the index stores it.
    #[error(
        "value {value} at place {place} of {what}: expected a finite number of at most {most} in size"
    )]
    Value {
        /// What was given.
        what: String,
        /// The value.
        value: f32,
        /// Its place, from 0.
        place: usize,
        /// The largest that can be stored.
        most: f32,
    },
    /// An item that the index never numbered.
    #[error("item {item} is unknown, the index has numbered {numbered} items; add it with push")]
    Unknown {
        /// The item.
        item: u32,
        /// How many numbers were given out.
        numbered: u32,
    },
    /// All 2³² − 1 numbers are given out.
    #[error(
        "the index is full: {numbered} items are numbered, removed ones included; build a new one"
    )]
    Full {
        /// How many numbers were given out.
        numbered: u32,
    },
    /// A file could not be read or written.
    #[error("{doing} {path}: {source}", path = path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is not what was saved.
    #[error("{path} is no whole index: {what}; build and save it again", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        what: String,
    },
    /// The graph refused.
    #[error("the graph failed while {doing}: {message}")]
    Graph {
        /// What was being done.
        doing: &'static str,
        /// What the library says.
        message: String,
    },
}

impl IndexError {
    pub(crate) fn file(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::File {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            what: what.into(),
        }
    }
}
