//! What can go wrong while an encoder is fine-tuned, said so that it can be put right.

use semrec_text::TextError;
use semrec_train::TrainError;

/// An error of fine-tuning.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FinetuneError {
    /// The encoder cannot be read or written.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The encoder is of a kind that cannot be fine-tuned.
    #[error("encoder '{encoder}' {problem}")]
    Encoder {
        /// Its name.
        encoder: String,
        /// What was got, what was expected, and what to do.
        problem: String,
    },
    /// A setting is out of its range.
    #[error("{name} {problem}")]
    Setting {
        /// The setting, as people write it.
        name: &'static str,
        /// What was got, and what was expected.
        problem: String,
    },
    /// The data hold nothing to learn from.
    #[error("nothing to learn from: {problem}")]
    Data {
        /// What is missing, and what to do.
        problem: String,
    },
}

impl FinetuneError {
    /// An error within a step of a training, which has its own kind of errors.
    pub(crate) fn in_training(self) -> TrainError {
        if let Self::Train(error) = self {
            return error;
        }
        TrainError::Learner {
            problem: self.to_string(),
        }
    }
}
