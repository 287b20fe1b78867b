//! Training by epochs, whatever the vectors of the items are made of: batches of people, a
//! validation on held-out events, the best epoch kept.

use super::graph::{Graph, Layers};
use super::step::{Batch, Cut, loss};
use super::{Learning, Propagated};
use crate::held_out::{HeldOut, gain, hold_out};
use crate::run::Run;
use crate::sparse::Sparse;
use crate::{ModelError, Training};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use semrec_train::{Method, Optimiser, Parameters, Schedule, Stopping, TrainError};

/// Rankings of the validation made at once.
const CHUNK: usize = 256;
/// Steps of an epoch, where nothing else is said: with fewer, the epochs of small data are over
/// before anything is learned.
const STEPS: usize = 16;

/// What the vectors of the items are made of.
pub(crate) trait Source: Sync {
    /// What the gradient needs of the way there.
    type Kept;

    /// The vectors of the items, `[items, dim]`.
    fn vectors(&self, parameters: &Parameters) -> (Vec<f32>, Self::Kept);

    /// The gradient by each array of the parameters, from that by the vectors.
    fn gradients(
        &self,
        parameters: &Parameters,
        kept: &Self::Kept,
        slopes: Vec<f32>,
    ) -> Vec<Vec<f32>>;
}

/// Whose histories are learned from: the items of each person by their place in the table, oldest
/// first, each once.
pub(crate) struct People<'a> {
    pub(crate) histories: &'a [Vec<u32>],
    /// Items of the table.
    pub(crate) n_items: usize,
}

/// Trains the parameters; returns the best epoch and its ndcg@10 on the events held out.
pub(crate) fn train<S: Source>(
    (source, parameters): (&S, &mut Parameters),
    people: &People<'_>,
    learning: &Learning,
    training: &Training<'_>,
    mut run: Run<'_>,
) -> Result<(f32, f32), ModelError> {
    let mut rng = ChaCha8Rng::seed_from_u64(training.seed);
    let ordered = training.interactions.clock() != semrec_data::Clock::None;
    let (learned, held_out) = hold_out(people.histories, ordered, &mut rng);
    let graph = Graph::of(Sparse::of_rows(&learned, people.n_items));
    let trainer = Trainer {
        source,
        graph: &graph,
        layers: Layers::mean(learning.layers),
        learning,
        seed: training.seed,
    };
    let mut stopping = Stopping::new(learning.patience);
    let (mut epoch, mut step) = run.resume(parameters, &mut stopping)?;
    while epoch < learning.epochs && !stopping.is_over(epoch) {
        epoch += 1;
        let loss = trainer.epoch(parameters, epoch, &mut step)?;
        let measure = trainer.validate(parameters, &held_out);
        stopping.note(epoch, measure, parameters);
        (training.progress)(
            &format!("epochs — epoch {epoch}, loss {loss:.4}, validation ndcg@10 {measure:.4}"),
            usize::try_from(epoch).unwrap_or(usize::MAX),
            usize::try_from(learning.epochs).unwrap_or(usize::MAX),
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

struct Trainer<'a, S> {
    source: &'a S,
    graph: &'a Graph,
    layers: Layers,
    learning: &'a Learning,
    seed: u64,
}

impl<S: Source> Trainer<'_, S> {
    /// One pass over all people, in an order that depends on the epoch alone; returns the mean loss
    /// of an event.
    fn epoch(
        &self,
        parameters: &mut Parameters,
        epoch: u64,
        step: &mut u64,
    ) -> Result<f64, TrainError> {
        let batches = self.batches(epoch);
        let optimiser = Optimiser {
            method: Method::ADAMW,
            weight_decay: self.learning.weight_decay,
            clip: 0.0,
        };
        let schedule = Schedule {
            learning_rate: self.learning.learning_rate,
            warmup: batches.len() as u64,
            steps: batches.len() as u64 * self.learning.epochs,
            decay: self.learning.decay,
        };
        let (mut sum, mut events) = (0.0, 0.0);
        for batch in &batches {
            *step += 1;
            let (loss, asked, gradients) = self.step(parameters, batch, *step);
            if !loss.is_finite() {
                return Err(TrainError::Diverged {
                    step: *step,
                    what: "the loss".to_owned(),
                });
            }
            optimiser.step(parameters, &gradients, schedule.at(*step + 1), *step)?;
            sum += f64::from(loss) * asked as f64;
            events += asked as f64;
        }
        Ok(if events > 0.0 { sum / events } else { 0.0 })
    }

    /// Everybody who touched two items or more, by the batch: of about so many rows.
    fn batches(&self, epoch: u64) -> Vec<Vec<usize>> {
        let people = self.graph.n_people();
        let mut order: Vec<usize> = (0..people)
            .filter(|&u| self.graph.of_person(u).len() > 1)
            .collect();
        order.shuffle(&mut self.draws(1, epoch));
        let parts = |person: usize| self.graph.of_person(person).len().min(self.learning.parts);
        let most = match self.learning.batch {
            0 => (order.iter().map(|&u| parts(u)).sum::<usize>() / STEPS).clamp(64, 4096),
            most => most,
        };
        let mut all = Vec::new();
        let mut batch = Vec::new();
        let mut rows = 0;
        for person in order {
            rows += parts(person);
            batch.push(person);
            if rows >= most {
                all.push(std::mem::take(&mut batch));
                rows = 0;
            }
        }
        if !batch.is_empty() {
            all.push(batch);
        }
        all
    }

    /// Loss, number of events and gradients of a batch of people.
    fn step(
        &self,
        parameters: &Parameters,
        people: &[usize],
        step: u64,
    ) -> (f32, usize, Vec<Vec<f32>>) {
        let (start, kept) = self.source.vectors(parameters);
        let negatives = self.negatives(step);
        let batch = Batch {
            graph: self.graph,
            walk: &self
                .graph
                .without(people.iter().copied(), self.learning.power),
            people: &self.cut(people, step),
            negatives: &negatives,
            temperature: self.learning.temperature,
        };
        let (loss, events, slopes) = loss(&batch, &self.layers, start, self.learning.dim);
        let gradients = self.source.gradients(parameters, &kept, slopes);
        (loss, events, gradients)
    }

    /// The items of each person in parts of about the same size.
    fn cut(&self, people: &[usize], step: u64) -> Vec<Cut> {
        let mut rng = self.draws(2, step);
        let mut cut = |&person: &usize| {
            let n = self.graph.of_person(person).len();
            let parts = self.learning.parts.min(n);
            let mut part: Vec<usize> = (0..n).map(|k| k % parts).collect();
            part.shuffle(&mut rng);
            let kept = |_| rng.random::<f32>() >= self.learning.dropout;
            Cut {
                person,
                parts,
                part,
                kept: (0..n).map(kept).collect(),
            }
        };
        people.iter().map(&mut cut).collect()
    }

    /// Distinct items drawn uniformly as negatives; none where all items are.
    fn negatives(&self, step: u64) -> Vec<u32> {
        let (wanted, items) = (self.learning.negatives, self.graph.n_items());
        if wanted == 0 || wanted >= items {
            return Vec::new();
        }
        let drawn = rand::seq::index::sample(&mut self.draws(3, step), items, wanted);
        let drawn = drawn.into_iter();
        drawn
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

    /// ndcg@10 of the held-out items among all items of the table that the person had not touched.
    fn validate(&self, parameters: &Parameters, held_out: &[HeldOut]) -> f64 {
        let (start, _) = self.source.vectors(parameters);
        let (n, dim) = (self.graph.n_items(), self.learning.dim);
        let table = Propagated::of(self.graph, self.learning, start);
        let mut sum = 0.0;
        for chunk in held_out.chunks(CHUNK) {
            let people: Vec<f32> = chunk
                .par_iter()
                .flat_map_iter(|held| {
                    let mut person = vec![0.0; dim];
                    for (age, &item) in held.history.iter().rev().enumerate() {
                        let weight = (1.0 + age as f32).powf(-self.learning.recency);
                        add_key(&mut person, weight, &table.keys, item);
                    }
                    person
                })
                .collect();
            let mut scores = vec![0.0f32; chunk.len() * n];
            matmul(
                MatMut::from_row_major_slice_mut(&mut scores, chunk.len(), n),
                Accum::Replace,
                MatRef::from_row_major_slice(&people, chunk.len(), dim),
                MatRef::from_row_major_slice(&table.values, n, dim).transpose(),
                1.0,
                Par::rayon(0),
            );
            let gains: Vec<f64> = scores
                .par_chunks_mut(n)
                .zip(chunk)
                .map(|(row, held)| gain(row, held))
                .collect();
            sum += gains.iter().sum::<f64>();
        }
        sum / held_out.len().max(1) as f64
    }
}

/// Adds an item of a history to a person.
fn add_key(person: &mut [f32], weight: f32, keys: &[f32], item: u32) {
    let dim = person.len();
    crate::kernels::add_row(person, weight, &keys[item as usize * dim..][..dim]);
}
