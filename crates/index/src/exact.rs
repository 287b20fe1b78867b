//! Exact search: every vector is scored.
//!
//! A query costs n·dim multiply-adds and reads 4·n·dim bytes, so beyond the cache it runs at the
//! speed of the memory: a million vectors of 384 dimensions are 1.5 GB. A batch of queries reads
//! them once for every 64. Memory: 4·dim + 1 bytes a vector, removed ones included. Results are
//! the same for any number of threads; ties go to the lower index. Approximate search is left out.
//!
//! ```
//! use semrec_index::ExactIndex;
//! let index = ExactIndex::new(2, vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8]);
//! let found = index.search(&[0.0, 1.0], 2, |item| item != 1);
//! assert_eq!(found[0].item, 2);
//! assert_eq!(found[0].score, 0.8);
//! ```

use crate::Neighbour;
use crate::best::Best;
use crate::dot::dots;
use crate::product::products;
use rayon::prelude::*;

/// Vectors scored at once by one thread.
const BLOCK: usize = 2048;
/// Queries of one pass over the vectors.
const QUERIES: usize = 64;

/// Vectors in memory, each with the index it came at.
#[derive(Clone, Debug)]
pub struct ExactIndex {
    dim: usize,
    data: Vec<f32>,
    /// Whether the vector at an index has been removed.
    removed: Vec<bool>,
    len: usize,
}

impl ExactIndex {
    /// Takes `n * dim` values, vector after vector; their indices are `0..n`.
    ///
    /// # Panics
    /// If `dim` is 0 or the length is no multiple of it.
    #[must_use]
    pub fn new(dim: usize, data: Vec<f32>) -> Self {
        assert!(
            dim > 0 && data.len().is_multiple_of(dim),
            "a whole number of vectors"
        );
        let len = data.len() / dim;
        Self {
            dim,
            data,
            removed: vec![false; len],
            len,
        }
    }

    /// Number of vectors, without the removed ones.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no vector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Length of a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The vector at an index, unless there is none or it was removed.
    #[must_use]
    pub fn vector(&self, item: u32) -> Option<&[f32]> {
        let item = item as usize;
        match self.removed.get(item) {
            Some(false) => Some(&self.data[item * self.dim..(item + 1) * self.dim]),
            Some(true) | None => None,
        }
    }

    /// Appends a vector and returns its index.
    ///
    /// # Panics
    /// If it does not have `dim` values, or there are 2³² vectors already.
    pub fn push(&mut self, vector: &[f32]) -> u32 {
        assert_eq!(vector.len(), self.dim, "length of the vector");
        let item = u32::try_from(self.removed.len()).expect("fewer than 2^32 vectors");
        self.data.extend_from_slice(vector);
        self.removed.push(false);
        self.len += 1;
        item
    }

    /// Replaces the vector at an index, or brings a removed one back; false if the index was never
    /// given.
    ///
    /// # Panics
    /// If it does not have `dim` values.
    pub fn update(&mut self, item: u32, vector: &[f32]) -> bool {
        assert_eq!(vector.len(), self.dim, "length of the vector");
        let item = item as usize;
        let Some(removed) = self.removed.get_mut(item) else {
            return false;
        };
        self.len += usize::from(std::mem::replace(removed, false));
        self.data[item * self.dim..(item + 1) * self.dim].copy_from_slice(vector);
        true
    }

    /// Removes the vector at an index from every search; its memory stays in use. False if there
    /// was none.
    pub fn remove(&mut self, item: u32) -> bool {
        let live = self.vector(item).is_some();
        if live {
            self.removed[item as usize] = true;
            self.len -= 1;
        }
        live
    }

    /// The `k` vectors with the largest inner product among those the filter lets through, best
    /// first; fewer if there are fewer. Scores that are not finite are left out.
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
        self.blocks()
            .map(|(first, rows, removed)| {
                let mut scores = vec![0.0; removed.len()];
                dots(query, rows, &mut scores);
                let mut best = Best::new(k);
                for ((item, &score), &removed) in (first..).zip(&scores).zip(removed) {
                    if !removed && filter(item) {
                        best.offer(item, score);
                    }
                }
                best
            })
            .reduce(|| Best::new(k), Best::merge)
            .into_sorted()
    }

    /// [`ExactIndex::search`] for each of many queries, `[n, dim]` row-major, by matrix products.
    /// The filter gets the number of the query and the item. Scores may differ from those of a
    /// single search in the last digits, as the sums are taken in another order.
    ///
    /// # Panics
    /// If the queries are no multiple of `dim` values.
    #[must_use]
    pub fn search_batch(
        &self,
        queries: &[f32],
        k: usize,
        filter: impl Fn(usize, u32) -> bool + Sync,
    ) -> Vec<Vec<Neighbour>> {
        assert!(
            queries.len().is_multiple_of(self.dim),
            "a whole number of queries"
        );
        let chunks = queries.chunks(QUERIES * self.dim).enumerate();
        let found = chunks.flat_map(|(chunk, queries)| {
            let n = queries.len() / self.dim;
            let none = || (0..n).map(|_| Best::new(k)).collect::<Vec<_>>();
            self.blocks()
                .map(|(first, rows, removed)| {
                    let mut scores = vec![0.0; n * removed.len()];
                    products(queries, rows, self.dim, &mut scores);
                    let mut all = none();
                    let per_query = scores.chunks_exact(removed.len());
                    for ((q, best), scores) in all.iter_mut().enumerate().zip(per_query) {
                        let query = chunk * QUERIES + q;
                        for ((item, &score), &removed) in (first..).zip(scores).zip(removed) {
                            if !removed && filter(query, item) {
                                best.offer(item, score);
                            }
                        }
                    }
                    all
                })
                .reduce(none, |a, b| {
                    a.into_iter().zip(b).map(|(a, b)| a.merge(b)).collect()
                })
        });
        found.map(Best::into_sorted).collect()
    }

    /// The vectors in blocks: index of the first, values, and which are removed.
    fn blocks(&self) -> impl ParallelIterator<Item = (u32, &[f32], &[bool])> {
        let removed = self.removed.par_chunks(BLOCK);
        let rows = self.data.par_chunks(BLOCK * self.dim);
        rows.zip(removed)
            .enumerate()
            .map(|(block, (rows, removed))| {
                // Indices were handed out as u32, so the first of a block is one.
                let first = u32::try_from(block * BLOCK).unwrap_or(u32::MAX);
                (first, rows, removed)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small whole numbers, so that sums are exact and many scores tie.
    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n)
            .map(|i| ((i * 7919 + i / 3 * seed + seed) % 7) as f32 - 3.0)
            .collect()
    }

    fn plain(index: &ExactIndex, query: &[f32], k: usize, even: bool) -> Vec<Neighbour> {
        let mut all: Vec<Neighbour> = (0..6000)
            .filter(|item| !even || item % 2 == 0)
            .filter_map(|item| {
                let vector = index.vector(item)?;
                let score = query.iter().zip(vector).map(|(q, x)| q * x).sum();
                Some(Neighbour { item, score })
            })
            .collect();
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        all.truncate(k);
        all
    }

    #[test]
    fn finds_what_a_full_sort_finds() {
        let dim = 19;
        let mut index = ExactIndex::new(dim, numbers(5000 * dim, 5));
        for item in [0, 17, 2047, 2048, 4999] {
            assert!(index.remove(item));
            assert!(!index.remove(item));
        }
        assert_eq!(index.len(), 4995);
        let queries = numbers(70 * dim, 11);
        for even in [false, true] {
            for k in [1, 10, 6000] {
                let batch = index.search_batch(&queries, k, |_, i| !even || i % 2 == 0);
                for (q, query) in queries.chunks(dim).enumerate() {
                    let want = plain(&index, query, k, even);
                    if q < 3 {
                        assert_eq!(index.search(query, k, |i| !even || i % 2 == 0), want);
                    }
                    assert_eq!(batch[q], want, "query {q} of the batch");
                }
            }
        }
    }

    #[test]
    fn grows_changes_and_shrinks() {
        let mut index = ExactIndex::new(2, Vec::new());
        assert!(index.search(&[1.0, 0.0], 3, |_| true).is_empty());
        assert_eq!(index.push(&[1.0, 0.0]), 0);
        assert_eq!(index.push(&[0.0, 1.0]), 1);
        assert!(index.update(1, &[2.0, 0.0]));
        assert!(!index.update(2, &[0.0, 0.0]));
        let best = |index: &ExactIndex| index.search(&[1.0, 0.0], 1, |_| true)[0];
        assert_eq!(
            best(&index),
            Neighbour {
                item: 1,
                score: 2.0
            }
        );
        assert!(index.remove(1));
        assert_eq!(
            best(&index),
            Neighbour {
                item: 0,
                score: 1.0
            }
        );
        assert_eq!((index.vector(1), index.len()), (None, 1));
        assert!(index.update(1, &[3.0, 0.0]));
        assert_eq!((best(&index).item, index.len()), (1, 2));
    }

    #[test]
    fn filter_knows_which_query_asks() {
        let index = ExactIndex::new(1, vec![1.0, 2.0, 3.0]);
        let found = index.search_batch(&[1.0, -1.0], 1, |query, item| item as usize != 2 - query);
        let items: Vec<u32> = found.iter().map(|f| f[0].item).collect();
        assert_eq!(items, [1, 0]);
    }
}
