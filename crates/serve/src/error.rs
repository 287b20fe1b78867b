//! What can keep a service from starting, or end it.

use semrec_data::DataError;
use semrec_engine::EngineError;
use semrec_store::StoreError;
use std::path::PathBuf;

/// An error of the service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// From the bundle.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// From the store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// From the data of a bundle that is made.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A thread or the network.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate or its key cannot be used.
    #[error("{path}: {problem}", path = .path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What was got and what was expected.
        problem: String,
    },
    /// The key of pseudonyms does not go with the store, or is none.
    #[error("{0}")]
    Pseudonyms(&'static str),
    /// An item of the store is none for this bundle.
    #[error("item '{id}' of the store: {problem}")]
    Item {
        /// Its id.
        id: String,
        /// What was got and what was expected.
        problem: String,
    },
}
