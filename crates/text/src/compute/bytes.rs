//! Matrix products of bytes: weights quantised once, activations row by row on the way in.
//!
//! A row of a is divided by its largest magnitude over 127 and rounded (symmetric, per token); the
//! weights have a scale for each output. Sums are exact in 32 bits for k up to 2¹⁷, and come out
//! as sum·scale_row·scale_column. One product costs a quarter of the memory traffic of f32, and on
//! tiles a sixth of the steps of [`split`](super::split).

use super::amx::{Amx, Tiles};
use super::pieces::{BYTE_STEP, Block, BytePiece, SIDE, byte_columns, byte_row};
use super::product::{Finish, write};
use super::vnni::Vnni;
use pulp::{Simd, WithSimd};

/// The instruction that sums.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sums {
    /// Matrix tiles.
    Tiles(Amx),
    /// Vector registers.
    Vectors(Vnni),
}

/// Weights as pieces of b, `[n / 32, k / 128]`.
#[derive(Debug)]
pub(crate) struct ByteWeights {
    sums: Sums,
    pieces: Vec<BytePiece>,
    /// `[n / 32, 32]`.
    scales: Vec<[f32; SIDE]>,
    /// What each column's sums are too large by, `[n / 32, 32]`.
    excess: Vec<[i32; SIDE]>,
}

/// Buffers for the rows of a.
#[derive(Debug, Default)]
pub(crate) struct ByteScratch {
    pieces: Vec<BytePiece>,
    scales: Vec<f32>,
    row: Vec<i8>,
}

impl ByteWeights {
    /// Packs bytes `[n, k]`, one row an output, with a scale for each.
    pub(crate) fn pack(sums: Sums, values: &[i8], scales: &[f32]) -> Self {
        let n = scales.len();
        let k = values.len() / n;
        let offset = match sums {
            Sums::Tiles(_) => 0,
            Sums::Vectors(_) => Vnni::OFFSET,
        };
        let mut excess = vec![[0; SIDE]; n.div_ceil(SIDE)];
        for (i, row) in values.chunks_exact(k).enumerate() {
            let sum: i32 = row.iter().map(|&x| i32::from(x)).sum();
            excess[i / SIDE][i % SIDE] = offset * sum;
        }
        Self {
            sums,
            pieces: byte_columns(values, n, k),
            scales: scales
                .chunks(SIDE)
                .map(|part| std::array::from_fn(|i| part.get(i).copied().unwrap_or(0.0)))
                .collect(),
            excess,
        }
    }
}

/// out = finish(a·b + bias) for rows of a without gaps.
pub(crate) struct ByteProduct<'a> {
    /// `[m, k]`.
    pub(crate) a: &'a [f32],
    pub(crate) k: usize,
    pub(crate) b: &'a ByteWeights,
    /// `[n]`.
    pub(crate) bias: &'a [f32],
    /// `[m, n]`.
    pub(crate) out: &'a mut [f32],
    pub(crate) finish: Finish,
    pub(crate) scratch: &'a mut ByteScratch,
}

impl WithSimd for ByteProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let steps = self.k.div_ceil(BYTE_STEP);
        self.scratch.quantise(simd, self.a, self.k, self.b.sums);
        match self.b.sums {
            Sums::Tiles(amx) => {
                let tiles = Tiles::new(amx);
                self.panels(simd, steps, |a, b, block| tiles.int8(a, b, block));
            }
            Sums::Vectors(vnni) => self.panels(simd, steps, |a, b, block| vnni.block(a, b, block)),
        }
    }
}

impl ByteProduct<'_> {
    #[inline(always)]
    fn panels<S: Simd>(
        self,
        simd: S,
        steps: usize,
        multiply: impl Fn(&[BytePiece], &[BytePiece], &mut Block<i32>),
    ) {
        let n = self.bias.len();
        let mut sums = Block::default();
        for (panel, b) in self.b.pieces.chunks_exact(steps).enumerate() {
            let column = panel * SIDE;
            let bias = &self.bias[column..n.min(column + SIDE)];
            let (scales, excess) = (&self.b.scales[panel], &self.b.excess[panel]);
            let outs = self.out.chunks_mut(SIDE * n);
            let rows = self.scratch.scales.chunks(SIDE);
            let pieces = self.scratch.pieces.chunks_exact(steps);
            for ((a, row_scales), out) in pieces.zip(rows).zip(outs) {
                multiply(a, b, &mut sums);
                let lines = sums.0.as_chunks::<SIDE>().0.iter().zip(row_scales);
                for (out, (sums, &row_scale)) in out.chunks_exact_mut(n).zip(lines) {
                    let mut line = [0.0; SIDE];
                    for i in 0..SIDE {
                        line[i] = (sums[i] - excess[i]) as f32 * (row_scale * scales[i]);
                    }
                    let out = &mut out[column..column + bias.len()];
                    write(simd, S::as_simd_f32s(&line).0, bias, out, self.finish);
                }
            }
        }
    }
}

impl ByteScratch {
    /// Quantises the rows of a, `[m, k]`, into pieces.
    #[inline(always)]
    fn quantise<S: Simd>(&mut self, simd: S, a: &[f32], k: usize, sums: Sums) {
        let steps = k.div_ceil(BYTE_STEP);
        let m = a.len() / k;
        let blocks = m.div_ceil(SIDE);
        // Bytes beyond the last row and behind a row's end meet zeros of b, or are never read.
        if self.pieces.len() < blocks * steps {
            self.pieces.resize(blocks * steps, BytePiece::default());
        }
        self.scales.resize(m, 0.0);
        self.row.resize(k, 0);
        let flip = match sums {
            Sums::Tiles(_) => 0,
            // Flipping the highest bit of a signed byte adds 128 to it, read as unsigned.
            Sums::Vectors(_) => i8::MIN,
        };
        for (i, (row, scale)) in a.chunks_exact(k).zip(&mut self.scales).enumerate() {
            let largest = magnitude(simd, row);
            *scale = largest / 127.0;
            let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
            for (q, &x) in self.row.iter_mut().zip(row) {
                *q = nearest(x * inverse) ^ flip;
            }
            byte_row(
                &self.row,
                i % SIDE,
                &mut self.pieces[i / SIDE * steps..][..steps],
            );
        }
    }
}

/// The largest magnitude of a row.
#[inline(always)]
fn magnitude<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let (head, tail) = S::as_simd_f32s(row);
    let mut most = simd.splat_f32s(0.0);
    for &x in head {
        most = simd.max_f32s(most, simd.abs_f32s(x));
    }
    let rest = tail.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    simd.reduce_max_f32s(most).max(rest)
}

/// The nearest integer of a value between -127 and 127, ties to even.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low byte is the number"
)]
fn nearest(x: f32) -> i8 {
    // Adding 1.5·2²³ leaves the rounded value in the low bits.
    (x + 12_582_912.0).to_bits() as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_the_nearest() {
        let cases = [
            (0.0, 0),
            (0.5, 0),
            (1.5, 2),
            (-0.51, -1),
            (126.6, 127),
            (-127.0, -127),
        ];
        for (x, want) in cases {
            assert_eq!(nearest(x), want, "{x}");
        }
    }
}
