//! What LightGCN's propagation is, where people have no vectors of their own.

use crate::graph::{Graph, Walk};
use crate::kernels::add_row;

/// The mean of the layers of LightGCN as polynomials of `A`.
///
/// People have no vectors of their own: they start as what a walk makes of their items,
/// `U⁰ = R' E`. Then `I^l = A^⌈l/2⌉ E` and `U^l = R' A^⌊l/2⌋ E`, and the means over the layers
/// `0 … L` are
///
/// ```text
/// I = Σ_k p_k A^k E,   U = R' Σ_k q_k A^k E
/// p_k = #{l ≤ L: ⌈l/2⌉ = k} / (L + 1),   q_k = #{l ≤ L: ⌊l/2⌋ = k} / (L + 1)
/// ```
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layers {
    items: Vec<f32>,
    people: Vec<f32>,
}

impl Layers {
    pub(crate) fn mean(layers: usize) -> Self {
        let walks = layers.div_ceil(2);
        let mut of = Self {
            items: vec![0.0; walks + 1],
            people: vec![0.0; walks + 1],
        };
        let share = 1.0 / (layers + 1) as f32;
        for l in 0..=layers {
            of.items[l.div_ceil(2)] += share;
            of.people[l / 2] += share;
        }
        of
    }

    /// Vectors of the items, and what those of a history's items add up to for a person (before
    /// `d_i^-½`), both `[items, dim]`.
    pub(crate) fn forward(
        &self,
        graph: &Graph,
        walk: &Walk,
        start: Vec<f32>,
        dim: usize,
    ) -> (Vec<f32>, Vec<f32>) {
        let mut items = vec![0.0; start.len()];
        let mut people = vec![0.0; start.len()];
        let mut power = start;
        for (k, (&p, &q)) in self.items.iter().zip(&self.people).enumerate() {
            if k > 0 {
                power = graph.spread(walk, &power, dim);
            }
            add_row(&mut items, p, &power);
            add_row(&mut people, q, &power);
        }
        (items, people)
    }

    /// What the start of an item that nobody touched adds to a person: `q_0`.
    pub(crate) fn untouched(&self) -> f32 {
        self.people[0]
    }

    /// The gradient by the start, from those by what [`Layers::forward`] returns.
    pub(crate) fn backward(
        &self,
        graph: &Graph,
        walk: &Walk,
        (items, people): (&[f32], &[f32]),
        dim: usize,
    ) -> Vec<f32> {
        let mut gradient = vec![0.0; items.len()];
        for (k, (&p, &q)) in self.items.iter().zip(&self.people).enumerate().rev() {
            if k + 1 < self.items.len() {
                gradient = graph.spread(walk, &gradient, dim);
            }
            add_row(&mut gradient, p, items);
            add_row(&mut gradient, q, people);
        }
        gradient
    }
}
