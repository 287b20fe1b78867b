//! The memory layouts of matrix tiles: pieces of 32 rows of a, or 32 columns of b, 4 KiB each.
//!
//! A tile is 16 lines of 64 bytes. A tile of a holds 16 rows of the matrix, k running along the
//! line; a tile of b holds 16 columns, each line the next two (bf16) or four (bytes) values of k
//! for each of them. Which tiles lie in a piece, and in which order, is what
//! [`Tiles`](super::amx::Tiles) reads:
//!
//! - [`SplitPiece`] of a: low halves of rows 0–15, of rows 16–31, then the high halves;
//!   of b: high halves of columns 0–15, of columns 16–31, then the low halves. 32 values of k.
//! - [`BytePiece`]: values 0–63 of k for 0–15 and for 16–31, then values 64–127.

use super::half::from_finite_f16;

/// Rows of a, or columns of b, that a piece and a block have.
pub(crate) const SIDE: usize = 32;
/// Lines of a tile.
const LINES: usize = 16;
/// Values of k in a [`SplitPiece`].
pub(crate) const SPLIT_STEP: usize = 32;
/// Values of k in a [`BytePiece`].
pub(crate) const BYTE_STEP: usize = 128;

/// 32 × 32 values as two bf16 each.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct SplitPiece(pub(crate) [u16; 2048]);

/// The values of a [`SplitPiece`] of b in f16: where its high tiles are.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct HalfPiece(pub(crate) [u16; 1024]);

/// 32 × 128 signed bytes.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct BytePiece(pub(crate) [i8; 4096]);

/// 32 × 32 sums, row-major.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Block<T>(pub(crate) [T; 1024]);

impl Default for SplitPiece {
    fn default() -> Self {
        Self([0; 2048])
    }
}

impl Default for HalfPiece {
    fn default() -> Self {
        Self([0; 1024])
    }
}

impl Default for BytePiece {
    fn default() -> Self {
        Self([0; 4096])
    }
}

impl<T: Copy + Default> Default for Block<T> {
    fn default() -> Self {
        Self([T::default(); 1024])
    }
}

/// The two bf16, high and low, whose sum is x to 16 bits or more. Not for infinities and NaN.
#[inline(always)]
fn split(x: f32) -> (u16, u16) {
    let high = to_bf16(x);
    let low = to_bf16(x - f32::from_bits(u32::from(high) << 16));
    (high, low)
}

/// The nearest bf16, ties to even.
#[inline(always)]
fn to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// Writes rows of `k` values without gaps, at most [`SIDE`] of them, as pieces of a:
/// `pieces[k / 32]`. Rows and values that are not there are zero.
#[inline(always)]
pub(crate) fn split_rows(rows: &[f32], k: usize, pieces: &mut [SplitPiece]) {
    for (step, piece) in pieces.iter_mut().enumerate() {
        let from = step * SPLIT_STEP;
        let width = SPLIT_STEP.min(k - from);
        let (low, high) = piece.0.split_at_mut(1024);
        for r in 0..SIDE {
            let low: &mut [u16; SPLIT_STEP] = &mut low.as_chunks_mut().0[r];
            let high: &mut [u16; SPLIT_STEP] = &mut high.as_chunks_mut().0[r];
            let at = r * k + from;
            let mut line = [0.0; SPLIT_STEP];
            if at < rows.len() {
                if let Some(whole) = rows[at..].first_chunk().filter(|_| width == SPLIT_STEP) {
                    line = *whole;
                } else {
                    line[..width].copy_from_slice(&rows[at..at + width]);
                }
            }
            for i in 0..SPLIT_STEP {
                (high[i], low[i]) = split(line[i]);
            }
        }
    }
}

/// Splits pieces of halves.
#[inline(always)]
pub(crate) fn split_halves(halves: &[HalfPiece], pieces: &mut [SplitPiece]) {
    for (halves, piece) in halves.iter().zip(pieces) {
        let (high, low) = piece.0.split_at_mut(1024);
        for ((&half, high), low) in halves.0.iter().zip(high).zip(low) {
            (*high, *low) = split(from_finite_f16(half));
        }
    }
}

/// Packs a matrix of `k` inputs, one row a column of b, as pieces of b: `[n / 32, k / 32]`; `set`
/// puts a value at a place of the first two tiles.
pub(crate) fn columns<T: Copy, P: Clone + Default>(
    weight: &[T],
    k: usize,
    set: impl Fn(&mut P, usize, T),
) -> Vec<P> {
    let steps = k.div_ceil(SPLIT_STEP);
    let n = weight.len() / k;
    let mut pieces = vec![P::default(); n.div_ceil(SIDE) * steps];
    for (column, row) in weight.chunks_exact(k).enumerate() {
        let (tile, lane) = (column % SIDE / LINES, column % LINES);
        for (i, &x) in row.iter().enumerate() {
            let piece = &mut pieces[column / SIDE * steps + i / SPLIT_STEP];
            let i = i % SPLIT_STEP;
            set(piece, tile * 512 + i / 2 * SPLIT_STEP + 2 * lane + i % 2, x);
        }
    }
    pieces
}

impl SplitPiece {
    /// Puts a value of b at a place of the high and the low tiles.
    pub(crate) fn set(&mut self, at: usize, x: f32) {
        (self.0[at], self.0[1024 + at]) = split(x);
    }
}

impl HalfPiece {
    /// Puts a half at a place.
    pub(crate) fn set(&mut self, at: usize, half: u16) {
        self.0[at] = half;
    }
}

/// Writes a quantised row as row `r` of pieces of a: `pieces[k / 128]`.
#[inline(always)]
pub(crate) fn byte_row(row: &[i8], r: usize, pieces: &mut [BytePiece]) {
    for (i, half) in row.chunks(64).enumerate() {
        let tile = i % 2 * 2 + r / LINES;
        let line = tile * 1024 + r % LINES * 64;
        pieces[i / 2].0[line..line + half.len()].copy_from_slice(half);
    }
}

/// Packs a matrix `[n, k]`, one row a column of b, as pieces of b: `[n / 32, k / 128]`.
pub(crate) fn byte_columns(weight: &[i8], n: usize, k: usize) -> Vec<BytePiece> {
    let steps = k.div_ceil(BYTE_STEP);
    let mut pieces = vec![BytePiece::default(); n.div_ceil(SIDE) * steps];
    for (column, row) in weight.chunks_exact(k).enumerate() {
        let (tile, lane) = (column % SIDE / LINES, column % LINES);
        for (i, &x) in row.iter().enumerate() {
            let piece = &mut pieces[column / SIDE * steps + i / BYTE_STEP].0;
            let i = i % BYTE_STEP;
            let tile = i / 64 * 2 + tile;
            piece[tile * 1024 + i % 64 / 4 * 64 + 4 * lane + i % 4] = x;
        }
    }
    pieces
}
