//! The head: from the whitened vector of a text to the vector of an item.
//!
//! ```text
//! e = W t,   or with a hidden layer   e = W₂ leaky(W₁ t + b),   leaky(x) = max(x, x/100)
//! ```
//!
//! An item without a text stays zero.

use crate::propagation::Source;
use crate::texts::has_text;
use crate::{ModelError, Tensors};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use semrec_train::Parameters;

/// What a negative value is multiplied by.
const LEAK: f32 = 0.01;

/// The sizes of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Values of a text's vector.
    pub(super) text: usize,
    /// Width of the hidden layer; 0 for none.
    pub(super) hidden: usize,
    /// Values of an item's vector.
    pub(super) dim: usize,
}

impl Sizes {
    /// Names, shapes and inputs of the arrays of a head, in order.
    fn arrays(self) -> Vec<(&'static str, Vec<usize>, usize)> {
        if self.hidden == 0 {
            return vec![("head.map", vec![self.text, self.dim], self.text)];
        }
        vec![
            ("head.first", vec![self.text, self.hidden], self.text),
            ("head.bias", vec![self.hidden], self.text),
            ("head.second", vec![self.hidden, self.dim], self.hidden),
        ]
    }

    /// A head with random values, uniform within one by the root of the inputs.
    pub(super) fn start(self, rng: &mut ChaCha8Rng) -> Result<Parameters, ModelError> {
        let mut parameters = Parameters::default();
        for (name, shape, inputs) in self.arrays() {
            let bound = 1.0 / (inputs as f32).sqrt();
            let n: usize = shape.iter().product();
            let values = (0..n).map(|_| rng.random_range(-bound..bound)).collect();
            parameters.add(name, &shape, values, shape.len() > 1)?;
        }
        Ok(parameters)
    }

    /// The head of a stored model.
    pub(super) fn load(self, tensors: &Tensors) -> Result<Parameters, ModelError> {
        let mut parameters = Parameters::default();
        for (name, shape, _) in self.arrays() {
            let values = tensors.shared_f32(name, &shape)?;
            if !values.iter().all(|x| x.is_finite()) {
                return Err(ModelError::Tensor {
                    name: name.to_owned(),
                    problem: "holds a value that is not finite".to_owned(),
                });
            }
            parameters.add(name, &shape, values.to_vec(), shape.len() > 1)?;
        }
        Ok(parameters)
    }
}

/// Stores the arrays of a head.
pub(super) fn save(parameters: &Parameters, into: &mut Tensors) -> Result<(), ModelError> {
    for array in parameters.arrays() {
        into.put_f32(&array.name, &array.shape, array.values.clone())?;
    }
    Ok(())
}

/// Texts that go through a head.
pub(super) struct Head<'a> {
    pub(super) sizes: Sizes,
    /// `[items, text]`, whitened; zero for an item without a text.
    pub(super) texts: &'a [f32],
}

impl Head<'_> {
    fn hidden(&self, parameters: &Parameters) -> Vec<f32> {
        let Sizes { text, hidden, .. } = self.sizes;
        let mut rows = product(self.texts, text, &parameters.arrays()[0].values, hidden);
        let bias = &parameters.arrays()[1].values;
        rows.par_chunks_exact_mut(hidden).for_each(|row| {
            for (x, b) in row.iter_mut().zip(bias) {
                *x += b;
                *x = x.max(LEAK * *x);
            }
        });
        rows
    }

    fn clear_without_text(&self, rows: &mut [f32]) {
        let texts = self.texts.chunks_exact(self.sizes.text);
        for (row, text) in rows.chunks_exact_mut(self.sizes.dim).zip(texts) {
            if !has_text(text) {
                row.fill(0.0);
            }
        }
    }
}

impl Source for Head<'_> {
    type Kept = Vec<f32>;

    fn vectors(&self, parameters: &Parameters) -> (Vec<f32>, Vec<f32>) {
        let Sizes { text, hidden, dim } = self.sizes;
        if hidden == 0 {
            let map = &parameters.arrays()[0].values;
            return (product(self.texts, text, map, dim), Vec::new());
        }
        let active = self.hidden(parameters);
        let mut rows = product(&active, hidden, &parameters.arrays()[2].values, dim);
        self.clear_without_text(&mut rows);
        (rows, active)
    }

    fn gradients(
        &self,
        parameters: &Parameters,
        active: &Vec<f32>,
        mut slopes: Vec<f32>,
    ) -> Vec<Vec<f32>> {
        let Sizes { text, hidden, dim } = self.sizes;
        if hidden == 0 {
            return vec![crossed((self.texts, text), (&slopes, dim))];
        }
        self.clear_without_text(&mut slopes);
        let second = crossed((active, hidden), (&slopes, dim));
        let map = MatRef::from_row_major_slice(&parameters.arrays()[2].values, hidden, dim);
        let n = slopes.len() / dim;
        let mut of_active = vec![0.0f32; n * hidden];
        matmul(
            MatMut::from_row_major_slice_mut(&mut of_active, n, hidden),
            Accum::Replace,
            MatRef::from_row_major_slice(&slopes, n, dim),
            map.transpose(),
            1.0,
            Par::rayon(0),
        );
        let pairs = of_active.par_iter_mut().zip(active.par_iter());
        pairs.with_min_len(1 << 14).for_each(|(slope, &x)| {
            *slope *= if x > 0.0 { 1.0 } else { LEAK };
        });
        let mut bias = vec![0.0f32; hidden];
        for row in of_active.chunks_exact(hidden) {
            bias.iter_mut().zip(row).for_each(|(b, x)| *b += x);
        }
        let first = crossed((self.texts, text), (&of_active, hidden));
        vec![first, bias, second]
    }
}

/// `A B` for `A`, `[n, inner]`, and `B`, `[inner, columns]`.
fn product(a: &[f32], inner: usize, b: &[f32], columns: usize) -> Vec<f32> {
    let n = a.len() / inner;
    let mut out = vec![0.0f32; n * columns];
    matmul(
        MatMut::from_row_major_slice_mut(&mut out, n, columns),
        Accum::Replace,
        MatRef::from_row_major_slice(a, n, inner),
        MatRef::from_row_major_slice(b, inner, columns),
        1.0,
        Par::rayon(0),
    );
    out
}

/// `A' B` for `A`, `[n, rows]`, and `B`, `[n, columns]`.
fn crossed((a, rows): (&[f32], usize), (b, columns): (&[f32], usize)) -> Vec<f32> {
    let n = a.len() / rows;
    let mut out = vec![0.0f32; rows * columns];
    matmul(
        MatMut::from_row_major_slice_mut(&mut out, rows, columns),
        Accum::Replace,
        MatRef::from_row_major_slice(a, n, rows).transpose(),
        MatRef::from_row_major_slice(b, n, columns),
        1.0,
        Par::rayon(0),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Reference {
        dim: usize,
        text: usize,
        texts: Vec<f32>,
        slopes: Vec<f32>,
        heads: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        hidden: usize,
        arrays: Vec<Vec<f32>>,
        vectors: Vec<f32>,
        gradients: Vec<Vec<f32>>,
    }

    fn assert_close(got: &[f32], expected: &[f32], what: &str) {
        assert_eq!(got.len(), expected.len(), "{what}");
        for (i, (g, e)) in got.iter().zip(expected).enumerate() {
            let tolerance = 1e-5 * e.abs().max(1.0);
            assert!((g - e).abs() < tolerance, "{what} {i}: {g}, expected {e}");
        }
    }

    /// `tests/reference/graph.py` does the same with PyTorch.
    #[test]
    fn vectors_and_gradients_are_those_of_pytorch() {
        let r: Reference =
            serde_json::from_str(include_str!("../../tests/reference/graph.json")).unwrap();
        for case in &r.heads {
            let sizes = Sizes {
                text: r.text,
                hidden: case.hidden,
                dim: r.dim,
            };
            let mut parameters = Parameters::default();
            for ((name, shape, _), values) in sizes.arrays().into_iter().zip(&case.arrays) {
                parameters.add(name, &shape, values.clone(), true).unwrap();
            }
            let head = Head {
                sizes,
                texts: &r.texts,
            };
            let (vectors, kept) = head.vectors(&parameters);
            assert_close(&vectors, &case.vectors, "vectors");
            let gradients = head.gradients(&parameters, &kept, r.slopes.clone());
            for (got, expected) in gradients.iter().zip(&case.gradients) {
                assert_close(got, expected, "gradient");
            }
        }
    }
}
