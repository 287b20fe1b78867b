//! What can be wrong with a catalogue that is to be mined.

use std::path::PathBuf;

/// An error of mining.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MineError {
    /// Too few items say anything.
    #[error(
        "{with_text} of {items} items have a text, and at least {least} are needed to find topics; check with 'semrec validate' which columns were taken for text"
    )]
    TooFew {
        /// Items with a text.
        with_text: usize,
        /// All items.
        items: usize,
        /// How many have to have one.
        least: usize,
    },
    /// A setting makes no sense.
    #[error("{name} is {got}; expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        got: String,
        /// What it may be.
        expected: String,
    },
    /// The vectors are not those of the catalogue.
    #[error("{vectors} vectors for {items} items; expected one each")]
    Vectors {
        /// How many vectors.
        vectors: usize,
        /// How many items.
        items: usize,
    },
    /// The vectors cannot be whitened.
    #[error(transparent)]
    Text(#[from] semrec_text::TextError),
    /// The index refuses them.
    #[error(transparent)]
    Index(#[from] semrec_index::IndexError),
    /// The page could not be written.
    #[error("the page: {0}")]
    Page(#[from] askama::Error),
    /// The picture could not be drawn.
    #[error("the picture of the map: {0}")]
    Picture(String),
    /// A table could not be written.
    #[error("{path}: {problem}", path = .path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        problem: String,
    },
}
