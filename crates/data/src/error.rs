//! What can be wrong with data, said so that it can be put right.

use std::path::{Path, PathBuf};

/// An error of reading, checking, dividing or storing data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file system refused.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {problem}", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was got, what was expected, and what to do.
        problem: String,
    },
    /// Too many rows of a file cannot be read.
    #[error("{path}: {rejected} of {rows} rows cannot be read, more than the share of {limit} that is allowed: {reasons}; {}", kept_where(.kept.as_deref()), path = .path.display())]
    Rejected {
        /// The file.
        path: PathBuf,
        /// Rows that cannot be read.
        rejected: u64,
        /// Rows of the file.
        rows: u64,
        /// The share that is allowed.
        limit: f64,
        /// How many rows for what reason, with an example each.
        reasons: String,
        /// Where all of them are written down.
        kept: Option<PathBuf>,
    },
    /// The data cannot be divided as asked.
    #[error("split {0}")]
    Split(String),
    /// The data as a whole cannot be used.
    #[error("{0}")]
    Unusable(String),
}

impl DataError {
    /// Wraps an I/O error with the path it happened at.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }

    /// A file that is not what it should be.
    pub fn format(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Format {
            path: path.into(),
            problem: problem.into(),
        }
    }
}

fn kept_where(kept: Option<&Path>) -> String {
    kept.map_or_else(
        || "correct the file, or allow a larger share".into(),
        |path| {
            format!(
                "they are listed in {}; correct the file, or allow a larger share",
                path.display()
            )
        },
    )
}
