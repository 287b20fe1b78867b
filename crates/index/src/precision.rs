//! How the values of a vector are stored, and what that costs.
//!
//! A stored vector, a *row*, is a number of 32-bit words, so that it can be mapped from a file and
//! read without a copy:
//!
//! | precision | a row | bytes at 384 dimensions | error of a value |
//! |---|---|---|---|
//! | `F32` | the values | 1,536 | none |
//! | `F16` | two values a word, IEEE 754 binary16 | 768 | relative 2⁻¹¹ |
//! | `Int8` | four codes a word, then the scale | 388 | half a step, a step being max \|x\| / 127 |
//!
//! What is left over of the last word is zero. Signed codes without an offset are enough for
//! embeddings, whose values lie evenly around zero.

use crate::IndexError;
use half::f16;

/// Longest vector; the sum of products of 8-bit codes stays within 32 bits.
pub(crate) const MAX_DIM: usize = 65_536;

/// How the values of a vector are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats: nothing is lost.
    F32,
    /// 16-bit floats: half the memory, three digits.
    F16,
    /// 8-bit codes with one scale a vector: a quarter of the memory, two digits.
    Int8,
}

impl Precision {
    /// Bytes of a vector of `dim` values.
    #[must_use]
    pub fn bytes(self, dim: usize) -> usize {
        4 * self.words(dim)
    }

    /// Words of a row.
    pub(crate) fn words(self, dim: usize) -> usize {
        match self {
            Self::F32 => dim,
            Self::F16 => dim.div_ceil(2),
            Self::Int8 => dim.div_ceil(4) + 1,
        }
    }

    /// The largest value that can be stored. Squares of `F32` may overflow to infinity; such a
    /// score is never ranked.
    fn largest(self) -> f32 {
        match self {
            Self::F32 | Self::Int8 => f32::MAX,
            Self::F16 => f16::MAX.to_f32(),
        }
    }

    /// That every value is finite and can be stored.
    ///
    /// # Errors
    /// With the first value that is not.
    pub(crate) fn check(self, what: &str, vector: &[f32]) -> Result<(), IndexError> {
        let most = self.largest();
        let wrong = |x: &f32| !x.is_finite() || x.abs() > most;
        match vector.iter().position(wrong) {
            None => Ok(()),
            Some(place) => Err(IndexError::Value {
                what: what.to_owned(),
                value: vector[place],
                place,
                most,
            }),
        }
    }

    /// Appends the row of a vector.
    pub(crate) fn encode(self, vector: &[f32], out: &mut Vec<u32>) {
        match self {
            Self::F32 => out.extend(vector.iter().map(|x| x.to_bits())),
            Self::F16 => out.extend(vector.chunks(2).map(|pair| {
                let bits = |i: usize| pair.get(i).map_or(0, |&x| f16::from_f32(x).to_bits());
                let ([a, b], [c, d]) = (bits(0).to_ne_bytes(), bits(1).to_ne_bytes());
                u32::from_ne_bytes([a, b, c, d])
            })),
            Self::Int8 => {
                let largest = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                let step = largest / 127.0;
                out.extend(vector.chunks(4).map(|four| {
                    let code = |i: usize| four.get(i).map_or(0, |&x| code(x, step));
                    u32::from_ne_bytes([0, 1, 2, 3].map(code))
                }));
                out.push(step.to_bits());
            }
        }
    }

    /// The row of a vector.
    pub(crate) fn row(self, vector: &[f32]) -> Vec<u32> {
        let mut row = Vec::with_capacity(self.words(vector.len()));
        self.encode(vector, &mut row);
        row
    }

    /// The values of a row, as exact as they were stored.
    pub(crate) fn decode(self, dim: usize, row: &[u32]) -> Vec<f32> {
        match self {
            Self::F32 => floats(row).to_vec(),
            Self::F16 => {
                let values = &halves(row)[..dim];
                values.iter().map(|&h| f16::from_bits(h).to_f32()).collect()
            }
            Self::Int8 => {
                let (codes, step) = codes(row, dim);
                codes.iter().map(|&c| f32::from(c) * step).collect()
            }
        }
    }
}

/// The 8-bit code of a value, as a byte.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the quotient is within ±127 but for rounding, and a cast saturates"
)]
fn code(x: f32, step: f32) -> u8 {
    let code = if step > 0.0 { (x / step).round() } else { 0.0 };
    (code.clamp(-127.0, 127.0) as i8) as u8
}

/// The values of an `F32` row.
#[inline(always)]
pub(crate) fn floats(row: &[u32]) -> &[f32] {
    pulp::bytemuck::cast_slice(row)
}

/// The values of an `F16` row and what fills its last word.
#[inline(always)]
pub(crate) fn halves(row: &[u32]) -> &[u16] {
    pulp::bytemuck::cast_slice(row)
}

/// The codes of an `Int8` row, without what fills the last word, and the scale.
#[inline(always)]
pub(crate) fn codes(row: &[u32], dim: usize) -> (&[i8], f32) {
    let (codes, step) = row.split_at(row.len() - 1);
    let codes: &[i8] = pulp::bytemuck::cast_slice(codes);
    (&codes[..dim], f32::from_bits(step[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_what_the_table_says() {
        let vector = [1.0, -0.5, 0.25, 0.0, 127.0];
        assert_eq!(
            Precision::F32.decode(5, &Precision::F32.row(&vector)),
            vector
        );
        assert_eq!(
            Precision::F16.decode(5, &Precision::F16.row(&vector)),
            vector
        );
        // A step is 127 / 127 = 1; halves are rounded away from zero.
        let coded = Precision::Int8.decode(5, &Precision::Int8.row(&vector));
        assert_eq!(coded, [1.0, -1.0, 0.0, 0.0, 127.0]);
        for (precision, bytes) in [
            (Precision::F32, 1536),
            (Precision::F16, 768),
            (Precision::Int8, 388),
        ] {
            assert_eq!(precision.bytes(384), bytes);
            assert_eq!(precision.row(&[0.5; 384]).len() * 4, bytes);
            assert_eq!(precision.row(&vector).len(), precision.words(5));
            assert_eq!(precision.decode(2, &precision.row(&[0.0; 2])), [0.0; 2]);
        }
    }

    #[test]
    fn what_cannot_be_stored_is_refused() {
        let refused = |precision: Precision, x| precision.check("the query", &[0.0, x]).is_err();
        for precision in [Precision::F32, Precision::F16, Precision::Int8] {
            assert!(refused(precision, f32::NAN));
            assert!(refused(precision, f32::NEG_INFINITY));
            assert!(!refused(precision, -65504.0));
            assert_eq!(refused(precision, 65505.0), precision == Precision::F16);
        }
    }
}
