//! A normalisation with its weights.

use crate::compute::{layer_norm, rms_norm};
use pulp::Arch;

/// Layer norm where there is a bias, RMS norm where there is none.
#[derive(Debug)]
pub(super) struct Norm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Option<Vec<f32>>,
    pub(super) eps: f32,
}

impl Norm {
    /// Normalises the rows of `x`, `[n, width]`, in place.
    pub(super) fn apply(&self, arch: Arch, x: &mut [f32]) {
        match &self.bias {
            Some(bias) => layer_norm(arch, x, &self.weight, bias, self.eps),
            None => rms_norm(arch, x, &self.weight, self.eps),
        }
    }
}
