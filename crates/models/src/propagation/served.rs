//! The propagated items at work: a person is the sum of what the items of their history add.
//!
//! ```text
//! u = Σ_h w_h k_h (+ what a sentence adds),   score(j) = cos(u, v_j) = Σ_h w_h k_h·v_j / |u|
//! ```
//!
//! with unit `v_j`, and `w_h` by recency. Someone who was in the training data gets the vector that
//! the propagation gives them, because people have no parameters of their own.

use super::Propagated;
use crate::history::{Touched, recent};
use crate::kernels::add_row;
use crate::{Cause, Contribution, ModelError, Query, Tensors};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use std::sync::Arc;

/// Queries multiplied at once.
const CHUNK: usize = 64;

/// The items as the fitted model knows them.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    dim: usize,
    recency: f32,
    /// `[n_items, dim]`.
    keys: Arc<Vec<f32>>,
    /// `[n_items, dim]`, unit rows, zero for an item that is not known.
    values: Arc<Vec<f32>>,
    known: Vec<bool>,
}

impl Served {
    pub(crate) fn of(propagated: Propagated, dim: usize, recency: f32) -> Self {
        Self::with(
            (Arc::new(propagated.keys), Arc::new(propagated.values)),
            dim,
            recency,
        )
    }

    fn with((keys, values): (Arc<Vec<f32>>, Arc<Vec<f32>>), dim: usize, recency: f32) -> Self {
        Self {
            known: values
                .chunks_exact(dim)
                .map(|row| row.iter().any(|&x| x != 0.0))
                .collect(),
            dim,
            recency,
            keys,
            values,
        }
    }

    pub(crate) fn load(tensors: &Tensors, dim: usize) -> Result<Self, ModelError> {
        let [n, _] = tensors.shape("values")?;
        let read = |name: &str| {
            let rows = tensors.shared_f32(name, &[n, dim])?;
            if rows.iter().all(|x| x.is_finite()) {
                return Ok(rows);
            }
            Err(ModelError::Tensor {
                name: name.to_owned(),
                problem: "holds a value that is not finite".to_owned(),
            })
        };
        let recency = tensors.shared_f32("recency", &[1])?[0];
        if let Some(problem) = crate::history::recency_problem(recency) {
            return Err(ModelError::Tensor {
                name: "recency".to_owned(),
                problem,
            });
        }
        Ok(Self::with((read("keys")?, read("values")?), dim, recency))
    }

    pub(crate) fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let shape = [self.n_items(), self.dim];
        into.put_f32("recency", &[1], vec![self.recency])?;
        into.put_f32("keys", &shape, Arc::clone(&self.keys))?;
        into.put_f32("values", &shape, Arc::clone(&self.values))
    }

    pub(crate) fn n_items(&self) -> usize {
        self.known.len()
    }

    fn is_known(&self, item: u32) -> bool {
        self.known.get(item as usize).is_some_and(|&known| known)
    }

    fn row<'a>(&self, rows: &'a [f32], item: u32) -> &'a [f32] {
        &rows[item as usize * self.dim..][..self.dim]
    }

    fn touched(&self, query: &Query<'_>) -> Vec<Touched> {
        recent(query.history, self.recency, |item| self.is_known(item))
    }

    /// The person's direction, and the length it had; 0 for someone of whom nothing is known.
    fn person(&self, query: &Query<'_>, text: Option<&[f32]>) -> (Vec<f32>, f32) {
        let mut person = vec![0.0f32; self.dim];
        for Touched { item, weight } in self.touched(query) {
            add_row(&mut person, weight, self.row(&self.keys, item));
        }
        if let Some(text) = text {
            add_row(&mut person, 1.0, text);
        }
        let length = person.iter().map(|x| x * x).sum::<f32>().sqrt();
        if length > 0.0 {
            person.iter_mut().for_each(|x| *x /= length);
        }
        (person, length)
    }

    /// Scores of queries; `text` says what the sentence of one adds to the person.
    pub(crate) fn score(
        &self,
        queries: &[Query<'_>],
        text: impl Fn(&Query<'_>) -> Option<Vec<f32>> + Sync,
        out: &mut [f32],
    ) {
        let (n, dim) = (self.n_items(), self.dim);
        assert_eq!(out.len(), queries.len() * n, "[queries, n_items]");
        let values = MatRef::from_row_major_slice(&self.values, n, dim);
        out.par_chunks_mut(CHUNK * n.max(1))
            .zip(queries.par_chunks(CHUNK))
            .for_each(|(out, queries)| {
                let mut people = Vec::with_capacity(queries.len() * dim);
                let mut found = Vec::with_capacity(queries.len());
                for query in queries {
                    let (person, length) = self.person(query, text(query).as_deref());
                    people.extend(person);
                    found.push(length > 0.0);
                }
                matmul(
                    MatMut::from_row_major_slice_mut(out, queries.len(), n),
                    Accum::Replace,
                    MatRef::from_row_major_slice(&people, queries.len(), dim),
                    values.transpose(),
                    1.0,
                    Par::Seq,
                );
                for (row, found) in out.chunks_exact_mut(n.max(1)).zip(found) {
                    for (score, &known) in row.iter_mut().zip(&self.known) {
                        if !(found && known) {
                            *score = f32::NEG_INFINITY;
                        }
                    }
                }
            });
    }

    /// What each item of the history, and the sentence, add to the score of one item.
    pub(crate) fn explain(
        &self,
        source: &str,
        (query, text): (&Query<'_>, Option<&[f32]>),
        item: u32,
    ) -> Vec<Contribution> {
        let (_, length) = self.person(query, text);
        if !self.is_known(item) || length == 0.0 {
            return Vec::new();
        }
        let target = self.row(&self.values, item);
        let part = |cause: Cause, weight: f32, key: &[f32]| Contribution {
            source: source.to_owned(),
            cause,
            amount: weight / length * key.iter().zip(target).map(|(a, b)| a * b).sum::<f32>(),
        };
        let history = self.touched(query).into_iter();
        let mut parts: Vec<Contribution> = history
            .map(|t| {
                part(
                    Cause::History(t.item),
                    t.weight,
                    self.row(&self.keys, t.item),
                )
            })
            .collect();
        parts.extend(text.map(|text| part(Cause::Text, 1.0, text)));
        parts.sort_by(|a, b| b.amount.total_cmp(&a.amount));
        parts
    }
}
