//! One column of SLIM: coordinate descent over an active set, on the Gram matrix.
//!
//! With `c_k = G_kk + l2 + share G_kk`, the best value of one weight while the others stand still is
//! `w_k = max(0, (r_k + (G_kk) w_k - l1) / c_k)`, where `r = G_j - G w` is how many common users are
//! not accounted for. The descent lets in the items that want a weight, `r_k > l1`, the most eager
//! first, goes round those that are in (the active set), and ends when nobody wants in and none of
//! them moves: then the conditions of Karush, Kuhn and Tucker hold for all items (Friedman,
//! Hastie and Tibshirani 2010, covariance updates).
//!
//! A row of `G` is looked up once, when its item becomes active, and kept over the candidates alone;
//! everything after that is a pass over dense rows.

use crate::kernels::add_row;
use crate::sparse::Sparse;
use rayon::prelude::*;

/// A move smaller than this share of the target's own count, in users, is none.
const TOLERANCE: f32 = 2e-5;
/// Items let in at once, at least.
const ADMITTED: usize = 32;
/// Rounds over the active set while others still come in.
const BRIEF: usize = 3;
/// Rounds over the active set once nobody wants in, at most.
const SWEEPS: usize = 100;
/// Times that others are let in, at most.
const ROUNDS: usize = 100;

/// How strongly weights are held down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Penalty {
    /// Of a weight.
    pub(super) l1: f32,
    /// Of its square.
    pub(super) l2: f32,
    /// Of its square, for each user of its item.
    pub(super) share: f32,
    /// Items that are asked whether they want a weight, at most.
    pub(super) most: usize,
}

/// `X'X` by its entries above 0, whole rows with the diagonal, each in order of index.
#[derive(Debug)]
pub(super) struct Gram {
    rows: Vec<(Vec<u32>, Vec<f32>)>,
    /// The diagonal: users of each item.
    sizes: Vec<f32>,
}

impl Gram {
    /// Exact up to 2²⁴ users.
    pub(super) fn of(by_user: &Sparse) -> Self {
        let by_item = by_user.transposed();
        let n = by_item.n_rows();
        let rows = (0..n)
            .into_par_iter()
            .map_init(
                || vec![0.0f32; n],
                |counts, item| {
                    let mut items = Vec::new();
                    for &user in by_item.row(item) {
                        for &other in by_user.row(user as usize) {
                            let count = &mut counts[other as usize];
                            if *count == 0.0 {
                                items.push(other);
                            }
                            *count += 1.0;
                        }
                    }
                    items.sort_unstable();
                    let take = |&k: &u32| std::mem::take(&mut counts[k as usize]);
                    let values = items.iter().map(take).collect();
                    (items, values)
                },
            )
            .collect();
        let sizes = by_item.rows().map(|row| row.len() as f32).collect();
        Self { rows, sizes }
    }

    fn row(&self, item: usize) -> impl Iterator<Item = (u32, f32)> {
        let (items, values) = &self.rows[item];
        items.iter().copied().zip(values.iter().copied())
    }
}

/// One thread's room for a column.
#[derive(Debug)]
pub(super) struct Column {
    /// `[n_items]`: an item's place among the candidates and one more; 0 for no candidate.
    places: Vec<u32>,
    /// The candidates, in order.
    candidates: Vec<u32>,
    /// `[candidates]`: common users with the target.
    target: Vec<f32>,
    /// `[candidates]`: `target - G w`.
    residual: Vec<f32>,
    /// Places of the active candidates, in the order they were let in.
    active: Vec<usize>,
    /// `[active]`.
    weights: Vec<f32>,
    /// `[active, candidates]`: their rows of `G`.
    rows: Vec<f32>,
}

impl Column {
    pub(super) fn new(n_items: usize) -> Self {
        Self {
            places: vec![0; n_items],
            candidates: Vec::new(),
            target: Vec::new(),
            residual: Vec::new(),
            active: Vec::new(),
            weights: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The items with a weight in the column of `item`, in order.
    pub(super) fn solve(&mut self, gram: &Gram, item: usize, penalty: Penalty) -> Vec<(u32, f32)> {
        let own = self.begin(gram, item, penalty);
        let tolerance = TOLERANCE * own;
        for _ in 0..ROUNDS {
            let more = self.admit(gram, penalty.l1 + tolerance);
            // While others may come in, it does not pay to settle those that are there.
            let settled = self.descend(penalty, tolerance, if more { BRIEF } else { SWEEPS });
            if settled && !more {
                break;
            }
            self.account();
        }
        for &candidate in &self.candidates {
            self.places[candidate as usize] = 0;
        }
        let mut column: Vec<(u32, f32)> = self
            .active
            .iter()
            .zip(&self.weights)
            .filter(|&(_, &weight)| weight > 0.0)
            .map(|(&place, &weight)| (self.candidates[place], weight))
            .collect();
        column.sort_unstable_by_key(|&(item, _)| item);
        column
    }

    /// Takes in the candidates; returns the users of the target.
    fn begin(&mut self, gram: &Gram, item: usize, penalty: Penalty) -> f32 {
        self.active.clear();
        self.weights.clear();
        self.rows.clear();
        let mut all: Vec<(u32, f32)> = gram
            .row(item)
            .filter(|&(other, common)| other as usize != item && common > penalty.l1)
            .collect();
        if all.len() > penalty.most {
            let likeness = |&(k, common): &(u32, f32)| common * common / gram.sizes[k as usize];
            all.select_nth_unstable_by(penalty.most - 1, |a, b| {
                likeness(b).total_cmp(&likeness(a)).then(a.0.cmp(&b.0))
            });
            all.truncate(penalty.most);
            all.sort_unstable_by_key(|&(other, _)| other);
        }
        (self.candidates, self.target) = all.into_iter().unzip();
        for (place, &candidate) in (1u32..).zip(&self.candidates) {
            self.places[candidate as usize] = place;
        }
        self.residual.clone_from(&self.target);
        gram.sizes[item]
    }

    /// Lets in the candidates whose residual is above the threshold, the greatest first and equal
    /// ones in order, as many as are active already or `ADMITTED`; whether there were any.
    fn admit(&mut self, gram: &Gram, threshold: f32) -> bool {
        let mut eager: Vec<usize> = (0..self.candidates.len())
            .filter(|&place| self.residual[place] > threshold)
            .filter(|place| !self.active.contains(place))
            .collect();
        let most = self.active.len().max(ADMITTED);
        if eager.len() > most {
            let residual = &self.residual;
            eager.select_nth_unstable_by(most - 1, |&a, &b| {
                residual[b].total_cmp(&residual[a]).then(a.cmp(&b))
            });
            eager.truncate(most);
        }
        eager.sort_unstable();
        for &place in &eager {
            let from = self.rows.len();
            self.rows.resize(from + self.candidates.len(), 0.0);
            for (other, common) in gram.row(self.candidates[place] as usize) {
                if let Some(column) = self.places[other as usize].checked_sub(1) {
                    self.rows[from + column as usize] = common;
                }
            }
            self.active.push(place);
            self.weights.push(0.0);
        }
        !eager.is_empty()
    }

    /// Goes round the active items until none moves, `sweeps` times at most; whether none did.
    fn descend(&mut self, penalty: Penalty, tolerance: f32, sweeps: usize) -> bool {
        let width = self.candidates.len();
        // Among the active items alone: what a move of one changes for the others.
        let among: Vec<f32> = (0..self.active.len())
            .flat_map(|a| {
                let row = &self.rows[a * width..(a + 1) * width];
                self.active.iter().map(|&place| row[place])
            })
            .collect();
        let n = self.active.len();
        let mut left: Vec<f32> = self.active.iter().map(|&p| self.residual[p]).collect();
        for _ in 0..sweeps {
            let mut largest = 0.0f32;
            for a in 0..n {
                let row = &among[a * n..(a + 1) * n];
                let size = row[a];
                let curvature = size + penalty.l2 + penalty.share * size;
                let old = self.weights[a];
                let new = ((left[a] + size * old - penalty.l1) / curvature).max(0.0);
                let step = new - old;
                if step != 0.0 {
                    self.weights[a] = new;
                    add_row(&mut left, -step, row);
                    largest = largest.max(step.abs() * curvature);
                }
            }
            if largest <= tolerance {
                return true;
            }
        }
        false
    }

    /// What the weights leave unaccounted for, afresh, so that rounding does not add up.
    fn account(&mut self) {
        let width = self.candidates.len();
        self.residual.copy_from_slice(&self.target);
        if width == 0 {
            return;
        }
        for (row, &weight) in self.rows.chunks_exact(width).zip(&self.weights) {
            if weight != 0.0 {
                add_row(&mut self.residual, -weight, row);
            }
        }
    }
}
