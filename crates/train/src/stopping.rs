//! Early stopping: the parameters of the best epoch are kept, and a run ends when it has not got
//! better for a while.

use crate::Parameters;

/// The best epoch so far, of a measure of which more is better.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stopping {
    /// Epochs without a new best after which a run ends.
    pub patience: u64,
    /// Keeps the last epoch instead: where what is measured by was learned from too.
    pub last: bool,
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

    /// Whether patience is at its end after this epoch.
    #[must_use]
    pub fn is_over(&self, epoch: u64) -> bool {
        self.best
            .is_some_and(|(at, _)| epoch.saturating_sub(at) >= self.patience)
    }

    /// Nothing measured yet; the last epoch will be kept, and none is the end.
    #[must_use]
    pub fn never() -> Self {
        Self {
            patience: u64::MAX,
            last: true,
            ..Self::default()
        }
    }

    /// Takes note of an epoch; equal to the best is not better.
    pub fn note(&mut self, epoch: u64, measure: f64, parameters: &Parameters) {
        match self.best {
            Some((_, best)) if !self.last && (measure <= best || measure.is_nan()) => {}
            _ => {
                self.best = Some((epoch, measure));
                self.values = parameters.snapshot();
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
