//! What can be wrong with a question put to the evaluation.

/// An error of comparing or reporting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A metric was asked for that was not measured.
    #[error("'{asked}' was not measured case by case; measured were {measured}")]
    UnknownMetric {
        /// The name asked for.
        asked: String,
        /// The names there are.
        measured: String,
    },
    /// Two models were not asked about the same cases, so they cannot be paired.
    #[error(
        "'{a}' was evaluated on {n_a} cases and '{b}' on {n_b}; a paired test needs the same cases for both"
    )]
    Unpaired {
        /// One model.
        a: String,
        /// Its number of cases.
        n_a: usize,
        /// The other model.
        b: String,
        /// Its number of cases.
        n_b: usize,
    },
    /// A report without a model has nothing to say.
    #[error("a report needs at least one evaluated model, and got none")]
    NoModels,
    /// The page could not be written.
    #[error("report page: {0}")]
    Page(#[from] askama::Error),
}
