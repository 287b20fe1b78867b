//! The training of the network: epochs over all windows, a validation on held-out last events,
//! the best epoch kept.

use super::layout::start;
use super::network::{Network, Shape};
use super::sequences::{Batch, pack, windows};
use super::step::{Given, SHARDS, gradients, matrix};
use super::{Sasrec, SasrecConfig, states_of};
use crate::run::Run;
use crate::{Model, ModelError, Training};
use burn::tensor::{Device, Tensor};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use semrec_train::{
    Method, Optimiser, Parameters, Schedule, Stopping, TrainError, cpu, training_device, values,
};

/// Most people whose last event is held out.
const MOST_VALIDATED: usize = 4_000;
/// Shortest history whose last event may be held out.
const VALIDATED_FROM: usize = 4;
/// Places of a ranking that the validation looks at.
const DEPTH: usize = 10;
/// Rankings of the validation made at once.
const CHUNK: usize = 256;

/// What the network is trained on.
pub(crate) struct Material {
    /// Of each person, the items they touched, by their place in the table, oldest first.
    pub(crate) histories: Vec<Vec<u32>>,
    /// `[items, text]`: the whitened vectors of the table's items, if they are read.
    pub(crate) texts: Option<Vec<f32>>,
}

/// A trained network.
pub(crate) struct Trained {
    pub(crate) parameters: Parameters,
    /// The epoch kept, and its ndcg@10 on the events held out.
    pub(crate) best: (f32, f32),
}

/// A history, and the item that came next.
type HeldOut<'a> = (&'a [u32], u32);

/// Trains a network.
pub(crate) fn train(
    shape: &Shape,
    material: &Material,
    config: &SasrecConfig,
    training: &Training<'_>,
) -> Result<Trained, ModelError> {
    let device = training_device();
    let mut rng = ChaCha8Rng::seed_from_u64(training.seed);
    let mut parameters = start(shape, &mut rng)?;
    let (learned, held_out) = hold_out(&material.histories, &mut rng);
    let all: Vec<&[u32]> = learned
        .iter()
        .flat_map(|history| windows(history, shape.length))
        .collect();
    let text = material
        .texts
        .as_ref()
        .map(|t| matrix(t, shape.text, &device));
    let trainer = Trainer {
        shape,
        config,
        text,
        device,
        seed: training.seed,
    };
    let mut stopping = Stopping::new(config.patience);
    let of = (config, shape, &material.histories);
    let texts = material.texts.as_deref().unwrap_or_default();
    let mut run = Run::open(training, Sasrec::NAME, &of, texts)?;
    let (mut epoch, mut step) = run.resume(&mut parameters, &mut stopping)?;
    while epoch < config.epochs && !stopping.is_over(epoch) {
        epoch += 1;
        let loss = trainer.epoch(&mut parameters, &all, epoch, &mut step)?;
        let measure = validate(shape, &parameters, material, &held_out)?;
        stopping.note(epoch, measure, &parameters);
        (training.progress)(
            &format!("epochs — epoch {epoch}, loss {loss:.4}, validation ndcg@10 {measure:.4}"),
            usize::try_from(epoch).unwrap_or(usize::MAX),
            usize::try_from(config.epochs).unwrap_or(usize::MAX),
        );
        run.note(
            (epoch, step),
            &[("train/loss", loss), ("validation/ndcg@10", measure)],
        )?;
        run.keep((epoch, step), &parameters, &stopping)?;
    }
    #[expect(clippy::cast_possible_truncation, reason = "shown with four digits")]
    let best = stopping.best().map_or((0.0, 0.0), |(epoch, measure)| {
        (epoch as f32, measure as f32)
    });
    stopping.restore(&mut parameters);
    Ok(Trained { parameters, best })
}

/// The events to learn from, and of some people the history and the last item, which is held out.
fn hold_out<'a>(
    histories: &'a [Vec<u32>],
    rng: &mut ChaCha8Rng,
) -> (Vec<&'a [u32]>, Vec<HeldOut<'a>>) {
    let mut people: Vec<usize> = (0..histories.len())
        .filter(|&u| histories[u].len() >= VALIDATED_FROM)
        .collect();
    people.shuffle(rng);
    people.truncate(MOST_VALIDATED.min(people.len() / 3));
    let mut learned: Vec<&[u32]> = histories.iter().map(Vec::as_slice).collect();
    let mut held_out = Vec::with_capacity(people.len());
    for user in people {
        if let Some((&last, before)) = learned[user].split_last() {
            learned[user] = before;
            held_out.push((before, last));
        }
    }
    (learned, held_out)
}

/// Windows by the batch: each of at most so many places.
fn batches<'a>(windows: &[&'a [u32]], places: usize) -> Vec<Vec<&'a [u32]>> {
    let mut all = Vec::new();
    let mut batch = Vec::new();
    let mut used = 0;
    for &window in windows {
        let need = window.len() - 1;
        if used + need > places && !batch.is_empty() {
            all.push(std::mem::take(&mut batch));
            used = 0;
        }
        batch.push(window);
        used += need;
    }
    if !batch.is_empty() {
        all.push(batch);
    }
    all
}

/// Places of a row that takes any of these windows.
fn longest(windows: &[&[u32]]) -> usize {
    windows.iter().map(|w| w.len() - 1).max().unwrap_or(1)
}

struct Trainer<'a> {
    shape: &'a Shape,
    config: &'a SasrecConfig,
    text: Option<Tensor<2>>,
    device: Device,
    seed: u64,
}

impl Trainer<'_> {
    /// One pass over all windows, in an order that depends on the epoch alone; returns the mean
    /// loss.
    fn epoch(
        &self,
        parameters: &mut Parameters,
        windows: &[&[u32]],
        epoch: u64,
        step: &mut u64,
    ) -> Result<f64, TrainError> {
        let mut order = windows.to_vec();
        order.shuffle(&mut self.draws(1, epoch));
        let batches = batches(&order, self.config.batch);
        let optimiser = Optimiser {
            method: Method::AdamW {
                beta1: 0.9,
                beta2: 0.98,
                eps: 1e-8,
            },
            weight_decay: self.config.weight_decay,
            clip: self.config.clip,
        };
        let schedule = Schedule {
            learning_rate: self.config.learning_rate,
            warmup: batches.len() as u64,
            steps: batches.len() as u64 * self.config.epochs,
            decay: self.config.decay,
        };
        let (mut sum, mut targets) = (0.0, 0.0);
        for batch in &batches {
            *step += 1;
            let (loss, gradients, places) = self.step(parameters, batch, *step)?;
            if !loss.is_finite() {
                return Err(TrainError::Diverged {
                    step: *step,
                    what: "the loss".to_owned(),
                });
            }
            optimiser.step(parameters, &gradients, schedule.at(*step + 1), *step)?;
            sum += f64::from(loss) * places as f64;
            targets += places as f64;
        }
        Ok(if targets > 0.0 { sum / targets } else { 0.0 })
    }

    /// Loss and gradients of a batch.
    fn step(
        &self,
        parameters: &Parameters,
        windows: &[&[u32]],
        step: u64,
    ) -> Result<(f32, Vec<Vec<f32>>, usize), TrainError> {
        let places = |w: &[&[u32]]| w.iter().map(|w| w.len() - 1).sum::<usize>();
        let shards: Vec<Batch> = batches(windows, places(windows).div_ceil(SHARDS))
            .par_iter()
            .map(|shard| pack(shard, longest(shard), true))
            .collect();
        let negatives = self.negatives(step);
        let given = Given {
            shards: &shards,
            own: self.own_vectors(step),
            text: self.text.as_ref(),
            negatives: &negatives,
            dropout: (self.seed, step, self.config.dropout),
        };
        let (loss, slopes) = gradients(self.shape, parameters, &given, &self.device)?;
        Ok((loss, slopes, places(windows)))
    }

    /// 0 for the items that lose their own vector in this step, 1 for the others.
    fn own_vectors(&self, step: u64) -> Option<Vec<f32>> {
        let share = self.config.id_dropout;
        (self.shape.ids && self.shape.text > 0 && share > 0.0).then(|| {
            let mut rng = self.draws(2, step);
            (0..self.shape.items)
                .map(|_| f32::from(rng.random::<f32>() >= share))
                .collect()
        })
    }

    /// Distinct items drawn uniformly as negatives; none where all items are.
    fn negatives(&self, step: u64) -> Vec<u32> {
        let (wanted, items) = (self.config.negatives, self.shape.items);
        if wanted == 0 || wanted >= items {
            return Vec::new();
        }
        let drawn = rand::seq::index::sample(&mut self.draws(3, step), items, wanted);
        drawn
            .into_iter()
            .map(|i| u32::try_from(i).unwrap_or(u32::MAX))
            .collect()
    }

    /// Draws for a purpose that depend on the seed and the time alone, so that a run taken up
    /// again draws what it would have drawn.
    fn draws(&self, purpose: u64, time: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream((time << 2) | purpose);
        rng
    }
}

/// ndcg@10 of the held-out items among all items of the table that the person had not touched.
fn validate(
    shape: &Shape,
    parameters: &Parameters,
    material: &Material,
    held_out: &[HeldOut<'_>],
) -> Result<f64, TrainError> {
    let device = cpu();
    let leaves = parameters.leaves(&device);
    let network = Network::new(shape, parameters, &leaves, &device);
    let text = material
        .texts
        .as_ref()
        .map(|t| matrix(t, shape.text, &device));
    let table = network.table(None, text.as_ref());
    let rows = values(table)?;
    let (n, d) = (shape.items, shape.dim);
    let items = MatRef::from_row_major_slice(&rows, n, d);
    let mut sum = 0.0;
    for chunk in held_out.chunks(CHUNK) {
        let histories: Vec<&[u32]> = chunk.iter().map(|&(h, _)| h).collect();
        let states = states_of(&network, &rows, &histories)?;
        let mut scores = vec![0.0f32; chunk.len() * n];
        matmul(
            MatMut::from_row_major_slice_mut(&mut scores, chunk.len(), n),
            Accum::Replace,
            MatRef::from_row_major_slice(&states, chunk.len(), d),
            items.transpose(),
            1.0,
            Par::rayon(0),
        );
        let gains: Vec<f64> = scores
            .par_chunks_mut(n)
            .zip(chunk)
            .map(|(row, held_out)| gain(row, held_out))
            .collect();
        sum += gains.iter().sum::<f64>();
    }
    Ok(sum / held_out.len().max(1) as f64)
}

/// `1 / log₂(1 + rank)` of the held-out item, 0 beyond the depth.
fn gain(scores: &mut [f32], &(history, item): &HeldOut<'_>) -> f64 {
    if history.contains(&item) {
        return 0.0;
    }
    for &seen in history {
        scores[seen as usize] = f32::NEG_INFINITY;
    }
    let own = scores[item as usize];
    let better = scores.iter().filter(|&&score| score > own).count();
    if better < DEPTH {
        1.0 / (better as f64 + 2.0).log2()
    } else {
        0.0
    }
}
