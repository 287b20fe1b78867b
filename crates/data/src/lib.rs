//! Catalogue, users and interactions: readers, validation, splits, the dataset on disk.
//!
//! Ids are strings outside and dense `u32` inside; [`Ids`] is the only place they meet.

mod cases;
mod catalogue;
mod dataset;
mod error;
mod ids;
mod interactions;
mod ranking;
mod split;

pub use cases::{Case, Cases};
pub use catalogue::{Field, Role, Table, Values};
pub use dataset::Dataset;
pub use error::DataError;
pub use ids::Ids;
pub use interactions::{Clock, Event, Interactions, Part, Row};
pub use ranking::{Ranked, top_k};
pub use split::{Parts, Split, split};
