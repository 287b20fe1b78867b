//! What items have in common besides their words, as vectors: facts weighted by how much they tell
//! apart, reduced by a truncated singular value decomposition.
//!
//! ```text
//! w_f = ln(n / n_f)                      n_f ≥ 2 of the n training items have the fact f; else 0
//! x_i = unit(unit(w_f : f a field's fact of i), unit(w_f : f a fact of the graph of i))
//! X ≈ U S V',   t_i = unit(V'(x_i - mean x))
//! ```
//!
//! A fact of a single item says nothing of others, one that all have says nothing at all, and both
//! have weight 0. Fields and graph weigh the same, however many facts a graph has: on MovieLens 100K
//! its hundred actors a film drown three genres otherwise. `U S V'` are the `DIMS` strongest
//! directions of the training items' `x` (Deerwester et al. 1990, "Indexing by Latent Semantic
//! Analysis"), and the mean is theirs too. The map from facts to vectors is linear up to its length,
//! so an item that nobody has touched, or that came later, gets its vector in the same way.
//!
//! Fitting costs some `20 · DIMS` multiplications for each fact of a training item, and 16 bytes for
//! each and `8 · DIMS` bytes an item and a fact besides.

use crate::ModelError;
use crate::kernels::{add_rows, narrow};
use crate::spectrum::{Map, leading};
use rayon::prelude::*;
use semrec_data::Facts;
use semrec_text::Vectors;

/// Directions kept. On MovieLens 100K 64 do nearly as well, and 1,024 no better.
const DIMS: usize = 256;
/// Rows handed to a thread at once, at least.
const ROWS: usize = 32;

/// The map from an item's facts to its vector.
#[derive(Clone, Debug)]
pub(crate) struct FactMap {
    /// `[n_facts]`: what each fact weighs.
    weights: Vec<f32>,
    /// Facts below this are of fields.
    of_fields: usize,
    /// `[n_facts, dim]`: `V`; rows of facts without a weight are 0.
    basis: Vec<f32>,
    /// `[dim]`: `V' mean x`.
    mean: Vec<f32>,
}

impl FactMap {
    /// Fits on the items for which `known` holds; `None` if no fact is shared by any two of them.
    ///
    /// # Errors
    /// [`ModelError::Training`] if the singular vectors do not converge.
    pub(crate) fn fit(
        facts: &Facts,
        known: impl Fn(u32) -> bool,
        (model, seed): (&'static str, u64),
    ) -> Result<Option<Self>, ModelError> {
        let n_items = u32::try_from(facts.n_items()).unwrap_or(u32::MAX);
        let items: Vec<u32> = (0..n_items).filter(|&i| known(i)).collect();
        let n = items.len() as f64;
        let weights = facts.counts(&known).into_iter().map(|count| match count {
            0 | 1 => 0.0,
            count => narrow((n / f64::from(count)).ln()),
        });
        let mut map = Self {
            weights: weights.collect(),
            of_fields: facts.of_fields(),
            basis: Vec::new(),
            mean: Vec::new(),
        };
        let by_item: Rows = items.iter().map(|&i| map.row(facts.of_item(i))).collect();
        let by_fact = by_item.transposed(facts.len());
        let gram = |block: &[f32], width: usize| by_item.times(&by_fact.times(block, width), width);
        let of_items = Map {
            model,
            size: items.len(),
            apply: &gram,
        };
        let found = leading(of_items, DIMS, seed)?;
        let dim = found.values.len();
        if dim == 0 {
            return Ok(None);
        }
        // V = X' U / s.
        map.basis = by_fact.times(&found.vectors, dim);
        for row in map.basis.chunks_exact_mut(dim) {
            for (v, value) in row.iter_mut().zip(&found.values) {
                *v /= value.sqrt();
            }
        }
        let mut mean = vec![0.0f64; dim];
        for row in by_item.times(&map.basis, dim).chunks_exact(dim) {
            mean.iter_mut()
                .zip(row)
                .for_each(|(m, &x)| *m += f64::from(x) / n);
        }
        map.mean = mean.into_iter().map(narrow).collect();
        Ok(Some(map))
    }

    /// Length of the vectors.
    pub(crate) fn dim(&self) -> usize {
        self.mean.len()
    }

    /// `t` of every item, `[n_items, dim]`: unit rows, zero for an item without a fact that weighs.
    pub(crate) fn apply(&self, facts: &Facts) -> Vectors {
        let dim = self.dim();
        let n_items = u32::try_from(facts.n_items()).unwrap_or(u32::MAX);
        let mut out = vec![0.0; facts.n_items() * dim];
        out.par_chunks_mut(dim)
            .with_min_len(ROWS)
            .zip(0..n_items)
            .for_each(|(out, item)| self.apply_one(facts.of_item(item), out));
        Vectors::new(dim, out)
    }

    fn apply_one(&self, facts: &[u32], out: &mut [f32]) {
        let row = self.row(facts);
        if row.is_empty() {
            return;
        }
        add_rows(out, &self.basis, &row);
        out.iter_mut().zip(&self.mean).for_each(|(x, m)| *x -= m);
        let norm = out.iter().map(|x| x * x).sum::<f32>().sqrt();
        let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        out.iter_mut().for_each(|x| *x *= scale);
    }

    /// `x` as pairs of fact and value, without those that weigh nothing.
    fn row(&self, facts: &[u32]) -> Vec<(usize, f32)> {
        let weighed = facts
            .iter()
            .map(|&f| (f as usize, self.weights[f as usize]));
        let mut row: Vec<(usize, f32)> = weighed.filter(|&(_, w)| w > 0.0).collect();
        let fields = row.partition_point(|&(fact, _)| fact < self.of_fields);
        let (of_fields, of_graph) = row.split_at_mut(fields);
        let sources = [!of_fields.is_empty(), !of_graph.is_empty()];
        let length = sources.iter().filter(|&&any| any).count() as f32;
        for part in [of_fields, of_graph] {
            let norm = part.iter().map(|(_, w)| w * w).sum::<f32>().sqrt() * length.sqrt();
            part.iter_mut().for_each(|(_, w)| *w /= norm);
        }
        row
    }
}

/// A sparse matrix by rows.
struct Rows {
    offsets: Vec<usize>,
    entries: Vec<(usize, f32)>,
}

impl FromIterator<Vec<(usize, f32)>> for Rows {
    fn from_iter<I: IntoIterator<Item = Vec<(usize, f32)>>>(rows: I) -> Self {
        let (mut offsets, mut entries) = (vec![0], Vec::new());
        for row in rows {
            entries.extend(row);
            offsets.push(entries.len());
        }
        Self { offsets, entries }
    }
}

impl Rows {
    fn row(&self, r: usize) -> &[(usize, f32)] {
        &self.entries[self.offsets[r]..self.offsets[r + 1]]
    }

    fn transposed(&self, n_columns: usize) -> Self {
        let mut columns: Vec<Vec<(usize, f32)>> = vec![Vec::new(); n_columns];
        for r in 0..self.offsets.len() - 1 {
            for &(column, value) in self.row(r) {
                columns[column].push((r, value));
            }
        }
        columns.into_iter().collect()
    }

    /// The product with `block`, `[columns, width]` row-major; each value is a sum in the order of
    /// columns, whatever the number of threads.
    fn times(&self, block: &[f32], width: usize) -> Vec<f32> {
        let mut out = vec![0.0; (self.offsets.len() - 1) * width];
        out.par_chunks_mut(width)
            .with_min_len(ROWS)
            .enumerate()
            .for_each(|(r, out)| add_rows(out, block, self.row(r)));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four items of which the last is not known. Facts of fields: 0 of items 0, 1 and 3; 1 of item
    /// 2 alone. Of the graph: 2 of 0 and 2; 3 of all. n = 3, so w = ln 1.5, 0, ln 1.5, 0.
    fn facts() -> Facts {
        Facts::new(
            &[
                vec![("f", "0")],
                vec![("f", "0")],
                vec![("f", "1")],
                vec![("f", "0")],
            ],
            &[
                vec![("g", "2"), ("g", "3")],
                vec![("g", "3")],
                vec![("g", "2"), ("g", "3")],
                vec![("g", "3")],
            ],
        )
    }

    #[test]
    fn weights_and_lengths_by_hand() {
        let map = FactMap::fit(&facts(), |i| i < 3, ("content", 1))
            .unwrap()
            .unwrap();
        let w = 1.5f32.ln();
        for (got, expected) in map.weights.iter().zip([w, 0.0, w, 0.0]) {
            assert!((got - expected).abs() < 1e-6, "{:?}", map.weights);
        }
        // Item 0 has one fact of either source, each of length 1/√2; item 1 one of a field.
        let half = 0.5f32.sqrt();
        assert!(
            map.row(&[0, 2, 3])
                .iter()
                .all(|(_, x)| (x - half).abs() < 1e-6)
        );
        assert_eq!(map.row(&[0, 3]), [(0, 1.0)]);
        assert!(map.row(&[1, 3]).is_empty());
        // x_0 = (1, 1)/√2, x_1 = (1, 0), x_2 = (0, 1), mean (1 + 1/√2)/3 in both: x_1 and x_2 lie
        // on opposite sides of x_0, and the unknown item 3 where item 1 does.
        let t = map.apply(&facts());
        let cosine =
            |i: usize, j: usize| -> f32 { t.row(i).iter().zip(t.row(j)).map(|(a, b)| a * b).sum() };
        assert!((cosine(1, 3) - 1.0).abs() < 1e-5);
        let m = (1.0 + half) / 3.0;
        let expected = -2.0 * m * (1.0 - m) / ((1.0 - m).powi(2) + m * m);
        assert!((cosine(1, 2) - expected).abs() < 1e-5, "{}", cosine(1, 2));
    }

    #[test]
    fn nothing_shared_is_no_map() {
        let apart = Facts::new(&[vec![("f", "0")], vec![("f", "1")]], &[]);
        assert!(
            FactMap::fit(&apart, |_| true, ("content", 1))
                .unwrap()
                .is_none()
        );
        let same = Facts::new(&[vec![("f", "0")], vec![("f", "0")]], &[]);
        assert!(
            FactMap::fit(&same, |_| true, ("content", 1))
                .unwrap()
                .is_none()
        );
        assert!(
            FactMap::fit(&facts(), |_| false, ("content", 1))
                .unwrap()
                .is_none()
        );
    }
}
