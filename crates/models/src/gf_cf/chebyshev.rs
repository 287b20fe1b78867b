//! A function of the graph as a polynomial in its steps.
//!
//! A function `h` on −1 … 1 is interpolated at the `K + 1` roots of the Chebyshev polynomial `T_{K+1}`:
//! `h(x) ≈ Σ_k c_k T_k(x)`. With `x = I − 2P`, whose eigenvalues lie there, `h` of the graph is a sum
//! of `K` steps by `T_{k+1} = 2x T_k − T_{k−1}`.

use crate::graph::{Graph, Walk};
use crate::kernels::narrow;
use std::f64::consts::PI;

/// ChebyCF's plateau: 1 at the smoothest end (−1), 0 at the roughest (1), and ½ in between, on a
/// plateau that is the wider the greater `flatness` is.
pub(super) fn plateau(x: f64, flatness: f64) -> f64 {
    0.5 - 0.5 * x.signum() * x.abs().powf(flatness)
}

/// `c_0 … c_order` for a function on −1 … 1.
pub(super) fn coefficients(order: usize, function: impl Fn(f64) -> f64) -> Vec<f32> {
    let n = (order + 1) as f64;
    let angle = |node: usize| PI * (node as f64 + 0.5) / n;
    let values: Vec<f64> = (0..=order).map(|j| function(angle(j).cos())).collect();
    (0..=order)
        .map(|k| {
            let sum: f64 = (0..=order)
                .map(|j| values[j] * (k as f64 * angle(j)).cos())
                .sum();
            narrow(if k == 0 { sum / n } else { 2.0 * sum / n })
        })
        .collect()
}

/// `Σ_k c_k T_k(I − 2P) x` for a block of signals, `[n_items, width]`.
pub(super) fn filter(
    (graph, walk): (&Graph, &Walk),
    coefficients: &[f32],
    x: &[f32],
    width: usize,
) -> Vec<f32> {
    let turned = |t: &[f32]| -> Vec<f32> {
        let mut step = graph.spread(walk, t, width);
        for (s, t) in step.iter_mut().zip(t) {
            *s = t - 2.0 * *s;
        }
        step
    };
    let mut before = x.to_vec();
    let mut out: Vec<f32> = x.iter().map(|v| coefficients[0] * v).collect();
    let mut now = Vec::new();
    for (k, &c) in coefficients.iter().enumerate().skip(1) {
        if k == 1 {
            now = turned(&before);
        } else {
            let mut next = turned(&now);
            for (n, b) in next.iter_mut().zip(&before) {
                *n = 2.0 * *n - b;
            }
            before = std::mem::replace(&mut now, next);
        }
        for (o, t) in out.iter_mut().zip(&now) {
            *o += c * t;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polynomial_is_its_own_interpolation() {
        // 2x² − 1 + 3x = T_2 + 3 T_1.
        let got = coefficients(3, |x| 2.0 * x * x - 1.0 + 3.0 * x);
        for (got, expected) in got.iter().zip([0.0, 3.0, 1.0, 0.0]) {
            assert!((got - expected).abs() < 1e-6, "{got}, expected {expected}");
        }
    }

    #[test]
    fn the_plateau_falls_from_one_to_zero_and_is_flat_between() {
        let at = [-1.0, -0.5, 0.0, 0.5, 1.0].map(|x| plateau(x, 2.0));
        assert_eq!(at, [1.0, 0.625, 0.5, 0.375, 0.0]);
    }
}
