//! What can go wrong with a store.

use std::path::PathBuf;

/// An error of the store. Nothing of the call that gave it was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be opened, or is no store of this program.
    #[error("{path}: {problem}", path = .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What was got, what was expected, and what to do.
        problem: String,
    },
    /// From the data of an archive.
    #[error(transparent)]
    Data(#[from] semrec_data::DataError),
    /// The disk is full.
    #[error("the disk of the store is full; nothing was written. Make room, and try again")]
    Full,
    /// The data base refused.
    #[error("the store: {0}")]
    Database(rusqlite::Error),
    /// A row is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
            return Self::Full;
        }
        Self::Database(error)
    }
}
