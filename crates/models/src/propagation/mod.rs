//! Vectors of items that walk over the graph of who touched what: what LightGCN and AlphaRec have in
//! common (`lightgcn.rs`, `alpharec/`), whatever the vectors are made of.

mod contrast;
mod fit;
mod layers;
mod served;
mod step;
#[cfg(test)]
mod tests;

pub(crate) use fit::{People, Source, train};
pub(crate) use layers::Layers;
pub(crate) use served::Served;

use crate::graph::{Graph, scale_rows};
use crate::history::recent;
use crate::lightgcn::LightGcnConfig;
use semrec_data::Interactions;
use step::normalise;

/// What the items' vectors are after the propagation over a whole graph.
#[derive(Debug)]
pub(crate) struct Propagated {
    /// `[items, dim]`: what an item adds to the person who touched it.
    pub(crate) keys: Vec<f32>,
    /// `[items, dim]`: unit vectors of the items as they are ranked; zero where nothing is known.
    pub(crate) values: Vec<f32>,
}

impl Propagated {
    pub(crate) fn of(graph: &Graph, learning: &LightGcnConfig, start: Vec<f32>) -> Self {
        let (dim, layers) = (learning.dim, Layers::mean(learning.layers));
        let walk = graph.whole();
        let (mut values, mut keys) = layers.forward(graph, &walk, start, dim);
        scale_rows(&mut keys, &walk.keys(learning.power), dim);
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
