//! Training by epochs, whatever it is that learns: batches in an order of their own each time, a
//! validation after each epoch, the best epoch kept; and a run that was killed goes on.

use crate::run::{Run, Within};
use crate::{Decay, Optimiser, Parameters, Schedule, Stopping, TrainError};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Points of the curve within an epoch, where they are wanted.
const POINTS: usize = 20;

/// How the learning rate goes up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Warmup {
    /// Over the first epoch; a step takes the rate that the schedule has after it, so that the
    /// first one moves.
    Epoch,
    /// Over this share of all steps, as `transformers` does: the first step of a warm-up is 0.
    Share(f32),
}

/// How long, and how fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Most epochs.
    pub epochs: u64,
    /// Epochs without a better validation after which training ends; `None` for all epochs, of
    /// which the last is kept.
    pub patience: Option<u64>,
    /// Highest learning rate, reached after the warm-up.
    pub learning_rate: f32,
    /// How it goes up.
    pub warmup: Warmup,
    /// How it goes down over `epochs`.
    pub decay: Decay,
    /// The rule of a step.
    pub optimiser: Optimiser,
    /// Seconds after which a checkpoint is written within an epoch, for long epochs; their curve
    /// has points within epochs too. `None`: only after epochs.
    pub keep_after: Option<f64>,
    /// Whether to validate before the first step, so that training that makes things worse ends
    /// where it began.
    pub from_start: bool,
}

/// What a batch says of the parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slope {
    /// The mean over the events.
    pub loss: f32,
    /// Events of the batch.
    pub events: usize,
    /// By each array of the parameters; an array whose gradient is empty is left as it is.
    pub gradients: Vec<Vec<f32>>,
}

/// What a validation says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// By which epochs are compared; more is better. No number ends the training as diverged.
    pub value: f64,
    /// What else goes on the curve, with its name there, e.g. `validation/recall`.
    pub also: Vec<(String, f64)>,
}

impl From<f64> for Measured {
    fn from(value: f64) -> Self {
        Self {
            value,
            also: Vec::new(),
        }
    }
}

/// What is told of a training while it goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News<'a> {
    /// A step is done.
    Step {
        /// The epoch it belongs to, from 1.
        epoch: u64,
        /// Most epochs.
        epochs: u64,
        /// Steps of this epoch done.
        step: u64,
        /// Steps of this epoch.
        steps: u64,
        /// The mean loss of this epoch so far.
        loss: f64,
    },
    /// An epoch is done.
    Epoch {
        /// Which, from 1; 0 for the parameters before any step.
        epoch: u64,
        /// Most epochs.
        epochs: u64,
        /// The mean loss; not a number before any step.
        loss: f64,
        /// The name of the measure.
        measure: &'a str,
        /// The validation.
        measured: &'a Measured,
    },
    /// Something else, in a sentence.
    Said(&'a str),
}

/// What learns.
pub trait Learner {
    /// What one step looks at.
    type Batch;

    /// Called before an epoch is made, with the parameters as they are then; an epoch taken up in
    /// its middle begins again here, with those of the checkpoint.
    ///
    /// # Errors
    /// [`TrainError`] if something cannot be computed.
    fn begin(&self, _parameters: &Parameters, _epoch: u64) -> Result<(), TrainError> {
        Ok(())
    }

    /// All that there is to learn from, in an order that depends on the epoch alone.
    fn batches(&self, epoch: u64) -> Vec<Self::Batch>;

    /// The loss of a batch and its gradient. Steps count from 1.
    ///
    /// # Errors
    /// [`TrainError`] if it cannot be computed.
    fn slope(
        &self,
        parameters: &Parameters,
        batch: &Self::Batch,
        step: u64,
    ) -> Result<Slope, TrainError>;

    /// Called after the optimiser has made a step (of so many in all), with the gradients it was
    /// made of.
    fn after_step(
        &self,
        _parameters: &mut Parameters,
        _gradients: &[Vec<f32>],
        _step: u64,
        _steps: u64,
    ) {
    }

    /// What [`Learner::validate`] measures.
    fn measure(&self) -> &'static str {
        "ndcg@10"
    }

    /// The measure on the events held out.
    ///
    /// # Errors
    /// [`TrainError`] if it cannot be computed.
    fn validate(&self, parameters: &Parameters) -> Result<Measured, TrainError>;
}

/// Trains the parameters; returns the epoch that was kept and its measure, if there was one.
///
/// # Errors
/// [`TrainError::Diverged`] if the loss or a gradient is not finite; the checkpoint of before is
/// left as it is. [`TrainError::Io`] if a file of the run cannot be written.
pub fn train(
    learner: &impl Learner,
    parameters: &mut Parameters,
    pace: &Pace,
    told: &dyn Fn(&News<'_>),
    mut run: Run<'_>,
) -> Result<Option<(u64, f64)>, TrainError> {
    let mut stopping = pace.patience.map_or_else(Stopping::never, Stopping::new);
    let mut at = run.resume(parameters, &mut stopping)?;
    if pace.from_start && at.step == 0 && at.epoch == 0 {
        let measured = learner.validate(parameters)?;
        note(learner, &measured, (0, 0), &mut run);
        stopping.note(0, measured.value, parameters);
        tell(learner, pace, told, (0, f64::NAN), &measured);
        run.keep(&at, parameters, &stopping)?;
    }
    while at.epoch < pace.epochs && !stopping.is_over(at.epoch) {
        let mut epoch = Epoch {
            learner,
            pace,
            told,
            run: &mut run,
            at,
        };
        let loss = epoch.pass(parameters, &stopping)?;
        at = epoch.at;
        at.epoch += 1;
        at.within = None;
        let measured = learner.validate(parameters)?;
        if measured.value.is_nan() {
            return Err(TrainError::Diverged {
                step: at.step,
                what: format!("the {} of epoch {}", learner.measure(), at.epoch),
            });
        }
        stopping.note(at.epoch, measured.value, parameters);
        tell(learner, pace, told, (at.epoch, loss), &measured);
        run.note((at.epoch, at.step), "train/loss", loss);
        note(learner, &measured, (at.epoch, at.step), &mut run);
        run.keep(&at, parameters, &stopping)?;
    }
    let best = stopping.best();
    stopping.restore(parameters);
    Ok(best)
}

/// Puts a validation on the curve.
fn note(learner: &impl Learner, measured: &Measured, at: (u64, u64), run: &mut Run<'_>) {
    let name = format!("validation/{}", learner.measure());
    run.note(at, &name, measured.value);
    for (name, value) in &measured.also {
        run.note(at, name, *value);
    }
}

fn tell(
    learner: &impl Learner,
    pace: &Pace,
    told: &dyn Fn(&News<'_>),
    (epoch, loss): (u64, f64),
    measured: &Measured,
) {
    told(&News::Epoch {
        epoch,
        epochs: pace.epochs,
        loss,
        measure: learner.measure(),
        measured,
    });
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reached {
    /// Epochs done.
    pub(crate) epoch: u64,
    /// Steps done.
    pub(crate) step: u64,
    /// How far it is in the epoch that has begun, if one has.
    pub(crate) within: Option<Within>,
}

/// An epoch that is being made.
struct Epoch<'a, 'r, L> {
    learner: &'a L,
    pace: &'a Pace,
    told: &'a dyn Fn(&News<'_>),
    run: &'a mut Run<'r>,
    at: Reached,
}

impl<L: Learner> Epoch<'_, '_, L> {
    /// One pass, or what is left of it; returns the mean loss of an event.
    fn pass(
        &mut self,
        parameters: &mut Parameters,
        stopping: &Stopping,
    ) -> Result<f64, TrainError> {
        let epoch = self.at.epoch + 1;
        self.learner.begin(parameters, epoch)?;
        let batches = self.learner.batches(epoch);
        let steps = batches.len() as u64 * self.pace.epochs;
        let mut within = self.at.within.unwrap_or_default();
        let skipped = usize::try_from(within.batches).unwrap_or(usize::MAX);
        for (place, batch) in batches.iter().enumerate().skip(skipped) {
            self.at.step += 1;
            let (step, number) = (self.at.step, place as u64 + 1);
            let found = self.learner.slope(parameters, batch, step)?;
            let of = format!("batch {number} of epoch {epoch}");
            if !found.loss.is_finite() {
                let what = format!("the loss of {of}");
                return Err(TrainError::Diverged { step, what });
            }
            let rate = self.rate(step, batches.len() as u64);
            self.pace
                .optimiser
                .step(parameters, &found.gradients, rate, step)
                .map_err(|e| e.within(&of))?;
            self.learner
                .after_step(parameters, &found.gradients, step, steps);
            let sum = f64::from(found.loss) * found.events as f64;
            within.add(number, sum, found.events as f64);
            (self.told)(&News::Step {
                epoch,
                epochs: self.pace.epochs,
                step: number,
                steps: batches.len() as u64,
                loss: mean(within.sum, within.events),
            });
            if let Some(seconds) = self.pace.keep_after {
                if number % batches.len().div_ceil(POINTS) as u64 == 0 {
                    let value = mean(within.recent.0, within.recent.1);
                    self.run.note((epoch, step), "train/step-loss", value);
                    within.recent = (0.0, 0.0);
                }
                if self.run.is_due(seconds) {
                    self.at.within = Some(within);
                    self.run.keep(&self.at, parameters, stopping)?;
                }
            }
        }
        Ok(mean(within.sum, within.events))
    }

    /// The learning rate of a step, of epochs of so many.
    fn rate(&self, step: u64, batches: u64) -> f32 {
        let steps = batches * self.pace.epochs;
        let (warmup, step) = match self.pace.warmup {
            Warmup::Epoch => (batches, step + 1),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of the steps"
            )]
            Warmup::Share(share) => ((steps as f64 * f64::from(share)).round() as u64, step),
        };
        let schedule = Schedule {
            learning_rate: self.pace.learning_rate,
            warmup,
            steps,
            decay: self.pace.decay,
        };
        schedule.at(step)
    }
}

fn mean(sum: f64, events: f64) -> f64 {
    if events > 0.0 { sum / events } else { 0.0 }
}

/// Draws for a purpose (0 to 3) that depend on the seed and the time alone, so that a run taken up
/// again draws what it would have drawn.
#[must_use]
pub fn draws(seed: u64, purpose: u64, time: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((time << 2) | purpose);
    rng
}

/// Distinct items drawn uniformly as negatives; none where all items are.
#[must_use]
pub fn negatives(mut rng: ChaCha8Rng, wanted: usize, items: usize) -> Vec<u32> {
    if wanted == 0 || wanted >= items {
        return Vec::new();
    }
    let drawn = rand::seq::index::sample(&mut rng, items, wanted).into_iter();
    drawn
        .map(|i| u32::try_from(i).unwrap_or(u32::MAX))
        .collect()
}
