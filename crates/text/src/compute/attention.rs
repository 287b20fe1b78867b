//! Self-attention of one sequence, head by head: softmax(Q·Kᵀ + bias)·V.
//!
//! Q, K and V lie side by side in the rows of the fused projection, `[len, (heads +
//! 2·kv_heads)·dim]`; the factor 1/√dim is already in Q. Several heads of Q may share one of K and
//! V (grouped queries). K is packed as columns and V as rows of panels, once a group, and the
//! scores of [`BLOCK`] queries at a time stay in the first-level cache. A causal model attends to
//! no later token; its blocks end at the last key that one of their queries may see, so about half
//! of the 2·len²·heads·dim multiplications are never made. Scratch: (BLOCK + 2·dim)·len values.

use super::Aligned;
use super::exponential::exp_registers;
use super::product::{Finish, Product, WIDTH, pack_rows};
use super::relative::RelativeBias;
use pulp::{Arch, Simd, WithSimd};

/// Queries whose scores are held at once.
const BLOCK: usize = 24;
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
#[derive(Debug)]
pub(crate) struct Attention {
    /// Number of heads of queries.
    pub(crate) heads: usize,
    /// Number of heads of keys and values; divides `heads`.
    pub(crate) kv_heads: usize,
    /// Width of a head.
    pub(crate) dim: usize,
    /// Whether a token sees only itself and those before it.
    pub(crate) causal: bool,
    /// What is added to the scores, if anything.
    pub(crate) bias: Option<RelativeBias>,
}

impl Attention {
    /// Width of the rows of the fused projection.
    pub(crate) fn width(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.dim
    }

    /// Width of the rows of the result.
    pub(crate) fn out_width(&self) -> usize {
        self.heads * self.dim
    }

    /// Attends within one sequence: `qkv` is `[len, width]`, `out` `[len, out_width]`.
    pub(crate) fn run(
        &self,
        arch: Arch,
        qkv: &[f32],
        out: &mut [f32],
        scratch: &mut AttentionScratch,
    ) {
        for group in 0..self.kv_heads {
            arch.dispatch(Group {
                shape: self,
                group,
                qkv,
                out,
                scratch,
            });
        }
    }
}

/// The heads of queries that share one of keys and values.
struct Group<'a> {
    shape: &'a Attention,
    group: usize,
    qkv: &'a [f32],
    out: &'a mut [f32],
    scratch: &'a mut AttentionScratch,
}

impl WithSimd for Group<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let dim = self.shape.dim;
        let len = self.out.len() / self.shape.out_width();
        let padded = len.div_ceil(WIDTH) * WIDTH;
        let keys_at = (self.shape.heads + self.group) * dim;
        let values_at = keys_at + self.shape.kv_heads * dim;
        let rows = self.qkv.chunks_exact(self.shape.width());
        let keys = self.scratch.keys.at_least(padded * dim);
        pack_rows::<WIDTH>(rows.clone().map(|row| &row[keys_at..][..dim]), dim, keys);
        let panels = dim.div_ceil(VALUE_WIDTH);
        let values = self.scratch.values.at_least(panels * VALUE_WIDTH * len);
        for (i, row) in rows.enumerate() {
            let row = &row[values_at..][..dim];
            for (p, part) in row.chunks(VALUE_WIDTH).enumerate() {
                values[(p * len + i) * VALUE_WIDTH..][..part.len()].copy_from_slice(part);
            }
        }
        let mut head = Head {
            shape: self.shape,
            qkv: self.qkv,
            keys,
            values,
            scores: self.scratch.scores.at_least(BLOCK * padded),
            out: self.out,
        };
        let shared = self.shape.heads / self.shape.kv_heads;
        for h in self.group * shared..(self.group + 1) * shared {
            for first in (0..len).step_by(BLOCK) {
                head.block(simd, h, first, len);
            }
        }
    }
}

/// Packed keys and values, and what else the queries of a head need.
struct Head<'a> {
    shape: &'a Attention,
    qkv: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
    scores: &'a mut [f32],
    out: &'a mut [f32],
}

impl Head<'_> {
    /// The results of up to [`BLOCK`] queries of head `h`, from query `first` on.
    #[inline(always)]
    fn block<S: Simd>(&mut self, simd: S, h: usize, first: usize, len: usize) {
        let (dim, width, hidden) = (self.shape.dim, self.shape.width(), self.shape.out_width());
        let n = BLOCK.min(len - first);
        let seen = if self.shape.causal { first + n } else { len };
        let padded = self.scores.len() / BLOCK;
        let scores = &mut self.scores[..n * padded];
        Product::<WIDTH> {
            a: &self.qkv[first * width + h * dim..],
            a_stride: width,
            b: self.keys,
            k: dim,
            n: seen,
            bias: &[],
            out: scores,
            out_stride: padded,
            finish: Finish::Store,
        }
        .run(simd);
        if let Some(bias) = &self.shape.bias {
            for (i, row) in scores.chunks_exact_mut(padded).enumerate() {
                let bias = bias.row(h, first + i, seen);
                row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
            }
        }
        let factors = softmax::<S>(simd, scores, padded, |i| match self.shape.causal {
            true => first + i + 1,
            false => len,
        });
        if self.shape.causal {
            for (i, row) in scores.chunks_exact_mut(padded).enumerate() {
                row[first + i + 1..seen].fill(0.0);
            }
        }
        for p in 0..dim.div_ceil(VALUE_WIDTH) {
            let column = p * VALUE_WIDTH;
            let columns = VALUE_WIDTH.min(dim - column);
            let out = first * hidden + h * dim + column;
            Product::<VALUE_WIDTH> {
                a: scores,
                a_stride: padded,
                b: &self.values[column * len..][..VALUE_WIDTH * seen],
                k: seen,
                n: columns,
                bias: &[],
                out: &mut self.out[out..][..(n - 1) * hidden + columns],
                out_stride: hidden,
                finish: Finish::Store,
            }
            .run(simd);
        }
        for (row, factor) in self.out[first * hidden..]
            .chunks_mut(hidden)
            .zip(&factors[..n])
        {
            let (head, tail) = S::as_mut_simd_f32s(&mut row[h * dim..][..dim]);
            for x in head {
                *x = simd.mul_f32s(*x, simd.splat_f32s(*factor));
            }
            tail.iter_mut().for_each(|x| *x *= *factor);
        }
    }
}

/// Replaces the first `own(i)` values x of each row, whose length is a multiple of every
/// register's, by e^(x - max); returns 1 / Σ e^(x - max) of each. What stands behind them in the
/// last register is lost. A sum or a largest value over the lanes of a register takes a while, and
/// row by row each would be waited for; so they are made for all rows one behind the other.
#[inline(always)]
fn softmax<S: Simd>(
    simd: S,
    rows: &mut [f32],
    padded: usize,
    own: impl Fn(usize) -> usize,
) -> [f32; BLOCK] {
    let whole = |i: usize| own(i).next_multiple_of(S::F32_LANES);
    let mut largest = [simd.splat_f32s(f32::MIN); BLOCK];
    for (i, (row, largest)) in rows.chunks_exact_mut(padded).zip(&mut largest).enumerate() {
        row[own(i)..whole(i)].fill(f32::MIN);
        for &x in S::as_simd_f32s(&row[..whole(i)]).0 {
            *largest = simd.max_f32s(*largest, x);
        }
    }
    let mut shifts = [0.0; BLOCK];
    for (shift, &largest) in shifts.iter_mut().zip(&largest) {
        *shift = simd.reduce_max_f32s(largest);
    }
    let mut sums = [simd.splat_f32s(0.0); BLOCK];
    for (i, (row, sum)) in rows.chunks_exact_mut(padded).zip(&mut sums).enumerate() {
        let row = S::as_mut_simd_f32s(&mut row[..whole(i)]).0;
        *sum = exp_registers(simd, row, simd.splat_f32s(shifts[i]));
    }
    let mut factors = [0.0; BLOCK];
    for (factor, &sum) in factors.iter_mut().zip(&sums) {
        *factor = 1.0 / simd.reduce_sum_f32s(sum);
    }
    factors
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bias of the plain formula, and of the weights below: by distance for 4 buckets a head.
    fn weights(heads: usize) -> Vec<f32> {
        (0..4 * heads).map(|i| (i % 5) as f32 / 4.0 - 0.5).collect()
    }

    /// What head `h` makes of query `i`, by the formula in f64.
    fn plain(shape: &Attention, qkv: &[f32], i: usize, h: usize) -> Vec<f64> {
        let (width, dim) = (shape.width(), shape.dim);
        let group = h / (shape.heads / shape.kv_heads);
        let at = |i: usize, head: usize, d: usize| f64::from(qkv[i * width + head * dim + d]);
        let len = if shape.causal {
            i + 1
        } else {
            qkv.len() / width
        };
        let bias = |j: usize| match &shape.bias {
            Some(_) => {
                let bucket = usize::from(i != j) + 2 * usize::from(j > i);
                f64::from(weights(shape.heads)[bucket * shape.heads + h])
            }
            None => 0.0,
        };
        let weights: Vec<f64> = (0..len)
            .map(|j| {
                let products = (0..dim).map(|d| at(i, h, d) * at(j, shape.heads + group, d));
                (products.sum::<f64>() + bias(j)).exp()
            })
            .collect();
        let values = shape.heads + shape.kv_heads + group;
        let sum: f64 = weights.iter().sum();
        let mean = |d| (0..len).map(|j| weights[j] / sum * at(j, values, d)).sum();
        (0..dim).map(mean).collect()
    }

    #[test]
    fn agrees_with_the_formula() {
        for (len, heads, kv_heads, dim) in [
            (1, 1, 1, 4),
            (5, 2, 2, 32),
            (33, 3, 3, 26),
            (33, 6, 2, 20),
            (100, 4, 1, 40),
            (100, 1, 1, 64),
        ] {
            for (causal, biased) in [(false, false), (true, false), (false, true)] {
                let bias = biased.then(|| RelativeBias::new(&weights(heads), heads, 100));
                let shape = Attention {
                    heads,
                    kv_heads,
                    dim,
                    causal,
                    bias,
                };
                let qkv: Vec<f32> = (0..len * shape.width())
                    .map(|i| ((i * 31 + i / 7) % 23) as f32 / 11.5 - 1.0)
                    .collect();
                let mut out = vec![f32::NAN; len * shape.out_width()];
                let mut scratch = AttentionScratch::default();
                shape.run(Arch::new(), &qkv, &mut out, &mut scratch);
                for (at, got) in out.chunks_exact(dim).enumerate() {
                    let (i, h) = (at / heads, at % heads);
                    for (&got, want) in got.iter().zip(plain(&shape, &qkv, i, h)) {
                        assert!(
                            (f64::from(got) - want).abs() < 1e-5,
                            "len {len}, causal {causal}, bias {biased}, [{i}, {h}]: {got}, {want}"
                        );
                    }
                }
            }
        }
    }
}
