//! What can go wrong between a text and its vector, said so that it can be put right.

use std::path::PathBuf;

/// An error of fetching, loading or running an encoder, or of storing vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
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
    /// A tensor of the weights is absent or unusable.
    #[error("{path}: tensor '{tensor}' {problem}", path = .path.display())]
    Weights {
        /// The safetensors file.
        path: PathBuf,
        /// Name of the tensor.
        tensor: String,
        /// What was got, and what was expected.
        problem: String,
    },
    /// The tokenizer could not make tokens of a text.
    #[error("tokenizer of {model}: {problem}")]
    Tokenize {
        /// Name of the encoder.
        model: String,
        /// What the tokenizer said.
        problem: String,
    },
    /// The whitening cannot be fitted or restored.
    #[error("whitening: {0}")]
    Whitening(String),
    /// A model is neither known nor in the store nor a directory.
    #[error("model '{name}' {problem}")]
    Model {
        /// The name asked for.
        name: String,
        /// What was tried, and what to do.
        problem: String,
    },
}

impl TextError {
    /// Wraps an I/O error with the path it happened at.
    pub(crate) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }

    /// A file that is not what it should be.
    pub(crate) fn format(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Format {
            path: path.into(),
            problem: problem.into(),
        }
    }

    /// A model that cannot be had.
    pub(crate) fn model(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Model {
            name: name.into(),
            problem: problem.into(),
        }
    }
}
