//! What can go wrong with a model, said so that it can be put right.

use std::path::PathBuf;

/// An error of fitting, storing or loading a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No model has this name.
    #[error("'{got}' is no model; expected one of {known}")]
    UnknownModel {
        /// The name asked for.
        got: String,
        /// The names there are.
        known: String,
    },
    /// A parameter that the model does not have, or a value it cannot take.
    #[error("parameters of {model}: {problem}")]
    Parameter {
        /// The model.
        model: &'static str,
        /// What was got, and what was expected.
        problem: String,
    },
    /// The training data lacks something the model cannot do without.
    #[error("{model} cannot be fitted: {problem}")]
    Training {
        /// The model.
        model: &'static str,
        /// What is missing or wrong, and what to do.
        problem: String,
    },
    /// A training by epochs failed.
    #[error(transparent)]
    Run(#[from] semrec_train::TrainError),
    /// A stored array or text is absent, or not what the model expects.
    #[error("stored model: '{name}' {problem}")]
    Tensor {
        /// Full name of the array or text.
        name: String,
        /// What was got, and what was expected.
        problem: String,
    },
    /// A file is not a stored model.
    #[error("{path}: {problem}", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was got, and what was expected.
        problem: String,
    },
    /// The file system refused.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
}
