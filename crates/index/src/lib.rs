//! Nearest-neighbour search over vectors, with filters.
//!
//! [`ExactIndex`] scans: no build, no loss, and on one core about as fast as memory can be read
//! (`4 * dim` bytes a vector). It is the index of choice up to some hundred thousand vectors.

mod dot;
mod exact;

pub use dot::dot;
pub use exact::{ExactIndex, Neighbour};
