//! The learning rate over the steps of a run: a linear warm-up, then constant, linear or cosine.

use serde::{Deserialize, Serialize};

/// How the learning rate goes down after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Not at all.
    #[default]
    Constant,
    /// In a straight line to 0 at the last step.
    Linear,
    /// Along half a cosine to 0 at the last step.
    Cosine,
}

/// A schedule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The highest learning rate.
    pub learning_rate: f32,
    /// Steps from 0 up to it.
    pub warmup: u64,
    /// Steps in all.
    pub steps: u64,
    /// What comes after the warm-up.
    pub decay: Decay,
}

impl Schedule {
    /// The learning rate of a step, counted from 1. The rule is that of `transformers`
    /// (`get_linear_schedule_with_warmup`, `get_cosine_schedule_with_warmup`), whose step 0 is
    /// step 1 here.
    #[must_use]
    pub fn at(&self, step: u64) -> f32 {
        let done = step.saturating_sub(1);
        if done < self.warmup {
            return self.learning_rate * done as f32 / self.warmup as f32;
        }
        let span = self.steps.saturating_sub(self.warmup).max(1);
        let gone = ((done - self.warmup) as f32 / span as f32).min(1.0);
        self.learning_rate
            * match self.decay {
                Decay::Constant => 1.0,
                Decay::Linear => 1.0 - gone,
                Decay::Cosine => 0.5 * (1.0 + (std::f32::consts::PI * gone).cos()),
            }
    }
}
