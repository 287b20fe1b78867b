//! Early stopping: the parameters of the best epoch are kept, and a run ends when it has not got
//! better for a while.

use crate::Parameters;

/// What an epoch's measure means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The best so far.
    Best,
    /// Not the best, but patience is left.
    GoOn,
    /// Enough.
    Stop,
}

/// The best epoch so far, of a measure of which more is better.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stopping {
    /// Epochs without a new best after which a run ends.
    pub patience: u64,
    pub(crate) best: Option<(u64, f64)>,
    pub(crate) values: Vec<Vec<f32>>,
}

impl Stopping {
    /// Nothing measured yet.
    #[must_use]
    pub fn new(patience: u64) -> Self {
        Self {
            patience,
            ..Self::default()
        }
    }

    /// Takes note of an epoch; equal to the best is not better.
    pub fn note(&mut self, epoch: u64, measure: f64, parameters: &Parameters) -> Verdict {
        match self.best {
            Some((at, best)) if measure <= best || measure.is_nan() => {
                if epoch - at >= self.patience {
                    Verdict::Stop
                } else {
                    Verdict::GoOn
                }
            }
            _ => {
                self.best = Some((epoch, measure));
                self.values = parameters.snapshot();
                Verdict::Best
            }
        }
    }

    /// The best epoch and its measure.
    #[must_use]
    pub fn best(&self) -> Option<(u64, f64)> {
        self.best
    }

    /// Puts the values of the best epoch back, if there was one.
    pub fn restore(self, parameters: &mut Parameters) {
        if self.best.is_some() {
            parameters.restore(self.values);
        }
    }
}
