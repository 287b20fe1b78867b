//! Catalogue, users and interactions: readers, validation, splits, the dataset on disk.
//!
//! Ids are strings outside and dense `u32` inside; [`Ids`] is the only place they meet.

mod cases;
mod catalogue;
mod dataset;
mod error;
mod ids;
mod import;
mod interactions;
mod ranking;
mod read;
mod split;
mod store;

pub use cases::{Case, Cases};
pub use catalogue::{Field, Role, Table, Values};
pub use dataset::Dataset;
pub use error::DataError;
pub use ids::Ids;
pub use import::{
    ColumnReport, ColumnRole, FileReport, Import, ImportOptions, ImportReport, Progress,
    ReasonCount, Roles, import,
};
pub use interactions::{Clock, Event, Interactions, Part, Row};
pub use ranking::{Ranked, top_k};
pub use read::Format;
pub use split::{Parts, Split, split};
pub use store::{Staging, discard_stages};
