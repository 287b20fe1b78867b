//! Layer normalisation of rows, in place: y = (x - mean)/√(variance + ε)·weight + bias.

use pulp::{Arch, Simd, WithSimd};

/// Normalises each row of `x`, `[n, weight.len()]`.
pub(crate) fn layer_norm(arch: Arch, x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    arch.dispatch(LayerNorm {
        x,
        weight,
        bias,
        eps,
    });
}

struct LayerNorm<'a> {
    x: &'a mut [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    eps: f32,
}

impl WithSimd for LayerNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let dim = self.weight.len();
        let (weight, weight_tail) = S::as_simd_f32s(self.weight);
        let (bias, bias_tail) = S::as_simd_f32s(self.bias);
        for row in self.x.chunks_exact_mut(dim) {
            let (head, tail) = S::as_mut_simd_f32s(row);
            let n = dim as f32;
            let mut sum = simd.splat_f32s(0.0);
            for &x in head.iter() {
                sum = simd.add_f32s(sum, x);
            }
            let mean = (simd.reduce_sum_f32s(sum) + tail.iter().sum::<f32>()) / n;
            let means = simd.splat_f32s(mean);
            let mut sum = simd.splat_f32s(0.0);
            for &x in head.iter() {
                let d = simd.sub_f32s(x, means);
                sum = simd.mul_add_e_f32s(d, d, sum);
            }
            let rest = tail.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>();
            let variance = (simd.reduce_sum_f32s(sum) + rest) / n;
            let factor = 1.0 / (variance + self.eps).sqrt();
            let factors = simd.splat_f32s(factor);
            for ((x, &w), &b) in head.iter_mut().zip(weight).zip(bias) {
                let scaled = simd.mul_f32s(simd.sub_f32s(*x, means), factors);
                *x = simd.mul_add_e_f32s(scaled, w, b);
            }
            for ((x, w), b) in tail.iter_mut().zip(weight_tail).zip(bias_tail) {
                *x = (*x - mean) * factor * w + b;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_formula_for_any_width() {
        for dim in [1, 3, 16, 37, 384] {
            let x: Vec<f32> = (0..2 * dim).map(|i| ((i * 37) % 11) as f32 - 4.0).collect();
            let weight: Vec<f32> = (0..dim).map(|i| 1.0 + i as f32 / 100.0).collect();
            let bias: Vec<f32> = (0..dim).map(|i| i as f32 / 50.0).collect();
            let mut got = x.clone();
            layer_norm(Arch::new(), &mut got, &weight, &bias, 1e-5);
            for (row, got) in x.chunks(dim).zip(got.chunks(dim)) {
                let n = dim as f64;
                let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
                let var = row
                    .iter()
                    .map(|&x| (f64::from(x) - mean).powi(2))
                    .sum::<f64>()
                    / n;
                for i in 0..dim {
                    let want = (f64::from(row[i]) - mean) / (var + 1e-5).sqrt()
                        * f64::from(weight[i])
                        + f64::from(bias[i]);
                    assert!(
                        (f64::from(got[i]) - want).abs() < 1e-5,
                        "dim {dim}, column {i}"
                    );
                }
            }
        }
    }
}
