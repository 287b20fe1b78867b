//! Linear layers, packed for the fastest arithmetic this CPU has.
//!
//! out = finish(a·b + bias). How it is computed depends on the precision the weights are stored
//! in and on the CPU, and is chosen once, when they are packed:
//!
//! | weights | matrix tiles (AMX) | VNNI | else |
//! |---|---|---|---|
//! | f32 | two bf16 a value ([`split`](super::split)) | multiply-adds | multiply-adds ([`product`](super::product)) |
//! | f16 | unpacked piece by piece, then as f32 | unpacked panel by panel ([`narrow`](super::narrow)) | the same |
//! | bytes | 8-bit tiles ([`bytes`](super::bytes)) | 8-bit sums | unpacked panel by panel |
//!
//! Multiply-adds are the plain path; [`Kernels`] can ask for it, and the test compares them all
//! with the triple loop.

use super::Aligned;
use super::amx::Amx;
use super::bytes::{ByteProduct, ByteScratch, ByteWeights, Sums};
use super::matrix::Matrix;
use super::narrow::{NarrowProduct, NarrowWeights};
use super::product::{Finish, Product, WIDTH, pack_rows};
use super::split::{SplitProduct, SplitScratch, SplitWeights};
use super::vnni::Vnni;
use pulp::Arch;

/// Which of a CPU's abilities the matrix products use. All give the same vectors, to the
/// precision of the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kernels {
    /// The fastest there is: matrix tiles (AMX), else 8-bit sums (VNNI) for 8-bit weights, else
    /// multiply-adds.
    #[default]
    Auto,
    /// No matrix tiles: 8-bit sums for 8-bit weights, else multiply-adds.
    Vectors,
    /// Multiply-adds in f32 (AVX-512, AVX2, NEON, or plain scalars) for everything.
    MultiplyAdd,
}

/// A weight matrix with its bias.
#[derive(Debug)]
pub(crate) struct Linear {
    arch: Arch,
    k: usize,
    n: usize,
    weights: Packed,
    bias: Vec<f32>,
}

#[derive(Debug)]
enum Packed {
    Columns(Aligned),
    Split(SplitWeights),
    Narrow(NarrowWeights),
    Bytes(ByteWeights),
}

/// What products need beside their operands: at most 4·(m + 48)·k bytes, rounded up.
#[derive(Debug, Default)]
pub(crate) struct LinearScratch {
    split: SplitScratch,
    bytes: ByteScratch,
    columns: Aligned,
}

impl Linear {
    /// Packs weights `[n, k]`, one row an output, as `torch.nn.Linear` has them; `bias` is `[n]`.
    pub(crate) fn pack(weight: Matrix, bias: Vec<f32>, kernels: Kernels) -> Self {
        let n = bias.len();
        let k = weight.len() / n;
        let amx = Amx::detect().filter(|_| kernels == Kernels::Auto);
        let vnni = Vnni::detect().filter(|_| kernels != Kernels::MultiplyAdd);
        let weights = match (weight, amx, vnni) {
            (Matrix::Single(weight), Some(amx), _) => {
                Packed::Split(SplitWeights::pack(amx, &weight, k))
            }
            (Matrix::Half(weight), Some(amx), _) => {
                Packed::Split(SplitWeights::pack_halves(amx, &weight, k))
            }
            (Matrix::Bytes { values, scales }, Some(amx), _) => {
                Packed::Bytes(ByteWeights::pack(Sums::Tiles(amx), &values, &scales))
            }
            (Matrix::Bytes { values, scales }, None, Some(vnni)) => {
                Packed::Bytes(ByteWeights::pack(Sums::Vectors(vnni), &values, &scales))
            }
            (Matrix::Single(weight), None, _) => {
                let len = n.div_ceil(WIDTH) * WIDTH * k;
                let mut columns = Aligned::zeros(len);
                pack_rows::<WIDTH>(weight.chunks_exact(k), k, columns.at_least(len));
                Packed::Columns(columns)
            }
            (weight, None, _) => Packed::Narrow(NarrowWeights::pack(weight, k)),
        };
        Self {
            arch: Arch::new(),
            k,
            n,
            weights,
            bias,
        }
    }

    /// Number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.n
    }

    /// `out[m, n] = finish(a[m, k] · b + bias)`, both row-major without gaps.
    pub(crate) fn apply(
        &self,
        a: &[f32],
        out: &mut [f32],
        finish: Finish,
        scratch: &mut LinearScratch,
    ) {
        let (arch, k, n, bias) = (self.arch, self.k, self.n, &self.bias[..]);
        match &self.weights {
            Packed::Columns(weights) => arch.dispatch(Product::<WIDTH> {
                a,
                a_stride: k,
                b: weights.get(n.div_ceil(WIDTH) * WIDTH * k),
                k,
                n,
                bias,
                out,
                out_stride: n,
                finish,
            }),
            Packed::Narrow(b) => arch.dispatch(NarrowProduct {
                a,
                k,
                b,
                bias,
                out,
                finish,
                columns: scratch.columns.at_least(WIDTH * k),
            }),
            Packed::Split(b) => arch.dispatch(SplitProduct {
                a,
                k,
                b,
                bias,
                out,
                finish,
                scratch: &mut scratch.split,
            }),
            Packed::Bytes(b) => arch.dispatch(ByteProduct {
                a,
                k,
                b,
                bias,
                out,
                finish,
                scratch: &mut scratch.bytes,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::half::to_f16;

    fn values(n: usize, seed: usize) -> Vec<f32> {
        (0..n)
            .map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0)
            .collect()
    }

    const FINISHES: [Finish; 7] = [
        Finish::Store,
        Finish::Gelu,
        Finish::GeluTanh,
        Finish::Relu,
        Finish::Silu,
        Finish::Add,
        Finish::Multiply,
    ];

    fn finished(finish: Finish, sum: f64, before: f32) -> f64 {
        match finish {
            Finish::Store => sum,
            // The tanh form is within 5e-4 of the exact one, which has its own test.
            Finish::Gelu | Finish::GeluTanh => {
                let inner = 0.797_884_56 * (sum + 0.044_715 * sum.powi(3));
                0.5 * sum * (1.0 + inner.tanh())
            }
            Finish::Relu => sum.max(0.0),
            Finish::Silu => sum / (1.0 + (-sum).exp()),
            Finish::Add => sum + f64::from(before),
            Finish::Multiply => sum * f64::from(before),
        }
    }

    fn in_precision(weight: &[f32], n: usize, precision: &str) -> Matrix {
        match precision {
            "f32" => Matrix::Single(weight.to_vec()),
            "f16" => Matrix::Half(weight.iter().map(|&x| to_f16(x)).collect()),
            _ => Matrix::Bytes {
                values: (0..weight.len())
                    .map(|i| {
                        u8::try_from((i * 37 + i / 11) % 255)
                            .unwrap()
                            .wrapping_sub(127)
                            .cast_signed()
                    })
                    .collect(),
                scales: (0..n).map(|i| (1 + i % 3) as f32 / 127.0).collect(),
            },
        }
    }

    /// Rows as the 8-bit sums see them: whole multiples of a 127th of the largest magnitude.
    fn quantised(a: &[f32], k: usize) -> Vec<f32> {
        let rows = a.chunks_exact(k).flat_map(|row| {
            let largest = row.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            let step = largest / 127.0;
            row.iter()
                .map(move |x| (x * (127.0 / largest)).round_ties_even() * step)
        });
        rows.collect()
    }

    #[test]
    fn every_path_agrees_with_the_plain_loop() {
        let shapes = [
            (1, 1, 1),
            (3, 8, 48),
            (8, 32, 96),
            (13, 37, 101),
            (33, 384, 144),
            (70, 200, 31),
        ];
        let kernels = [Kernels::Auto, Kernels::Vectors, Kernels::MultiplyAdd];
        for ((m, k, n), precision) in shapes
            .into_iter()
            .flat_map(|shape| ["f32", "f16", "bytes"].map(|precision| (shape, precision)))
        {
            let (a, w, bias) = (values(m * k, 1), values(n * k, 2), values(n, 3));
            let matrix = in_precision(&w, n, precision);
            let w = matrix.clone().widen();
            for (kernels, finish) in kernels
                .into_iter()
                .flat_map(|kernels| FINISHES.map(|finish| (kernels, finish)))
            {
                let linear = Linear::pack(matrix.clone(), bias.clone(), kernels);
                let a_seen = match linear.weights {
                    Packed::Bytes(_) => quantised(&a, k),
                    Packed::Columns(_) | Packed::Split(_) | Packed::Narrow(_) => a.clone(),
                };
                // Products of pairs of bf16 keep 16 bits or more, those of f32 24.
                let unit = match linear.weights {
                    Packed::Split(_) => 1.5e-5,
                    Packed::Columns(_) | Packed::Bytes(_) | Packed::Narrow(_) => 2e-6,
                };
                let before = values(m * n, 4);
                let mut out = before.clone();
                let mut scratch = LinearScratch::default();
                linear.apply(&a, &mut out, finish, &mut scratch);
                for (at, &got) in out.iter().enumerate() {
                    let (i, j) = (at / n, at % n);
                    let parts =
                        (0..k).map(|x| f64::from(a_seen[i * k + x]) * f64::from(w[j * k + x]));
                    let size = 1.0 + parts.clone().map(f64::abs).sum::<f64>();
                    let sum = parts.sum::<f64>() + f64::from(bias[j]);
                    let want = finished(finish, sum, before[at]);
                    let curve = if finish == Finish::Gelu { 6e-4 } else { 0.0 };
                    assert!(
                        (f64::from(got) - want).abs() < unit * size + curve,
                        "{m}x{k}x{n} {precision} {kernels:?} {finish:?} [{i}, {j}]: {got}, \
                         expected {want}"
                    );
                }
            }
        }
    }
}
