//! What is learned from, batch by batch of people, and the validation on events held out, whatever
//! the vectors of the items are made of.

use super::Propagated;
use super::layers::Layers;
use super::step::{Batch, Cut, loss};
use crate::graph::Graph;
use crate::kernels::add_row;
use crate::lightgcn::LightGcnConfig;
use crate::recommender::kept;
use crate::sparse::Sparse;
use crate::{ModelError, Training};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use semrec_train::{
    HeldOut, Learner, Measured, Method, News, Optimiser, Pace, Parameters, Run, Slope, TrainError,
    Warmup, draws, hold_out, ndcg, negatives,
};

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
    learning: &LightGcnConfig,
    training: &Training<'_>,
    run: Run<'_>,
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
        held_out: &held_out,
        seed: training.seed,
    };
    let pace = Pace {
        epochs: learning.epochs,
        patience: Some(learning.patience),
        learning_rate: learning.learning_rate,
        warmup: Warmup::Epoch,
        decay: learning.decay,
        optimiser: Optimiser {
            method: Method::ADAMW,
            weight_decay: learning.weight_decay,
            clip: 0.0,
        },
        keep_after: None,
        from_start: false,
    };
    let told = |news: &News<'_>| training.told(news);
    let best = semrec_train::train(&trainer, parameters, &pace, &told, run)?;
    Ok(kept(best))
}

struct Trainer<'a, S> {
    source: &'a S,
    graph: &'a Graph,
    layers: Layers,
    learning: &'a LightGcnConfig,
    held_out: &'a [HeldOut],
    seed: u64,
}

impl<S: Source> Learner for Trainer<'_, S> {
    type Batch = Vec<usize>;

    /// Everybody who touched two items or more, by the batch: of about so many rows.
    fn batches(&self, epoch: u64) -> Vec<Vec<usize>> {
        let people = self.graph.n_people();
        let mut order: Vec<usize> = (0..people)
            .filter(|&u| self.graph.of_person(u).len() > 1)
            .collect();
        order.shuffle(&mut draws(self.seed, 1, epoch));
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

    fn slope(
        &self,
        parameters: &Parameters,
        people: &Vec<usize>,
        step: u64,
    ) -> Result<Slope, TrainError> {
        let (start, kept) = self.source.vectors(parameters);
        let drawn = draws(self.seed, 3, step);
        let negatives = negatives(drawn, self.learning.negatives, self.graph.n_items());
        let batch = Batch {
            graph: self.graph,
            walk: &self.graph.without(people.iter().copied()),
            power: self.learning.power,
            people: &self.cut(people, step),
            negatives: &negatives,
            temperature: self.learning.temperature,
        };
        let (loss, events, slopes) = loss(&batch, &self.layers, start, self.learning.dim);
        Ok(Slope {
            loss,
            events,
            gradients: self.source.gradients(parameters, &kept, slopes),
        })
    }

    fn validate(&self, parameters: &Parameters) -> Result<Measured, TrainError> {
        let (start, _) = self.source.vectors(parameters);
        let dim = self.learning.dim;
        let table = Propagated::of(self.graph, self.learning, start);
        ndcg(self.held_out, (&table.values, dim), |held| {
            let person = |held: &HeldOut| {
                let mut person = vec![0.0; dim];
                for (age, &item) in held.history.iter().rev().enumerate() {
                    let weight = (1.0 + age as f32).powf(-self.learning.recency);
                    let key = &table.keys[item as usize * dim..][..dim];
                    add_row(&mut person, weight, key);
                }
                person
            };
            Ok(held.par_iter().flat_map_iter(person).collect())
        })
        .map(Measured::from)
    }
}

impl<S: Source> Trainer<'_, S> {
    /// The items of each person in parts of about the same size.
    fn cut(&self, people: &[usize], step: u64) -> Vec<Cut> {
        let mut rng = draws(self.seed, 2, step);
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
}
