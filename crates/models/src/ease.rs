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
//! n³ flops in all against 8n³/3 of a general inverse.
//!
//! No single `λ` suits all data, so by default it follows from them: `λ = 10 m^0.6`, where `m` is
//! the number of users of the item of a mean event, `Σ n_i² / Σ n_i`. On validation data the best
//! `λ` (with `p = 0.33`) and the rule's are
//!
//! | data | `m` | best of those tried | rule |
//! |---|---|---|---|
//! | Amazon Industrial, leave-one-out | 20 | 40 to 80 | 60 |
//! | Amazon Toys, leave-one-out | 32 | 60 | 80 |
//! | Amazon Beauty, leave-one-out | 50 | 60 | 105 |
//! | MovieLens latest-small, ratio and temporal | 63 | 100 | 120 |
//! | MovieLens 100K, temporal and leave-one-out | 168 | 300 | 216 |
//! | MovieLens 1M, random | 656 | 500 | 490 |
//! | MovieLens 1M, leave-one-out | 817 | 200 | 559 |
//!
//! Memory: fitting holds two `n × n` f32 matrices (8 n² bytes; 1.2 GB at 12,101 items) besides the
//! data; the model keeps one (4 n² bytes). `n` counts the items that have training events: the
//! others cost nothing and score minus infinity, as does everything for a history without any
//! known item.

use crate::history::{RECENCY, recency_for, recency_problem};
use crate::inverse::invert_positive_definite;
use crate::item_matrix::ItemMatrix;
use crate::kernels::narrow;
use crate::sparse::Sparse;
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use rayon::prelude::*;
use semrec_tune::Space;
use serde::{Deserialize, Serialize};

/// How [`Ease`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EaseConfig {
    /// Strength `λ` of the regularisation, on the scale of item counts; 0 takes the rule above.
    pub lambda: f64,
    /// Share `p` of a user's items that is dropped at random while learning, in expectation; 0 is
    /// plain EASE.
    pub dropout: f64,
    /// How much more newer items of a history count: weight `(1 + newer items) ^ -recency`; 0
    /// where the data have no order.
    pub recency: f32,
}

impl Default for EaseConfig {
    fn default() -> Self {
        Self {
            lambda: 0.0,
            dropout: 0.33,
            recency: RECENCY,
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
        } else if let Some(problem) = recency_problem(self.recency) {
            problem
        } else {
            return Ok(());
        };
        Err(ModelError::Parameter {
            model: Ease::NAME,
            problem,
        })
    }
}

/// Users of the item of a mean event, `Σ n_i² / Σ n_i`, from the number of users of each item (or
/// items of its user, from those of each user); 0 if there is no event.
pub(crate) fn mean_size(counts: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut squares) = (0.0, 0.0);
    for count in counts {
        sum += count;
        squares += count * count;
    }
    if sum > 0.0 { squares / sum } else { 0.0 }
}

/// The rule for `λ`, from the number of users of each item.
pub(crate) fn lambda_for(counts: impl Iterator<Item = f64>) -> f64 {
    let users = mean_size(counts);
    // No event at all: any positive number will do.
    if users > 0.0 {
        10.0 * users.powf(0.6)
    } else {
        1.0
    }
}

/// The fitted model.
#[derive(Clone, Debug)]
pub struct Ease {
    config: EaseConfig,
    matrix: ItemMatrix,
}

impl Model for Ease {
    const NAME: &'static str = "ease";
    type Config = EaseConfig;

    fn space() -> Space {
        Space::default()
            .by_powers("lambda", 5.0, 5_000.0)
            .even("dropout", 0.0, 0.8)
            .even("recency", 0.0, 1.5)
    }

    fn fit(training: &Training<'_>, config: &EaseConfig) -> Result<Self, ModelError> {
        config.check()?;
        let x = Sparse::of(training.interactions);
        let items = x.used_columns();
        let n = items.len();
        let progress = training.progress;
        progress("ease: counting pairs", 0, 3);
        let mut gram = x.with_columns(&items).gram_upper();
        let lambda = if config.lambda > 0.0 {
            config.lambda
        } else {
            lambda_for((0..n).map(|k| f64::from(gram[k * n + k])))
        };
        let dropout = config.dropout / (1.0 - config.dropout);
        for k in 0..n {
            let d = f64::from(gram[k * n + k]);
            gram[k * n + k] = narrow(d + lambda + dropout * d);
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
                recency: recency_for(training.interactions.clock(), config.recency),
                ..config.clone()
            },
            matrix: ItemMatrix::new(training.interactions.n_items(), items, inverse),
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        Ok(Self {
            config: tensors.config()?,
            matrix: ItemMatrix::load(tensors)?,
        })
    }
}

impl Recommender for Ease {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.matrix.n_items()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        self.matrix.score(queries, self.config.recency, out);
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        self.matrix
            .explain(Self::NAME, query, self.config.recency, item)
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        into.put_model(Self::NAME, &self.config)?;
        self.matrix.save(into)
    }
}
