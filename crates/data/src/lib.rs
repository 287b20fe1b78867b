//! Catalogue, users and interactions: readers, validation, splits, the dataset on disk.
//!
//! Ids are strings outside and dense `u32` inside; [`Ids`] is the only place they meet.
//!
//! [`import`] turns files into a [`Dataset`] and says in an [`ImportReport`] what it took every
//! column for; [`Dataset::save`] and [`Dataset::load`] keep it as a directory of Parquet files;
//! [`validate`] says what is odd about it; [`split`] divides it for an evaluation. Where only
//! texts are wanted, of a file of any length, [`TextSource`] gives them row by row.
//!
//! | format | files |
//! |---|---|
//! | csv | any one-byte delimiter, quoted fields, with or without a header |
//! | jsonl | one object a line, or an array of objects |
//! | parquet | any column types |
//! | recbole | `.inter .item .user .kg .link` |
//! | movielens | `ratings.dat movies.dat users.dat`, `u.data u.item u.user`, `ratings.csv movies.csv` |
//! | mind | `behaviors.tsv news.tsv` |
//! | gorse | JSON lines of items and feedback |
//! | adjacency | `user item item …` |
//!
//! Each may be compressed with gzip or zstd. Memory of an import: at most 64 bytes an event, and
//! an id's own bytes and about 17 more; `recipes/import-10m.sh` measures it.
//!
//! The readers are fuzzed from `crates/data`: `cargo +nightly fuzz run csv` (or `jsonl`,
//! `recbole`, `parquet`).

mod cases;
mod catalogue;
mod dataset;
mod erase;
mod error;
mod facts;
mod ids;
mod import;
mod interactions;
mod knowledge;
mod ranking;
mod read;
mod record;
mod split;
mod store;
mod tabulate;
mod validate;

pub use cases::{Case, Cases};
pub use catalogue::{Field, Role, Table, Values};
pub use dataset::Dataset;
pub use error::DataError;
pub use facts::{FactName, FactSource, Facts};
pub use ids::Ids;
pub use import::{
    ColumnReport, ColumnRole, FileReport, Import, ImportOptions, ImportReport, Progress,
    ReasonCount, Roles, TextOptions, TextRow, TextRows, TextSource, import,
};
pub use interactions::{Clock, Event, Interactions, Part, Row};
pub use knowledge::{Knowledge, Link, Triple};
pub use ranking::{Ranked, top_k};
pub use read::Format;
pub use record::{Cell, Record, unix_seconds};
pub use split::{Parts, Split, split};
pub use store::{Staging, discard_stages, write_whole};
pub use validate::{Check, Level, ValidateOptions, validate};
