//! In-batch softmax (InfoNCE): a user's vector should point to the target's rather than to those of
//! the other candidates of the batch.
//!
//! With users `u_r`, candidates `v_j`, targets `t_r`, weights `w_r` and the log-probability `q_j`
//! that a candidate is in a batch,
//!
//! ```text
//! s_rj = (u_r·v_j + m [j hard for r]) / τ - q_j
//! L = 1/W Σ_r w_r ( ln Σ_{j not excluded for r} exp(s_rj) - s_{r,t_r} ),   W = Σ_r w_r
//! ρ_rj = w_r/W (softmax_j(s_rj) - [j = t_r])
//! ∂L/∂u_r = 1/τ Σ_j ρ_rj v_j,   ∂L/∂v_j = 1/τ Σ_r ρ_rj u_r
//! ∂L/∂ln τ = -Σ_rj ρ_rj (u_r·v_j + m [j hard for r]) / τ
//! ```
//!
//! van den Oord et al. 2018 (the loss), Yi et al. 2019 (`q`: popular items are in more batches, and
//! would be pushed away as often). The scores of [`ROWS`] rows are held at once, never those of the
//! batch: 4 · 256 · candidates bytes.

use super::product::{matrix, multiply};
use super::{ROWS, single};
use faer::Accum;
use rayon::prelude::*;
use semrec_text::exp_shifted;

/// A batch. Slices that may be empty then stand for "none", or for equal values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contest<'a> {
    /// `[users, dim]`.
    pub(crate) users: &'a [f32],
    /// `[candidates, dim]`.
    pub(crate) candidates: &'a [f32],
    /// Length of a vector.
    pub(crate) dim: usize,
    /// The place of each user's target among the candidates, `[users]`.
    pub(crate) targets: &'a [u32],
    /// `τ`, above 0.
    pub(crate) temperature: f32,
    /// For each user the candidates that are no negatives: what else the user likes, and what has
    /// the target's text. The target itself always counts. `[users]`, or empty.
    pub(crate) excluded: &'a [Vec<u32>],
    /// For each user the candidates, each once, that must be beaten by the margin; `[users]`, or
    /// empty. The target and what is excluded do not count.
    pub(crate) hard: &'a [Vec<u32>],
    /// `m`, in the unit of `u·v`.
    pub(crate) margin: f32,
    /// `q`: the log of each candidate's share of the draws; `[candidates]`, or empty.
    pub(crate) log_q: &'a [f32],
    /// `w`, not negative; `[users]`, or empty.
    pub(crate) weights: &'a [f32],
}

impl<'a> Contest<'a> {
    /// A batch without exclusions, hard negatives, correction or weights: `users` and `candidates`
    /// are `[·, dim]`.
    pub(crate) fn plain(
        (users, candidates): (&'a [f32], &'a [f32]),
        dim: usize,
        targets: &'a [u32],
        temperature: f32,
    ) -> Self {
        Self {
            users,
            candidates,
            dim,
            targets,
            temperature,
            excluded: &[],
            hard: &[],
            margin: 0.0,
            log_q: &[],
            weights: &[],
        }
    }
}

/// The loss of a batch and its gradients.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InfoNce {
    /// The weighted mean over the users, in nats.
    pub(crate) loss: f32,
    /// `∂L/∂u`, `[users, dim]`.
    pub(crate) users: Vec<f32>,
    /// `∂L/∂v`, `[candidates, dim]`.
    pub(crate) candidates: Vec<f32>,
    /// `∂L/∂ln τ`.
    pub(crate) ln_temperature: f32,
}

/// The loss of a batch; nothing at all, if its weights sum to 0.
///
/// # Panics
/// If the sizes do not fit together, or a target, excluded or hard candidate is none of the batch.
pub(crate) fn info_nce(batch: &Contest<'_>) -> InfoNce {
    let (dim, users) = (batch.dim, batch.targets.len());
    let n = batch.candidates.len() / dim;
    let fits = |len: usize, all: usize| len == 0 || len == all;
    assert_eq!(batch.users.len(), users * dim, "[users, dim]");
    assert_eq!(batch.candidates.len(), n * dim, "[candidates, dim]");
    assert!(fits(batch.excluded.len(), users), "exclusions of each user");
    assert!(fits(batch.hard.len(), users), "hard negatives of each user");
    assert!(fits(batch.log_q.len(), n), "a share of each candidate");
    assert!(fits(batch.weights.len(), users), "a weight of each user");
    let mut out = InfoNce {
        loss: 0.0,
        users: vec![0.0; users * dim],
        candidates: vec![0.0; n * dim],
        ln_temperature: 0.0,
    };
    let all: f64 = if batch.weights.is_empty() {
        users as f64
    } else {
        batch.weights.iter().map(|&w| f64::from(w)).sum()
    };
    if all <= 0.0 {
        return out;
    }
    let scale = 1.0 / batch.temperature;
    let table = matrix(batch.candidates, n);
    let mut scores = vec![0.0f32; ROWS.min(users) * n];
    let (mut loss, mut slope) = (0.0f64, 0.0f64);
    let mut parts = Vec::with_capacity(ROWS);
    let blocks = batch
        .users
        .chunks(ROWS * dim)
        .zip(out.users.chunks_mut(ROWS * dim));
    for ((states, gradient), first) in blocks.zip((0..).step_by(ROWS)) {
        let rows = states.len() / dim;
        let scores = &mut scores[..rows * n];
        let block = matrix(states, rows);
        multiply(scores, Accum::Replace, block, table.transpose(), scale);
        scores
            .par_chunks_mut(n)
            .enumerate()
            .map(|(r, row)| residuals(batch, first + r, row, all))
            .collect_into_vec(&mut parts);
        let residuals = matrix(scores, rows);
        multiply(gradient, Accum::Replace, residuals, table, scale);
        multiply(
            &mut out.candidates,
            Accum::Add,
            residuals.transpose(),
            block,
            scale,
        );
        for (of_row, of_hard) in &parts {
            loss += of_row;
            slope -= of_hard;
        }
        let both = states.iter().zip(gradient.iter());
        slope -= both
            .map(|(&u, &g)| f64::from(u) * f64::from(g))
            .sum::<f64>();
    }
    out.loss = single(loss);
    out.ln_temperature = single(slope);
    out
}

/// Turns the `u·v/τ` of a user into `ρ`; returns the user's part of the loss, and of
/// `Σ ρ · m/τ` over the hard negatives.
fn residuals(batch: &Contest<'_>, user: usize, row: &mut [f32], all: f64) -> (f64, f64) {
    let target = batch.targets[user] as usize;
    let list = |of: &'_ [Vec<u32>]| -> Vec<usize> {
        let all = of.get(user).map_or(&[][..], Vec::as_slice);
        let places = all.iter().map(|&j| j as usize);
        places.filter(|&j| j != target).collect()
    };
    let (excluded, hard) = (list(batch.excluded), list(batch.hard));
    let margin = batch.margin / batch.temperature;
    for (score, q) in row.iter_mut().zip(batch.log_q) {
        *score -= q;
    }
    hard.iter().for_each(|&j| row[j] += margin);
    excluded.iter().for_each(|&j| row[j] = f32::NEG_INFINITY);
    let own = row[target];
    let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let _ = exp_shifted(row, highest);
    // The exponential is cut at e^-87, which is not nothing.
    excluded.iter().for_each(|&j| row[j] = 0.0);
    let sum: f64 = row.iter().map(|&x| f64::from(x)).sum();
    let weight = batch.weights.get(user).map_or(1.0, |&w| f64::from(w)) / all;
    let share = single(weight / sum);
    row.iter_mut().for_each(|x| *x *= share);
    // What the others have, not 1 less what the target has: near 0 only that is exact.
    let others: f64 = (row.iter().enumerate())
        .filter(|&(j, _)| j != target)
        .map(|(_, &x)| f64::from(x))
        .sum();
    row[target] = single(-others);
    let of_hard: f64 = hard.iter().map(|&j| f64::from(row[j] * margin)).sum();
    let loss = sum.ln() + f64::from(highest) - f64::from(own);
    (weight * loss, of_hard)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::golden::{floats, lists, near, number, places, section};

    #[test]
    fn the_loss_and_its_gradients_are_those_of_pytorch() {
        let golden = section("info_nce");
        let users = floats(&golden["users"]);
        let candidates = floats(&golden["candidates"]);
        let targets = places(&golden["targets"]);
        let (excluded, hard) = (lists(&golden["excluded"]), lists(&golden["hard"]));
        let (log_q, weights) = (floats(&golden["log_q"]), floats(&golden["weights"]));
        let plain = Contest::plain((&users, &candidates), 5, &targets, 0.07);
        let full = Contest {
            excluded: &excluded,
            hard: &hard,
            margin: 0.2,
            log_q: &log_q,
            weights: &weights,
            ..plain
        };
        for (name, batch) in [("plain", plain), ("full", full)] {
            let (got, want) = (info_nce(&batch), &golden[name]);
            near(&[got.loss], &[number(&want["loss"])], name);
            near(&got.users, &floats(&want["users"]), name);
            near(&got.candidates, &floats(&want["candidates"]), name);
            near(
                &[got.ln_temperature],
                &[number(&want["ln_temperature"])],
                name,
            );
        }
    }

    /// Vectors without a pattern, from an additive sequence.
    fn vectors(n: usize, dim: usize, step: f32) -> Vec<f32> {
        let at = |k: usize| (k as f32 * step).fract() - 0.5;
        (0..n * dim).map(at).collect()
    }

    #[test]
    fn blocks_of_rows_and_numbers_of_threads_change_nothing() {
        let (users, candidates) = (vectors(600, 8, 0.618_034), vectors(70, 8, 0.414_213_56));
        let targets: Vec<u32> = (0..600).map(|r| r * 7 % 70).collect();
        let batch = Contest::plain((&users, &candidates), 8, &targets, 0.1);
        let whole = info_nce(&batch);
        let mut sum = vec![0.0; 70 * 8];
        let (mut loss, mut slope) = (0.0, 0.0);
        for part in 0..6 {
            let some = Contest {
                users: &users[part * 800..][..800],
                targets: &targets[part * 100..][..100],
                ..batch
            };
            let part = info_nce(&some);
            sum.iter_mut()
                .zip(&part.candidates)
                .for_each(|(s, g)| *s += g / 6.0);
            loss += part.loss / 6.0;
            slope += part.ln_temperature / 6.0;
        }
        near(&[whole.loss, whole.ln_temperature], &[loss, slope], "sum");
        near(&whole.candidates, &sum, "candidates");
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            assert_eq!(pool.unwrap().install(|| info_nce(&batch)), whole);
        }
    }

    #[test]
    fn a_user_with_no_negatives_teaches_nothing() {
        let (users, candidates) = ([1.0, 0.0], [0.0, 1.0, 1.0, 0.0]);
        let batch = Contest::plain((&users, &candidates), 2, &[0], 0.05);
        // Scores 0 and 20: ln(e^0 + e^20) - 0.
        assert!((info_nce(&batch).loss - 20.0).abs() < 1e-6);
        // The target itself is never excluded.
        let alone = Contest {
            excluded: &[vec![0, 1]],
            ..batch
        };
        let got = info_nce(&alone);
        assert_eq!((got.loss, got.ln_temperature), (0.0, 0.0));
        assert!(got.users.iter().chain(&got.candidates).all(|&x| x == 0.0));
        let weightless = Contest {
            weights: &[0.0],
            ..batch
        };
        assert_eq!(info_nce(&weightless).loss, 0.0);
        let nobody = Contest::plain((&[], &candidates), 2, &[], 0.05);
        assert_eq!(info_nce(&nobody).candidates, [0.0; 4]);
    }
}
