//! Nearest-neighbour search over vectors, with filters.

mod best;
mod dot;
mod exact;
mod product;

pub use best::Neighbour;
pub use exact::ExactIndex;
