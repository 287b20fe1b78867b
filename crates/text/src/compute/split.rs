//! Matrix products to f32 accuracy on tiles of bf16: each value as the sum of two.
//!
//! See [`amx`](super::amx) for the arithmetic and [`pieces`](super::pieces) for the layout.
//! Weights in f32 are split once, when they are packed, and take as much memory as before; weights
//! in f16 stay so and are split panel by panel, which loses nothing, as 11 bits fit two bf16. The
//! rows of a are split on the way in, which costs m·k of the m·n·k. Sums of 32 × 32 values are
//! finished (bias, activation, residual) out of the first-level cache.

use super::amx::{Amx, Tiles};
use super::pieces::{
    Block, HalfPiece, SIDE, SPLIT_STEP, SplitPiece, columns, split_halves, split_rows,
};
use super::product::{Finish, write};
use pulp::{Simd, WithSimd};

/// Weights as pieces of b, `[n / 32, k / 32]`.
#[derive(Debug)]
pub(crate) struct SplitWeights {
    amx: Amx,
    pieces: Pieces,
}

#[derive(Debug)]
enum Pieces {
    Split(Vec<SplitPiece>),
    Half(Vec<HalfPiece>),
}

/// Buffers for pieces of a and of b.
#[derive(Debug, Default)]
pub(crate) struct SplitScratch {
    rows: Vec<SplitPiece>,
    columns: Vec<SplitPiece>,
}

impl SplitWeights {
    /// Packs f32 weights `[n, k]`, one row an output.
    pub(crate) fn pack(amx: Amx, weight: &[f32], k: usize) -> Self {
        let pieces = columns(weight, k, SplitPiece::set);
        Self {
            amx,
            pieces: Pieces::Split(pieces),
        }
    }

    /// Packs f16 weights `[n, k]`, one row an output, by their bits.
    pub(crate) fn pack_halves(amx: Amx, weight: &[u16], k: usize) -> Self {
        let pieces = columns(weight, k, HalfPiece::set);
        Self {
            amx,
            pieces: Pieces::Half(pieces),
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
    pub(crate) scratch: &'a mut SplitScratch,
}

impl WithSimd for SplitProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (k, n) = (self.k, self.bias.len());
        let steps = k.div_ceil(SPLIT_STEP);
        let blocks = (self.a.len() / k).div_ceil(SIDE);
        let SplitScratch { rows, columns } = self.scratch;
        // Only ever grown, as zeroing what is overwritten anyway costs time.
        if rows.len() < blocks * steps {
            rows.resize(blocks * steps, SplitPiece::default());
        }
        let parts = self.a.chunks(SIDE * k);
        for (part, pieces) in parts.zip(rows.chunks_exact_mut(steps)) {
            split_rows(part, k, pieces);
        }
        let tiles = Tiles::new(self.b.amx);
        let mut block = Block::default();
        for (panel, bias) in self.bias.chunks(SIDE).enumerate() {
            let range = panel * steps..(panel + 1) * steps;
            let b = match &self.b.pieces {
                Pieces::Split(pieces) => &pieces[range],
                Pieces::Half(pieces) => {
                    if columns.len() < steps {
                        columns.resize(steps, SplitPiece::default());
                    }
                    split_halves(&pieces[range], columns);
                    &columns[..steps]
                }
            };
            let column = panel * SIDE;
            let outs = self.out.chunks_mut(SIDE * n);
            for (a, out) in rows.chunks_exact(steps).zip(outs) {
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
