//! The graph of who touched what, and one step over it.
//!
//! `P = R'R` with `R_ui = 1 / √(n_u n_i)` for each pair that happened, `n_u` the items of a user and
//! `n_i` the users of an item. Its eigenvalues lie in 0 … 1. `P` itself is never formed: a step is a
//! sum over the users' items, then over the items' users, of rows as wide as the block it is applied
//! to, `2 · pairs · width` multiplications.

use crate::kernels::sum_rows;
use crate::sparse::Sparse;
use rayon::prelude::*;

/// Rows handed to a thread at once, at least.
const ROWS: usize = 32;

/// `R`, by users and by items.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    by_user: Sparse,
    by_item: Sparse,
}

impl Graph {
    pub(super) fn of(by_user: Sparse) -> Self {
        let by_item = by_user.transposed();
        Self { by_user, by_item }
    }

    pub(super) fn by_user(&self) -> &Sparse {
        &self.by_user
    }

    pub(super) fn n_items(&self) -> usize {
        self.by_item.n_rows()
    }

    /// Users of an item; 0 also for one beyond the catalogue.
    pub(super) fn degree(&self, item: usize) -> usize {
        if item < self.n_items() {
            self.by_item.row(item).len()
        } else {
            0
        }
    }

    /// `P x` for a block of signals `x`, `[n_items, width]` row-major, `width` above 0.
    ///
    /// Every value is a sum in the order of users and items, whatever the number of threads.
    pub(super) fn step(&self, x: &[f32], width: usize) -> Vec<f32> {
        let scaled = self.scaled(x, width);
        let mut users = vec![0.0; self.by_user.n_rows() * width];
        add_up(&self.by_user, &scaled, &mut users, |n| 1.0 / n);
        let mut out = scaled;
        add_up(&self.by_item, &users, &mut out, |n| 1.0 / n.sqrt());
        out
    }

    /// Each row divided by the root of its item's users.
    fn scaled(&self, x: &[f32], width: usize) -> Vec<f32> {
        let mut scaled = x.to_vec();
        scaled
            .par_chunks_mut(width)
            .with_min_len(ROWS)
            .zip_eq(0..self.n_items())
            .for_each(|(row, item)| {
                let scale = 1.0 / (self.degree(item).max(1) as f32).sqrt();
                row.iter_mut().for_each(|v| *v *= scale);
            });
        scaled
    }
}

/// `out[r] = scale(length of r) · Σ_{c in row r} from[c]`; 0 for an empty row.
fn add_up(rows: &Sparse, from: &[f32], out: &mut [f32], scale: impl Fn(f32) -> f32 + Sync) {
    let width = out.len() / rows.n_rows().max(1);
    out.par_chunks_mut(width.max(1))
        .with_min_len(ROWS)
        .enumerate()
        .for_each(|(r, out)| {
            let row = rows.row(r);
            out.fill(0.0);
            if !row.is_empty() {
                sum_rows(out, from, row);
                let scale = scale(row.len() as f32);
                out.iter_mut().for_each(|v| *v *= scale);
            }
        });
}
