//! Weights as they are stored, before they are packed.

use super::half::{from_f16, to_f16};

/// A matrix `[outputs, inputs]`, row-major, in the precision of its file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Matrix {
    /// f32.
    Single(Vec<f32>),
    /// f16, by its bits; all finite.
    Half(Vec<u16>),
    /// Signed bytes, and for each output what they are multiplied by.
    Bytes {
        /// The weights.
        values: Vec<i8>,
        /// `[outputs]`.
        scales: Vec<f32>,
    },
}

impl Matrix {
    /// Number of weights.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Half(values) => values.len(),
            Self::Bytes { values, .. } => values.len(),
        }
    }

    /// The weights as f32.
    pub(crate) fn widen(self) -> Vec<f32> {
        match self {
            Self::Single(values) => values,
            Self::Half(values) => values.into_iter().map(from_f16).collect(),
            Self::Bytes { values, scales } => {
                let inputs = values.len() / scales.len().max(1);
                let rows = values.chunks_exact(inputs.max(1)).zip(scales);
                rows.flat_map(|(row, scale)| row.iter().map(move |&x| f32::from(x) * scale))
                    .collect()
            }
        }
    }

    /// The outputs of this one, then those of another with as many inputs. Where the precisions
    /// differ the result is in f32.
    pub(crate) fn append(self, other: Self) -> Self {
        match (self, other) {
            (Self::Half(mut values), Self::Half(more)) => {
                values.extend(more);
                Self::Half(values)
            }
            (
                Self::Bytes {
                    mut values,
                    mut scales,
                },
                Self::Bytes {
                    values: more,
                    scales: more_scales,
                },
            ) => {
                values.extend(more);
                scales.extend(more_scales);
                Self::Bytes { values, scales }
            }
            (one, other) => {
                let mut values = one.widen();
                values.extend(other.widen());
                Self::Single(values)
            }
        }
    }

    /// Multiplies the first `outputs` rows of `inputs` weights by a factor. Halves are rounded
    /// again, by 2⁻¹¹ of a weight at most, unless the factor is a power of two.
    pub(crate) fn scale(&mut self, outputs: usize, inputs: usize, factor: f32) {
        match self {
            Self::Single(values) => values[..outputs * inputs]
                .iter_mut()
                .for_each(|x| *x *= factor),
            Self::Half(values) => values[..outputs * inputs]
                .iter_mut()
                .for_each(|x| *x = to_f16(from_f16(*x) * factor)),
            Self::Bytes { scales, .. } => scales[..outputs].iter_mut().for_each(|s| *s *= factor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(values: &[i8], scales: &[f32]) -> Matrix {
        Matrix::Bytes {
            values: values.to_vec(),
            scales: scales.to_vec(),
        }
    }

    #[test]
    fn widening_and_scaling() {
        let halves = || Matrix::Half(vec![to_f16(0.5), to_f16(-2.0)]);
        let cases = [
            (Matrix::Single(vec![0.5, -2.0]), [1.5, -2.0]),
            (halves(), [1.5, -2.0]),
            (bytes(&[5, -20], &[0.1, 0.1]), [1.5, -2.0]),
        ];
        for (mut matrix, want) in cases {
            matrix.scale(1, 1, 3.0);
            assert_eq!(matrix.len(), 2);
            for (got, want) in matrix.widen().into_iter().zip(want) {
                assert!((got - want).abs() < 1e-6, "{got}, expected {want}");
            }
        }
    }

    #[test]
    fn appending_keeps_the_precision_where_it_can() {
        let one = Matrix::Half(vec![to_f16(1.0)]);
        let two = Matrix::Half(vec![to_f16(2.0)]);
        let both = Matrix::Half(vec![to_f16(1.0), to_f16(2.0)]);
        assert_eq!(one.clone().append(two), both);
        let three = bytes(&[3], &[1.0]);
        assert_eq!(
            three.clone().append(bytes(&[4], &[0.5])),
            bytes(&[3, 4], &[1.0, 0.5])
        );
        assert_eq!(one.append(three), Matrix::Single(vec![1.0, 3.0]));
    }
}
