//! One row of a matrix factorisation by blocks of factors: iALS++ (Rendle et al. 2021, "iALS++:
//! Speeding up Matrix Factorization with Subspace Optimization").
//!
//! Of the row's system ([`System`]) the factors `π` of one block are solved for exactly while the
//! others stand still, block after block. With the predictions `p_k = y_k·x`, which are kept up to
//! date:
//!
//! ```text
//! δ = (G_ππ + λ I + Σ_k w_k y_kπ y_kπ')⁻¹ (Σ_k w_k (1 - p_k) y_kπ - (G x)_π - λ x_π)
//! x_π += δ,   p_k += y_kπ·δ
//! ```
//!
//! Every step lowers the loss; a block as wide as the row is the exact solution. `d b n` flops a row
//! for the sums and `d b²/3` for the factors of `n` events, against `d² n` and `d³/3` at once.

use crate::kernels::row_dot;
use crate::ridge::{Factorised, System, add_gram};
use faer::{Mat, MatRef};

/// Room for [`System::sweep`].
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// `[n]`: `√w_k`.
    roots: Vec<f32>,
    /// `[n]`: `√w_k (1 - p_k)`.
    errors: Vec<f32>,
    /// `[n, b]`: `√w_k y_kπ`.
    rows: Vec<f32>,
    /// `[b]`: the right-hand side, then `δ`.
    step: Vec<f32>,
}

impl System<'_> {
    /// Solves for each block of `block` factors of `x` once; whether all of them could be, that is,
    /// were positive definite in f32.
    pub(crate) fn sweep(&self, x: &mut [f32], block: usize, room: &mut Room) -> bool {
        let d = x.len();
        room.roots.clear();
        room.roots.extend(self.weights.iter().map(|w| w.sqrt()));
        room.errors.clear();
        let errors = self.touched.iter().zip(&room.roots);
        room.errors
            .extend(errors.map(|(&k, root)| root * (1.0 - row_dot(self.row(k, d), x))));
        (0..d)
            .step_by(block)
            .all(|from| self.solve_block(x, from..(from + block).min(d), room))
    }

    fn solve_block(&self, x: &mut [f32], block: std::ops::Range<usize>, room: &mut Room) -> bool {
        let (d, b, from) = (x.len(), block.len(), block.start);
        room.rows.clear();
        for (&k, root) in self.touched.iter().zip(&room.roots) {
            let part = &self.row(k, d)[block.clone()];
            room.rows.extend(part.iter().map(|y| root * y));
        }
        let mut left = Mat::from_fn(b, b, |i, j| {
            let ridge = if i == j { self.lambda } else { 0.0 };
            self.gram[(from + i) * d + from + j] + ridge
        });
        let rows = MatRef::from_row_major_slice(&room.rows, self.touched.len(), b);
        add_gram(left.as_mut(), rows, 1.0);
        room.step.clear();
        room.step.extend(
            block
                .clone()
                .map(|i| -row_dot(&self.gram[i * d..(i + 1) * d], x) - self.lambda * x[i]),
        );
        for (row, error) in room.rows.chunks_exact(b).zip(&room.errors) {
            for (s, y) in room.step.iter_mut().zip(row) {
                *s += error * y;
            }
        }
        let Some(factorised) = Factorised::of(left) else {
            return false;
        };
        factorised.solve(&mut room.step);
        for (value, step) in x[block].iter_mut().zip(&room.step) {
            *value += step;
        }
        for (row, error) in room.rows.chunks_exact(b).zip(&mut room.errors) {
            *error -= row_dot(row, &room.step);
        }
        true
    }
}
