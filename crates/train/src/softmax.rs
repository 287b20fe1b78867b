//! Softmax cross-entropy over a whole catalogue, with its gradients, in bounded memory.
//!
//! With `h_r` the state of row `r`, `e_j` the vector of item `j` and `t_r` the item that came
//! next,
//!
//! ```text
//! L = 1/n Σ_r ( ln Σ_j exp(h_r·e_j) - h_r·e_{t_r} ),   p_rj = softmax_j(h_r·e_j)
//! ∂L/∂h_r = 1/n Σ_j (p_rj - [j = t_r]) e_j,   ∂L/∂e_j = 1/n Σ_r (p_rj - [j = t_r]) h_r
//! ```
//!
//! The scores of [`ROWS`] rows are held at once, never those of the batch: 4 · 256 · items bytes.
//! An automatic gradient would keep three matrices of rows × items.
//!
//! For catalogues too large even for that, [`sampled_softmax_cross_entropy`] puts a uniform sample
//! of `s` items in place of the others, each standing for `(items - 1) / s` of them: `ln` of it is
//! added to their scores (the logQ correction of Bengio and Senécal 2008).

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use semrec_text::exp_shifted;

/// Rows whose scores are held at once.
const ROWS: usize = 256;

/// A loss and its gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// The mean over the rows, in nats.
    pub loss: f32,
    /// `∂L/∂h`, `[rows, d]`.
    pub hidden: Vec<f32>,
    /// `∂L/∂e`, `[items, d]`.
    pub items: Vec<f32>,
}

/// The loss of states `hidden`, `[rows, d]`, against vectors `items`, `[items, d]`, where row `r`
/// should have pointed to item `targets[r]`.
///
/// # Panics
/// If the sizes do not fit together, or a target is no item.
#[must_use]
pub fn softmax_cross_entropy(hidden: &[f32], items: &[f32], targets: &[u32], d: usize) -> Loss {
    let (rows, n) = (targets.len(), items.len() / d);
    assert_eq!(hidden.len(), rows * d, "[rows, d]");
    let mut out = Loss {
        loss: 0.0,
        hidden: vec![0.0; rows * d],
        items: vec![0.0; n * d],
    };
    let weight = 1.0 / rows.max(1) as f32;
    let par = Par::rayon(0);
    let table = MatRef::from_row_major_slice(items, n, d);
    let mut scores = vec![0.0f32; ROWS.min(rows) * n];
    let mut losses = Vec::with_capacity(rows);
    for ((hidden, targets), gradient) in hidden
        .chunks(ROWS * d)
        .zip(targets.chunks(ROWS))
        .zip(out.hidden.chunks_mut(ROWS * d))
    {
        let rows = targets.len();
        let scores = &mut scores[..rows * n];
        let hidden = MatRef::from_row_major_slice(hidden, rows, d);
        matmul(
            MatMut::from_row_major_slice_mut(scores, rows, n),
            Accum::Replace,
            hidden,
            table.transpose(),
            1.0,
            par,
        );
        scores
            .par_chunks_mut(n)
            .zip(targets)
            .map(|(row, &target)| residual(row, target as usize, weight))
            .collect_into_vec(&mut losses);
        out.loss += losses.iter().sum::<f32>() * weight;
        let residuals = MatRef::from_row_major_slice(scores, rows, n);
        let gradient = MatMut::from_row_major_slice_mut(gradient, rows, d);
        matmul(gradient, Accum::Replace, residuals, table, 1.0, par);
        let gradient = MatMut::from_row_major_slice_mut(&mut out.items, n, d);
        matmul(
            gradient,
            Accum::Add,
            residuals.transpose(),
            hidden,
            1.0,
            par,
        );
    }
    out
}

/// Turns scores into `weight · (softmax - one-hot)`; returns the loss of the row.
fn residual(row: &mut [f32], target: usize, weight: f32) -> f32 {
    let own = row[target];
    let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum = exp_shifted(row, highest);
    let scale = weight / sum;
    row.iter_mut().for_each(|x| *x *= scale);
    row[target] -= weight;
    sum.ln() + highest - own
}

/// The same with `negatives` in place of all other items; a negative that is a row's own target
/// is left out of that row. Memory: 4 · 256 · negatives bytes, and the gradients.
///
/// # Panics
/// If the sizes do not fit together, or a target or negative is no item.
#[must_use]
pub fn sampled_softmax_cross_entropy(
    hidden: &[f32],
    items: &[f32],
    (targets, negatives): (&[u32], &[u32]),
    d: usize,
) -> Loss {
    let (rows, n, s) = (targets.len(), items.len() / d, negatives.len());
    assert_eq!(hidden.len(), rows * d, "[rows, d]");
    let weight = 1.0 / rows.max(1) as f32;
    let correction = (n.saturating_sub(1).max(1) as f32 / s.max(1) as f32).ln();
    let vector = |item: u32| &items[item as usize * d..][..d];
    let sample: Vec<f32> = negatives.iter().flat_map(|&j| vector(j).to_vec()).collect();
    let mut out = Loss {
        loss: 0.0,
        hidden: vec![0.0; rows * d],
        items: vec![0.0; n * d],
    };
    let mut of_sample = vec![0.0f32; s * d];
    let table = MatRef::from_row_major_slice(&sample, s, d);
    let mut scores = vec![0.0f32; ROWS.min(rows) * s];
    let mut parts: Vec<(f32, f32)> = Vec::with_capacity(ROWS);
    let par = Par::rayon(0);
    for ((hidden, targets), gradient) in hidden
        .chunks(ROWS * d)
        .zip(targets.chunks(ROWS))
        .zip(out.hidden.chunks_mut(ROWS * d))
    {
        let rows = targets.len();
        let scores = &mut scores[..rows * s];
        let states = MatRef::from_row_major_slice(hidden, rows, d);
        let into = MatMut::from_row_major_slice_mut(scores, rows, s);
        matmul(into, Accum::Replace, states, table.transpose(), 1.0, par);
        scores
            .par_chunks_mut(s.max(1))
            .zip(targets.par_iter().zip(hidden.par_chunks(d)))
            .map(|(row, (&target, state))| {
                let own: f32 = state.iter().zip(vector(target)).map(|(x, y)| x * y).sum();
                for (score, &negative) in row.iter_mut().zip(negatives) {
                    *score = if negative == target {
                        f32::NEG_INFINITY
                    } else {
                        *score + correction
                    };
                }
                let highest = row.iter().copied().fold(own, f32::max);
                let sum = exp_shifted(row, highest) + (own - highest).exp();
                row.iter_mut().for_each(|x| *x *= weight / sum);
                let residual = weight * ((own - highest).exp() / sum - 1.0);
                (sum.ln() + highest - own, residual)
            })
            .collect_into_vec(&mut parts);
        let residuals = MatRef::from_row_major_slice(scores, rows, s);
        let into = MatMut::from_row_major_slice_mut(gradient, rows, d);
        matmul(into, Accum::Replace, residuals, table, 1.0, par);
        let into = MatMut::from_row_major_slice_mut(&mut of_sample, s, d);
        matmul(into, Accum::Add, residuals.transpose(), states, 1.0, par);
        let own = gradient.chunks_exact_mut(d).zip(hidden.chunks_exact(d));
        for ((&target, (loss, residual)), (gradient, state)) in targets.iter().zip(&parts).zip(own)
        {
            out.loss += loss * weight;
            let of_target = &mut out.items[target as usize * d..][..d];
            for k in 0..d {
                gradient[k] += residual * items[target as usize * d + k];
                of_target[k] += residual * state[k];
            }
        }
    }
    for (&item, part) in negatives.iter().zip(of_sample.chunks_exact(d)) {
        let into = &mut out.items[item as usize * d..][..d];
        into.iter_mut().zip(part).for_each(|(o, p)| *o += p);
    }
    out
}
