//! InfoNCE over several targets a row: each is held against all items but those.
//!
//! With the state `s_r` of a row, unit vectors `v_j`, its targets `T_r` and the negatives `N`, of
//! which those the person touched are left out, and `c` what a negative stands for:
//!
//! ```text
//! L = 1/Σ_r|T_r| Σ_r Σ_{t ∈ T_r} ( ln(e^{s_r·v_t} + Z_r) - s_r·v_t ),   Z_r = c Σ_{j ∈ N} e^{s_r·v_j}
//! ∂L/∂(s_r·v_t) ∝ e^{s_r·v_t} / (e^{s_r·v_t} + Z_r) - 1
//! ∂L/∂(s_r·v_j) ∝ Σ_t c e^{s_r·v_j} / (e^{s_r·v_t} + Z_r)
//! ```
//!
//! `N` is the catalogue, or a uniform sample of it, each of which then stands for
//! `c = items / |N|` items. The scores of [`ROWS`] rows are held at once.

use crate::kernels::{add_row, row_dot};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use semrec_text::exp_shifted;

/// Rows whose scores are held at once.
const ROWS: usize = 256;

/// A loss and its gradients.
pub(crate) struct Contrast {
    /// Mean over the targets, in nats.
    pub(crate) loss: f32,
    /// By the states, `[rows, dim]`.
    pub(crate) states: Vec<f32>,
    /// By the vectors of the items, `[items, dim]`.
    pub(crate) items: Vec<f32>,
}

/// The gradients of one row that are no product of matrices.
struct Own {
    loss: f32,
    /// By the score of each target.
    residuals: Vec<f32>,
    /// By the state, `[dim]`.
    state: Vec<f32>,
}

/// The loss of `states`, `[rows, dim]`, each of which should point to some items, against `items`,
/// `[items, dim]`; with no `negatives` all items are.
pub(crate) fn contrast(
    (states, asked): (&[f32], &[Vec<u32>]),
    items: &[f32],
    negatives: &[u32],
    dim: usize,
) -> Contrast {
    let n = items.len() / dim;
    let sample = Sample::of(items, negatives, dim);
    let targets: usize = asked.iter().map(Vec::len).sum();
    let weight = 1.0 / targets.max(1) as f32;
    let mut out = Contrast {
        loss: 0.0,
        states: vec![0.0; states.len()],
        items: vec![0.0; n * dim],
    };
    let count = sample.count();
    let mut of_sample = vec![0.0f32; count * dim];
    let mut scores = vec![0.0f32; ROWS.min(asked.len()) * count];
    let table = MatRef::from_row_major_slice(sample.rows(), count, dim);
    let par = Par::rayon(0);
    for ((states, asked), gradient) in states
        .chunks(ROWS * dim)
        .zip(asked.chunks(ROWS))
        .zip(out.states.chunks_mut(ROWS * dim))
    {
        let rows = asked.len();
        let scores = &mut scores[..rows * count];
        let hidden = MatRef::from_row_major_slice(states, rows, dim);
        let into = MatMut::from_row_major_slice_mut(scores, rows, count);
        matmul(into, Accum::Replace, hidden, table.transpose(), 1.0, par);
        let own: Vec<Own> = scores
            .par_chunks_mut(count)
            .zip(states.par_chunks(dim).zip(asked))
            .map(|(scores, (state, asked))| sample.row(scores, (state, asked), items, weight))
            .collect();
        let residuals = MatRef::from_row_major_slice(scores, rows, count);
        let into = MatMut::from_row_major_slice_mut(gradient, rows, dim);
        matmul(into, Accum::Replace, residuals, table, 1.0, par);
        let into = MatMut::from_row_major_slice_mut(&mut of_sample, count, dim);
        matmul(into, Accum::Add, residuals.transpose(), hidden, 1.0, par);
        let places = gradient.chunks_exact_mut(dim).zip(states.chunks_exact(dim));
        for ((own, asked), (gradient, state)) in own.iter().zip(asked).zip(places) {
            out.loss += own.loss * weight;
            add_row(gradient, 1.0, &own.state);
            for (&target, &residual) in asked.iter().zip(&own.residuals) {
                let into = &mut out.items[target as usize * dim..][..dim];
                add_row(into, residual, state);
            }
        }
    }
    sample.add_to(&mut out.items, &of_sample, dim);
    out
}

/// The negatives as columns.
struct Sample<'a> {
    /// `[negatives, dim]`; empty where all items are.
    sampled: Vec<f32>,
    all: &'a [f32],
    negatives: &'a [u32],
    /// The column of each item, [`u32::MAX`] for none; empty where all items are.
    column: Vec<u32>,
    /// `ln c`.
    stands_for: f32,
    count: usize,
}

impl<'a> Sample<'a> {
    fn of(items: &'a [f32], negatives: &'a [u32], dim: usize) -> Self {
        let n = items.len() / dim;
        let mut column = Vec::new();
        if !negatives.is_empty() {
            column = vec![u32::MAX; n];
            for (k, &item) in (0u32..).zip(negatives) {
                column[item as usize] = k;
            }
        }
        let row = |&item: &u32| &items[item as usize * dim..][..dim];
        let count = if negatives.is_empty() {
            n
        } else {
            negatives.len()
        };
        Self {
            sampled: negatives.iter().flat_map(row).copied().collect(),
            all: items,
            negatives,
            column,
            stands_for: (n as f32 / count.max(1) as f32).ln(),
            count,
        }
    }

    fn count(&self) -> usize {
        self.count
    }

    fn rows(&self) -> &[f32] {
        if self.negatives.is_empty() {
            self.all
        } else {
            &self.sampled
        }
    }

    /// Turns the scores of a row into gradients by them, and finds what its targets add.
    fn row(
        &self,
        scores: &mut [f32],
        (state, asked): (&[f32], &[u32]),
        items: &[f32],
        weight: f32,
    ) -> Own {
        let dim = state.len();
        scores.iter_mut().for_each(|s| *s += self.stands_for);
        for &item in asked {
            let column = self.column.get(item as usize).copied().unwrap_or(item);
            if let Some(score) = scores.get_mut(column as usize) {
                *score = f32::NEG_INFINITY;
            }
        }
        let vector = |item: u32| &items[item as usize * dim..][..dim];
        let targets = asked.iter();
        let own: Vec<f32> = targets.map(|&t| row_dot(state, vector(t))).collect();
        let highest = own.iter().chain(&*scores).copied();
        let highest = highest.fold(f32::NEG_INFINITY, f32::max);
        let others = exp_shifted(scores, highest);
        let mut found = Own {
            loss: 0.0,
            residuals: Vec::with_capacity(own.len()),
            state: vec![0.0; dim],
        };
        let mut share = 0.0;
        for (&target, &score) in asked.iter().zip(&own) {
            let raised = (score - highest).exp();
            let sum = raised + others;
            found.loss += sum.ln() + highest - score;
            let residual = weight * (raised / sum - 1.0);
            add_row(&mut found.state, residual, vector(target));
            found.residuals.push(residual);
            share += weight / sum;
        }
        scores.iter_mut().for_each(|s| *s *= share);
        found
    }

    fn add_to(&self, items: &mut [f32], gradient: &[f32], dim: usize) {
        if self.negatives.is_empty() {
            add_row(items, 1.0, gradient);
            return;
        }
        for (&item, gradient) in self.negatives.iter().zip(gradient.chunks_exact(dim)) {
            add_row(&mut items[item as usize * dim..][..dim], 1.0, gradient);
        }
    }
}
