//! Vectors in clusters, and as the numbers of their clusters: k-means, and residual codebooks.
//!
//! What mining calls topics and semantic ids, and what a model takes as tokens of an item, come
//! from here. A step is one matrix product of faer, sums go in row order: a seed gives the same on
//! any number of threads.

mod codebooks;
mod kmeans;
mod nearest_centre;

pub use codebooks::{Codebooks, Quantised};
pub use kmeans::{Clusters, KMeans, mean_rows, members};
pub use nearest_centre::{Nearest, dot, for_each_row, nearest};

/// A number as the index of a row or a centre. There are fewer than 2³².
fn index(i: usize) -> u32 {
    u32::try_from(i).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "stored as f32 on purpose")]
fn narrow(x: f64) -> f32 {
    x as f32
}
