//! Vectors of items that walk over the graph of who touched what: what LightGCN and AlphaRec have in
//! common (`lightgcn.rs`, `alpharec/`), whatever the vectors are made of.

mod contrast;
mod fit;
mod graph;
mod served;
mod step;
#[cfg(test)]
mod tests;

pub(crate) use fit::{People, Source, train};
pub(crate) use graph::{Graph, Layers};
pub(crate) use served::Served;

use crate::history::recent;
use semrec_data::Interactions;
use semrec_train::Decay;
use step::normalise;

/// How vectors are learned, and what is made of them.
#[derive(Clone, Debug)]
pub(crate) struct Learning {
    /// Values of a vector.
    pub(crate) dim: usize,
    /// Layers of the propagation.
    pub(crate) layers: usize,
    /// `τ`.
    pub(crate) temperature: f32,
    /// Items drawn as negatives for each batch; 0 takes all.
    pub(crate) negatives: usize,
    /// Share of the items of a history that are left out in a step.
    pub(crate) dropout: f32,
    /// Parts of a batch; 0 takes the rule.
    pub(crate) batch: usize,
    pub(crate) epochs: u64,
    /// Epochs without a better validation after which training ends.
    pub(crate) patience: u64,
    pub(crate) learning_rate: f32,
    /// Decoupled weight decay.
    pub(crate) weight_decay: f32,
    /// How the learning rate goes down.
    pub(crate) decay: Decay,
    /// Parts that the items of a person are cut into.
    pub(crate) parts: usize,
    /// How much less an item counts in a history that many touched.
    pub(crate) power: f32,
    /// How much newer items of a history count more, 0 where there is no order.
    pub(crate) recency: f32,
}

impl Learning {
    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let number = |x: f32| x >= 0.0 && x.is_finite();
        if !(1..=4096).contains(&self.dim) || self.layers > 16 {
            Some(format!(
                "dim is {} and layers {}; expected 1 to 4096 and at most 16",
                self.dim, self.layers
            ))
        } else if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            Some(format!(
                "temperature is {}; expected above 0",
                self.temperature
            ))
        } else if !(0.0..1.0).contains(&self.dropout) {
            Some(format!(
                "dropout is {}; expected at least 0 and less than 1",
                self.dropout
            ))
        } else if self.parts < 2 {
            Some(format!("parts is {}; expected at least 2", self.parts))
        } else if !(number(self.learning_rate) && number(self.weight_decay)) {
            Some(format!(
                "learning_rate is {} and weight_decay {}; expected numbers of at least 0",
                self.learning_rate, self.weight_decay
            ))
        } else {
            crate::history::recency_problem(self.recency)
        }
    }
}

/// What the items' vectors are after the propagation over a whole graph.
#[derive(Debug)]
pub(crate) struct Propagated {
    /// `[items, dim]`: what an item adds to the person who touched it.
    pub(crate) keys: Vec<f32>,
    /// `[items, dim]`: unit vectors of the items as they are ranked; zero where nothing is known.
    pub(crate) values: Vec<f32>,
}

impl Propagated {
    pub(crate) fn of(graph: &Graph, learning: &Learning, start: Vec<f32>) -> Self {
        let (dim, layers) = (learning.dim, Layers::mean(learning.layers));
        let walk = graph.without(std::iter::empty(), learning.power);
        let (mut values, mut keys) = layers.forward(graph, &walk, start, dim);
        graph::scale_rows(&mut keys, walk.keys(), dim);
        normalise(&mut values, dim);
        Self { keys, values }
    }
}

/// The distinct items of each person, oldest first, by their place among `items`; others are left
/// out.
pub(crate) fn histories(log: &Interactions, items: &[u32]) -> Vec<Vec<u32>> {
    let mut place = vec![u32::MAX; log.n_items()];
    for (k, &item) in (0u32..).zip(items) {
        place[item as usize] = k;
    }
    (0u32..)
        .take(log.n_users())
        .map(|user| {
            let known = |item: u32| place[item as usize] != u32::MAX;
            let touched = recent(log.of_user(user), 0.0, known);
            let places = touched.iter().rev().map(|t| place[t.item as usize]);
            places.collect()
        })
        .collect()
}
