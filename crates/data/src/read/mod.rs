//! Readers: one per way of writing rows down. Each gives named columns and, row by row, the bytes
//! of its cells; none knows what a column means.
//!
//! A cell that holds a list (JSON array, Parquet list, RecBole `token_seq`) has its members
//! separated by [`LIST`], the unit separator of ASCII.
//!
//! Memory is bounded whatever the input: a field of more than [`Limits::field`] bytes, or a row
//! of more than 16 times that, is rejected while it is read, never held.

mod adjacency;
mod caught;
mod cells;
mod delimited;
mod elements;
mod format;
mod input;
mod json;
mod layout;
mod lines;
mod mind;
mod movielens;
mod parquet;
mod recbole;
mod separated;

pub(crate) use caught::caught;
pub(crate) use cells::Cells;
pub use format::Format;
pub(crate) use input::Input;
pub(crate) use layout::{Layout, detect};
pub(crate) use mind::HISTORY;

use crate::DataError;

/// Separates the members of a list within a cell.
pub(crate) const LIST: char = '\u{1f}';

/// What a reader holds at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of one field.
    pub(crate) field: usize,
}

impl Limits {
    /// Bytes of one row.
    pub(crate) fn row(self) -> usize {
        self.field.saturating_mul(16)
    }
}

/// What a reader came upon.
#[derive(Debug)]
pub(crate) enum Step {
    /// A row; its cells are filled in.
    Row,
    /// Something that is no row.
    Bad(Bad),
    /// The end.
    End,
}

/// Why a row is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    /// Line of the file, from 1; for Parquet the row, from 1.
    pub(crate) line: u64,
    /// The column, or empty if it is the row as a whole.
    pub(crate) field: String,
    /// The reason in words that do not depend on the row.
    pub(crate) reason: &'static str,
    /// What was got.
    pub(crate) got: String,
    /// How many rows are lost by it.
    pub(crate) rows: u64,
}

impl Bad {
    /// One bad row.
    pub(crate) fn new(line: u64, reason: &'static str, got: impl Into<String>) -> Self {
        Self {
            line,
            field: String::new(),
            reason,
            got: got.into(),
            rows: 1,
        }
    }

    /// Names the column.
    pub(crate) fn in_field(mut self, field: &str) -> Self {
        field.clone_into(&mut self.field);
        self
    }
}

/// Rows of one file.
pub(crate) trait Rows {
    /// The columns; an empty name means the source gives none.
    fn columns(&self) -> &[String];

    /// Reads the next row; its cells are as many as the columns.
    fn read(&mut self, row: &mut Cells) -> Result<Step, DataError>;

    /// The beginning of the row just read, as it stands in the file; empty where there is no
    /// such thing.
    fn raw(&self) -> &[u8];

    /// How many rows there are, where the file says so ahead of them.
    fn total(&self) -> Option<u64> {
        None
    }

    /// What else there is to know, asked at the end.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Opens a file in the layout that was detected.
pub(crate) fn open(
    input: Input,
    layout: &Layout,
    limits: Limits,
) -> Result<Box<dyn Rows + Send>, DataError> {
    Ok(match layout {
        Layout::Delimited { delimiter, header } => Box::new(delimited::Delimited::new(
            input, *delimiter, *header, limits,
        )?),
        Layout::Json { columns } => Box::new(json::Json::new(input, columns.clone(), limits)),
        Layout::Parquet => Box::new(parquet::Parquet::new(input)?),
        Layout::Recbole => Box::new(recbole::open(input, limits)?),
        Layout::Movielens(file) => Box::new(movielens::open(input, *file, limits)),
        Layout::MindNews => Box::new(mind::news(input, limits)),
        Layout::MindBehaviors => Box::new(mind::Behaviors::new(input, limits)),
        Layout::Adjacency => Box::new(adjacency::Adjacency::new(input, limits)),
    })
}
