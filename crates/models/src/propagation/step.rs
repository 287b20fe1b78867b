//! Loss and gradients of a batch of people, each asked about as if they had never come.
//!
//! For a person with the items `h` and a target `i` among them, the others are the history:
//!
//! ```text
//! u = Σ_{j ∈ h, j ≠ i} k_j,   k_j = d_j^-½ (q(A) E)_j,   v_j = (p(A) E)_j
//! L = -ln ( exp(cos(u, v_i)/τ) / Σ_j exp(cos(u, v_j)/τ) ),  j over the catalogue or a sample
//! ```
//!
//! with `p` and `q` of [`Layers`], over the graph without the people of the batch. Neither the
//! person's vector nor that of the target knows of the event that is asked for, which is what
//! happens when somebody is served; with them left in, the model learns to find an item by its
//! own trace.

use super::graph::{Graph, Layers, Walk, scale_rows};
use crate::kernels::{add_row, row_dot};
use rayon::prelude::*;
use semrec_train::{sampled_softmax_cross_entropy, softmax_cross_entropy};

/// Below this length a vector has no direction.
const SHORT: f32 = 1e-12;

/// What a step looks at besides the vectors of the items.
pub(crate) struct Batch<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) walk: &'a Walk,
    /// Who is asked about.
    pub(crate) people: &'a [usize],
    /// Of each of them, which of their items are left of the history; empty: all are.
    pub(crate) kept: &'a [Vec<bool>],
    /// Items that stand for all others; empty: all do.
    pub(crate) negatives: &'a [u32],
    pub(crate) temperature: f32,
}

/// The rows of one person.
struct Rows {
    /// Which of their items each row asks for.
    asked: Vec<usize>,
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
    scale_rows(&mut keys, walk.items(), dim);
    let lengths = normalise(&mut items, dim);
    let rows: Vec<Rows> = (0..batch.people.len())
        .into_par_iter()
        .map(|b| batch.rows(b, &keys, dim))
        .collect();
    let targets: Vec<u32> = rows
        .iter()
        .zip(batch.people)
        .flat_map(|(rows, &person)| rows.asked.iter().map(move |&k| graph.of_person(person)[k]))
        .collect();
    if targets.is_empty() {
        return (0.0, 0, vec![0.0; items.len()]);
    }
    let scale = 1.0 / batch.temperature;
    let hidden: Vec<f32> = rows
        .iter()
        .flat_map(|rows| rows.directions.iter().map(|x| x * scale))
        .collect();
    let found = if batch.negatives.is_empty() {
        softmax_cross_entropy(&hidden, &items, &targets, dim)
    } else {
        sampled_softmax_cross_entropy(&hidden, &items, (&targets, batch.negatives), dim)
    };
    let mut of_keys = vec![0.0; keys.len()];
    let mut at = 0;
    for (b, rows) in rows.iter().enumerate() {
        let mut slopes = found.hidden[at..at + rows.directions.len()].to_vec();
        slopes.iter_mut().for_each(|x| *x *= scale);
        at += slopes.len();
        through_length(&mut slopes, &rows.directions, &rows.lengths, dim);
        batch.back_to_keys(b, (&rows.asked, &slopes), &mut of_keys, dim);
    }
    scale_rows(&mut of_keys, walk.items(), dim);
    let mut of_items = found.items;
    through_length(&mut of_items, &items, &lengths, dim);
    let gradient = layers.backward(graph, walk, (&of_items, &of_keys), dim);
    (found.loss, targets.len(), gradient)
}

impl Batch<'_> {
    fn is_kept(&self, b: usize, place: usize) -> bool {
        self.kept.get(b).is_none_or(|kept| kept[place])
    }

    /// The person without each of their items in turn, where anything is left.
    fn rows(&self, b: usize, keys: &[f32], dim: usize) -> Rows {
        let touched = self.graph.of_person(self.people[b]);
        let key = |item: u32| &keys[item as usize * dim..][..dim];
        let mut whole = vec![0.0f32; dim];
        let mut left = 0;
        for (place, &item) in touched.iter().enumerate() {
            if self.is_kept(b, place) {
                add_row(&mut whole, 1.0, key(item));
                left += 1;
            }
        }
        let mut rows = Rows {
            asked: Vec::with_capacity(touched.len()),
            directions: Vec::with_capacity(touched.len() * dim),
            lengths: Vec::new(),
        };
        for (place, &item) in touched.iter().enumerate() {
            let own = self.is_kept(b, place);
            if left == usize::from(own) {
                continue;
            }
            rows.asked.push(place);
            let from = rows.directions.len();
            rows.directions.extend_from_slice(&whole);
            if own {
                add_row(&mut rows.directions[from..], -1.0, key(item));
            }
        }
        rows.lengths = normalise(&mut rows.directions, dim);
        rows
    }

    /// Adds the gradient by the keys, from that by the sums over the histories.
    fn back_to_keys(
        &self,
        b: usize,
        (asked, slopes): (&[usize], &[f32]),
        of_keys: &mut [f32],
        dim: usize,
    ) {
        let touched = self.graph.of_person(self.people[b]);
        let mut whole = vec![0.0f32; dim];
        for slope in slopes.chunks_exact(dim) {
            add_row(&mut whole, 1.0, slope);
        }
        for (place, &item) in touched.iter().enumerate() {
            if self.is_kept(b, place) {
                add_row(&mut of_keys[item as usize * dim..][..dim], 1.0, &whole);
            }
        }
        for (&place, slope) in asked.iter().zip(slopes.chunks_exact(dim)) {
            if self.is_kept(b, place) {
                let item = touched[place] as usize;
                add_row(&mut of_keys[item * dim..][..dim], -1.0, slope);
            }
        }
    }
}

/// Scales each row to length 1, and returns what the lengths were.
pub(crate) fn normalise(rows: &mut [f32], dim: usize) -> Vec<f32> {
    rows.par_chunks_exact_mut(dim)
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
