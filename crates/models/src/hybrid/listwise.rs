//! The fusion weights: a conditional logit.
//!
//! For one person, item `i` is chosen with probability `p_i = m_i exp(w · f_i) / Σ_j m_j exp(w ·
//! f_j)` over the items they have not seen (McFadden 1974; the listwise softmax loss), `m_i`
//! being the number of items that `i` stands for (see `question.rs`). The weights maximise the
//! mean log-likelihood of what was held out, less `l2 · ‖w - w₀‖²`; the problem is convex and has few
//! weights, so a damped Newton method finds the one solution in a few passes.

use super::question::Question;
use faer::linalg::solvers::{Llt, Solve};
use faer::{Mat, Side};
use rayon::prelude::*;

/// Passes after which the fit stops in any case.
const MAX_PASSES: usize = 50;
/// Change of the objective that no longer matters.
const TOLERANCE: f64 = 1e-7;

/// What the weights are held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Penalty<'a> {
    /// `w₀`, `[n_features]`.
    pub(super) towards: &'a [f64],
    pub(super) l2: f64,
}

/// The weights that fit the questions best; features should be of comparable scale.
pub(super) fn fit(questions: &[&Question], penalty: Penalty<'_>) -> Vec<f64> {
    let mut weights = penalty.towards.to_vec();
    let mut here = derivatives(questions, &weights, penalty);
    for _ in 0..MAX_PASSES {
        let step = here.newton_step();
        let mut size = 1.0;
        let (trial, there) = loop {
            let trial: Vec<f64> = weights
                .iter()
                .zip(&step)
                .map(|(w, s)| w + size * s)
                .collect();
            let there = derivatives(questions, &trial, penalty);
            if there.objective >= here.objective || size < 1e-3 {
                break (trial, there);
            }
            size /= 2.0;
        };
        let gain = there.objective - here.objective;
        if gain <= 0.0 {
            break;
        }
        (weights, here) = (trial, there);
        if gain < TOLERANCE {
            break;
        }
    }
    weights
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

fn derivatives(questions: &[&Question], weights: &[f64], penalty: Penalty<'_>) -> Derivatives {
    let n = weights.len();
    let each: Vec<Derivatives> = questions.par_iter().map(|q| one(q, weights)).collect();
    // Summed in order, so that the result does not depend on the number of threads.
    let share = 1.0 / questions.len().max(1) as f64;
    let mut total = each
        .iter()
        .fold(Derivatives::zeros(n), |sum, d| sum.add(d, share));
    let Penalty { towards, l2 } = penalty;
    for (i, (w, to)) in weights.iter().zip(towards).enumerate() {
        total.objective -= l2 * (w - to) * (w - to);
        total.gradient[i] -= 2.0 * l2 * (w - to);
        total.curvature[i * n + i] += 2.0 * l2;
    }
    total
}

fn one(question: &Question, weights: &[f64]) -> Derivatives {
    let n = weights.len();
    let mut out = Derivatives::zeros(n);
    let rows = || question.features.chunks_exact(n);
    let logits: Vec<f64> = rows()
        .zip(&question.log_counts)
        .map(|(f, m)| {
            let s: f64 = f.iter().zip(weights).map(|(&f, w)| f64::from(f) * w).sum();
            s + f64::from(*m)
        })
        .collect();
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = top + logits.iter().map(|s| (s - top).exp()).sum::<f64>().ln();
    let share = 1.0 / question.held_out as f64;
    // The held-out items come first.
    for (f, s) in rows().zip(&logits).take(question.held_out) {
        out.objective += share * (s - log_sum);
        for (g, &x) in out.gradient.iter_mut().zip(f) {
            *g += share * f64::from(x);
        }
    }
    let mut mean = vec![0.0f64; n];
    for (f, s) in rows().zip(&logits) {
        let p = (s - log_sum).exp();
        for i in 0..n {
            let px = p * f64::from(f[i]);
            mean[i] += px;
            let row = &mut out.curvature[i * n..=i * n + i];
            for (h, &x) in row.iter_mut().zip(f) {
                *h += px * f64::from(x);
            }
        }
    }
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

    /// One feature; an item with f = 1 and `others` items with f = 0, which are one row. The first
    /// is chosen in `chosen` of `n` questions.
    fn coins(n: usize, chosen: usize, others: f32) -> Vec<Question> {
        (0..n)
            .map(|q| {
                let (features, log_counts) = if q < chosen {
                    (vec![1.0, 0.0], vec![0.0, others.ln()])
                } else {
                    (vec![0.0, 1.0], vec![others.ln(), 0.0])
                };
                Question {
                    features,
                    log_counts,
                    held_out: 1,
                }
            })
            .collect()
    }

    fn weight(questions: &[Question], towards: f64, l2: f64) -> f64 {
        let questions: Vec<&Question> = questions.iter().collect();
        let towards = &[towards];
        fit(&questions, Penalty { towards, l2 })[0]
    }

    #[test]
    fn the_weight_of_a_biased_coin_is_its_log_odds() {
        let w = weight(&coins(4, 3, 1.0), 0.0, 0.0);
        assert!((w - 3.0f64.ln()).abs() < 1e-4, "{w}");
        // A row that stands for five items: e^w / (e^w + 5) = 3/4, so w = ln 15.
        let w = weight(&coins(4, 3, 5.0), 0.0, 0.0);
        assert!((w - 15.0f64.ln()).abs() < 1e-4, "{w}");
    }

    #[test]
    fn certainty_is_kept_finite_by_the_penalty() {
        // Optimum of ln σ(w) - 0.1 w²: σ(-w) = 0.2 w, so w ≈ 1.336.
        let w = weight(&coins(2, 2, 1.0), 0.0, 0.1);
        let residual = 1.0 / (1.0 + w.exp()) - 0.2 * w;
        assert!(residual.abs() < 1e-4, "{w}");
        // Of ln σ(w) - 0.1 (w - 2)²: σ(-w) = 0.2 (w - 2).
        let w = weight(&coins(2, 2, 1.0), 2.0, 0.1);
        let residual = 1.0 / (1.0 + w.exp()) - 0.2 * (w - 2.0);
        assert!(residual.abs() < 1e-4, "{w}");
    }
}
