//! Layer normalisation (Ba et al. 2016): `x̂ = (r - mean)·σ⁻¹`, `y = g ∘ x̂ + b` with
//! `σ² = variance + ε`. Backward, with `∂x̂ = g ∘ ∂y`:
//! `∂r = σ⁻¹·(∂x̂ - mean(∂x̂) - x̂·mean(∂x̂ ∘ x̂))`, `∂g = Σ ∂y ∘ x̂`, `∂b = Σ ∂y`.

use super::slot::{Local, Slot};
use pulp::Arch;
use semrec_train::Parameters;

/// Sums are kept apart for so many columns and added at the end, so that registers can be used.
const LANES: usize = 16;

/// A normalisation.
#[derive(Debug)]
pub(super) struct Norm {
    pub(super) gain: Slot,
    pub(super) bias: Slot,
    pub(super) eps: f32,
}

/// Normalised rows before gain and bias, and `σ⁻¹` of each.
#[derive(Debug, Default)]
pub(super) struct Normed {
    pub(super) rows: Vec<f32>,
    pub(super) scales: Vec<f32>,
}

impl Norm {
    /// Normalises rows; what comes out is what [`Norm::output`] is made of.
    pub(super) fn normalise(&self, mut rows: Vec<f32>, width: usize) -> Normed {
        let mut scales = vec![0.0; rows.len() / width];
        Arch::new().dispatch(|| {
            for (row, scale) in rows.chunks_exact_mut(width).zip(&mut scales) {
                let mean = total(row, |x| x) / width as f32;
                row.iter_mut().for_each(|x| *x -= mean);
                let variance = total(row, |x| x * x) / width as f32;
                *scale = 1.0 / (variance + self.eps).sqrt();
                let s = *scale;
                row.iter_mut().for_each(|x| *x *= s);
            }
        });
        Normed { rows, scales }
    }

    /// `g ∘ x̂ + b`.
    pub(super) fn output(&self, parameters: &Parameters, normed: &Normed) -> Vec<f32> {
        let gain = self.gain.values(parameters);
        let bias = self.bias.values(parameters);
        let mut out = normed.rows.clone();
        Arch::new().dispatch(|| {
            for row in out.chunks_exact_mut(gain.len()) {
                for ((x, g), b) in row.iter_mut().zip(gain).zip(bias) {
                    *x = *x * g + b;
                }
            }
        });
        out
    }

    /// Turns the gradient by the output into that by what was normalised.
    pub(super) fn backward(
        &self,
        parameters: &Parameters,
        normed: &Normed,
        slope: &mut [f32],
        local: &mut Local,
    ) {
        let gain = self.gain.values(parameters);
        let width = gain.len();
        if let Some(place) = self.gain.place() {
            let gradient = local.array(place, width);
            Arch::new().dispatch(|| {
                for (dy, x) in slope
                    .chunks_exact(width)
                    .zip(normed.rows.chunks_exact(width))
                {
                    for ((g, dy), x) in gradient.iter_mut().zip(dy).zip(x) {
                        *g += dy * x;
                    }
                }
            });
        }
        if let Some(place) = self.bias.place() {
            let gradient = local.array(place, width);
            for dy in slope.chunks_exact(width) {
                super::slot::add(gradient, dy);
            }
        }
        Arch::new().dispatch(|| {
            let rows = normed.rows.chunks_exact(width).zip(&normed.scales);
            for (dy, (x, &scale)) in slope.chunks_exact_mut(width).zip(rows) {
                dy.iter_mut().zip(gain).for_each(|(dy, g)| *dy *= g);
                let mean = total(dy, |x| x) / width as f32;
                let along = dot(dy, x) / width as f32;
                for (dy, x) in dy.iter_mut().zip(x) {
                    *dy = scale * (*dy - mean - x * along);
                }
            }
        });
    }
}

#[inline(always)]
fn total(row: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += of(x);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|&x| of(x)).sum::<f32>()
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((whole_a, rest_a), (whole_b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in whole_a.iter().zip(whole_b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>()
}
