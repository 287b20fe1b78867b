//! What the network learns from, batch by batch, and its validation on events held out.

use super::layout::start;
use super::network::{Network, Said, Shape};
use super::sequences::{Batch, pack, windows as windows_of};
use super::step::{Given, SHARDS, gradients};
use super::{Sasrec, SasrecConfig, states_of};
use crate::recommender::kept;
use crate::{Model, ModelError, Training};
use burn::tensor::Device;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use semrec_data::Clock;
use semrec_train::{
    HeldOut, Learner, Measured, Method, News, Optimiser, Pace, Parameters, Run, Slope, TrainError,
    Warmup, cpu, draws, hold_out, ndcg, negatives, training_device, values,
};

/// What the network is trained on.
pub(crate) struct Material {
    /// Of each person, the items they touched, by their place in the table, oldest first.
    pub(crate) histories: Vec<Vec<u32>>,
    /// `[items, text]`: the whitened vectors of the table's items, if they are read.
    pub(crate) texts: Option<Vec<f32>>,
    /// `[items, levels]`: the units of their semantic ids, the number of all for none.
    pub(crate) units: Option<Vec<u32>>,
}

impl Material {
    fn said(&self, shape: &Shape, device: &Device) -> Said {
        let text = self.texts.as_deref().map(|t| (t, shape.text));
        Said::on(device, text, self.units.as_deref())
    }
}

/// A trained network.
pub(crate) struct Trained {
    pub(crate) parameters: Parameters,
    /// The epoch kept, and its ndcg@10 on the events held out.
    pub(crate) best: (f32, f32),
}

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
    let ordered = training.interactions.clock() != Clock::None;
    let (learned, held_out) = hold_out(&material.histories, ordered, &mut rng);
    let windows = learned.iter();
    let trainer = Trainer {
        shape,
        config,
        windows: windows.flat_map(|h| windows_of(h, shape.length)).collect(),
        held_out: &held_out,
        material,
        said: material.said(shape, &device),
        device,
        seed: training.seed,
    };
    let pace = Pace {
        epochs: config.epochs,
        patience: Some(config.patience),
        learning_rate: config.learning_rate,
        warmup: Warmup::Epoch,
        decay: config.decay,
        optimiser: Optimiser {
            method: Method::AdamW {
                beta1: 0.9,
                beta2: 0.98,
                eps: 1e-8,
            },
            weight_decay: config.weight_decay,
            clip: config.clip,
        },
        keep_after: None,
        from_start: false,
    };
    let of = (&material.histories, &material.units);
    let of = (training.seed, (config, shape, of));
    let texts = material.texts.as_deref().unwrap_or_default();
    let run = Run::open(training.run, Sasrec::NAME, &of, texts)?;
    let told = |news: &News<'_>| training.told(news);
    let best = semrec_train::train(&trainer, &mut parameters, &pace, &told, run)?;
    Ok(Trained {
        parameters,
        best: kept(best),
    })
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
    windows: Vec<&'a [u32]>,
    held_out: &'a [HeldOut],
    material: &'a Material,
    /// What the items say, where the network learns.
    said: Said,
    device: Device,
    seed: u64,
}

impl<'a> Learner for Trainer<'a> {
    type Batch = Vec<&'a [u32]>;

    fn batches(&self, epoch: u64) -> Vec<Vec<&'a [u32]>> {
        let mut order = self.windows.clone();
        order.shuffle(&mut draws(self.seed, 1, epoch));
        batches(&order, self.config.batch)
    }

    fn slope(
        &self,
        parameters: &Parameters,
        windows: &Vec<&'a [u32]>,
        step: u64,
    ) -> Result<Slope, TrainError> {
        let events = windows.iter().map(|w| w.len() - 1).sum::<usize>();
        let shards: Vec<Batch> = batches(windows, events.div_ceil(SHARDS))
            .par_iter()
            .map(|shard| pack(shard, longest(shard), true))
            .collect();
        let drawn = draws(self.seed, 3, step);
        let negatives = negatives(drawn, self.config.negatives, self.shape.items);
        let given = Given {
            shards: &shards,
            own: self.own_vectors(step),
            said: &self.said,
            negatives: &negatives,
            dropout: (self.seed, step, self.config.dropout),
        };
        let (loss, gradients) = gradients(self.shape, parameters, &given, &self.device)?;
        Ok(Slope {
            loss,
            events,
            gradients,
        })
    }

    fn validate(&self, parameters: &Parameters) -> Result<Measured, TrainError> {
        let device = cpu();
        let leaves = parameters.leaves(&device);
        let network = Network::new(self.shape, parameters, &leaves, &device);
        let said = self.material.said(self.shape, &device);
        let table = values(network.table(None, &said))?;
        let d = self.shape.dim;
        ndcg(self.held_out, (&table, d), |held| {
            let histories: Vec<&[u32]> = held.iter().map(|h| h.history.as_slice()).collect();
            let row = |item: u32| &table[item as usize * d..][..d];
            states_of(&network, row, &histories)
        })
        .map(Measured::from)
    }
}

impl Trainer<'_> {
    /// 0 for the items that lose their own vector in this step, 1 for the others.
    fn own_vectors(&self, step: u64) -> Option<Vec<f32>> {
        let share = self.config.id_dropout;
        (self.shape.ids && self.shape.text + self.shape.units > 0 && share > 0.0).then(|| {
            let mut rng = draws(self.seed, 2, step);
            (0..self.shape.items)
                .map(|_| f32::from(rng.random::<f32>() >= share))
                .collect()
        })
    }
}
