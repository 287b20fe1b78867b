//! The graph of who touched what, and what one walk over it, from items to people and back, makes
//! of vectors of the items.
//!
//! With `R` the people × items matrix, `d_u` and `d_i` its degrees (He et al. 2020, LightGCN):
//!
//! ```text
//! R' = D_U^-½ R D_I^-½,   A = R'ᵀ R',   (A X)_i = d_i^-½ Σ_{u ∋ i} 1/d_u Σ_{j ∈ u} d_j^-½ X_j
//! ```
//!
//! `A` is symmetric, so the gradient of `A X` by `X` is `A` again. Sums go over people and items in
//! order, whatever the number of threads. Cost: `4 · pairs · dim` operations.

use crate::kernels::{add_row, sum_rows};
use crate::sparse::Sparse;
use rayon::prelude::*;

/// Rows that a thread takes at once.
const CHUNK: usize = 64;

/// Who touched what.
#[derive(Debug)]
pub(crate) struct Graph {
    by_user: Sparse,
    by_item: Sparse,
}

/// The part of a graph that is walked, as weights of its nodes.
#[derive(Debug)]
pub(crate) struct Walk {
    /// `1/d_u`, `[people]`; 0 for those who are left out.
    people: Vec<f32>,
    /// `d_i^-½`, `[items]`; 1 for an item that nobody (who is not left out) touched.
    items: Vec<f32>,
    /// `d_i^-power`, `[items]`: how an item counts in a history.
    keys: Vec<f32>,
}

impl Graph {
    pub(crate) fn of(by_user: Sparse) -> Self {
        Self {
            by_item: by_user.transposed(),
            by_user,
        }
    }

    /// Number of items.
    pub(crate) fn n_items(&self) -> usize {
        self.by_item.n_rows()
    }

    /// Number of people.
    pub(crate) fn n_people(&self) -> usize {
        self.by_user.n_rows()
    }

    /// What each person touched, in order of items.
    pub(crate) fn of_person(&self, person: usize) -> &[u32] {
        self.by_user.row(person)
    }

    /// How many people touched the item.
    pub(crate) fn degree(&self, item: usize) -> usize {
        self.by_item.row(item).len()
    }

    /// The graph without these people, as if they had never come.
    pub(crate) fn without(&self, people: impl Iterator<Item = usize>, power: f32) -> Walk {
        let mut degrees: Vec<usize> = (0..self.n_items()).map(|i| self.degree(i)).collect();
        let mut weights: Vec<f32> = self
            .by_user
            .rows()
            .map(|row| 1.0 / row.len().max(1) as f32)
            .collect();
        for person in people {
            weights[person] = 0.0;
            for &item in self.of_person(person) {
                degrees[item as usize] -= 1;
            }
        }
        Walk {
            people: weights,
            items: degrees
                .iter()
                .map(|&n| 1.0 / (n.max(1) as f32).sqrt())
                .collect(),
            keys: degrees
                .iter()
                .map(|&n| (n.max(1) as f32).powf(-power))
                .collect(),
        }
    }

    /// `A X` for `X`, `[items, dim]`.
    pub(crate) fn spread(&self, walk: &Walk, x: &[f32], dim: usize) -> Vec<f32> {
        let mut scaled = x.to_vec();
        scale_rows(&mut scaled, &walk.items, dim);
        let mut people = vec![0.0f32; self.by_user.n_rows() * dim];
        people
            .par_chunks_mut(CHUNK * dim)
            .enumerate()
            .for_each(|(c, rows)| {
                for (k, row) in rows.chunks_exact_mut(dim).enumerate() {
                    let person = c * CHUNK + k;
                    let weight = walk.people[person];
                    if weight > 0.0 {
                        sum_rows(row, &scaled, self.by_user.row(person));
                        row.iter_mut().for_each(|x| *x *= weight);
                    }
                }
            });
        let mut out = vec![0.0f32; x.len()];
        out.par_chunks_mut(CHUNK * dim)
            .enumerate()
            .for_each(|(c, rows)| {
                for (k, row) in rows.chunks_exact_mut(dim).enumerate() {
                    let item = c * CHUNK + k;
                    sum_rows(row, &people, self.by_item.row(item));
                    let weight = walk.items[item];
                    row.iter_mut().for_each(|x| *x *= weight);
                }
            });
        out
    }
}

impl Walk {
    /// `d_i^-power`, `[items]`.
    pub(crate) fn keys(&self) -> &[f32] {
        &self.keys
    }
}

/// Each row of `rows`, `[n, dim]`, times its weight.
pub(crate) fn scale_rows(rows: &mut [f32], weights: &[f32], dim: usize) {
    for (row, weight) in rows.chunks_exact_mut(dim).zip(weights) {
        row.iter_mut().for_each(|x| *x *= weight);
    }
}

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
