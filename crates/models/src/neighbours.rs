//! A sparse matrix from items to items: of each item, the items it speaks for and how strongly.
//!
//! ```text
//! score(j) = Σ_{i in history} w_i W_ij
//! ```
//!
//! What `item-knn`, `rp3beta` and `slim` are once fitted; they differ in how they come to `W`. Each
//! row is sorted by item, so that the part of a score that goes back to one item of the history is
//! found by bisection, and `explain` is exact. Memory: 8 bytes an entry, 12 an item.

use crate::history::{contributions, recent, score_each};
use crate::kernels::narrow;
use crate::sparse::Sparse;
use crate::{Contribution, ModelError, Query, Tensors};
use rayon::prelude::*;
use std::sync::Arc;

/// Of each item, other items in order of index, and their weights.
#[derive(Clone, Debug)]
pub(crate) struct Neighbours {
    /// Users of each item in training; an item without any is not known.
    counts: Arc<Vec<u32>>,
    /// `[n_items + 1]`: where the entries of each item begin.
    offsets: Vec<usize>,
    /// The entries' items, row after row.
    items: Arc<Vec<u32>>,
    /// Their weights.
    weights: Arc<Vec<f32>>,
}

/// How [`Neighbours::by_common_users`] counts and what it keeps.
pub(crate) struct Counting<F> {
    /// A user counts `1 / (items of the user) ^ activity`.
    pub(crate) activity: f64,
    /// Entries kept of each item: those of the greatest weight, equal ones in order of index.
    pub(crate) kept: usize,
    /// The weight of `(i, j)`, given their users' counts `[i, j]` and the count of common users.
    pub(crate) weight: F,
}

/// The users' counts of two items and of both, as [`Counting::activity`] has them.
pub(crate) struct Common {
    pub(crate) item: usize,
    pub(crate) other: usize,
    pub(crate) both: f64,
}

/// One thread's counters of common users.
struct Counters {
    common: Vec<f64>,
    met: Vec<u32>,
}

impl Counters {
    fn count(&mut self, item: usize, by_item: &Sparse, by_user: &Sparse, shares: &[f64]) {
        for &user in by_item.row(item) {
            let share = shares[user as usize];
            for &other in by_user.row(user as usize) {
                let common = &mut self.common[other as usize];
                if *common == 0.0 {
                    self.met.push(other);
                }
                *common += share;
            }
        }
    }

    /// The heaviest entries of the item's row, in order of index; empties the counters.
    fn heaviest<F>(&mut self, item: usize, counting: &Counting<F>) -> Vec<(u32, f32)>
    where
        F: Fn(Common) -> f64,
    {
        let mut all: Vec<(u32, f32)> = Vec::with_capacity(self.met.len());
        for other in self.met.drain(..) {
            let both = std::mem::take(&mut self.common[other as usize]);
            if other as usize != item {
                let weight = (counting.weight)(Common {
                    item,
                    other: other as usize,
                    both,
                });
                all.push((other, narrow(weight)));
            }
        }
        if all.len() > counting.kept {
            all.select_nth_unstable_by(counting.kept - 1, |a, b| {
                b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
            });
            all.truncate(counting.kept);
        }
        all.sort_unstable_by_key(|&(other, _)| other);
        all.shrink_to_fit();
        all
    }
}

/// What each user counts, by the length of their row.
pub(crate) fn shares(by_user: &Sparse, activity: f64) -> Vec<f64> {
    by_user
        .rows()
        .map(|row| (row.len().max(1) as f64).powf(-activity))
        .collect()
}

impl Neighbours {
    /// Weighs every pair of items that have a user in common.
    ///
    /// Cost: the sum of squared row lengths, split over items; two counters an item and thread.
    pub(crate) fn by_common_users<F>(by_user: &Sparse, counting: &Counting<F>) -> Self
    where
        F: Fn(Common) -> f64 + Sync,
    {
        let by_item = by_user.transposed();
        let n = by_item.n_rows();
        let shares = shares(by_user, counting.activity);
        let rows: Vec<Vec<(u32, f32)>> = (0..n)
            .into_par_iter()
            .map_init(
                || Counters {
                    common: vec![0.0; n],
                    met: Vec::new(),
                },
                |counters, item| {
                    counters.count(item, &by_item, by_user, &shares);
                    counters.heaviest(item, counting)
                },
            )
            .collect();
        Self::of_rows(by_user, rows)
    }

    /// The matrix of these rows, `[n_items]`, each in order of index.
    pub(crate) fn of_rows(by_user: &Sparse, rows: Vec<Vec<(u32, f32)>>) -> Self {
        let mut offsets = vec![0];
        for row in &rows {
            offsets.push(offsets[offsets.len() - 1] + row.len());
        }
        let (items, weights) = rows.into_iter().flatten().unzip();
        Self {
            counts: Arc::new(by_user.column_counts()),
            offsets,
            items: Arc::new(items),
            weights: Arc::new(weights),
        }
    }

    pub(crate) fn n_items(&self) -> usize {
        self.counts.len()
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    fn known(&self, item: u32) -> bool {
        self.counts.get(item as usize).is_some_and(|&n| n > 0)
    }

    fn row(&self, item: u32) -> (&[u32], &[f32]) {
        let range = self.offsets[item as usize]..self.offsets[item as usize + 1];
        (&self.items[range.clone()], &self.weights[range])
    }

    /// Scores of all items for each query, as [`crate::Recommender::score`] has them.
    pub(crate) fn score(&self, queries: &[Query<'_>], recency: f32, out: &mut [f32]) {
        score_each(self.n_items(), queries, out, |query, row| {
            self.score_one(query, recency, row);
        });
    }

    fn score_one(&self, query: &Query<'_>, recency: f32, out: &mut [f32]) {
        let history = recent(query.history, recency, |i| self.known(i));
        if history.is_empty() {
            out.fill(f32::NEG_INFINITY);
            return;
        }
        for (score, &count) in out.iter_mut().zip(self.counts.iter()) {
            *score = if count > 0 { 0.0 } else { f32::NEG_INFINITY };
        }
        for t in &history {
            let (items, weights) = self.row(t.item);
            for (&j, &w) in items.iter().zip(weights) {
                out[j as usize] += t.weight * w;
            }
        }
    }

    /// What each item of the history adds to the score of `item`.
    pub(crate) fn explain(
        &self,
        source: &str,
        query: &Query<'_>,
        recency: f32,
        item: u32,
    ) -> Vec<Contribution> {
        let history = recent(query.history, recency, |i| self.known(i));
        let parts = history.into_iter().filter_map(|t| {
            let (items, weights) = self.row(t.item);
            let place = items.binary_search(&item).ok()?;
            Some((t.item, t.weight * weights[place]))
        });
        contributions(source, parts)
    }

    /// Stores the matrix beside the model's name and configuration.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] if a row has more entries than 32 bits count.
    pub(crate) fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let entries = self.len();
        let lengths: Result<Vec<u32>, _> = self
            .offsets
            .windows(2)
            .map(|w| u32::try_from(w[1] - w[0]))
            .collect();
        let lengths =
            lengths.map_err(|e| problem("lengths", format!("do not fit 32 bits: {e}")))?;
        into.put_u32("counts", &[self.n_items()], Arc::clone(&self.counts))?;
        into.put_u32("lengths", &[lengths.len()], lengths)?;
        into.put_u32("neighbours", &[entries], Arc::clone(&self.items))?;
        into.put_f32("similarities", &[entries], Arc::clone(&self.weights))
    }

    /// Reads what [`Neighbours::save`] stored.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] if something is missing or does not fit together.
    pub(crate) fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let [n] = tensors.shape("counts")?;
        let [entries] = tensors.shape("neighbours")?;
        let (_, lengths) = tensors.u32("lengths")?;
        let mut offsets = vec![0];
        for &length in lengths {
            offsets.push(offsets[offsets.len() - 1] + length as usize);
        }
        if offsets.len() != n + 1 || offsets[n] != entries {
            return Err(problem(
                "lengths",
                format!(
                    "has {} lengths that add up to {}; expected {n} and {entries}",
                    lengths.len(),
                    offsets[lengths.len()]
                ),
            ));
        }
        let items = tensors.shared_u32("neighbours", &[entries])?;
        if let Some(&out) = items.iter().find(|&&j| j as usize >= n) {
            return Err(problem(
                "neighbours",
                format!("names item {out}; expected less than {n}"),
            ));
        }
        let unordered = |w: &[usize]| !items[w[0]..w[1]].is_sorted_by(|a, b| a < b);
        if let Some(row) = offsets.windows(2).position(unordered) {
            return Err(problem(
                "neighbours",
                format!("are not distinct and in order for item {row}"),
            ));
        }
        let weights = tensors.shared_f32("similarities", &[entries])?;
        if let Some(odd) = weights.iter().find(|w| !w.is_finite()) {
            return Err(problem(
                "similarities",
                format!("hold {odd}; expected finite numbers"),
            ));
        }
        Ok(Self {
            counts: tensors.shared_u32("counts", &[n])?,
            offsets,
            items,
            weights,
        })
    }
}

fn problem(name: &str, problem: String) -> ModelError {
    ModelError::Tensor {
        name: name.to_owned(),
        problem,
    }
}
