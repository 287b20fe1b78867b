//! RP3beta: a walk of three steps over who touched what, with a discount for popular items
//! (Paudel et al. 2017, "Updatable, Accurate, Diverse, and Scalable Recommendations for Interactive
//! Applications"; its starting point, P3, is Cooper et al. 2014, and its approximation by walks
//! Christoffel et al. 2015).
//!
//! From an item to one of its users, and from there to one of that user's items, each step with the
//! probability of a uniform choice raised to `alpha`. With `n_i` the users of item `i` and `n_u` the
//! items of user `u`:
//!
//! ```text
//! W_ij = Σ_{u touched both} 1 / (n_i n_u)^alpha / n_j^beta,   score(j) = Σ_{i in history} w_i W_ij
//! ```
//!
//! Of each item the `neighbours` heaviest are kept; the walk never ends where it began. It is a
//! relative of `item-knn`: that one with `activity = alpha` and without shrinkage differs in that
//! both ends share one exponent of 1 and count their users by weight.
//!
//! How far to hold back popular items depends on how dense the data are, so by default both exponents
//! follow from them. With `m` the number of users of the item of a mean event, `Σ n_i² / Σ n_i`, and
//! `l` the number of items of its user, `Σ n_u² / Σ n_u`:
//!
//! ```text
//! beta = 0.14 ln m + 0.05 ln l - 0.44, between 0.05 and 0.9,     alpha = 0.25 + 0.6 beta
//! ```
//!
//! On validation data the best `alpha` and `beta` of a grid were
//!
//! | data | best of those tried |
//! |---|---|
//! | Amazon Industrial, leave-one-out | 0.3, 0.1 |
//! | Amazon Toys, leave-one-out | 0.3, 0.2 |
//! | Amazon Beauty, leave-one-out | 0.3, 0.2 |
//! | MovieLens latest-small, ratio | 0.6, 0.4 |
//! | MovieLens 100K, leave-one-out | 0.8, 0.6 |
//! | MovieLens 1M, random | 0.8, 0.7 |
//! | MovieLens 1M, leave-one-out | 0.6, 0.8 |
//!
//! Memory: 8 bytes a neighbour; fitting holds two counters an item and thread besides. Items without
//! training event score minus infinity, as does everything for a history without any known item.

use crate::ease::mean_size;
use crate::history::{RECENCY, recency_for, recency_problem};
use crate::neighbours::{Common, Counting, Neighbours};
use crate::sparse::Sparse;
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use semrec_tune::Space;
use serde::{Deserialize, Serialize};

/// How [`Rp3Beta`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rp3BetaConfig {
    /// How many neighbours of an item are kept.
    pub neighbours: usize,
    /// Exponent of the probability of each step; 0 takes the rule above.
    pub alpha: f64,
    /// How far an item is held back for the number of its users, near 0 not at all (P3); 0 takes the
    /// rule above.
    pub beta: f64,
    /// How much more newer items of a history count: weight `(1 + newer items) ^ -recency`; 0
    /// where the data have no order.
    pub recency: f32,
}

impl Default for Rp3BetaConfig {
    fn default() -> Self {
        Self {
            neighbours: 200,
            alpha: 0.0,
            beta: 0.0,
            recency: RECENCY,
        }
    }
}

impl Rp3BetaConfig {
    fn check(&self) -> Result<(), ModelError> {
        let exponent = |name: &str, got: f64| {
            (!(got >= 0.0 && got.is_finite()))
                .then(|| format!("{name} is {got}; expected a number of at least 0"))
        };
        let none = || "neighbours is 0; expected at least 1".to_owned();
        let problem = (self.neighbours == 0)
            .then(none)
            .or_else(|| exponent("alpha", self.alpha))
            .or_else(|| exponent("beta", self.beta))
            .or_else(|| recency_problem(self.recency));
        match problem {
            None => Ok(()),
            Some(problem) => Err(ModelError::Parameter {
                model: Rp3Beta::NAME,
                problem,
            }),
        }
    }
}

impl Rp3BetaConfig {
    /// With the exponents the rule gives where none are given, from the numbers of users of the
    /// item, and of items of the user, of a mean event.
    fn ruled(&self, users: f64, items: f64) -> Self {
        let or = |given: f64, rule: f64| if given > 0.0 { given } else { rule };
        let rule = 0.14 * users.max(1.0).ln() + 0.05 * items.max(1.0).ln() - 0.44;
        let beta = or(self.beta, rule.clamp(0.05, 0.9));
        Self {
            alpha: or(self.alpha, 0.25 + 0.6 * beta),
            beta,
            ..self.clone()
        }
    }
}

/// The fitted model.
#[derive(Clone, Debug)]
pub struct Rp3Beta {
    config: Rp3BetaConfig,
    neighbours: Neighbours,
}

impl Model for Rp3Beta {
    const NAME: &'static str = "rp3beta";
    type Config = Rp3BetaConfig;

    fn space() -> Space {
        Space::default()
            .whole_by_powers("neighbours", 20, 1_000)
            .even("alpha", 0.3, 2.0)
            .even("beta", 0.05, 1.0)
            .even("recency", 0.0, 1.5)
    }

    fn fit(training: &Training<'_>, config: &Rp3BetaConfig) -> Result<Self, ModelError> {
        config.check()?;
        let by_user = Sparse::of(training.interactions);
        (training.progress)("rp3beta: walks", 0, by_user.n_columns());
        let counts = by_user.column_counts();
        let config = Rp3BetaConfig {
            recency: recency_for(training.interactions.clock(), config.recency),
            ..config.ruled(
                mean_size(counts.iter().map(|&n| f64::from(n))),
                mean_size(by_user.rows().map(|row| row.len() as f64)),
            )
        };
        let powers = |exponent: f64| -> Vec<f64> {
            let power = |&n: &u32| f64::from(n.max(1)).powf(-exponent);
            counts.iter().map(power).collect()
        };
        let (leaving, arriving) = (powers(config.alpha), powers(config.beta));
        let counting = Counting {
            activity: config.alpha,
            kept: config.neighbours,
            weight: |common: Common| common.both * leaving[common.item] * arriving[common.other],
        };
        Ok(Self {
            config,
            neighbours: Neighbours::by_common_users(&by_user, &counting),
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        Ok(Self {
            config: tensors.config()?,
            neighbours: Neighbours::load(tensors)?,
        })
    }
}

impl Recommender for Rp3Beta {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.neighbours.n_items()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        self.neighbours.score(queries, self.config.recency, out);
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        self.neighbours
            .explain(Self::NAME, query, self.config.recency, item)
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        into.put_model(Self::NAME, &self.config)?;
        self.neighbours.save(into)
    }
}
