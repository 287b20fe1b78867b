//! A bottleneck of two linear layers on a way of its own (Houlsby et al. 2019):
//! `y = a + gelu(a·Dᵀ + b₁)·Uᵀ + b₂`, behind attention and behind the feed-forward part, before
//! what they are added to. `U` begins at zero, so that nothing is changed at the start.

use super::linear::{Context, Linear};
use super::products::Into;
use super::slot::{Local, add};
use semrec_text::{Activation, activate_with_slopes};

/// The two layers.
#[derive(Debug)]
pub(super) struct Adapter {
    pub(super) down: Linear,
    pub(super) up: Linear,
}

impl Adapter {
    fn inner(&self, on: Context<'_>, a: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let width = self.down.outputs;
        let mut inner = vec![0.0; on.rows * width];
        self.down.forward(on, a, (&mut inner, width));
        let mut slopes = vec![0.0; inner.len()];
        activate_with_slopes(Activation::Gelu, &mut inner, &mut slopes);
        (inner, slopes)
    }

    /// Adds what the bottleneck makes of `a` to it.
    pub(super) fn forward(&self, on: Context<'_>, a: &mut [f32]) {
        let (inner, _) = self.inner(on, a);
        let mut out = vec![0.0; a.len()];
        self.up.forward(on, &inner, (&mut out, self.up.outputs));
        add(a, &out);
    }

    /// Adds to the gradient by the output what comes through the bottleneck.
    pub(super) fn backward(
        &self,
        on: Context<'_>,
        a: &[f32],
        slope: &mut [f32],
        local: &mut Local,
    ) {
        let (inner, slopes) = self.inner(on, a);
        let mut back = vec![0.0; inner.len()];
        self.up.backward(
            on,
            (&inner, slope, self.up.outputs),
            (&mut back, Into::Replace),
            local,
        );
        back.iter_mut().zip(&slopes).for_each(|(b, s)| *b *= s);
        let mut through = vec![0.0; slope.len()];
        self.down.backward(
            on,
            (a, &back, self.down.outputs),
            (&mut through, Into::Replace),
            local,
        );
        add(slope, &through);
    }
}
