//! Matrix products with what follows them: out = finish(a·b + bias).
//!
//! `b` is packed once into panels of `W` columns, `[panel, k, W]`, so that the innermost loop
//! reads it in a straight line from the cache. A tile of `MR` rows by `NV` registers is summed over the
//! whole of k in registers and finished (bias, GELU, residual) on its way to memory: activations
//! are read and written once. `a` is read where it lies. Multiplications: m·n·k; the panels
//! take k·n values, with n rounded up to a multiple of `W`.
//!
//! [`linear`](super::linear) has the test that compares it with the plain triple loop.

use super::exponential::{gelu, gelu_tanh, silu};
use super::prefetch::prefetch;
use pulp::{Simd, WithSimd};

/// Columns of a panel of weights: three AVX-512, six AVX2 or twelve NEON registers.
pub(crate) const WIDTH: usize = 48;

/// Steps of k between two bounds checks.
const UNROLL: usize = 8;

/// Blocks of [`UNROLL`] steps of k that a panel is asked for ahead of.
const AHEAD: usize = 3;

/// What happens to a sum before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// out = sum + bias.
    Store,
    /// out = gelu(sum + bias).
    Gelu,
    /// out = gelu(sum + bias) in its tanh approximation.
    GeluTanh,
    /// out = max(sum + bias, 0).
    Relu,
    /// out = silu(sum + bias).
    Silu,
    /// out = out + sum + bias.
    Add,
    /// out = out·(sum + bias), the second factor of a gated feed-forward layer.
    Multiply,
}

/// Packs the rows of a matrix as columns of panels: `panels[i / W][j][i % W] = rows[i][j]`.
pub(crate) fn pack_rows<'a, const W: usize>(
    rows: impl Iterator<Item = &'a [f32]>,
    k: usize,
    panels: &mut [f32],
) {
    for (i, row) in rows.enumerate() {
        let panel = &mut panels[i / W * W * k..][..W * k];
        for (line, &x) in panel.as_chunks_mut::<W>().0.iter_mut().zip(row) {
            line[i % W] = x;
        }
    }
}

/// One product, with strides, so that it can read and write parts of wider rows.
pub(crate) struct Product<'a, const W: usize> {
    /// Rows of `k` values, `a_stride` apart.
    pub(crate) a: &'a [f32],
    pub(crate) a_stride: usize,
    /// Panels of `W` columns.
    pub(crate) b: &'a [f32],
    pub(crate) k: usize,
    /// Columns that count.
    pub(crate) n: usize,
    /// One value a column; empty for none.
    pub(crate) bias: &'a [f32],
    /// Rows of `n` values, `out_stride` apart; their number is the number of rows of `a`.
    pub(crate) out: &'a mut [f32],
    pub(crate) out_stride: usize,
    pub(crate) finish: Finish,
}

impl<const W: usize> WithSimd for Product<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.run(simd);
    }
}

impl<const W: usize> Product<'_, W> {
    /// Chooses the tile, for panels three registers wide one that fills the register file (24 sums
    /// of 32 registers, or 12 of 16), and a lower one for the last rows. No tile has more than eight
    /// rows: the places of more do not fit into the other registers.
    #[inline(always)]
    pub(crate) fn run<S: Simd>(self, simd: S) {
        let three = W.is_multiple_of(3 * S::F32_LANES);
        match (S::REGISTER_COUNT >= 32, three) {
            (true, true) => self.tiles::<S, 8, 4, 3>(simd),
            (true, false) => self.tiles::<S, 8, 4, 2>(simd),
            (false, true) => self.tiles::<S, 4, 2, 3>(simd),
            (false, false) => self.tiles::<S, 6, 2, 2>(simd),
        }
    }

    #[inline(always)]
    fn tiles<S: Simd, const MR: usize, const REST: usize, const NV: usize>(mut self, simd: S) {
        for (p, panel) in self.b.chunks_exact(W * self.k).enumerate() {
            for first in (0..W).step_by(NV * S::F32_LANES) {
                let column = p * W + first;
                if column >= self.n {
                    break;
                }
                // The last columns may need fewer registers.
                match (self.n - column).div_ceil(S::F32_LANES) {
                    1 => self.columns::<S, MR, REST, 1>(simd, panel, first, column),
                    2 => self.columns::<S, MR, REST, 2>(simd, panel, first, column),
                    _ => self.columns::<S, MR, REST, NV>(simd, panel, first, column),
                }
            }
        }
    }

    /// All rows times the `NV` registers of columns from `first` of a panel on, which are those
    /// from `column` on of the result.
    #[inline(always)]
    fn columns<S: Simd, const MR: usize, const REST: usize, const NV: usize>(
        &mut self,
        simd: S,
        panel: &[f32],
        first: usize,
        column: usize,
    ) {
        let rows = self.out.len().div_ceil(self.out_stride);
        let mut row = 0;
        while row < rows {
            let left = rows - row;
            if left > MR - REST {
                let a = self.rows::<MR>(row, left);
                let sums = tile::<S, MR, NV, W>(simd, &a, panel, first);
                self.finish(simd, &sums[..left.min(MR)], row, column);
                row += MR;
            } else {
                let a = self.rows::<REST>(row, left);
                let sums = tile::<S, REST, NV, W>(simd, &a, panel, first);
                self.finish(simd, &sums[..left.min(REST)], row, column);
                row += REST;
            }
        }
    }

    /// `N` rows of `a` from `row` on. Past the last of the `left` ones it is repeated; what comes
    /// of that is not written.
    #[inline(always)]
    fn rows<const N: usize>(&self, row: usize, left: usize) -> [&[f32]; N] {
        let mut rows: [&[f32]; N] = [&[]; N];
        for (r, values) in rows.iter_mut().enumerate() {
            *values = &self.a[(row + r.min(left - 1)) * self.a_stride..][..self.k];
        }
        rows
    }

    /// Finishes rows of sums and writes them from `row` and `column` on. Whole tiles have no loop
    /// whose length is not known to the compiler, as it would send the sums through memory.
    #[inline(always)]
    fn finish<S: Simd, const NV: usize>(
        &mut self,
        simd: S,
        sums: &[[S::f32s; NV]],
        row: usize,
        column: usize,
    ) {
        let width = (NV * S::F32_LANES).min(self.n - column);
        let bias = match self.bias {
            [] => &[],
            bias => &bias[column..column + width],
        };
        let biases: [S::f32s; NV] = match S::as_simd_f32s(bias).0.first_chunk() {
            Some(biases) => *biases,
            None => [simd.splat_f32s(0.0); NV],
        };
        for (r, sums) in sums.iter().enumerate() {
            let out = &mut self.out[(row + r) * self.out_stride + column..][..width];
            let Some(whole) = S::as_mut_simd_f32s(out).0.first_chunk_mut::<NV>() else {
                write(simd, sums, bias, out, self.finish);
                continue;
            };
            for i in 0..NV {
                let x = simd.add_f32s(sums[i], biases[i]);
                whole[i] = finished(simd, x, whole[i], self.finish);
            }
        }
    }
}

/// Sums of `MR` rows of `a` times `NV` registers of columns, from column `first` of the panel.
#[inline(always)]
fn tile<S: Simd, const MR: usize, const NV: usize, const W: usize>(
    simd: S,
    a: &[&[f32]; MR],
    panel: &[f32],
    first: usize,
) -> [[S::f32s; NV]; MR] {
    let mut sums = [[simd.splat_f32s(0.0); NV]; MR];
    let lines = panel.as_chunks::<W>().0;
    let (blocks, rest) = lines.as_chunks::<UNROLL>();
    let mut values: [&[[f32; UNROLL]]; MR] = [&[]; MR];
    for (values, a) in values.iter_mut().zip(a) {
        // All of one length, so that there is one check of bounds for all.
        *values = &a.as_chunks::<UNROLL>().0[..blocks.len()];
    }
    // Behind its end the panel begins again, for the next tile.
    let mut ahead = blocks.iter().skip(AHEAD).chain(blocks);
    for (i, block) in blocks.iter().enumerate() {
        let ahead = ahead.next().unwrap_or(block);
        // (A loop, since the closure of `map` or `from_fn` would become a call.)
        let mut here = [&[0.0; UNROLL]; MR];
        for (here, values) in here.iter_mut().zip(&values) {
            *here = &values[i];
        }
        for (j, (line, ahead)) in block.iter().zip(ahead).enumerate() {
            prefetch(&ahead[first..first + NV * S::F32_LANES]);
            step(simd, &mut sums, line, first, |r| here[r][j]);
        }
    }
    let done = blocks.len() * UNROLL;
    for (j, line) in rest.iter().enumerate() {
        step(simd, &mut sums, line, first, |r| a[r][done + j]);
    }
    sums
}

/// One step of k: every sum grows by its row's value times its column's.
#[inline(always)]
fn step<S: Simd, const MR: usize, const NV: usize, const W: usize>(
    simd: S,
    sums: &mut [[S::f32s; NV]; MR],
    line: &[f32; W],
    first: usize,
    value: impl Fn(usize) -> f32,
) {
    let registers = S::as_simd_f32s(&line[first..first + NV * S::F32_LANES]).0;
    for (r, sums) in sums.iter_mut().enumerate() {
        let value = simd.splat_f32s(value(r));
        for (sum, &b) in sums.iter_mut().zip(registers) {
            *sum = simd.mul_add_e_f32s(value, b, *sum);
        }
    }
}

/// Finishes a row of sums, with a bias for each or none, and writes it.
#[inline(always)]
pub(crate) fn write<S: Simd>(
    simd: S,
    sums: &[S::f32s],
    bias: &[f32],
    out: &mut [f32],
    finish: Finish,
) {
    // Whole registers first: loads and stores under a mask are slower, and seldom needed.
    let (whole, rest) = S::as_mut_simd_f32s(out);
    let (biases, bias_rest) = S::as_simd_f32s(bias);
    for (i, out) in whole.iter_mut().enumerate() {
        let x = match biases.get(i) {
            Some(&bias) => simd.add_f32s(sums[i], bias),
            None => sums[i],
        };
        *out = finished(simd, x, *out, finish);
    }
    if !rest.is_empty() {
        let before = simd.partial_load_f32s(rest);
        let bias = simd.partial_load_f32s(bias_rest);
        let x = simd.add_f32s(sums[whole.len()], bias);
        simd.partial_store_f32s(rest, finished(simd, x, before, finish));
    }
}

/// What is written for a sum and what was there before.
#[inline(always)]
fn finished<S: Simd>(simd: S, x: S::f32s, before: S::f32s, finish: Finish) -> S::f32s {
    match finish {
        Finish::Store => x,
        Finish::Gelu => gelu(simd, x),
        Finish::GeluTanh => gelu_tanh(simd, x),
        Finish::Relu => simd.max_f32s(x, simd.splat_f32s(0.0)),
        Finish::Silu => silu(simd, x),
        Finish::Add => simd.add_f32s(before, x),
        Finish::Multiply => simd.mul_f32s(before, x),
    }
}
