//! EASE: a linear item-to-item model in closed form (Steck 2019, "Embarrassingly Shallow
//! Autoencoders for Sparse Data"), with the dropout of EDLAE (Steck 2020).
//!
//! With `G = X'X` over the binary users × items matrix, `P = (G + Λ)⁻¹` and
//! `Λ = λ I + p/(1-p) diag(G)`:
//!
//! ```text
//! B_ij = -P_ij / P_jj  (i ≠ j),   B_ii = 0,   score(j) = Σ_{i in history} w_i B_ij
//! ```
//!
//! `G + Λ` is symmetric positive definite, so `P` comes from a Cholesky factor `L`: `P = L⁻ᵀL⁻¹`,
//! n³ multiply-adds in all against 8n³/3 flops of a general inverse.
//!
//! Memory: fitting holds two `n × n` f32 matrices (8 n² bytes; 1.2 GB at 12,101 items) besides the
//! data; the model keeps one (4 n² bytes). `n` counts the items that have training events: the
//! others cost nothing and score minus infinity, as does everything for a history without any
//! known item.

use crate::history::{contributions, decay_for, score_each, touched};
use crate::inverse::invert_positive_definite;
use crate::kernels::add_rows;
use crate::sparse::Sparse;
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How [`Ease`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EaseConfig {
    /// Strength of the regularisation, on the scale of item counts, or 0 for the rule.
    pub lambda: f64,
    /// Share of a user's items that is dropped at random while learning, in expectation.
    pub dropout: f64,
    /// Weight of an item of the history relative to the next newer one.
    pub decay: f32,
}

impl Default for EaseConfig {
    fn default() -> Self {
        Self {
            lambda: 500.0,
            dropout: 0.0,
            decay: 1.0,
        }
    }
}

impl EaseConfig {
    fn check(&self) -> Result<(), ModelError> {
        let problem = if !(self.lambda >= 0.0 && self.lambda.is_finite()) {
            format!("lambda is {}; expected a number of at least 0", self.lambda)
        } else if !(0.0..1.0).contains(&self.dropout) {
            format!(
                "dropout is {}; expected at least 0 and less than 1",
                self.dropout
            )
        } else if !(self.decay > 0.0 && self.decay <= 1.0) {
            format!(
                "decay is {}; expected more than 0 and at most 1",
                self.decay
            )
        } else {
            return Ok(());
        };
        Err(ModelError::Parameter {
            model: Ease::NAME,
            problem,
        })
    }
}

/// The fitted model.
#[derive(Clone, Debug)]
pub struct Ease {
    config: EaseConfig,
    n_items: usize,
    /// Items that have training events, in order: row and column `k` are of item `items[k]`.
    items: Arc<Vec<u32>>,
    /// `[items, items]`.
    weights: Arc<Vec<f32>>,
}

impl Model for Ease {
    const NAME: &'static str = "ease";
    type Config = EaseConfig;

    fn fit(training: &Training<'_>, config: &EaseConfig) -> Result<Self, ModelError> {
        config.check()?;
        let x = Sparse::of(training.interactions);
        let items = x.used_columns();
        let n = items.len();
        let progress = training.progress;
        progress("ease: counting pairs", 0, 3);
        let mut gram = x.with_columns(&items).gram_upper();
        let lambda = config.lambda;
        let dropout = config.dropout / (1.0 - config.dropout);
        for k in 0..n {
            let d = f64::from(gram[k * n + k]);
            gram[k * n + k] = (d + lambda + dropout * d) as f32;
        }
        progress("ease: inverting", 1, 3);
        let mut inverse =
            invert_positive_definite(gram, n).ok_or_else(|| ModelError::Training {
                model: Self::NAME,
                problem: format!(
                    "X'X + {lambda} I of {n} items is not positive definite in f32; raise lambda"
                ),
            })?;
        progress("ease: weights", 2, 3);
        let diagonal: Vec<f32> = (0..n).map(|k| inverse[k * n + k]).collect();
        inverse
            .par_chunks_mut(n.max(1))
            .enumerate()
            .for_each(|(i, row)| {
                for (b, d) in row.iter_mut().zip(&diagonal) {
                    *b /= -d;
                }
                row[i] = 0.0;
            });
        Ok(Self {
            config: EaseConfig {
                lambda,
                decay: decay_for(training.interactions.clock(), config.decay),
                ..config.clone()
            },
            n_items: training.interactions.n_items(),
            items: Arc::new(items),
            weights: Arc::new(inverse),
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let [n] = tensors.shape("items")?;
        let [n_items] = tensors.dimensions("n_items")?;
        Ok(Self {
            config: tensors.config()?,
            n_items,
            items: tensors.shared_u32("items", &[n])?,
            weights: tensors.shared_f32("weights", &[n, n])?,
        })
    }
}

impl Ease {
    /// The known items of a history as rows of the matrix, and their weights.
    fn rows_of(&self, query: &Query<'_>) -> Vec<(usize, f32)> {
        let place = |item| self.items.binary_search(&item).ok();
        touched(query.history, self.config.decay, |i| place(i).is_some())
            .iter()
            .filter_map(|t| Some((place(t.item)?, t.weight)))
            .collect()
    }

    fn score_one(&self, query: &Query<'_>, out: &mut [f32]) {
        let rows = self.rows_of(query);
        if rows.is_empty() {
            out.fill(f32::NEG_INFINITY);
        } else if self.items.len() == out.len() {
            out.fill(0.0);
            add_rows(out, &self.weights, &rows);
        } else {
            let mut scores = vec![0.0; self.items.len()];
            add_rows(&mut scores, &self.weights, &rows);
            out.fill(f32::NEG_INFINITY);
            for (&item, score) in self.items.iter().zip(scores) {
                out[item as usize] = score;
            }
        }
    }
}

impl Recommender for Ease {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        score_each(self.n_items, queries, out, |query, row| {
            self.score_one(query, row);
        });
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        let Ok(column) = self.items.binary_search(&item) else {
            return Vec::new();
        };
        let n = self.items.len();
        let parts = self
            .rows_of(query)
            .into_iter()
            .map(|(row, weight)| (self.items[row], weight * self.weights[row * n + column]));
        contributions(Self::NAME, parts)
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let n = self.items.len();
        into.put_model(Self::NAME, &self.config)?;
        into.put_dimensions("n_items", &[self.n_items])?;
        into.put_u32("items", &[n], Arc::clone(&self.items))?;
        into.put_f32("weights", &[n, n], Arc::clone(&self.weights))
    }
}
