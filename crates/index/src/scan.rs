//! Scores of all items that are allowed, or of those that were named, and the best of them.
//!
//! Whatever the number of threads, the best are the same: scores do not depend on each other, and
//! ties go to the lower number.

use crate::Neighbour;
use crate::best::Best;
use crate::precision::Precision;
use crate::score::scores;
use crate::snapshot::{PAGE, Snapshot};
use rayon::prelude::*;

/// A query and its row.
pub(crate) struct Query<'a> {
    pub(crate) vector: &'a [f32],
    pub(crate) row: Vec<u32>,
}

impl<'a> Query<'a> {
    pub(crate) fn new(precision: Precision, vector: &'a [f32]) -> Self {
        let row = precision.row(vector);
        Self { vector, row }
    }
}

/// Rows that wait to be scored together, as calls cost more than short sums.
struct Waiting<'a> {
    items: Vec<u32>,
    rows: Vec<&'a [u32]>,
    out: Vec<f32>,
}

impl<'a> Waiting<'a> {
    fn new() -> Self {
        Self {
            items: Vec::with_capacity(PAGE),
            rows: Vec::with_capacity(PAGE),
            out: vec![0.0; PAGE],
        }
    }

    fn gather(&mut self, snapshot: &'a Snapshot, items: impl Iterator<Item = u32>) {
        self.items.clear();
        self.rows.clear();
        for item in items {
            if let Some(row) = snapshot.row(item) {
                self.items.push(item);
                self.rows.push(row);
            }
        }
    }

    /// Offers what waits; at most `PAGE` rows do.
    fn score(
        &mut self,
        snapshot: &Snapshot,
        query: &Query<'_>,
    ) -> impl Iterator<Item = (u32, f32)> {
        let (base, out) = (&snapshot.base.rows, &mut self.out[..self.rows.len()]);
        scores(base.precision, base.dim, &query.row, &self.rows, out);
        self.items.iter().copied().zip(self.out.iter().copied())
    }
}

/// The best `count` of all items that are allowed.
pub(crate) fn best_of_all(
    snapshot: &Snapshot,
    query: &Query<'_>,
    count: usize,
    allowed: &(dyn Fn(u32) -> bool + Sync),
) -> Best {
    let start = || (Best::new(count), Waiting::new());
    let pages = (0..snapshot.page_count()).into_par_iter();
    let parts = pages.fold(start, |(mut best, mut waiting), page| {
        let items = snapshot.items_of(page).filter(|&item| allowed(item));
        waiting.gather(snapshot, items);
        for (item, score) in waiting.score(snapshot, query) {
            best.offer(item, score);
        }
        (best, waiting)
    });
    let bests = parts.map(|(best, _)| best);
    bests.reduce(|| Best::new(count), Best::merge)
}

/// [`best_of_all`] for many queries, which reads every row once.
pub(crate) fn best_of_all_for_each(
    snapshot: &Snapshot,
    queries: &[Query<'_>],
    count: usize,
    allowed: &(dyn Fn(usize, u32) -> bool + Sync),
) -> Vec<Best> {
    let none = || queries.iter().map(|_| Best::new(count)).collect::<Vec<_>>();
    let pages = (0..snapshot.page_count()).into_par_iter();
    let parts = pages.fold(
        || (none(), Waiting::new()),
        |(mut bests, mut waiting), page| {
            waiting.gather(snapshot, snapshot.items_of(page));
            for ((number, query), best) in queries.iter().enumerate().zip(&mut bests) {
                for (item, score) in waiting.score(snapshot, query) {
                    if allowed(number, item) {
                        best.offer(item, score);
                    }
                }
            }
            (bests, waiting)
        },
    );
    let merged = |a: Vec<Best>, b: Vec<Best>| a.into_iter().zip(b).map(|(a, b)| a.merge(b));
    let bests = parts.map(|(bests, _)| bests);
    bests.reduce(none, |a, b| merged(a, b).collect())
}

/// The best `count` of these items; those that are not there are passed over.
pub(crate) fn best_of(
    snapshot: &Snapshot,
    query: &Query<'_>,
    count: usize,
    items: impl Iterator<Item = u32>,
) -> Best {
    let (mut best, mut waiting) = (Best::new(count), Waiting::new());
    let mut items = items.peekable();
    while items.peek().is_some() {
        waiting.gather(snapshot, items.by_ref().take(PAGE));
        for (item, score) in waiting.score(snapshot, query) {
            best.offer(item, score);
        }
    }
    best
}

/// The best `k` of what was found by rounded vectors, by the vectors as they came.
pub(crate) fn rescored(
    snapshot: &Snapshot,
    query: &Query<'_>,
    k: usize,
    found: Best,
) -> Vec<Neighbour> {
    let mut found = found.into_sorted();
    if snapshot.base.full.is_none() {
        found.truncate(k);
        return found;
    }
    let dim = query.vector.len();
    let query = Precision::F32.row(query.vector);
    let mut best = Best::new(k);
    for Neighbour { item, .. } in found {
        if let Some(full) = snapshot.full(item) {
            let full = pulp::bytemuck::cast_slice(full);
            best.offer(item, crate::score::score(Precision::F32, dim, &query, full));
        }
    }
    best.into_sorted()
}
