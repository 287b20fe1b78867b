//! The exact scan: every vector is looked at, the best are kept.
//!
//! A query costs `2 * dim` operations and `4 * dim` bytes read per vector that the filter lets
//! through, spread over all threads.

use crate::dot;
use rayon::prelude::*;
use std::cmp::Ordering;

/// Vectors looked at by one task.
const CHUNK: usize = 4096;

/// An item near a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Number of the vector.
    pub item: u32,
    /// Inner product with the query: the cosine, if both have length 1.
    pub score: f32,
}

/// Vectors `[n, dim]`, row-major, numbered from 0.
#[derive(Clone, Debug)]
pub struct ExactIndex {
    dim: usize,
    data: Vec<f32>,
}

impl ExactIndex {
    /// Takes `n * dim` values, row after row.
    ///
    /// # Panics
    /// If `dim` is 0 or the length is no multiple of it.
    #[must_use]
    pub fn new(dim: usize, data: Vec<f32>) -> Self {
        assert!(
            dim > 0 && data.len().is_multiple_of(dim),
            "a whole number of vectors"
        );
        Self { dim, data }
    }

    /// Number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len() / self.dim
    }

    /// Whether there is no vector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Length of a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The vector of an item, if there is one of this number.
    #[must_use]
    pub fn vector(&self, item: u32) -> Option<&[f32]> {
        let start = (item as usize).checked_mul(self.dim)?;
        self.data.get(start..start + self.dim)
    }

    /// The `k` vectors with the largest inner product among those the filter lets through, best
    /// first, equal ones in order of their number. A score that is not finite is never returned.
    ///
    /// # Panics
    /// If the query does not have `dim` values.
    #[must_use]
    pub fn search(
        &self,
        query: &[f32],
        k: usize,
        filter: impl Fn(u32) -> bool + Sync,
    ) -> Vec<Neighbour> {
        assert_eq!(query.len(), self.dim, "length of the query");
        let mut best: Vec<Neighbour> = self
            .data
            .par_chunks(CHUNK * self.dim)
            .enumerate()
            .flat_map_iter(|(c, vectors)| {
                let first = u32::try_from(c * CHUNK).unwrap_or(u32::MAX);
                let mut found: Vec<Neighbour> = (first..)
                    .zip(vectors.chunks_exact(self.dim))
                    .filter(|&(item, _)| filter(item))
                    .map(|(item, vector)| Neighbour {
                        item,
                        score: dot(query, vector),
                    })
                    .filter(|n| n.score.is_finite())
                    .collect();
                keep_best(&mut found, k);
                found
            })
            .collect();
        keep_best(&mut best, k);
        best.sort_unstable_by(better_first);
        best
    }
}

fn keep_best(found: &mut Vec<Neighbour>, k: usize) {
    if found.len() > k {
        if k > 0 {
            found.select_nth_unstable_by(k - 1, better_first);
        }
        found.truncate(k);
    }
}

fn better_first(a: &Neighbour, b: &Neighbour) -> Ordering {
    b.score.total_cmp(&a.score).then(a.item.cmp(&b.item))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_first_ties_by_number_filter_obeyed() {
        let index = ExactIndex::new(
            2,
            vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.5, 0.5, f32::NAN, 0.0],
        );
        let items = |k, filter: fn(u32) -> bool| -> Vec<u32> {
            index
                .search(&[1.0, 0.0], k, filter)
                .iter()
                .map(|n| n.item)
                .collect()
        };
        assert_eq!(items(3, |_| true), [0, 2, 3]);
        assert_eq!(items(9, |i| i != 0), [2, 3, 1]);
        assert!(items(0, |_| true).is_empty());
        assert_eq!(index.vector(3), Some(&[0.5, 0.5][..]));
        assert_eq!(index.vector(5), None);
    }

    #[test]
    fn many_chunks_agree_with_a_full_sort() {
        let n = 10_000u32;
        let data: Vec<f32> = (0..n)
            .map(|i| f32::from(u16::try_from(i.wrapping_mul(2_654_435_761) >> 20).unwrap()))
            .collect();
        let mut order: Vec<u32> = (0..n).collect();
        order.sort_by(|&a, &b| data[b as usize].total_cmp(&data[a as usize]));
        let index = ExactIndex::new(1, data);
        let got: Vec<u32> = index
            .search(&[1.0], 50, |_| true)
            .iter()
            .map(|x| x.item)
            .collect();
        assert_eq!(got, order[..50]);
    }
}
