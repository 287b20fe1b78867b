//! A matrix of weights from items to items, and what it makes of a history: the stored form and the
//! scores of the models that are one.
//!
//! `score(j) = Σ_{i in history} w_i B_ij`. Memory: 4 n² bytes, `n` the items it knows; the others
//! cost nothing and score minus infinity, as does everything for a history without any of them.

use crate::history::{contributions, recent, score_each};
use crate::kernels::add_rows;
use crate::{Contribution, ModelError, Query, Tensors};
use std::sync::Arc;

/// The weights between the items a model knows.
#[derive(Clone, Debug)]
pub(crate) struct ItemMatrix {
    n_items: usize,
    /// The items it knows, in order: row and column `k` are of item `items[k]`.
    items: Arc<Vec<u32>>,
    /// `[items, items]`.
    weights: Arc<Vec<f32>>,
}

impl ItemMatrix {
    /// Weights `[items, items]` between some of `n_items` items, which stand in order.
    pub(crate) fn new(n_items: usize, items: Vec<u32>, weights: Vec<f32>) -> Self {
        assert_eq!(weights.len(), items.len() * items.len(), "[items, items]");
        Self {
            n_items,
            items: Arc::new(items),
            weights: Arc::new(weights),
        }
    }

    pub(crate) fn n_items(&self) -> usize {
        self.n_items
    }

    pub(crate) fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let [n] = tensors.shape("items")?;
        let [n_items] = tensors.dimensions("n_items")?;
        let items = tensors.shared_u32("items", &[n])?;
        let last = items.last().map_or(0, |&last| last as usize + 1);
        if !items.is_sorted_by(|a, b| a < b) || last > n_items {
            return Err(ModelError::Tensor {
                name: "items".to_owned(),
                problem: format!("are not {n} distinct items in order, each below {n_items}"),
            });
        }
        Ok(Self {
            n_items,
            items,
            weights: tensors.shared_f32("weights", &[n, n])?,
        })
    }

    pub(crate) fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let n = self.items.len();
        into.put_dimensions("n_items", &[self.n_items])?;
        into.put_u32("items", &[n], Arc::clone(&self.items))?;
        into.put_f32("weights", &[n, n], Arc::clone(&self.weights))
    }

    pub(crate) fn score(&self, queries: &[Query<'_>], recency: f32, out: &mut [f32]) {
        score_each(self.n_items, queries, out, |query, row| {
            self.score_one(query, recency, row);
        });
    }

    fn score_one(&self, query: &Query<'_>, recency: f32, out: &mut [f32]) {
        let rows = self.rows_of(query, recency);
        if rows.is_empty() {
            out.fill(f32::NEG_INFINITY);
        } else if self.items.len() == out.len() {
            out.fill(0.0);
            add_rows(out, &self.weights, &rows);
        } else {
            let mut scores = vec![0.0; self.items.len()];
            add_rows(&mut scores, &self.weights, &rows);
            out.fill(f32::NEG_INFINITY);
            for (&item, score) in self.items.iter().zip(scores) {
                out[item as usize] = score;
            }
        }
    }

    pub(crate) fn explain(
        &self,
        name: &str,
        query: &Query<'_>,
        recency: f32,
        item: u32,
    ) -> Vec<Contribution> {
        let Ok(column) = self.items.binary_search(&item) else {
            return Vec::new();
        };
        let n = self.items.len();
        let parts = self
            .rows_of(query, recency)
            .into_iter()
            .map(|(row, weight)| (self.items[row], weight * self.weights[row * n + column]));
        contributions(name, parts)
    }

    /// The known items of a history as rows of the matrix, and their weights.
    fn rows_of(&self, query: &Query<'_>, recency: f32) -> Vec<(usize, f32)> {
        let place = |item| self.items.binary_search(&item).ok();
        recent(query.history, recency, |i| place(i).is_some())
            .iter()
            .filter_map(|t| Some((place(t.item)?, t.weight)))
            .collect()
    }
}
