//! Matrix products to f32 accuracy on tiles of bf16: each value as the sum of two.
//!
//! See [`amx`](super::amx) for the arithmetic and [`pieces`](super::pieces) for the layout. The
//! weights are split once, when they are packed, and take as much memory as in f32; the rows of a
//! are split on the way in, which costs m·k of the m·n·k. Sums of 32 × 32 values are finished
//! (bias, GELU, residual) out of the first-level cache. The test compares it with the plain loop.

use super::amx::{Amx, Tiles};
use super::pieces::{Block, SIDE, SPLIT_STEP, SplitPiece, split_columns, split_rows};
use super::product::{Finish, write};
use pulp::{Arch, Simd, WithSimd};

/// Weights as pieces of b, `[n / 32, k / 32]`.
#[derive(Debug)]
pub(crate) struct SplitWeights {
    amx: Amx,
    pieces: Vec<SplitPiece>,
}

impl SplitWeights {
    /// Packs a matrix `[n, k]`, one row an output.
    pub(crate) fn pack(amx: Amx, weight: &[f32], n: usize, k: usize) -> Self {
        Self {
            amx,
            pieces: split_columns(weight, n, k),
        }
    }
}

/// out = finish(a·b + bias) for rows of a without gaps.
pub(crate) struct SplitProduct<'a> {
    /// `[m, k]`.
    pub(crate) a: &'a [f32],
    pub(crate) k: usize,
    pub(crate) b: &'a SplitWeights,
    /// `[n]`.
    pub(crate) bias: &'a [f32],
    /// `[m, n]`.
    pub(crate) out: &'a mut [f32],
    pub(crate) finish: Finish,
    /// For the pieces of a, grown as needed.
    pub(crate) pieces: &'a mut Vec<SplitPiece>,
}

impl SplitProduct<'_> {
    /// Runs it on this thread.
    pub(crate) fn run(self, arch: Arch) {
        arch.dispatch(self);
    }
}

impl WithSimd for SplitProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (k, n) = (self.k, self.bias.len());
        let steps = k.div_ceil(SPLIT_STEP);
        let blocks = (self.a.len() / k).div_ceil(SIDE);
        if self.pieces.len() < blocks * steps {
            self.pieces.resize(blocks * steps, SplitPiece::default());
        }
        let rows = self.a.chunks(SIDE * k);
        for (rows, pieces) in rows.zip(self.pieces.chunks_exact_mut(steps)) {
            split_rows(rows, k, k, pieces);
        }
        let tiles = Tiles::new(self.b.amx);
        let mut block = Block::default();
        for (panel, b) in self.b.pieces.chunks_exact(steps).enumerate() {
            let column = panel * SIDE;
            let bias = &self.bias[column..n.min(column + SIDE)];
            let outs = self.out.chunks_mut(SIDE * n);
            for (a, out) in self.pieces.chunks_exact(steps).zip(outs) {
                tiles.split(a, b, &mut block);
                let sums = block.0.as_chunks::<SIDE>().0;
                for (out, sums) in out.chunks_exact_mut(n).zip(sums) {
                    let sums = S::as_simd_f32s(sums).0;
                    let out = &mut out[column..column + bias.len()];
                    write(simd, sums, bias, out, self.finish);
                }
            }
        }
    }
}
