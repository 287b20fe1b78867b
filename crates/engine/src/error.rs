//! What can go wrong when a bundle is written, opened or asked.

use semrec_data::DataError;
use semrec_index::IndexError;
use semrec_models::ModelError;
use semrec_text::TextError;
use std::path::PathBuf;

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The directory is not a bundle, or not a whole one.
    #[error("{path}: {problem}", path = .path.display())]
    Bundle {
        /// The bundle's directory, or a file of it.
        path: PathBuf,
        /// What was got, what was expected, and what to do.
        problem: String,
    },
    /// The request cannot be answered.
    #[error("{0}")]
    Request(String),
    /// From reading or writing the data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// From reading or writing the index.
    #[error(transparent)]
    Index(IndexError),
    /// From the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// From the encoder.
    #[error(transparent)]
    Text(#[from] TextError),
}
