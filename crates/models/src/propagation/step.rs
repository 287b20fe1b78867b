//! Loss and gradients of a batch of people, each asked about as if they had never come.
//!
//! The items of a person are cut into parts at random, and each part `T` is asked for from the
//! others, `h`:
//!
//! ```text
//! u = Σ_{j ∈ h} k_j,   k_j = d_j^-½ (q(A) E)_j,   v_j = (p(A) E)_j
//! L = mean_{t ∈ T} -ln ( exp(cos(u, v_t)/τ) / (exp(cos(u, v_t)/τ) + Σ_j exp(cos(u, v_j)/τ)) )
//! ```
//!
//! with `p` and `q` of [`Layers`], over the graph without the people of the batch. Neither the
//! person's vector nor that of the target knows of the event that is asked for, which is what
//! happens when somebody is served; with them left in, the model learns to find an item by its
//! own trace.

use super::contrast::contrast;
use super::layers::Layers;
use crate::graph::{Graph, Walk, scale_rows};
use crate::kernels::{add_row, row_dot};
use rayon::prelude::*;

/// Below this length a vector has no direction.
const SHORT: f32 = 1e-12;

/// What a step looks at besides the vectors of the items.
pub(crate) struct Batch<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) walk: &'a Walk,
    /// How much less an item counts in a history that many touched.
    pub(crate) power: f32,
    pub(crate) people: &'a [Cut],
    /// Items that stand for all others; empty: all do.
    pub(crate) negatives: &'a [u32],
    pub(crate) temperature: f32,
}

/// A person whose items are cut into parts.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) person: usize,
    pub(crate) parts: usize,
    /// The part that each of their items belongs to.
    pub(crate) part: Vec<usize>,
    /// Whether each of their items is in the histories that other parts are asked from.
    pub(crate) kept: Vec<bool>,
}

/// The rows of one person, one for each part that has a history.
struct Rows {
    part: Vec<usize>,
    /// The items each row asks for.
    asked: Vec<Vec<u32>>,
    /// `[rows, dim]`, unit vectors.
    directions: Vec<f32>,
    lengths: Vec<f32>,
}

/// The mean loss over the events of the batch, how many those are, and its gradient by the vectors
/// of the items, `start`, `[items, dim]`.
pub(crate) fn loss(
    batch: &Batch<'_>,
    layers: &Layers,
    start: Vec<f32>,
    dim: usize,
) -> (f32, usize, Vec<f32>) {
    let (graph, walk) = (batch.graph, batch.walk);
    let (mut items, mut keys) = layers.forward(graph, walk, start, dim);
    let weights = walk.keys(batch.power);
    scale_rows(&mut keys, &weights, dim);
    let lengths = normalise(&mut items, dim);
    let mut rows: Vec<Rows> = batch
        .people
        .par_iter()
        .map(|cut| rows_of(cut, graph, &keys, dim))
        .collect();
    let asked: Vec<Vec<u32>> = rows.iter_mut().flat_map(|r| r.asked.drain(..)).collect();
    let events = asked.iter().map(Vec::len).sum();
    let scale = 1.0 / batch.temperature;
    let states: Vec<f32> = rows
        .iter()
        .flat_map(|rows| rows.directions.iter().map(|x| x * scale))
        .collect();
    let mut found = contrast((&states, &asked), &items, batch.negatives, dim);
    let mut of_keys = vec![0.0; keys.len()];
    let mut slopes = found.states.as_mut_slice();
    for (cut, rows) in batch.people.iter().zip(&rows) {
        let (own, rest) = slopes.split_at_mut(rows.directions.len());
        slopes = rest;
        own.iter_mut().for_each(|x| *x *= scale);
        through_length(own, &rows.directions, &rows.lengths, dim);
        back_to_keys(cut, graph, (&rows.part, own), &mut of_keys);
    }
    scale_rows(&mut of_keys, &weights, dim);
    through_length(&mut found.items, &items, &lengths, dim);
    let gradient = layers.backward(graph, walk, (&found.items, &of_keys), dim);
    (found.loss, events, gradient)
}

/// The person without each part in turn, where anything is left.
fn rows_of(cut: &Cut, graph: &Graph, keys: &[f32], dim: usize) -> Rows {
    let touched = graph.of_person(cut.person);
    let key = |item: u32| &keys[item as usize * dim..][..dim];
    let mut sums = vec![0.0f32; cut.parts * dim];
    let mut left = vec![0usize; cut.parts];
    for ((&item, &part), &kept) in touched.iter().zip(&cut.part).zip(&cut.kept) {
        if kept {
            add_row(&mut sums[part * dim..][..dim], 1.0, key(item));
            left[part] += 1;
        }
    }
    let all: usize = left.iter().sum();
    let mut rows = Rows {
        part: Vec::with_capacity(cut.parts),
        asked: Vec::with_capacity(cut.parts),
        directions: Vec::with_capacity(cut.parts * dim),
        lengths: Vec::new(),
    };
    for part in (0..cut.parts).filter(|&part| all > left[part]) {
        let from = rows.directions.len();
        rows.directions.resize(from + dim, 0.0);
        for other in (0..cut.parts).filter(|&other| other != part) {
            add_row(
                &mut rows.directions[from..],
                1.0,
                &sums[other * dim..][..dim],
            );
        }
        let own = touched.iter().zip(&cut.part).filter(|&(_, &p)| p == part);
        rows.part.push(part);
        rows.asked.push(own.map(|(&item, _)| item).collect());
    }
    rows.lengths = normalise(&mut rows.directions, dim);
    rows
}

/// Adds the gradient by the keys, from those by the sums over the histories.
fn back_to_keys(
    cut: &Cut,
    graph: &Graph,
    (parts, slopes): (&[usize], &[f32]),
    of_keys: &mut [f32],
) {
    let Some(dim) = slopes.len().checked_div(parts.len()) else {
        return;
    };
    // An item of a part is in the history of every other part.
    let mut of_part = vec![0.0f32; cut.parts * dim];
    for (&asked, slope) in parts.iter().zip(slopes.chunks_exact(dim)) {
        for part in (0..cut.parts).filter(|&part| part != asked) {
            add_row(&mut of_part[part * dim..][..dim], 1.0, slope);
        }
    }
    let touched = graph.of_person(cut.person);
    for ((&item, &part), &kept) in touched.iter().zip(&cut.part).zip(&cut.kept) {
        if kept {
            let into = &mut of_keys[item as usize * dim..][..dim];
            add_row(into, 1.0, &of_part[part * dim..][..dim]);
        }
    }
}

/// Scales each row to length 1, and returns what the lengths were.
pub(crate) fn normalise(rows: &mut [f32], dim: usize) -> Vec<f32> {
    rows.par_chunks_exact_mut(dim)
        .with_min_len(64)
        .map(|row| {
            let length = row_dot(row, row).sqrt();
            if length > SHORT {
                row.iter_mut().for_each(|x| *x /= length);
            } else {
                row.fill(0.0);
            }
            length
        })
        .collect()
}

/// The gradient by vectors, from that by their directions: `(g - (g·x) x) / length`.
fn through_length(slopes: &mut [f32], directions: &[f32], lengths: &[f32], dim: usize) {
    slopes
        .par_chunks_exact_mut(dim)
        .with_min_len(64)
        .zip(directions.par_chunks_exact(dim))
        .zip(lengths)
        .for_each(|((slope, direction), &length)| {
            if length > SHORT {
                let along = row_dot(slope, direction);
                for (s, x) in slope.iter_mut().zip(direction) {
                    *s = (*s - along * x) / length;
                }
            } else {
                slope.fill(0.0);
            }
        });
}
