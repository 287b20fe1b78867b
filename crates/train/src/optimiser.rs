//! AdamW and SGD with decoupled weight decay, in one pass over values, gradients and moments.
//!
//! AdamW (Loshchilov and Hutter 2019), step `t`, learning rate `η`, gradient `g`:
//!
//! ```text
//! m = β₁ m + (1 - β₁) g,   v = β₂ v + (1 - β₂) g²
//! θ = θ - η λ θ - η (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)
//! ```
//!
//! SGD with momentum: `m = μ m + g`, `θ = θ - η λ θ - η m`. The gradient is first scaled so that
//! its length over all arrays is at most `clip`.

use crate::{Parameters, TrainError};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Values handled at once by a thread; sums over them are added in order.
const CHUNK: usize = 1 << 14;

/// Which optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Adaptive moments, decoupled weight decay.
    AdamW {
        /// `β₁`.
        beta1: f32,
        /// `β₂`.
        beta2: f32,
        /// `ε`.
        eps: f32,
    },
    /// Stochastic gradient descent.
    Sgd {
        /// `μ`.
        momentum: f32,
    },
}

impl Method {
    /// AdamW as it is usually set: 0.9, 0.999, 1e-8.
    pub const ADAMW: Self = Self::AdamW {
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
    };
}

/// An optimiser with its settings; its moments lie with the [`Parameters`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Optimiser {
    /// The rule of a step.
    pub method: Method,
    /// `λ`, of the arrays that decay.
    pub weight_decay: f32,
    /// Longest gradient; 0 for any length.
    pub clip: f32,
}

impl Optimiser {
    /// Changes the parameters by one step; returns the length of the gradient before clipping. An
    /// array whose gradient is empty stays as it is. Steps count from 1.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the gradient is not finite; nothing is changed then.
    ///
    /// # Panics
    /// If the gradients are not of these parameters.
    pub fn step(
        &self,
        parameters: &mut Parameters,
        gradients: &[Vec<f32>],
        learning_rate: f32,
        step: u64,
    ) -> Result<f32, TrainError> {
        let arrays = parameters.arrays_mut();
        assert_eq!(arrays.len(), gradients.len(), "a gradient for each array");
        let norm = length(gradients);
        if !norm.is_finite() {
            return Err(TrainError::Diverged {
                step,
                what: "the gradient".to_owned(),
            });
        }
        let scale = if self.clip > 0.0 && norm > self.clip {
            self.clip / norm
        } else {
            1.0
        };
        for (array, gradient) in arrays.iter_mut().zip(gradients) {
            if gradient.is_empty() {
                continue;
            }
            assert_eq!(gradient.len(), array.values.len(), "{}", array.name);
            let decay = if array.decay { self.weight_decay } else { 0.0 };
            let shrink = 1.0 - learning_rate * decay;
            let chunks = array
                .values
                .par_chunks_mut(CHUNK)
                .zip(array.first.par_chunks_mut(CHUNK))
                .zip(array.second.par_chunks_mut(CHUNK))
                .zip(gradient.par_chunks(CHUNK));
            match self.method {
                Method::AdamW { beta1, beta2, eps } => {
                    let steps = i32::try_from(step).unwrap_or(i32::MAX);
                    let rate = learning_rate / (1.0 - beta1.powi(steps));
                    let correction = 1.0 / (1.0 - beta2.powi(steps));
                    chunks.for_each(|(((values, first), second), gradient)| {
                        let moments = first.iter_mut().zip(second.iter_mut());
                        for ((x, (m, v)), g) in values.iter_mut().zip(moments).zip(gradient) {
                            let g = g * scale;
                            *m = beta1 * *m + (1.0 - beta1) * g;
                            *v = beta2 * *v + (1.0 - beta2) * g * g;
                            *x = *x * shrink - rate * *m / ((*v * correction).sqrt() + eps);
                        }
                    });
                }
                Method::Sgd { momentum } => {
                    chunks.for_each(|(((values, first), _), gradient)| {
                        for ((x, m), g) in values.iter_mut().zip(first.iter_mut()).zip(gradient) {
                            *m = momentum * *m + g * scale;
                            *x = *x * shrink - learning_rate * *m;
                        }
                    });
                }
            }
        }
        Ok(norm)
    }
}

/// The length of all gradients together, summed in a fixed order.
fn length(gradients: &[Vec<f32>]) -> f32 {
    let parts: Vec<f64> = gradients
        .iter()
        .flat_map(|g| {
            g.par_chunks(CHUNK)
                .map(|chunk| chunk.iter().map(|&x| f64::from(x) * f64::from(x)).sum())
                .collect::<Vec<f64>>()
        })
        .collect();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the length is an f32 by design"
    )]
    let norm = parts.iter().sum::<f64>().sqrt() as f32;
    norm
}
