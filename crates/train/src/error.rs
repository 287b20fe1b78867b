//! What can go wrong in a training run.

use std::path::PathBuf;

/// An error of training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// An array of parameters that is not as it should be.
    #[error("parameter '{name}' {problem}")]
    Parameter {
        /// Its name.
        name: String,
        /// What was got, and what was expected.
        problem: String,
    },
    /// The loss or a gradient is not a number.
    #[error("training diverged in step {step}: {what} is not finite; lower the learning rate")]
    Diverged {
        /// The optimiser step.
        step: u64,
        /// What was not finite.
        what: String,
    },
    /// The device did not answer.
    #[error("the device failed: {problem}")]
    Device {
        /// What it said.
        problem: String,
    },
    /// What learns cannot go on.
    #[error("{problem}")]
    Learner {
        /// What was got, what was expected, and what to do.
        problem: String,
    },
    /// What decides a run cannot be written down.
    #[error("the run cannot be described: {problem}")]
    Fingerprint {
        /// Why.
        problem: String,
    },
    /// A file is not a checkpoint of this run.
    #[error("{path}: {problem}", path = .path.display())]
    Checkpoint {
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

impl TrainError {
    /// A divergence with where it was found.
    pub(crate) fn within(self, place: &str) -> Self {
        if let Self::Diverged { step, what } = self {
            let what = format!("{what} of {place}");
            return Self::Diverged { step, what };
        }
        self
    }
}
