//! Nearest-neighbour search over vectors, with filters.
//!
//! [`VectorIndex`] scans where a scan is fast, asks a graph where it is not, changes while it is
//! read and lives in a file that is mapped.

mod base;
mod best;
mod dot;
mod error;
mod file;
mod graph;
mod precision;
mod rows;
mod scan;
mod score;
mod snapshot;
mod vector_index;

pub use best::Neighbour;
pub use error::IndexError;
pub use precision::Precision;
pub use vector_index::{Config, VectorIndex};
