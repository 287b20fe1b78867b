//! What can go wrong with a store.

use std::path::PathBuf;

/// An error of the store. Nothing of the call that gave it was written, but for
/// [`StoreError::Unsure`].
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
    /// The data base cannot be used, or its schema is no store of this program.
    #[error("{place}: {problem}")]
    Place {
        /// Where it is, without the password.
        place: String,
        /// What was got, what was expected, and what to do.
        problem: String,
    },
    /// From the data of an archive.
    #[error(transparent)]
    Data(#[from] semrec_data::DataError),
    /// The disk is full.
    #[error("the disk of the store is full; nothing was written. Make room, and try again")]
    Full,
    /// The data base cannot be reached, or is busy for too long.
    #[error("the store cannot be reached: {0}; nothing was done. Try again")]
    Away(String),
    /// The connection was lost while a write was being finished.
    #[error(
        "the store was lost while it wrote: {0}. It is not known whether that was done: send it again; an event with an event_id counts once"
    )]
    Unsure(String),
    /// SQLite refused.
    #[error("the store: {0}")]
    Database(rusqlite::Error),
    /// PostgreSQL refused.
    #[error("the store: {0}")]
    Postgres(String),
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
