//! exp, erf and the activations made of them on vector registers.
//!
//! - exp: 2ⁿ·e^r with n the nearest integer to x/ln 2, and a polynomial of degree 6 on
//!   |r| ≤ ln 2 / 2 (Cephes `expf`); relative error below 1.5e-7 on [-87, 88].
//! - erf: the odd rational approximation x·P(x²)/Q(x²) on [-3.83, 3.83] that Eigen and XLA use;
//!   relative error below 3.5e-7.
//! - GELU: x/2·(1 + erf(x/√2)), the exact form, and its approximation
//!   x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), which GPT-2 was trained with.
//! - SiLU: x/(1 + e^-x).

use pulp::{Arch, Simd, WithSimd};
use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E, SQRT_2};

/// Adding and taking off 1.5·2²³ rounds to the nearest integer, and leaves it in the low bits.
const ROUND: f32 = 12_582_912.0;

/// e^x for each lane; x is cut to [-87, 88], where neither denormals nor infinities arise.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const POLYNOMIAL: [f32; 6] = [
        1.987_569_1e-4,
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ];
    let x = simd.min_f32s(
        simd.max_f32s(x, simd.splat_f32s(-87.0)),
        simd.splat_f32s(88.0),
    );
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(LOG2_E), simd.splat_f32s(ROUND));
    let n = simd.sub_f32s(shifted, simd.splat_f32s(ROUND));
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN2_HIGH), x);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN2_LOW), r);
    let tail = horner(simd, r, &POLYNOMIAL);
    let tail = simd.mul_add_e_f32s(tail, simd.mul_f32s(r, r), r);
    let mantissa = simd.add_f32s(tail, simd.splat_f32s(1.0));
    // The low bits of `shifted` are n; moved into the exponent field they multiply by 2ⁿ.
    let exponent =
        simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let power = simd.add_u32s(exponent, simd.splat_u32s(127 << 23));
    simd.mul_f32s(mantissa, simd.transmute_f32s_u32s(power))
}

/// Replaces each value `x` of a row by `e^(x - shift)`, and returns the sum of the row: the two
/// passes of a softmax in one. Differences are cut to [-87, 88].
#[must_use]
pub fn exp_shifted(row: &mut [f32], shift: f32) -> f32 {
    Arch::new().dispatch(ExpShifted { row, shift })
}

/// [`exp_shifted`] for those who have chosen their registers already.
pub(crate) struct ExpShifted<'a> {
    pub(crate) row: &'a mut [f32],
    pub(crate) shift: f32,
}

impl WithSimd for ExpShifted<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (wide, rest) = S::as_mut_simd_f32s(self.row);
        let shift = simd.splat_f32s(self.shift);
        let sum = simd.reduce_sum_f32s(exp_registers(simd, wide, shift));
        if rest.is_empty() {
            return sum;
        }
        let values = exp(simd, simd.sub_f32s(simd.partial_load_f32s(rest), shift));
        simd.partial_store_f32s(rest, values);
        sum + rest.iter().sum::<f32>()
    }
}

/// Replaces each value x of these registers by e^(x - shift); returns the sums by lanes.
#[inline(always)]
pub(crate) fn exp_registers<S: Simd>(simd: S, row: &mut [S::f32s], shift: S::f32s) -> S::f32s {
    let mut sum = simd.splat_f32s(0.0);
    for x in row {
        *x = exp(simd, simd.sub_f32s(*x, shift));
        sum = simd.add_f32s(sum, *x);
    }
    sum
}

/// The tangent of SiLU at each value: `slope` gets σ(x)·(1 + x·(1 - σ(x))), the derivative, and `x`
/// is replaced by what the tangent is at 0, so that SiLU is `slope`·x + it.
///
/// # Panics
/// If the two are not of the same length.
pub fn silu_tangent(x: &mut [f32], slope: &mut [f32]) {
    assert_eq!(x.len(), slope.len(), "a slope for each value");
    Arch::new().dispatch(SiluTangent { x, slope });
}

struct SiluTangent<'a> {
    x: &'a mut [f32],
    slope: &'a mut [f32],
}

impl WithSimd for SiluTangent<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (wide, rest) = S::as_mut_simd_f32s(self.x);
        let (wide_slopes, rest_slopes) = S::as_mut_simd_f32s(self.slope);
        for (x, slope) in wide.iter_mut().zip(wide_slopes) {
            (*x, *slope) = tangent(simd, *x);
        }
        let (at_zero, slope) = tangent(simd, simd.partial_load_f32s(rest));
        simd.partial_store_f32s(rest, at_zero);
        simd.partial_store_f32s(rest_slopes, slope);
    }
}

/// What the tangent of SiLU is at 0, and its slope, for each lane. (A function that is always
/// inlined, and not a closure: outside of a function with its target features an intrinsic is a
/// call.)
#[inline(always)]
fn tangent<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let one = simd.splat_f32s(1.0);
    let share = over_one_plus_exp(simd, one, simd.neg_f32s(x));
    let rest = simd.mul_f32s(x, simd.sub_f32s(one, share));
    let slope = simd.mul_add_e_f32s(share, rest, share);
    let at_zero = simd.neg_f32s(simd.mul_f32s(simd.mul_f32s(x, share), rest));
    (at_zero, slope)
}

/// The error function of each lane.
#[inline(always)]
pub(crate) fn erf<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const P: [f32; 5] = [
        2.290_506_5e-4,
        3.408_291e-3,
        5.095_569_4e-2,
        1.852_083_2e-1,
        FRAC_2_SQRT_PI,
    ];
    const Q: [f32; 7] = [
        -1.179_160_3e-7,
        2.354_796_6e-5,
        1.017_962_6e-3,
        1.407_047e-2,
        1.109_850_5e-1,
        4.974_692_5e-1,
        1.0,
    ];
    /// Beyond it erf is 1 to half a unit in the last place.
    const ONE_FROM: f32 = 3.832_507;
    let x = simd.min_f32s(
        simd.max_f32s(x, simd.splat_f32s(-ONE_FROM)),
        simd.splat_f32s(ONE_FROM),
    );
    let square = simd.mul_f32s(x, x);
    let over = simd.mul_f32s(x, horner(simd, square, &P));
    simd.div_f32s(over, horner(simd, square, &Q))
}

/// The Gaussian error linear unit of each lane.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let erf = erf(simd, simd.mul_f32s(x, simd.splat_f32s(FRAC_1_SQRT_2)));
    let half = simd.mul_f32s(x, simd.splat_f32s(0.5));
    simd.mul_add_e_f32s(half, erf, half)
}

/// The approximation of [`gelu`] by tanh for each lane: with (1 + tanh(u))/2 = 1/(1 + e^-2u) it is
/// x/(1 + e^-2u).
#[inline(always)]
pub(crate) fn gelu_tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const CUBE: f32 = 0.044_715;
    const TWICE_SQRT_2_OVER_PI: f32 = FRAC_2_SQRT_PI * SQRT_2;
    let inner = simd.mul_add_e_f32s(
        simd.mul_f32s(simd.mul_f32s(x, x), x),
        simd.splat_f32s(CUBE),
        x,
    );
    over_one_plus_exp(
        simd,
        x,
        simd.mul_f32s(inner, simd.splat_f32s(-TWICE_SQRT_2_OVER_PI)),
    )
}

/// The sigmoid linear unit of each lane.
#[inline(always)]
pub(crate) fn silu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    over_one_plus_exp(simd, x, simd.neg_f32s(x))
}

/// x/(1 + e^y).
#[inline(always)]
fn over_one_plus_exp<S: Simd>(simd: S, x: S::f32s, y: S::f32s) -> S::f32s {
    simd.div_f32s(x, simd.add_f32s(exp(simd, y), simd.splat_f32s(1.0)))
}

/// The polynomial with these coefficients, highest power first.
#[inline(always)]
fn horner<S: Simd, const N: usize>(simd: S, x: S::f32s, coefficients: &[f32; N]) -> S::f32s {
    let mut sum = simd.splat_f32s(coefficients[0]);
    for &c in &coefficients[1..] {
        sum = simd.mul_add_e_f32s(sum, x, simd.splat_f32s(c));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Map<'a>(&'a mut [f32], char);

    impl WithSimd for Map<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for x in S::as_mut_simd_f32s(self.0).0 {
                *x = match self.1 {
                    'x' => exp(simd, *x),
                    'e' => erf(simd, *x),
                    't' => gelu_tanh(simd, *x),
                    's' => silu(simd, *x),
                    _ => gelu(simd, *x),
                };
            }
        }
    }

    fn map(what: char, from: f32, to: f32) -> Vec<(f32, f32)> {
        let xs: Vec<f32> = (0..32_768)
            .map(|i| from + (to - from) * i as f32 / 32_767.0)
            .collect();
        let mut ys = xs.clone();
        Arch::new().dispatch(Map(&mut ys, what));
        xs.into_iter().zip(ys).collect()
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for (x, got) in map('x', -86.9, 87.9) {
            let want = f64::from(x).exp();
            let error = (f64::from(got) - want).abs() / want;
            assert!(error < 2.4e-7, "exp({x}) = {got}, expected {want}");
        }
        assert!(map('x', -1000.0, -88.0).iter().all(|&(_, y)| y < 2e-38));
    }

    #[test]
    fn a_row_is_replaced_by_its_exponentials_and_summed() {
        for n in [0usize, 1, 7, 16, 45] {
            let mut row: Vec<f32> = (0..n).map(|i| i as f32 * 0.3 - 4.0).collect();
            let want: Vec<f64> = row.iter().map(|&x| (f64::from(x) - 1.5).exp()).collect();
            let sum = exp_shifted(&mut row, 1.5);
            let whole: f64 = want.iter().sum();
            assert!((f64::from(sum) - whole).abs() <= 1e-6 * whole);
            for (got, want) in row.iter().zip(want) {
                assert!((f64::from(*got) - want).abs() <= 1e-6 * want);
            }
        }
    }

    #[test]
    fn the_tangent_of_silu_is_its_value_and_derivative() {
        for n in [1u16, 7, 16, 45, 2001] {
            let at: Vec<f32> = (0..n)
                .map(|i| f32::from(i) * 40.0 / f32::from(n) - 20.0)
                .collect();
            let (mut zero, mut slope) = (at.clone(), vec![0.0; at.len()]);
            silu_tangent(&mut zero, &mut slope);
            for ((&x, zero), slope) in at.iter().zip(zero).zip(slope) {
                let silu = |x: f64| x / (1.0 + (-x).exp());
                let x = f64::from(x);
                let want = (silu(x + 1e-4) - silu(x - 1e-4)) / 2e-4;
                assert!(
                    (f64::from(slope) - want).abs() < 1e-6,
                    "slope at {x}: {slope}"
                );
                let got = f64::from(slope) * x + f64::from(zero);
                assert!(
                    (got - silu(x)).abs() < 1e-6 * (1.0 + x.abs()),
                    "at {x}: {got}"
                );
            }
        }
    }

    /// erf by its Taylor series, or 1 - erfc by its continued fraction, in f64.
    fn erf_reference(x: f64) -> f64 {
        let mut term = x;
        let mut sum = x;
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        2.0 / std::f64::consts::PI.sqrt() * sum
    }

    #[test]
    fn erf_and_gelu_follow_the_series() {
        assert!((erf_reference(1.0) - 0.842_700_792_949_714_9).abs() < 1e-14);
        for (x, got) in map('e', -4.0, 4.0) {
            let want = erf_reference(f64::from(x));
            assert!(
                (f64::from(got) - want).abs() <= 3.5e-7 * want.abs(),
                "erf({x}) = {got}, expected {want}"
            );
        }
        for (x, got) in map('g', -5.0, 5.0) {
            let x64 = f64::from(x);
            let want = 0.5 * x64 * (1.0 + erf_reference(x64 / 2f64.sqrt()));
            assert!(
                (f64::from(got) - want).abs() < 1e-6,
                "gelu({x}) = {got}, expected {want}"
            );
        }
    }

    #[test]
    fn activations_of_the_sigmoid_follow_the_formulas() {
        for (x, got) in map('t', -30.0, 30.0) {
            let x64 = f64::from(x);
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x64 + 0.044_715 * x64.powi(3));
            let want = 0.5 * x64 * (1.0 + inner.tanh());
            let size = 1.0 + x64.abs();
            assert!(
                (f64::from(got) - want).abs() < 3e-7 * size,
                "gelu_tanh({x}) = {got}, expected {want}"
            );
        }
        for (x, got) in map('s', -100.0, 100.0) {
            let x64 = f64::from(x);
            let want = x64 / (1.0 + (-x64).exp());
            let size = 1.0 + x64.abs();
            assert!(
                (f64::from(got) - want).abs() < 3e-7 * size,
                "silu({x}) = {got}, expected {want}"
            );
        }
    }
}
