//! The tensors of one checkpoint, under their prefix, in the layout of `torch.nn.Linear`.

use super::names::Names;
use super::norm::Norm;
use crate::TextError;
use crate::compute::{Kernels, Linear as Packed, Matrix};
use crate::settings::Shape;
use crate::table::Table;
use crate::weights::Weights;
use std::cell::Cell;

/// A linear layer as it is read: rows of inputs, one an output, and biases.
pub(super) struct Linear {
    pub(super) weight: Matrix,
    pub(super) bias: Vec<f32>,
}

impl Linear {
    /// Packed for products.
    pub(super) fn pack(self, kernels: Kernels) -> Packed {
        Packed::pack(self.weight, self.bias, kernels)
    }

    /// The outputs of this layer, then those of another.
    pub(super) fn append(mut self, other: Self) -> Self {
        self.bias.extend(other.bias);
        Self {
            weight: self.weight.append(other.weight),
            bias: self.bias,
        }
    }

    /// Multiplies the first `outputs` outputs by a factor.
    pub(super) fn scale(&mut self, outputs: usize, factor: f32) {
        let inputs = self.weight.len() / self.bias.len();
        self.weight.scale(outputs, inputs, factor);
        self.bias[..outputs].iter_mut().for_each(|x| *x *= factor);
    }
}

/// Reads tensors by the names of a family.
pub(super) struct Reader<'a> {
    weights: &'a Weights,
    prefix: &'static str,
    pub(super) names: Names,
    eps: f32,
    values: Cell<usize>,
}

impl<'a> Reader<'a> {
    /// Finds out whether the checkpoint has the prefix.
    pub(super) fn new(weights: &'a Weights, shape: &Shape) -> Self {
        let names = Names::of(shape.family);
        Self {
            weights,
            prefix: names.prefix_in(weights),
            names,
            eps: shape.eps,
            values: Cell::new(0),
        }
    }

    /// Number of values read so far.
    pub(super) fn values(&self) -> usize {
        self.values.get()
    }

    /// A tensor of this shape.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TextError> {
        let name = format!("{}{name}", self.prefix);
        let tensor = self.weights.tensor(&name, shape)?;
        self.values.set(self.values.get() + tensor.len());
        Ok(tensor)
    }

    /// A table whose rows are looked up.
    pub(super) fn table(&self, name: &str, shape: [usize; 2]) -> Result<Table, TextError> {
        let table = self
            .weights
            .table(&format!("{}{name}", self.prefix), shape)?;
        self.values.set(self.values.get() + shape[0] * shape[1]);
        Ok(table)
    }

    /// A linear layer; biases that are not there are zero.
    pub(super) fn linear(
        &self,
        name: &str,
        [inputs, outputs]: [usize; 2],
        bias: bool,
    ) -> Result<Linear, TextError> {
        let name_of_weight = format!("{name}.weight");
        let weight = if self.names.transposed {
            let rows = self.tensor(&name_of_weight, &[inputs, outputs])?;
            Matrix::Single(transpose(&rows, outputs))
        } else {
            let name = format!("{}{name_of_weight}", self.prefix);
            self.weights.matrix(&name, [outputs, inputs])?
        };
        if !self.names.transposed {
            self.values.set(self.values.get() + weight.len());
        }
        let bias = if bias {
            self.tensor(&format!("{name}.bias"), &[outputs])?
        } else {
            vec![0.0; outputs]
        };
        Ok(Linear { weight, bias })
    }

    /// A normalisation. Checkpoints converted from TensorFlow call weight and bias by letters.
    pub(super) fn norm(&self, name: &str, width: usize) -> Result<Norm, TextError> {
        let greek = format!("{}{name}.gamma", self.prefix);
        let [weight, bias] = if self.weights.contains(&greek) {
            ["gamma", "beta"]
        } else {
            ["weight", "bias"]
        };
        let read = |part: &str| self.tensor(&format!("{name}.{part}"), &[width]);
        Ok(Norm {
            weight: read(weight)?,
            bias: if self.names.rms {
                None
            } else {
                Some(read(bias)?)
            },
            eps: self.eps,
        })
    }
}

/// Rows of `columns` values as columns.
fn transpose(values: &[f32], columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|column| values[column..].iter().step_by(columns).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_turns_rows_into_columns() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(transpose(&values, 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn scaling_stops_at_the_outputs_named() {
        let one = Linear {
            weight: Matrix::Single(vec![1.0, 2.0]),
            bias: vec![3.0],
        };
        let mut linear = one.append(Linear {
            weight: Matrix::Single(vec![4.0, 5.0]),
            bias: vec![6.0],
        });
        linear.scale(1, 2.0);
        assert_eq!(linear.weight, Matrix::Single(vec![2.0, 4.0, 4.0, 5.0]));
        assert_eq!(linear.bias, [6.0, 6.0]);
    }
}
