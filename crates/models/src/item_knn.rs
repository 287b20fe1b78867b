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

use crate::history::{RECENCY, contributions, recency_for, recency_problem, recent, score_each};
use crate::sparse::Sparse;
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use rayon::prelude::*;
use semrec_tune::Space;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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
    /// Users of each item in training.
    counts: Arc<Vec<u32>>,
    /// `[n_items + 1]`: where the neighbours of each item begin.
    offsets: Vec<usize>,
    /// The neighbours of item after item, each item's in order of index.
    neighbours: Arc<Vec<u32>>,
    /// Their similarities.
    similarities: Arc<Vec<f32>>,
}

/// One thread's counters of common users.
struct Counters {
    common: Vec<f64>,
    met: Vec<u32>,
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
        let by_item = by_user.transposed();
        let n = by_item.n_rows();
        (training.progress)("item-knn: neighbours", 0, n);
        let shares: Vec<f64> = by_user
            .rows()
            .map(|row| (row.len().max(1) as f64).powf(-config.activity))
            .collect();
        let weighted: Vec<f64> = by_item
            .rows()
            .map(|row| row.iter().map(|&u| shares[u as usize]).sum())
            .collect();
        let rows: Vec<Vec<(u32, f32)>> = (0..n)
            .into_par_iter()
            .map_init(
                || Counters {
                    common: vec![0.0; n],
                    met: Vec::new(),
                },
                |counters, item| {
                    counters.count(item, &by_item, &by_user, &shares);
                    counters.nearest(item, &weighted, config)
                },
            )
            .collect();
        let mut offsets = vec![0];
        for row in &rows {
            offsets.push(offsets[offsets.len() - 1] + row.len());
        }
        let (neighbours, similarities) = rows.into_iter().flatten().unzip();
        Ok(Self {
            config: ItemKnnConfig {
                recency: recency_for(training.interactions.clock(), config.recency),
                ..config.clone()
            },
            counts: Arc::new(training.interactions.item_counts()),
            offsets,
            neighbours: Arc::new(neighbours),
            similarities: Arc::new(similarities),
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let [n] = tensors.shape("counts")?;
        let [pairs] = tensors.shape("neighbours")?;
        let (_, lengths) = tensors.u32("lengths")?;
        let mut offsets = vec![0];
        for &length in lengths {
            offsets.push(offsets[offsets.len() - 1] + length as usize);
        }
        if offsets.len() != n + 1 || offsets[n] != pairs {
            return Err(ModelError::Tensor {
                name: "lengths".to_owned(),
                problem: format!(
                    "has {} lengths that add up to {}; expected {n} and {pairs}",
                    lengths.len(),
                    offsets[lengths.len()]
                ),
            });
        }
        let neighbours = tensors.shared_u32("neighbours", &[pairs])?;
        if let Some(&out) = neighbours.iter().find(|&&j| j as usize >= n) {
            return Err(ModelError::Tensor {
                name: "neighbours".to_owned(),
                problem: format!("names item {out}; expected less than {n}"),
            });
        }
        Ok(Self {
            config: tensors.config()?,
            counts: tensors.shared_u32("counts", &[n])?,
            offsets,
            neighbours,
            similarities: tensors.shared_f32("similarities", &[pairs])?,
        })
    }
}

impl Counters {
    fn count(&mut self, item: usize, by_item: &Sparse, by_user: &Sparse, shares: &[f64]) {
        for &user in by_item.row(item) {
            let share = shares[user as usize];
            for &other in by_user.row(user as usize) {
                let common = &mut self.common[other as usize];
                if *common == 0.0 {
                    self.met.push(other);
                }
                *common += share;
            }
        }
    }

    /// The most similar items in order of index, ties decided by it; empties the counters.
    fn nearest(&mut self, item: usize, users: &[f64], config: &ItemKnnConfig) -> Vec<(u32, f32)> {
        let own = users[item];
        let mut all: Vec<(u32, f32)> = Vec::with_capacity(self.met.len());
        for other in self.met.drain(..) {
            let common = std::mem::take(&mut self.common[other as usize]);
            if other as usize == item {
                continue;
            }
            let theirs = users[other as usize];
            let size = match config.similarity {
                Similarity::Cosine => own.powf(config.balance) * theirs.powf(1.0 - config.balance),
                Similarity::Jaccard => own + theirs - common,
            };
            all.push((other, to_f32(common / (size + config.shrinkage))));
        }
        if all.len() > config.neighbours {
            all.select_nth_unstable_by(config.neighbours - 1, |a, b| {
                b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
            });
            all.truncate(config.neighbours);
        }
        all.sort_unstable_by_key(|&(other, _)| other);
        all
    }
}

impl ItemKnn {
    fn known(&self, item: u32) -> bool {
        self.counts.get(item as usize).is_some_and(|&n| n > 0)
    }

    fn neighbours_of(&self, item: u32) -> (&[u32], &[f32]) {
        let range = self.offsets[item as usize]..self.offsets[item as usize + 1];
        (&self.neighbours[range.clone()], &self.similarities[range])
    }

    fn score_one(&self, query: &Query<'_>, out: &mut [f32]) {
        let history = recent(query.history, self.config.recency, |i| self.known(i));
        if history.is_empty() {
            out.fill(f32::NEG_INFINITY);
            return;
        }
        for (score, &count) in out.iter_mut().zip(self.counts.iter()) {
            *score = if count > 0 { 0.0 } else { f32::NEG_INFINITY };
        }
        for t in &history {
            let (items, similarities) = self.neighbours_of(t.item);
            for (&j, &s) in items.iter().zip(similarities) {
                out[j as usize] += t.weight * s;
            }
        }
    }
}

impl Recommender for ItemKnn {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.counts.len()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        score_each(self.n_items(), queries, out, |query, row| {
            self.score_one(query, row);
        });
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        let history = recent(query.history, self.config.recency, |i| self.known(i));
        let parts = history.into_iter().filter_map(|t| {
            let (items, similarities) = self.neighbours_of(t.item);
            let place = items.binary_search(&item).ok()?;
            Some((t.item, t.weight * similarities[place]))
        });
        contributions(Self::NAME, parts)
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let pairs = self.neighbours.len();
        let lengths: Result<Vec<u32>, _> = self
            .offsets
            .windows(2)
            .map(|w| u32::try_from(w[1] - w[0]))
            .collect();
        let lengths = lengths.map_err(|e| ModelError::Tensor {
            name: "lengths".to_owned(),
            problem: format!("do not fit 32 bits: {e}"),
        })?;
        into.put_model(Self::NAME, &self.config)?;
        into.put_u32("counts", &[self.n_items()], Arc::clone(&self.counts))?;
        into.put_u32("lengths", &[lengths.len()], lengths)?;
        into.put_u32("neighbours", &[pairs], Arc::clone(&self.neighbours))?;
        into.put_f32("similarities", &[pairs], Arc::clone(&self.similarities))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a similarity needs no more than f32"
)]
fn to_f32(x: f64) -> f32 {
    x as f32
}
