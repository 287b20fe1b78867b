//! Item neighbours: what is like the items of the history, counted by who touched both
//! (Sarwar et al. 2001; Deshpande and Karypis 2004).
//!
//! With `n_i` the users of item `i`, and `c_ij` the users of both (each counting
//! `1 / (items of the user) ^ activity`):
//!
//! | `similarity` | `s_ij`, from an item `i` of the history to a candidate `j` |
//! |---|---|
//! | `cosine` | `c_ij / (n_i^a n_j^(1-a) + shrinkage)`, `a = balance`; 0.5 is the plain cosine |
//! | `jaccard` | `c_ij / (n_i + n_j - c_ij + shrinkage)` |
//!
//! `balance = 1` is the conditional probability of `j` given `i`. Of each item the `neighbours`
//! most similar ones are kept, and `score(j) = Σ_{i in history} w_i s_ij`.
//!
//! An item never scores for itself. Memory: 8 bytes per neighbour; fitting holds two counters per
//! item and thread besides. Items without training event score minus infinity, as does everything
//! for a history without any known item.

use crate::history::{RECENCY, recency_for, recency_problem};
use crate::neighbours::{Common, Counting, Neighbours, shares};
use crate::sparse::Sparse;
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use semrec_tune::Space;
use serde::{Deserialize, Serialize};

/// How alike two items are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Similarity {
    /// Common users over a mean of both numbers of users.
    Cosine,
    /// Common users over users of either.
    Jaccard,
}

/// How [`ItemKnn`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemKnnConfig {
    /// How many neighbours of an item are kept.
    pub neighbours: usize,
    /// The formula.
    pub similarity: Similarity,
    /// Exponent of the history item's count in the cosine; the candidate's has the rest of 1.
    pub balance: f64,
    /// Added below the line, so that a few common users are not taken for much.
    pub shrinkage: f64,
    /// How much less a user of many items counts: each pair of theirs by `items ^ -activity`.
    pub activity: f64,
    /// How much more newer items of a history count: weight `(1 + newer items) ^ -recency`; 0
    /// where the data have no order.
    pub recency: f32,
}

impl Default for ItemKnnConfig {
    fn default() -> Self {
        Self {
            neighbours: 200,
            similarity: Similarity::Cosine,
            balance: 0.5,
            shrinkage: 5.0,
            activity: 0.5,
            recency: RECENCY,
        }
    }
}

impl ItemKnnConfig {
    fn check(&self) -> Result<(), ModelError> {
        let problem = if self.neighbours == 0 {
            "neighbours is 0; expected at least 1".to_owned()
        } else if !(0.0..=1.0).contains(&self.balance) {
            format!("balance is {}; expected 0 to 1", self.balance)
        } else if !(self.shrinkage >= 0.0 && self.shrinkage.is_finite()) {
            format!(
                "shrinkage is {}; expected a number of at least 0",
                self.shrinkage
            )
        } else if !(self.activity >= 0.0 && self.activity.is_finite()) {
            format!(
                "activity is {}; expected a number of at least 0",
                self.activity
            )
        } else if let Some(problem) = recency_problem(self.recency) {
            problem
        } else {
            return Ok(());
        };
        Err(ModelError::Parameter {
            model: ItemKnn::NAME,
            problem,
        })
    }
}

/// The fitted model.
#[derive(Clone, Debug)]
pub struct ItemKnn {
    config: ItemKnnConfig,
    neighbours: Neighbours,
}

impl Model for ItemKnn {
    const NAME: &'static str = "item-knn";
    type Config = ItemKnnConfig;

    fn space() -> Space {
        Space::default()
            .whole_by_powers("neighbours", 20, 1_000)
            .one_of("similarity", &["cosine", "jaccard"])
            .even("balance", 0.0, 1.0)
            .by_powers("shrinkage", 0.1, 100.0)
            .even("activity", 0.0, 1.0)
            .even("recency", 0.0, 1.5)
    }

    fn fit(training: &Training<'_>, config: &ItemKnnConfig) -> Result<Self, ModelError> {
        config.check()?;
        let by_user = Sparse::of(training.interactions);
        (training.progress)("item-knn: neighbours", 0, by_user.n_columns());
        let users = by_user.column_sums(&shares(&by_user, config.activity));
        let counting = Counting {
            activity: config.activity,
            kept: config.neighbours,
            weight: |common: Common| {
                let (own, theirs) = (users[common.item], users[common.other]);
                let size = match config.similarity {
                    Similarity::Cosine => {
                        own.powf(config.balance) * theirs.powf(1.0 - config.balance)
                    }
                    Similarity::Jaccard => own + theirs - common.both,
                };
                common.both / (size + config.shrinkage)
            },
        };
        Ok(Self {
            config: ItemKnnConfig {
                recency: recency_for(training.interactions.clock(), config.recency),
                ..config.clone()
            },
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

impl Recommender for ItemKnn {
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
