//! What a method does after each step, whatever is learned: AdaLoRA cuts its ranks.

use super::ranks::Ranks;
use semrec_train::{Learner, Measured, Parameters, Slope, TrainError};

/// A learner whose ranks are cut, if there are any.
pub(super) struct Ranked<'a, L> {
    pub(super) learner: &'a L,
    pub(super) ranks: Option<&'a Ranks>,
}

impl<L: Learner> Learner for Ranked<'_, L> {
    type Batch = L::Batch;

    fn begin(&self, parameters: &Parameters, epoch: u64) -> Result<(), TrainError> {
        self.learner.begin(parameters, epoch)
    }

    fn batches(&self, epoch: u64) -> Vec<L::Batch> {
        self.learner.batches(epoch)
    }

    fn slope(
        &self,
        parameters: &Parameters,
        batch: &L::Batch,
        step: u64,
    ) -> Result<Slope, TrainError> {
        self.learner.slope(parameters, batch, step)
    }

    fn after_step(
        &self,
        parameters: &mut Parameters,
        gradients: &[Vec<f32>],
        step: u64,
        steps: u64,
    ) {
        if let Some(ranks) = self.ranks {
            ranks.cut(parameters, gradients, (step, steps));
        }
    }

    fn measure(&self) -> &'static str {
        self.learner.measure()
    }

    fn validate(&self, parameters: &Parameters) -> Result<Measured, TrainError> {
        self.learner.validate(parameters)
    }
}
