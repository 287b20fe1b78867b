//! Bottlenecks behind attention and feed-forward of each layer (Houlsby et al. 2019), as
//! fine-tuning writes them beside the weights: `a + gelu(a·Dᵀ + b₁)·Uᵀ + b₂` in the place of `a`.
//! They are not linear, so they cannot be merged into the weights.

use crate::TextError;
use crate::compute::{Finish, Kernels, Linear, LinearScratch};
use crate::weights::Weights;

/// One bottleneck.
#[derive(Debug)]
pub(super) struct Bottleneck {
    down: Linear,
    up: Linear,
}

impl Bottleneck {
    /// Those behind attention and behind feed-forward of a layer, and how many values they have.
    pub(super) fn load(
        weights: &Weights,
        layer: usize,
        hidden: usize,
        kernels: Kernels,
    ) -> Result<([Self; 2], usize), TextError> {
        let mut values = 0;
        let mut one = |place: &str| -> Result<Self, TextError> {
            let name = |part: &str| format!("adapter.{layer}.{place}.{part}");
            let width = match weights.shape(&name("down.weight"))? {
                [width, _] if *width > 0 => *width,
                shape => {
                    return Err(weights.error(
                        &name("down.weight"),
                        format!(
                            "has the shape {shape:?}; expected [values of a bottleneck, {hidden}]"
                        ),
                    ));
                }
            };
            let mut linear = |part: &str, [outputs, inputs]: [usize; 2]| {
                values += outputs * (inputs + 1);
                let weight = weights.matrix(&name(&format!("{part}.weight")), [outputs, inputs])?;
                let bias = weights.tensor(&name(&format!("{part}.bias")), &[outputs])?;
                Ok::<_, TextError>(Linear::pack(weight, bias, kernels))
            };
            Ok(Self {
                down: linear("down", [width, hidden])?,
                up: linear("up", [hidden, width])?,
            })
        };
        let pair = [one("attention")?, one("feed_forward")?];
        Ok((pair, values))
    }

    /// Values of the inner state.
    pub(super) fn width(&self) -> usize {
        self.down.outputs()
    }

    /// Adds `a` and what the bottleneck makes of it to `x`; `inner` is room for the inner state.
    pub(super) fn add(
        &self,
        a: &[f32],
        inner: &mut [f32],
        x: &mut [f32],
        scratch: &mut LinearScratch,
    ) {
        let tokens = a.len() / self.up.outputs();
        let inner = &mut inner[..tokens * self.width()];
        self.down.apply(a, inner, Finish::Gelu, scratch);
        x.iter_mut().zip(a).for_each(|(x, a)| *x += a);
        self.up.apply(inner, x, Finish::Add, scratch);
    }
}
