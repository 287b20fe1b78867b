//! Activations with their derivatives, for training.
//!
//! GELU: Φ(x) + x·φ(x). Its approximation x·s with s = 1/(1 + e^-v), v = 2√(2/π)·(x + 0.044715·x³):
//! s + x·s·(1 - s)·2√(2/π)·(1 + 3·0.044715·x²). SiLU: s + x·s·(1 - s) with s = 1/(1 + e^-x).
//! ReLU: 1 above 0.

use super::exponential::{erf, exp};
use crate::settings::Activation;
use pulp::{Arch, Simd, WithSimd};
use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, SQRT_2};

/// Replaces each value by its activation, and writes the derivative there to `slopes`.
///
/// # Panics
/// If the two are not of the same length.
pub fn activate_with_slopes(activation: Activation, x: &mut [f32], slopes: &mut [f32]) {
    assert_eq!(x.len(), slopes.len(), "a slope for each value");
    Arch::new().dispatch(WithSlopes {
        activation,
        x,
        slopes,
    });
}

struct WithSlopes<'a> {
    activation: Activation,
    x: &'a mut [f32],
    slopes: &'a mut [f32],
}

impl WithSimd for WithSlopes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (x, slopes) = (self.x, self.slopes);
        match self.activation {
            Activation::Gelu => map::<S, Gelu>(simd, x, slopes),
            Activation::GeluTanh => map::<S, GeluTanh>(simd, x, slopes),
            Activation::Silu => map::<S, Silu>(simd, x, slopes),
            Activation::Relu => {
                for (x, slope) in x.iter_mut().zip(slopes) {
                    *slope = f32::from(*x > 0.0);
                    *x = x.max(0.0);
                }
            }
        }
    }
}

/// An activation and its derivative at each lane. A trait and no closure, since a closure is not
/// compiled for the registers of its caller.
trait Curve {
    fn at<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s);
}

#[inline(always)]
fn map<S: Simd, C: Curve>(simd: S, x: &mut [f32], slopes: &mut [f32]) {
    let (wide, rest) = S::as_mut_simd_f32s(x);
    let (wide_slopes, rest_slopes) = S::as_mut_simd_f32s(slopes);
    for (x, slope) in wide.iter_mut().zip(wide_slopes) {
        (*x, *slope) = C::at(simd, *x);
    }
    let (value, slope) = C::at(simd, simd.partial_load_f32s(rest));
    simd.partial_store_f32s(rest, value);
    simd.partial_store_f32s(rest_slopes, slope);
}

struct Gelu;

impl Curve for Gelu {
    #[inline(always)]
    fn at<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
        /// 1/√(2π).
        const DENSITY: f32 = 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
        let half = simd.splat_f32s(0.5);
        let erf = erf(simd, simd.mul_f32s(x, simd.splat_f32s(FRAC_1_SQRT_2)));
        let below = simd.mul_add_e_f32s(half, erf, half);
        let bell = exp(
            simd,
            simd.mul_f32s(simd.mul_f32s(x, x), simd.splat_f32s(-0.5)),
        );
        let density = simd.mul_f32s(bell, simd.splat_f32s(DENSITY));
        let slope = simd.mul_add_e_f32s(x, density, below);
        (simd.mul_f32s(x, below), slope)
    }
}

struct GeluTanh;

impl Curve for GeluTanh {
    #[inline(always)]
    fn at<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
        const CUBE: f32 = 0.044_715;
        const TWICE_SQRT_2_OVER_PI: f32 = FRAC_2_SQRT_PI * SQRT_2;
        let one = simd.splat_f32s(1.0);
        let factor = simd.splat_f32s(TWICE_SQRT_2_OVER_PI);
        let square = simd.mul_f32s(x, x);
        let inner = simd.mul_add_e_f32s(simd.mul_f32s(square, x), simd.splat_f32s(CUBE), x);
        let share = logistic(simd, simd.mul_f32s(inner, factor));
        let steep = simd.mul_add_e_f32s(square, simd.splat_f32s(3.0 * CUBE), one);
        let steep = simd.mul_f32s(steep, factor);
        (simd.mul_f32s(x, share), slope(simd, x, share, Some(steep)))
    }
}

struct Silu;

impl Curve for Silu {
    #[inline(always)]
    fn at<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
        let share = logistic(simd, x);
        (simd.mul_f32s(x, share), slope(simd, x, share, None))
    }
}

/// s + x·s·(1 - s)·steep.
#[inline(always)]
fn slope<S: Simd>(simd: S, x: S::f32s, share: S::f32s, steep: Option<S::f32s>) -> S::f32s {
    let rest = simd.sub_f32s(simd.splat_f32s(1.0), share);
    let mut turn = simd.mul_f32s(simd.mul_f32s(x, share), rest);
    if let Some(steep) = steep {
        turn = simd.mul_f32s(turn, steep);
    }
    simd.add_f32s(share, turn)
}

/// 1/(1 + e^-x).
#[inline(always)]
fn logistic<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Φ(x) by adding up the density from -12 on (Simpson), in f64.
    fn below(x: f64) -> f64 {
        let (from, steps) = (-12.0, 4_000);
        let width = (x - from) / f64::from(steps);
        let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let of = |i: i32| density(from + f64::from(i) * width);
        let weight = |i: i32| match i {
            0 => 1.0,
            i if i == steps => 1.0,
            i if i % 2 == 1 => 4.0,
            _ => 2.0,
        };
        (0..=steps).map(|i| weight(i) * of(i)).sum::<f64>() * width / 3.0
    }

    #[test]
    fn values_and_derivatives_follow_the_formulas() {
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        let tanh = |x: f64| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        };
        type Case<'a> = (Activation, &'a dyn Fn(f64) -> f64);
        let cases: [Case<'_>; 4] = [
            (Activation::Gelu, &|x| x * below(x)),
            (Activation::GeluTanh, &tanh),
            (Activation::Silu, &|x| x * logistic(x)),
            (Activation::Relu, &|x| x.max(0.0)),
        ];
        let at: Vec<f32> = (0u8..91).map(|i| (f32::from(i) - 45.3) / 6.0).collect();
        for (activation, want) in cases {
            let (mut values, mut slopes) = (at.clone(), vec![0.0; at.len()]);
            activate_with_slopes(activation, &mut values, &mut slopes);
            for ((&x, value), slope) in at.iter().zip(values).zip(slopes) {
                let x = f64::from(x);
                let difference = (want(x + 1e-4) - want(x - 1e-4)) / 2e-4;
                assert!(
                    (f64::from(value) - want(x)).abs() < 2e-6,
                    "{activation:?}({x}) = {value}"
                );
                assert!(
                    (f64::from(slope) - difference).abs() < 2e-6,
                    "{activation:?}'({x}) = {slope}, expected {difference}"
                );
            }
        }
    }
}
