//! The numbers a training run changes, and the moments its optimiser keeps of them.
//!
//! They lie in plain memory, not in tensors: an optimiser step is then one pass over values,
//! gradient and moments, and a checkpoint is a copy. For each batch they are lent to the tensor
//! library ([`Parameters::leaves`]), which hands gradients back ([`Leaves::gradients`]).

use crate::TrainError;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use std::ops::Range;

/// One array of parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// What it is called in checkpoints and stored models.
    pub name: String,
    /// Its shape; vectors are stored with one dimension, matrices with two.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
    /// Whether weight decay applies to it.
    pub decay: bool,
    /// The optimiser's first moment, as long as `values`.
    pub(crate) first: Vec<f32>,
    /// The optimiser's second moment, as long as `values`; empty for an optimiser that has none.
    pub(crate) second: Vec<f32>,
}

/// Named arrays in a fixed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    arrays: Vec<Parameter>,
}

impl Parameters {
    /// Adds an array; returns its place.
    ///
    /// # Errors
    /// [`TrainError::Parameter`] if the name is taken, or the values are not as many as the shape
    /// says.
    pub fn add(
        &mut self,
        name: &str,
        shape: &[usize],
        values: Vec<f32>,
        decay: bool,
    ) -> Result<usize, TrainError> {
        let expected: usize = shape.iter().product();
        if values.len() != expected {
            return Err(TrainError::Parameter {
                name: name.to_owned(),
                problem: format!("has {} values for the shape {shape:?}", values.len()),
            });
        }
        if self.arrays.iter().any(|p| p.name == name) {
            return Err(TrainError::Parameter {
                name: name.to_owned(),
                problem: "is there already".to_owned(),
            });
        }
        self.arrays.push(Parameter {
            name: name.to_owned(),
            shape: shape.to_vec(),
            first: vec![0.0; values.len()],
            second: vec![0.0; values.len()],
            values,
            decay,
        });
        Ok(self.arrays.len() - 1)
    }

    /// All arrays, in the order they were added.
    #[must_use]
    pub fn arrays(&self) -> &[Parameter] {
        &self.arrays
    }

    pub(crate) fn arrays_mut(&mut self) -> &mut [Parameter] {
        &mut self.arrays
    }

    /// The values of the array at this place, to be changed.
    ///
    /// # Panics
    /// If there are not so many arrays.
    pub fn values_mut(&mut self, place: usize) -> &mut [f32] {
        &mut self.arrays[place].values
    }

    /// The array of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.arrays.iter().find(|p| p.name == name)
    }

    /// Number of values in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.arrays.iter().map(|p| p.values.len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies of the values alone.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Vec<f32>> {
        self.arrays.iter().map(|p| p.values.clone()).collect()
    }

    /// Puts values back that [`Parameters::snapshot`] took.
    pub fn restore(&mut self, values: Vec<Vec<f32>>) {
        assert_eq!(
            values.len(),
            self.arrays.len(),
            "a snapshot of the same arrays"
        );
        for (array, values) in self.arrays.iter_mut().zip(values) {
            assert_eq!(values.len(), array.values.len(), "{}", array.name);
            array.values = values;
        }
    }

    /// The arrays as tensors, whose gradients are wanted where the device knows of gradients.
    #[must_use]
    pub fn leaves(&self, device: &Device) -> Leaves {
        self.leaves_of(0..self.arrays.len(), device)
    }

    /// Those of the arrays in these places alone.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn leaves_of(&self, places: Range<usize>, device: &Device) -> Leaves {
        Leaves {
            first: places.start,
            matrices: self.arrays[places]
                .iter()
                .map(|p| {
                    let (rows, columns) = as_matrix(&p.shape);
                    let data = TensorData::new(p.values.clone(), [rows, columns]);
                    let tensor = Tensor::from_data(data, device);
                    if device.is_autodiff() {
                        tensor.require_grad()
                    } else {
                        tensor
                    }
                })
                .collect(),
        }
    }
}

/// The arrays of [`Parameters`] on a device, in their order, each as a matrix (a vector is one
/// row).
#[derive(Debug)]
pub struct Leaves {
    /// Place of the first among all arrays.
    first: usize,
    matrices: Vec<Tensor<2>>,
}

impl Leaves {
    /// The array at this place among all of the parameters.
    ///
    /// # Panics
    /// If it was not lent.
    #[must_use]
    pub fn matrix(&self, place: usize) -> Tensor<2> {
        self.matrices[place - self.first].clone()
    }

    /// Number of arrays.
    #[must_use]
    pub fn len(&self) -> usize {
        self.matrices.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.matrices.is_empty()
    }

    /// The gradient of each array lent, empty where the loss does not depend on it.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device cannot hand them over.
    pub fn gradients(self, mut gradients: Gradients) -> Result<Vec<Vec<f32>>, TrainError> {
        self.matrices
            .into_iter()
            .map(|leaf| {
                leaf.grad_remove(&mut gradients)
                    .map_or(Ok(Vec::new()), crate::device::values)
            })
            .collect()
    }
}

fn as_matrix(shape: &[usize]) -> (usize, usize) {
    match shape {
        [] => (1, 1),
        [columns] => (1, *columns),
        [rows, rest @ ..] => (*rows, rest.iter().product()),
    }
}
