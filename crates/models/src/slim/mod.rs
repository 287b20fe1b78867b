//! SLIM: of each item, the few items that foretell it, by an elastic net with weights of at least 0
//! (Ning and Karypis 2011, "SLIM: Sparse Linear Methods for Top-N Recommender Systems").
//!
//! With the binary users × items matrix `X`, column by column:
//!
//! ```text
//! min over w ≥ 0, w_j = 0:   ½ |X_j - X w|² + ½ Σ_k (l2 + p/(1-p) n_k) w_k² + l1 Σ_k w_k
//! score(j) = Σ_{i in history} w_i W_ij,   W_ij = w_i of column j
//! ```
//!
//! `p` is the dropout of EDLAE (Steck 2020), which SLIM as published lacks (`dropout = 0`): it holds
//! an item back in proportion to its `n_k` users, so that popular ones do not foretell everything.
//!
//! Solved on `G = X'X` by coordinate descent over an active set (`descent.rs`). No entry of `G` is
//! negative, so an item `k` with `G_kj ≤ l1` has weight 0 in the solution whatever the others have:
//! the items that share more than `l1` users with `j` are all that is looked at. Of those the
//! `neighbours` with the greatest `G_kj² / n_k` are asked (the paper's fsSLIM), which bounds the time
//! where every item has users in common with thousands; with fewer than that, the answer is that of
//! the whole problem.
//!
//! `l2` follows from the data by default: half the rule of `ease`, `5 m^0.6` with `m` the number of
//! users of the item of a mean event, `Σ n_i² / Σ n_i`; what keeps its weights at 0 or above has less
//! need to be held down. `l1` stays below 1, because on sparse data most pairs have one common user.
//!
//! Memory: the model has 8 bytes an entry; fitting holds `G` by its entries above 0, 8 bytes each,
//! at most `n²`. Items without training events score minus infinity, as does everything for a history
//! without any known item.

mod descent;

use crate::ease::lambda_for;
use crate::history::{RECENCY, recency_for, recency_problem};
use crate::kernels::narrow;
use crate::neighbours::Neighbours;
use crate::sparse::Sparse;
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use descent::{Column, Gram, Penalty};
use rayon::prelude::*;
use semrec_tune::Space;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How [`Slim`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlimConfig {
    /// How many items may foretell one.
    pub neighbours: usize,
    /// Strength of the squared weights, on the scale of item counts; 0 takes the rule above.
    pub l2: f64,
    /// Strength of the weights themselves, in users: what makes them sparse. From 1 on, pairs with
    /// one common user are no evidence.
    pub l1: f64,
    /// Share `p` of a user's items that is dropped at random while learning, in expectation; 0 is
    /// plain SLIM.
    pub dropout: f64,
    /// How much more newer items of a history count: weight `(1 + newer items) ^ -recency`; 0
    /// where the data have no order.
    pub recency: f32,
}

impl Default for SlimConfig {
    fn default() -> Self {
        Self {
            neighbours: 300,
            l2: 0.0,
            l1: 0.5,
            dropout: 0.33,
            recency: RECENCY,
        }
    }
}

impl SlimConfig {
    fn check(&self) -> Result<(), ModelError> {
        let strength = |name: &str, got: f64| {
            (!(got >= 0.0 && got.is_finite()))
                .then(|| format!("{name} is {got}; expected a number of at least 0"))
        };
        let dropout = || {
            format!(
                "dropout is {}; expected at least 0 and less than 1",
                self.dropout
            )
        };
        let none = || "neighbours is 0; expected at least 1".to_owned();
        let problem = (self.neighbours == 0)
            .then(none)
            .or_else(|| strength("l2", self.l2))
            .or_else(|| strength("l1", self.l1))
            .or_else(|| (!(0.0..1.0).contains(&self.dropout)).then(dropout))
            .or_else(|| recency_problem(self.recency));
        match problem {
            None => Ok(()),
            Some(problem) => Err(ModelError::Parameter {
                model: Slim::NAME,
                problem,
            }),
        }
    }
}

/// The fitted model.
#[derive(Clone, Debug)]
pub struct Slim {
    config: SlimConfig,
    weights: Neighbours,
}

impl Model for Slim {
    const NAME: &'static str = "slim";
    type Config = SlimConfig;

    fn space() -> Space {
        Space::default()
            .by_powers("l1", 0.05, 10.0)
            .by_powers("l2", 2.0, 2_000.0)
            .even("dropout", 0.0, 0.8)
            .even("recency", 0.0, 1.5)
    }

    fn fit(training: &Training<'_>, config: &SlimConfig) -> Result<Self, ModelError> {
        config.check()?;
        let by_user = Sparse::of(training.interactions);
        let n = by_user.n_columns();
        let progress = training.progress;
        progress("slim: counting pairs", 0, n);
        let counts = by_user.column_counts();
        let l2 = if config.l2 > 0.0 {
            config.l2
        } else {
            lambda_for(counts.iter().map(|&c| f64::from(c))) / 2.0
        };
        let penalty = Penalty {
            l1: narrow(config.l1),
            l2: narrow(l2),
            share: narrow(config.dropout / (1.0 - config.dropout)),
            most: config.neighbours,
        };
        let gram = Gram::of(&by_user);
        let done = AtomicUsize::new(0);
        let columns: Vec<Vec<(u32, f32)>> = (0..n)
            .into_par_iter()
            .with_max_len(8)
            .map_init(
                || Column::new(n),
                |column, item| {
                    let weights = column.solve(&gram, item, penalty);
                    let done = done.fetch_add(1, Ordering::Relaxed);
                    if done.is_multiple_of(256) {
                        progress("slim: columns", done, n);
                    }
                    weights
                },
            )
            .collect();
        Ok(Self {
            config: SlimConfig {
                l2,
                recency: recency_for(training.interactions.clock(), config.recency),
                ..config.clone()
            },
            weights: Neighbours::of_rows(&by_user, rows_of(&columns)),
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        Ok(Self {
            config: tensors.config()?,
            weights: Neighbours::load(tensors)?,
        })
    }
}

/// Columns of `(row, weight)` as rows of `(column, weight)`, each in order of index.
fn rows_of(columns: &[Vec<(u32, f32)>]) -> Vec<Vec<(u32, f32)>> {
    let mut rows = vec![Vec::new(); columns.len()];
    for (j, column) in (0u32..).zip(columns) {
        for &(i, weight) in column {
            rows[i as usize].push((j, weight));
        }
    }
    rows
}

impl Recommender for Slim {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.weights.n_items()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        self.weights.score(queries, self.config.recency, out);
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        self.weights
            .explain(Self::NAME, query, self.config.recency, item)
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        into.put_model(Self::NAME, &self.config)?;
        self.weights.save(into)
    }

    fn notes(&self) -> Vec<String> {
        let n = self.n_items().max(1);
        vec![format!(
            "an item is foretold by {:.0} others on average ({} weights)",
            self.weights.len() as f64 / n as f64,
            self.weights.len()
        )]
    }
}
