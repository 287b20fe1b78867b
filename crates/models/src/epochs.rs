//! Training by epochs, whatever it is that learns: batches in an order of their own each time, a
//! validation after each epoch, the best epoch kept; and a run that was killed goes on.

use crate::run::Run;
use crate::{ModelError, Training};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use semrec_train::{Decay, Optimiser, Parameters, Schedule, Stopping, TrainError};

/// How long, and how fast.
pub(crate) struct Pace {
    /// Most epochs.
    pub(crate) epochs: u64,
    /// Epochs without a better validation after which training ends.
    pub(crate) patience: u64,
    /// Highest learning rate, reached after one epoch.
    pub(crate) learning_rate: f32,
    /// How it goes down over `epochs`.
    pub(crate) decay: Decay,
    pub(crate) optimiser: Optimiser,
}

/// What a batch says of the parameters.
pub(crate) struct Slope {
    /// The mean over the events.
    pub(crate) loss: f32,
    /// Events of the batch.
    pub(crate) events: usize,
    /// By each array of the parameters.
    pub(crate) gradients: Vec<Vec<f32>>,
}

/// What learns.
pub(crate) trait Learner {
    type Batch;

    /// All that there is to learn from, in an order that depends on the epoch alone.
    fn batches(&self, epoch: u64) -> Vec<Self::Batch>;

    fn slope(
        &self,
        parameters: &Parameters,
        batch: &Self::Batch,
        step: u64,
    ) -> Result<Slope, TrainError>;

    /// ndcg@10 on the events held out.
    fn validate(&self, parameters: &Parameters) -> Result<f64, TrainError>;
}

/// Trains the parameters; returns the epoch that was kept, and its ndcg@10 on the events held out.
pub(crate) fn train(
    learner: &impl Learner,
    parameters: &mut Parameters,
    pace: &Pace,
    training: &Training<'_>,
    mut run: Run<'_>,
) -> Result<(f32, f32), ModelError> {
    let mut stopping = Stopping::new(pace.patience);
    let (mut epoch, mut step) = run.resume(parameters, &mut stopping)?;
    while epoch < pace.epochs && !stopping.is_over(epoch) {
        epoch += 1;
        let loss = one_epoch(learner, parameters, pace, (epoch, &mut step))?;
        let measure = learner.validate(parameters)?;
        stopping.note(epoch, measure, parameters);
        (training.progress)(
            &format!("epochs — epoch {epoch}, loss {loss:.4}, validation ndcg@10 {measure:.4}"),
            usize::try_from(epoch).unwrap_or(usize::MAX),
            usize::try_from(pace.epochs).unwrap_or(usize::MAX),
        );
        run.note(
            (epoch, step),
            &[("train/loss", loss), ("validation/ndcg@10", measure)],
        )?;
        run.keep((epoch, step), parameters, &stopping)?;
    }
    #[expect(clippy::cast_possible_truncation, reason = "shown with four digits")]
    let best = stopping.best().map_or((0.0, 0.0), |(epoch, measure)| {
        (epoch as f32, measure as f32)
    });
    stopping.restore(parameters);
    Ok(best)
}

/// One pass; returns the mean loss of an event.
fn one_epoch(
    learner: &impl Learner,
    parameters: &mut Parameters,
    pace: &Pace,
    (epoch, step): (u64, &mut u64),
) -> Result<f64, TrainError> {
    let batches = learner.batches(epoch);
    let schedule = Schedule {
        learning_rate: pace.learning_rate,
        warmup: batches.len() as u64,
        steps: batches.len() as u64 * pace.epochs,
        decay: pace.decay,
    };
    let (mut sum, mut events) = (0.0, 0.0);
    for batch in &batches {
        *step += 1;
        let found = learner.slope(parameters, batch, *step)?;
        if !found.loss.is_finite() {
            return Err(TrainError::Diverged {
                step: *step,
                what: "the loss".to_owned(),
            });
        }
        let rate = schedule.at(*step + 1);
        pace.optimiser
            .step(parameters, &found.gradients, rate, *step)?;
        sum += f64::from(found.loss) * found.events as f64;
        events += found.events as f64;
    }
    Ok(if events > 0.0 { sum / events } else { 0.0 })
}

/// Draws for a purpose that depend on the seed and the time alone, so that a run taken up again
/// draws what it would have drawn.
pub(crate) fn draws(seed: u64, purpose: u64, time: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((time << 2) | purpose);
    rng
}

/// Distinct items drawn uniformly as negatives; none where all items are.
pub(crate) fn negatives(mut rng: ChaCha8Rng, wanted: usize, items: usize) -> Vec<u32> {
    if wanted == 0 || wanted >= items {
        return Vec::new();
    }
    let drawn = rand::seq::index::sample(&mut rng, items, wanted).into_iter();
    drawn
        .map(|i| u32::try_from(i).unwrap_or(u32::MAX))
        .collect()
}
