//! How the model is fitted, and what cannot be asked of it.

use super::network::Block;
use super::semantic::Semantic;
use crate::texts::{SHARE, share_problem};
use crate::{Model, ModelError, Sasrec};
use semrec_train::Decay;
use serde::{Deserialize, Serialize};

/// How [`Sasrec`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SasrecConfig {
    /// Width of the network.
    pub dim: usize,
    /// Number of blocks; 0 takes 2, or 4 where 100 events or more of a history are read.
    pub blocks: usize,
    /// Heads of attention; divides `dim`.
    pub heads: usize,
    /// What a block computes.
    pub block: Block,
    /// Newest events of a history that are read; 0 takes as many as nine in ten people have, at
    /// least 50 and at most 200.
    pub length: usize,
    /// Whether items have vectors of their own, besides those of their texts.
    pub ids: bool,
    /// Whether texts are read, where there are any.
    pub text: bool,
    /// Share of the facts in the cosine between two items that have both texts and facts, where
    /// facts are read, too: 0 reads texts alone, 1 facts alone.
    pub facts: f32,
    /// Whether the vectors of an item's semantic id are added to its own, and which.
    pub semantic: Semantic,
    /// Tokens of a semantic id.
    pub semantic_levels: usize,
    /// Values of a token; a tenth of the items at most.
    pub semantic_tokens: usize,
    /// Share of the items that lose their own vector in a step.
    pub id_dropout: f32,
    /// Share of the network's values dropped in a step.
    pub dropout: f32,
    /// Above 0, scores are cosines divided by it in place of plain products.
    pub temperature: f32,
    /// Items drawn as negatives for each batch; 0 takes all items.
    pub negatives: usize,
    /// Events of a batch.
    pub batch: usize,
    /// Most epochs.
    pub epochs: u64,
    /// Epochs without a better validation after which training ends.
    pub patience: u64,
    /// Highest learning rate, reached after one epoch.
    pub learning_rate: f32,
    /// How it goes down over `epochs`.
    pub decay: Decay,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Longest gradient; 0 for any.
    pub clip: f32,
}

impl Default for SasrecConfig {
    fn default() -> Self {
        Self {
            dim: 128,
            blocks: 0,
            heads: 2,
            block: Block::Auto,
            length: 0,
            ids: true,
            text: true,
            facts: SHARE,
            semantic: Semantic::None,
            semantic_levels: 3,
            semantic_tokens: 256,
            id_dropout: 0.1,
            dropout: 0.3,
            temperature: 0.0,
            negatives: 0,
            batch: 2048,
            epochs: 20,
            patience: 10,
            learning_rate: 0.001,
            decay: Decay::Linear,
            weight_decay: 0.01,
            clip: 1.0,
        }
    }
}

impl SasrecConfig {
    pub(super) fn check(&self) -> Result<(), ModelError> {
        let share = |x: f32| (0.0..1.0).contains(&x);
        let positive = |x: f32| x >= 0.0 && x.is_finite();
        let problem = if self.dim == 0 || self.heads == 0 || self.batch == 0 {
            "dim, heads and batch must be at least 1".to_owned()
        } else if self.dim > 4096 || self.blocks > 64 || self.length > 4096 {
            format!(
                "dim is {}, blocks {}, length {}; expected at most 4096, 64 and 4096",
                self.dim, self.blocks, self.length
            )
        } else if !self.dim.is_multiple_of(self.heads) {
            format!(
                "dim is {}; expected a multiple of heads, {}",
                self.dim, self.heads
            )
        } else if !(share(self.dropout) && share(self.id_dropout)) {
            format!(
                "dropout is {} and id_dropout {}; expected at least 0 and less than 1",
                self.dropout, self.id_dropout
            )
        } else if let Some(problem) = share_problem(self.facts) {
            problem
        } else if !(self.ids || self.text || self.semantic != Semantic::None) {
            "ids and text are both false and semantic is none; an item needs one of them".to_owned()
        } else if !(1..=8).contains(&self.semantic_levels)
            || !(2..=65_536).contains(&self.semantic_tokens)
        {
            format!(
                "semantic_levels is {} and semantic_tokens {}; expected 1 to 8 and 2 to 65536",
                self.semantic_levels, self.semantic_tokens
            )
        } else if ![
            self.temperature,
            self.learning_rate,
            self.weight_decay,
            self.clip,
        ]
        .into_iter()
        .all(positive)
        {
            "temperature, learning_rate, weight_decay and clip must be numbers of at least 0"
                .to_owned()
        } else if self.epochs == 0 {
            "epochs must be at least 1".to_owned()
        } else {
            return Ok(());
        };
        Err(ModelError::Parameter {
            model: Sasrec::NAME,
            problem,
        })
    }
}
