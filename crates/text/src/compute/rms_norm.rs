//! Root-mean-square normalisation of rows, in place: y = x/√(mean(x²) + ε)·weight.
//!
//! Zhang and Sennrich 2019: layer normalisation without the mean and the bias.

use pulp::{Arch, Simd, WithSimd};

/// Normalises each row of `x`, `[n, weight.len()]`.
pub(crate) fn rms_norm(arch: Arch, x: &mut [f32], weight: &[f32], eps: f32) {
    arch.dispatch(RmsNorm { x, weight, eps });
}

struct RmsNorm<'a> {
    x: &'a mut [f32],
    weight: &'a [f32],
    eps: f32,
}

impl WithSimd for RmsNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let dim = self.weight.len();
        let (weight, weight_tail) = S::as_simd_f32s(self.weight);
        for row in self.x.chunks_exact_mut(dim) {
            let (head, tail) = S::as_mut_simd_f32s(row);
            let mut sum = simd.splat_f32s(0.0);
            for &x in head.iter() {
                sum = simd.mul_add_e_f32s(x, x, sum);
            }
            let squares = simd.reduce_sum_f32s(sum) + tail.iter().map(|x| x * x).sum::<f32>();
            let factor = 1.0 / (squares / dim as f32 + self.eps).sqrt();
            let factors = simd.splat_f32s(factor);
            for (x, &w) in head.iter_mut().zip(weight) {
                *x = simd.mul_f32s(simd.mul_f32s(*x, factors), w);
            }
            for (x, w) in tail.iter_mut().zip(weight_tail) {
                *x *= factor * w;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked() {
        // mean(3², 4²) = 12.5, and with ε = 3.5 the root is 4.
        let mut x = [3.0, 4.0, 0.0, 0.0];
        rms_norm(Arch::new(), &mut x, &[1.0, 2.0], 3.5);
        assert_eq!(x, [0.75, 2.0, 0.0, 0.0]);
    }

    #[test]
    fn agrees_with_the_formula_for_any_width() {
        for dim in [1, 3, 16, 37, 384] {
            let x: Vec<f32> = (0..2 * dim).map(|i| ((i * 37) % 11) as f32 - 4.0).collect();
            let weight: Vec<f32> = (0..dim).map(|i| 1.0 + i as f32 / 100.0).collect();
            let mut got = x.clone();
            rms_norm(Arch::new(), &mut got, &weight, 1e-5);
            for (row, got) in x.chunks(dim).zip(got.chunks(dim)) {
                let squares = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
                let root = (squares / dim as f64 + 1e-5).sqrt();
                for i in 0..dim {
                    let want = f64::from(row[i]) / root * f64::from(weight[i]);
                    let got = f64::from(got[i]);
                    assert!(
                        (got - want).abs() < 2e-5,
                        "dim {dim}, column {i}: {got}, {want}"
                    );
                }
            }
        }
    }
}
