//! The fusion weights: a conditional logit over the whole catalogue.
//!
//! For one person, item `i` is chosen with probability `p_i = exp(w · f_i) / Σ_j exp(w · f_j)`
//! over the items they have not seen (McFadden 1974; the listwise softmax loss). The weights
//! maximise the mean log-likelihood of what was held out, less `l2 · ‖w‖²`; the problem is convex
//! and has few weights, so a damped Newton method finds the one solution in a few passes.

use faer::linalg::solvers::{Llt, Solve};
use faer::{Mat, Side};
use rayon::prelude::*;

/// Passes after which the fit stops in any case.
const MAX_PASSES: usize = 30;
/// Change of the objective that no longer matters.
const TOLERANCE: f64 = 1e-7;
/// Items less likely than this are left out of the second derivative, not of the first.
const NEGLIGIBLE: f64 = 1e-8;

/// The questions the weights are fitted on.
pub(super) trait Questions: Sync {
    /// Number of weights.
    fn n_features(&self) -> usize;
    /// Number of questions.
    fn len(&self) -> usize;
    /// Calls `visit(item, features, is held out)` for every item question `q` may choose.
    fn each(&self, q: usize, visit: &mut dyn FnMut(&[f32], bool));
}

/// The weights, given the scale of each feature (weights are penalised in units of 1 / scale).
pub(super) fn fit(questions: &impl Questions, scales: &[f32], l2: f64) -> Vec<f32> {
    let n = questions.n_features();
    let mut weights = vec![0.0f64; n];
    let mut here = derivatives(questions, scales, &weights, l2);
    for _ in 0..MAX_PASSES {
        let step = here.newton_step();
        let mut size = 1.0;
        let next = loop {
            let trial: Vec<f64> = weights
                .iter()
                .zip(&step)
                .map(|(w, s)| w + size * s)
                .collect();
            let there = derivatives(questions, scales, &trial, l2);
            if there.objective >= here.objective || size < 1e-3 {
                break (trial, there);
            }
            size /= 2.0;
        };
        let gain = next.1.objective - here.objective;
        if gain <= 0.0 {
            break;
        }
        (weights, here) = next;
        if gain < TOLERANCE {
            break;
        }
    }
    weights
        .iter()
        .zip(scales)
        .map(|(&w, &scale)| narrow(w) / scale)
        .collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "weights need no more than f32"
)]
fn narrow(x: f64) -> f32 {
    x as f32
}

/// Objective, gradient and (negated) second derivative at one point.
struct Derivatives {
    objective: f64,
    gradient: Vec<f64>,
    curvature: Vec<f64>,
}

impl Derivatives {
    fn zeros(n: usize) -> Self {
        Self {
            objective: 0.0,
            gradient: vec![0.0; n],
            curvature: vec![0.0; n * n],
        }
    }

    fn add(mut self, other: &Self, weight: f64) -> Self {
        self.objective += weight * other.objective;
        for (a, b) in self.gradient.iter_mut().zip(&other.gradient) {
            *a += weight * b;
        }
        for (a, b) in self.curvature.iter_mut().zip(&other.curvature) {
            *a += weight * b;
        }
        self
    }

    fn newton_step(&self) -> Vec<f64> {
        let n = self.gradient.len();
        let curvature = Mat::from_fn(n, n, |i, j| self.curvature[i * n + j]);
        match Llt::new(curvature.as_ref(), Side::Lower) {
            Ok(llt) => {
                let step = llt.solve(Mat::from_fn(n, 1, |i, _| self.gradient[i]));
                (0..n).map(|i| step[(i, 0)]).collect()
            }
            // Only rounding can make it so; the gradient still points uphill.
            Err(_) => self.gradient.clone(),
        }
    }
}

fn derivatives(
    questions: &impl Questions,
    scales: &[f32],
    weights: &[f64],
    l2: f64,
) -> Derivatives {
    let n = questions.n_features();
    let effective: Vec<f32> = weights
        .iter()
        .zip(scales)
        .map(|(&w, &s)| narrow(w) / s)
        .collect();
    let each: Vec<Derivatives> = (0..questions.len())
        .into_par_iter()
        .map(|q| one(questions, q, scales, &effective))
        .collect();
    // Summed in order, so that the result does not depend on the number of threads.
    let share = 1.0 / questions.len().max(1) as f64;
    let mut total = each
        .iter()
        .fold(Derivatives::zeros(n), |sum, d| sum.add(d, share));
    for (i, w) in weights.iter().enumerate() {
        total.objective -= l2 * w * w;
        total.gradient[i] -= 2.0 * l2 * w;
        total.curvature[i * n + i] += 2.0 * l2;
    }
    total
}

fn one(questions: &impl Questions, q: usize, scales: &[f32], weights: &[f32]) -> Derivatives {
    let n = questions.n_features();
    let mut out = Derivatives::zeros(n);
    let score = |f: &[f32]| f64::from(f.iter().zip(weights).map(|(f, w)| f * w).sum::<f32>());
    let (mut top, mut sum, mut held_out) = (f64::NEG_INFINITY, 0.0f64, 0.0f64);
    questions.each(q, &mut |f, chosen| {
        let s = score(f);
        if s > top {
            sum = sum * (top - s).exp() + 1.0;
            top = s;
        } else {
            sum += (s - top).exp();
        }
        held_out += f64::from(u8::from(chosen));
    });
    if held_out == 0.0 {
        return out;
    }
    let log_sum = top + sum.ln();
    let mut scaled = vec![0.0f64; n];
    let mut mean = vec![0.0f64; n];
    questions.each(q, &mut |f, chosen| {
        let s = score(f);
        let p = (s - log_sum).exp();
        for ((x, f), scale) in scaled.iter_mut().zip(f).zip(scales) {
            *x = f64::from(*f) / f64::from(*scale);
        }
        if chosen {
            out.objective += (s - log_sum) / held_out;
            for (g, x) in out.gradient.iter_mut().zip(&scaled) {
                *g += x / held_out;
            }
        }
        for (m, x) in mean.iter_mut().zip(&scaled) {
            *m += p * x;
        }
        if p > NEGLIGIBLE {
            for i in 0..n {
                let px = p * scaled[i];
                let row = &mut out.curvature[i * n..=i * n + i];
                for (h, x) in row.iter_mut().zip(&scaled) {
                    *h += px * x;
                }
            }
        }
    });
    for i in 0..n {
        out.gradient[i] -= mean[i];
        for j in 0..=i {
            let value = out.curvature[i * n + j] - mean[i] * mean[j];
            out.curvature[i * n + j] = value;
            out.curvature[j * n + i] = value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One feature, two items with f = 1 and f = 0; the first is chosen in `chosen` of `n`.
    struct Coin {
        n: usize,
        chosen: usize,
    }

    impl Questions for Coin {
        fn n_features(&self) -> usize {
            1
        }
        fn len(&self) -> usize {
            self.n
        }
        fn each(&self, q: usize, visit: &mut dyn FnMut(&[f32], bool)) {
            visit(&[1.0], q < self.chosen);
            visit(&[0.0], q >= self.chosen);
        }
    }

    #[test]
    fn the_weight_of_a_biased_coin_is_its_log_odds() {
        let w = fit(&Coin { n: 4, chosen: 3 }, &[1.0], 0.0);
        assert!((w[0] - 3.0f32.ln()).abs() < 1e-4, "{w:?}");
        // A weight is penalised in units of the feature's scale, but means the same.
        let w = fit(&Coin { n: 4, chosen: 3 }, &[0.1], 0.0);
        assert!((w[0] - 3.0f32.ln()).abs() < 1e-4, "{w:?}");
    }

    #[test]
    fn certainty_is_kept_finite_by_the_penalty() {
        // Optimum of ln σ(w) - 0.1 w²: σ(-w) = 0.2 w, so w ≈ 1.336.
        let w = fit(&Coin { n: 2, chosen: 2 }, &[1.0], 0.1);
        let residual = 1.0 / (1.0 + w[0].exp()) - 0.2 * w[0];
        assert!(residual.abs() < 1e-4, "{w:?}");
    }
}
