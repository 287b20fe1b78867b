//! Self-attention of one sequence, head by head: softmax(Q·Kᵀ)·V.
//!
//! Q, K and V lie side by side in the rows of the fused projection, `[len, 3·hidden]`; the factor
//! 1/√head_dim is already in Q's weights. K is packed as columns and V as rows of panels, and the
//! scores of [`BLOCK`] queries at a time stay in the first-level cache. Multiplications:
//! 2·len²·hidden; scratch: (3·len + 2·head_dim)·len values at most.

use super::Aligned;
use super::exponential::exp;
use super::product::{Finish, Product, WIDTH, pack_rows};
use pulp::{Arch, Simd, WithSimd};

/// Queries whose scores are held at once.
const BLOCK: usize = 32;
/// Columns of a panel of values.
const VALUE_WIDTH: usize = 32;

/// Buffers of [`Attention::run`], reused between calls.
#[derive(Debug, Default)]
pub(crate) struct AttentionScratch {
    keys: Aligned,
    values: Aligned,
    scores: Aligned,
}

/// Shape of the attention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attention {
    /// Width of the model.
    pub(crate) hidden: usize,
    /// Number of heads; divides `hidden`.
    pub(crate) heads: usize,
}

impl Attention {
    /// Attends within one sequence: `qkv` is `[len, 3·hidden]`, `out` `[len, hidden]`.
    pub(crate) fn run(
        self,
        arch: Arch,
        qkv: &[f32],
        out: &mut [f32],
        scratch: &mut AttentionScratch,
    ) {
        for head in 0..self.heads {
            arch.dispatch(Head {
                shape: self,
                head,
                qkv,
                out,
                scratch,
            });
        }
    }
}

struct Head<'a> {
    shape: Attention,
    head: usize,
    qkv: &'a [f32],
    out: &'a mut [f32],
    scratch: &'a mut AttentionScratch,
}

impl WithSimd for Head<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Attention { hidden, heads } = self.shape;
        let dim = hidden / heads;
        let offset = self.head * dim;
        let len = self.out.len() / hidden;
        let padded = len.div_ceil(WIDTH) * WIDTH;
        let rows = self.qkv.chunks_exact(3 * hidden);
        let keys = self.scratch.keys.at_least(padded * dim);
        pack_rows::<WIDTH>(
            rows.clone().map(|row| &row[hidden + offset..][..dim]),
            dim,
            keys,
        );
        let panels = dim.div_ceil(VALUE_WIDTH);
        let values = self.scratch.values.at_least(panels * VALUE_WIDTH * len);
        for (i, row) in rows.enumerate() {
            let row = &row[2 * hidden + offset..][..dim];
            for (p, part) in row.chunks(VALUE_WIDTH).enumerate() {
                values[(p * len + i) * VALUE_WIDTH..][..part.len()].copy_from_slice(part);
            }
        }
        let scores = self.scratch.scores.at_least(BLOCK * padded);
        for first in (0..len).step_by(BLOCK) {
            let n = BLOCK.min(len - first);
            Product::<WIDTH> {
                a: &self.qkv[first * 3 * hidden + offset..],
                a_stride: 3 * hidden,
                b: keys,
                k: dim,
                n: len,
                bias: &[],
                out: &mut scores[..n * padded],
                out_stride: padded,
                finish: Finish::Store,
            }
            .run(simd);
            for row in scores[..n * padded].chunks_exact_mut(padded) {
                softmax(simd, &mut row[..len]);
            }
            Product::<VALUE_WIDTH> {
                a: scores,
                a_stride: padded,
                b: values,
                k: len,
                n: dim,
                bias: &[],
                out: &mut self.out[first * hidden + offset..][..(n - 1) * hidden + dim],
                out_stride: hidden,
                finish: Finish::Store,
            }
            .run(simd);
        }
    }
}

/// e^(x - max) / Σ e^(x - max), in place.
#[inline(always)]
fn softmax<S: Simd>(simd: S, row: &mut [f32]) {
    let (head, tail) = S::as_mut_simd_f32s(row);
    let mut most = simd.splat_f32s(f32::MIN);
    for &x in head.iter() {
        most = simd.max_f32s(most, x);
    }
    let max = tail
        .iter()
        .fold(simd.reduce_max_f32s(most), |a, &x| a.max(x));
    let max = simd.splat_f32s(max);
    let mut sums = simd.splat_f32s(0.0);
    for x in head.iter_mut() {
        *x = exp(simd, simd.sub_f32s(*x, max));
        sums = simd.add_f32s(sums, *x);
    }
    let mut sum = simd.reduce_sum_f32s(sums);
    if !tail.is_empty() {
        let x = exp(simd, simd.sub_f32s(simd.partial_load_f32s(tail), max));
        simd.partial_store_f32s(tail, x);
        sum += tail.iter().sum::<f32>();
    }
    let factor = simd.splat_f32s(1.0 / sum);
    for x in head.iter_mut() {
        *x = simd.mul_f32s(*x, factor);
    }
    if !tail.is_empty() {
        let x = simd.mul_f32s(simd.partial_load_f32s(tail), factor);
        simd.partial_store_f32s(tail, x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_formula() {
        for (len, heads, dim) in [(1, 1, 4), (5, 2, 32), (33, 3, 26), (100, 1, 64)] {
            let hidden = heads * dim;
            let qkv: Vec<f32> = (0..len * 3 * hidden)
                .map(|i| ((i * 31 + i / 7) % 23) as f32 / 11.5 - 1.0)
                .collect();
            let mut out = vec![f32::NAN; len * hidden];
            let mut scratch = AttentionScratch::default();
            Attention { hidden, heads }.run(Arch::new(), &qkv, &mut out, &mut scratch);
            let at = |i: usize, part: usize, h: usize, d: usize| {
                f64::from(qkv[i * 3 * hidden + part * hidden + h * dim + d])
            };
            for h in 0..heads {
                for i in 0..len {
                    let weights: Vec<f64> = (0..len)
                        .map(|j| {
                            (0..dim)
                                .map(|d| at(i, 0, h, d) * at(j, 1, h, d))
                                .sum::<f64>()
                        })
                        .map(f64::exp)
                        .collect();
                    let sum: f64 = weights.iter().sum();
                    for d in 0..dim {
                        let want: f64 = (0..len).map(|j| weights[j] / sum * at(j, 2, h, d)).sum();
                        let got = f64::from(out[i * hidden + h * dim + d]);
                        assert!(
                            (got - want).abs() < 1e-5,
                            "len {len}: {got}, expected {want}"
                        );
                    }
                }
            }
        }
    }
}
