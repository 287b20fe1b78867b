//! What can be wrong with a space.

/// An error of declaring what is searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// A range that holds nothing, or is not written as one.
    #[error("'{got}' is no range: {problem}")]
    Range {
        /// What was got.
        got: String,
        /// What is wrong, and what was expected.
        problem: String,
    },
    /// No method has this name.
    #[error("'{0}' is no method; expected tpe, random or halving")]
    Method(String),
}
