//! Popularity: how many people touched an item, the same for everyone.
//!
//! `score(i) = ln(1 + n_i)`, with `n_i` the number of distinct users with a training event on
//! item `i`. An item without any is not unknown, only unpopular: it scores 0 and comes last.

use crate::{Cause, Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Popularity has no parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PopularityConfig {}

/// The fitted model: 4 bytes per item.
#[derive(Clone, Debug)]
pub struct Popularity {
    scores: Arc<Vec<f32>>,
}

impl Model for Popularity {
    const NAME: &'static str = "popularity";
    type Config = PopularityConfig;

    fn fit(training: &Training<'_>, _config: &PopularityConfig) -> Result<Self, ModelError> {
        let counts = training.interactions.item_counts();
        Ok(Self {
            scores: Arc::new(counts.iter().map(|&n| log_count(f64::from(n))).collect()),
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let [n] = tensors.shape("scores")?;
        Ok(Self {
            scores: tensors.shared_f32("scores", &[n])?,
        })
    }
}

impl Recommender for Popularity {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.scores.len()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        same_for_all(&self.scores, queries, out);
    }

    fn explain(&self, _query: &Query<'_>, item: u32) -> Vec<Contribution> {
        own_standing(Self::NAME, &self.scores, item)
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        into.put_model(Self::NAME, &PopularityConfig {})?;
        into.put_f32("scores", &[self.scores.len()], Arc::clone(&self.scores))
    }
}

/// `ln(1 + n)`: keeps the order of the counts, and is on a scale that can be added to others.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a score needs no more than f32"
)]
pub(crate) fn log_count(n: f64) -> f32 {
    n.ln_1p() as f32
}

/// Writes one row of scores for every query.
pub(crate) fn same_for_all(scores: &[f32], queries: &[Query<'_>], out: &mut [f32]) {
    assert_eq!(
        out.len(),
        queries.len() * scores.len(),
        "[queries, n_items]"
    );
    for row in out.chunks_exact_mut(scores.len().max(1)) {
        row.copy_from_slice(scores);
    }
}

/// The explanation of a score that no query has a part in.
pub(crate) fn own_standing(source: &str, scores: &[f32], item: u32) -> Vec<Contribution> {
    scores
        .get(item as usize)
        .map(|&amount| Contribution {
            source: source.to_owned(),
            cause: Cause::Item,
            amount,
        })
        .into_iter()
        .collect()
}
