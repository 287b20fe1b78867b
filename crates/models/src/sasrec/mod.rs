//! SASRec: what comes next, read off the order of a history by causal self-attention (Kang and
//! McAuley 2018, "Self-Attentive Sequential Recommendation"), learned with the softmax over the
//! whole catalogue and not with sampled negatives (Klenitskiy and Vasilev 2023, "Turning Dross
//! Into Gold Loss").
//!
//! ```text
//! e_i = id_i + W t_i                       t_i: the whitened vector of the item's text
//! x_0 = √d (e_{h_1} … e_{h_n}) + positions,  x_{b+1} = block_b(x_b)
//! score(j) = norm(x_B)_n · e_j
//! ```
//!
//! While learning, `id_dropout` of the items lose their `id_i` in each step, so that the text
//! learns to stand alone: an item without training events is scored by `W t_j`. Items without
//! training events are no negatives either.
//!
//! The last event of some people is held out; training ends when their ndcg@10 has not got better
//! for `patience` epochs, and the best epoch is kept.
//!
//! Where nothing else is asked for, the blocks are HSTU's for long histories (Zhai et al. 2024,
//! "Actions Speak Louder than Words") and the transformer's with a filter of frequencies for short
//! ones (BSARec, Shin et al. 2024), as held-out events of MovieLens 1M, Amazon Beauty and Toys have
//! it.
//!
//! Memory: `4 · dim` bytes an item, and the network, `20 · dim²` bytes a block (`48 · dim²` of a
//! transformer). While fitting, `20 · dim` bytes an item and 8 bytes an event; besides, in each
//! step, the scores of 256 places (`1024 · items` bytes) and some `200 · dim · batch` bytes of
//! activations.

mod fit;
mod layout;
mod network;
mod sequences;
mod step;
#[cfg(test)]
mod tests;

pub use network::Block;

use crate::history::contributions;
use crate::texts::{Manner, SHARE, has_text, read, share_problem};
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use network::{Network, Shape};
use semrec_text::Vectors;
use semrec_train::{Decay, Dropout, Leaves, Parameters, TrainError, cpu, values};
use semrec_tune::{Range, Space};
use sequences::{known, pack};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use step::{look_up, matrix};
use toml::Value;

/// From how many events on a history is long.
const LONG: usize = 100;
/// Histories that go through the network together.
const TOGETHER: usize = 256;
/// Events of a history that an explanation looks at, newest first.
const EXPLAINED: usize = 50;

/// Added to each eigenvalue of the texts' covariance, relative to their mean.
const EPS: f32 = 0.01;

/// How [`Sasrec`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SasrecConfig {
    /// Width of the network.
    pub dim: usize,
    /// Number of blocks; 0 takes 2, or 4 where 100 events or more of a history are read.
    pub blocks: usize,
    /// Heads of attention; divides `dim`.
    pub heads: usize,
    /// What a block computes.
    pub block: Block,
    /// Newest events of a history that are read; 0 takes as many as nine in ten people have, at
    /// least 50 and at most 200.
    pub length: usize,
    /// Whether items have vectors of their own, besides those of their texts.
    pub ids: bool,
    /// Whether texts are read, where there are any.
    pub text: bool,
    /// Share of the facts in the cosine between two items that have both texts and facts, where
    /// facts are read, too: 0 reads texts alone, 1 facts alone.
    pub facts: f32,
    /// Share of the items that lose their own vector in a step.
    pub id_dropout: f32,
    /// Share of the network's values dropped in a step.
    pub dropout: f32,
    /// Above 0, scores are cosines divided by it in place of plain products.
    pub temperature: f32,
    /// Items drawn as negatives for each batch; 0 takes all items.
    pub negatives: usize,
    /// Events of a batch.
    pub batch: usize,
    /// Most epochs.
    pub epochs: u64,
    /// Epochs without a better validation after which training ends.
    pub patience: u64,
    /// Highest learning rate, reached after one epoch.
    pub learning_rate: f32,
    /// How it goes down over `epochs`.
    pub decay: Decay,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Longest gradient; 0 for any.
    pub clip: f32,
}

impl Default for SasrecConfig {
    fn default() -> Self {
        Self {
            dim: 128,
            blocks: 0,
            heads: 2,
            block: Block::Auto,
            length: 0,
            ids: true,
            text: true,
            facts: SHARE,
            id_dropout: 0.1,
            dropout: 0.3,
            temperature: 0.0,
            negatives: 0,
            batch: 2048,
            epochs: 20,
            patience: 10,
            learning_rate: 0.001,
            decay: Decay::Linear,
            weight_decay: 0.01,
            clip: 1.0,
        }
    }
}

impl SasrecConfig {
    fn check(&self) -> Result<(), ModelError> {
        let share = |x: f32| (0.0..1.0).contains(&x);
        let positive = |x: f32| x >= 0.0 && x.is_finite();
        let problem = if self.dim == 0 || self.heads == 0 || self.batch == 0 {
            "dim, heads and batch must be at least 1".to_owned()
        } else if self.dim > 4096 || self.blocks > 64 || self.length > 4096 {
            format!(
                "dim is {}, blocks {}, length {}; expected at most 4096, 64 and 4096",
                self.dim, self.blocks, self.length
            )
        } else if !self.dim.is_multiple_of(self.heads) {
            format!(
                "dim is {}; expected a multiple of heads, {}",
                self.dim, self.heads
            )
        } else if !(share(self.dropout) && share(self.id_dropout)) {
            format!(
                "dropout is {} and id_dropout {}; expected at least 0 and less than 1",
                self.dropout, self.id_dropout
            )
        } else if let Some(problem) = share_problem(self.facts) {
            problem
        } else if !(self.ids || self.text) {
            "ids and text are both false; an item needs one of them".to_owned()
        } else if ![
            self.temperature,
            self.learning_rate,
            self.weight_decay,
            self.clip,
        ]
        .into_iter()
        .all(positive)
        {
            "temperature, learning_rate, weight_decay and clip must be numbers of at least 0"
                .to_owned()
        } else if self.epochs == 0 {
            "epochs must be at least 1".to_owned()
        } else {
            return Ok(());
        };
        Err(ModelError::Parameter {
            model: Sasrec::NAME,
            problem,
        })
    }
}

/// The fitted model.
#[derive(Debug)]
pub struct Sasrec {
    config: SasrecConfig,
    shape: Shape,
    /// The network without the items.
    parameters: Parameters,
    leaves: Leaves,
    items: Items,
    /// The epoch that was kept, and its ndcg@10 on the events held out.
    best: (f32, f32),
}

/// The items as the fitted model knows them.
#[derive(Debug)]
struct Items {
    /// `[n_items, dim]`, zero for an item that is not known.
    vectors: Arc<Vec<f32>>,
    /// Whether it has training events, or a text that is read.
    known: Vec<bool>,
}

impl Model for Sasrec {
    const NAME: &'static str = "sasrec";
    type Config = SasrecConfig;

    fn space() -> Space {
        Space::default()
            .with(
                "dim",
                Range::Choice([64, 128, 256].map(Value::Integer).to_vec()),
            )
            .with(
                "blocks",
                Range::Choice([0, 1, 2, 4].map(Value::Integer).to_vec()),
            )
            .even("dropout", 0.0, 0.6)
            .even("id_dropout", 0.0, 0.5)
            .by_powers("learning_rate", 2e-4, 5e-3)
            .by_powers("weight_decay", 1e-3, 0.3)
            .whole_by_powers("epochs", 5, 100)
            .with_rounds("epochs")
    }

    fn fit(training: &Training<'_>, config: &SasrecConfig) -> Result<Self, ModelError> {
        config.check()?;
        let log = training.interactions;
        let counts = log.item_counts();
        let items: Vec<u32> = (0u32..)
            .zip(&counts)
            .filter_map(|(i, &n)| (n > 0).then_some(i))
            .collect();
        let mut place = vec![None; log.n_items()];
        for (k, &item) in (0u32..).zip(&items) {
            place[item as usize] = Some(k);
        }
        let histories: Vec<Vec<u32>> = (0u32..)
            .take(log.n_users())
            .map(|u| known(log.of_user(u), |i| place[i as usize]))
            .collect();
        let white = white_texts(training, config)?;
        let mut config = config.clone();
        if config.length == 0 {
            config.length = length_for(&histories);
        }
        if config.blocks == 0 {
            config.blocks = if config.length < LONG { 2 } else { 4 };
        }
        config.block = config.block.or_for(config.length);
        let shape = Shape::of(&config, items.len(), white.as_ref().map_or(0, Vectors::dim));
        let texts = white.as_ref().map(|w| {
            let rows = items
                .iter()
                .flat_map(|&i| w.row(i as usize).iter().copied());
            rows.collect()
        });
        let material = fit::Material { histories, texts };
        let trained = fit::train(&shape, &material, &config, training)?;
        let found = Items::of(
            &trained.parameters,
            &items,
            white.as_ref(),
            &shape,
            log.n_items(),
        );
        Self::of(config, &trained.parameters, found, trained.best)
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let config: SasrecConfig = tensors.config()?;
        config.check()?;
        let [n_items, dim] = tensors.shape("vectors")?;
        let vectors = tensors.shared_f32("vectors", &[n_items, config.dim])?;
        let mut parameters = Parameters::default();
        for array in layout::arrays(&Shape::of(&config, 0, 0).without_items()) {
            let values = tensors.shared_f32(&format!("network.{}", array.name), &array.shape)?;
            parameters.add(&array.name, &array.shape, values.to_vec(), false)?;
        }
        let mut known = vec![false; n_items];
        let [n_known] = tensors.shape("known")?;
        for &item in tensors.shared_u32("known", &[n_known])?.iter() {
            let place = known.get_mut(item as usize);
            *place.ok_or_else(|| ModelError::Tensor {
                name: "known".to_owned(),
                problem: format!("names item {item}, of {n_items} items with vectors of {dim}"),
            })? = true;
        }
        let best = tensors.shared_f32("best", &[2])?;
        Self::of(
            config,
            &parameters,
            Items { vectors, known },
            (best[0], best[1]),
        )
    }
}

/// The whitened vectors of all items' texts, if they are to be read.
fn white_texts(
    training: &Training<'_>,
    config: &SasrecConfig,
) -> Result<Option<Vectors>, ModelError> {
    if config.ids && (!config.text || !training.can_be_read()) {
        return Ok(None);
    }
    let manner = Manner {
        power: 1.0,
        eps: EPS,
        share: config.facts,
    };
    Ok(Some(read(training, Sasrec::NAME, manner)?.vectors))
}

/// Events read of a history: as many as nine in ten people have, within reason.
fn length_for(histories: &[Vec<u32>]) -> usize {
    let mut lengths: Vec<usize> = histories.iter().map(Vec::len).filter(|&n| n > 0).collect();
    if lengths.is_empty() {
        return 50;
    }
    let at = (lengths.len() * 9 / 10).min(lengths.len() - 1);
    (*lengths.select_nth_unstable(at).1).clamp(50, 200)
}

impl Items {
    /// `id + W t` of all items, of unit length where the network compares directions.
    fn of(
        parameters: &Parameters,
        items: &[u32],
        white: Option<&Vectors>,
        shape: &Shape,
        n_items: usize,
    ) -> Self {
        let d = shape.dim;
        let mut vectors = vec![0.0f32; n_items * d];
        let mut known = vec![false; n_items];
        if let (Some(white), Some(map)) = (white, parameters.get("text")) {
            matmul(
                MatMut::from_row_major_slice_mut(&mut vectors, n_items, d),
                Accum::Replace,
                MatRef::from_row_major_slice(white.as_slice(), n_items, shape.text),
                MatRef::from_row_major_slice(&map.values, shape.text, d),
                1.0,
                Par::rayon(0),
            );
            for (row, known) in white.rows().zip(&mut known) {
                *known = has_text(row);
            }
        }
        if let Some(own) = parameters.get("items") {
            for (&item, own) in items.iter().zip(own.values.chunks_exact(d)) {
                let row = &mut vectors[item as usize * d..][..d];
                row.iter_mut().zip(own).for_each(|(x, o)| *x += o);
                known[item as usize] = true;
            }
        }
        if shape.temperature > 0.0 {
            for row in vectors.chunks_exact_mut(d) {
                let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
                row.iter_mut()
                    .for_each(|x| *x /= length.max(f32::MIN_POSITIVE));
            }
        }
        Self {
            vectors: Arc::new(vectors),
            known,
        }
    }
}

impl Sasrec {
    fn of(
        config: SasrecConfig,
        parameters: &Parameters,
        items: Items,
        best: (f32, f32),
    ) -> Result<Self, ModelError> {
        let shape = Shape::of(&config, 0, 0).without_items();
        let parameters = layout::only(&shape, parameters)?;
        let device = cpu();
        Ok(Self {
            leaves: parameters.leaves(&device),
            config,
            shape,
            parameters,
            items,
            best,
        })
    }

    /// The state after each history, `[histories, dim]`.
    fn states(&self, histories: &[&[u32]]) -> Vec<f32> {
        let device = cpu();
        let network = Network::new(&self.shape, &self.parameters, &self.leaves, &device);
        states_of(&network, &self.items.vectors, histories)
            .expect("tensors in memory can be read, and are f32")
    }

    fn history(&self, query: &Query<'_>) -> Vec<u32> {
        let is_known = |i: u32| self.items.known.get(i as usize).is_some_and(|&k| k);
        known(query.history, |i| is_known(i).then_some(i))
    }

    fn vector(&self, item: u32) -> &[f32] {
        &self.items.vectors[item as usize * self.shape.dim..][..self.shape.dim]
    }
}

/// The state after each history, `[histories, dim]`, of items with these vectors, `[items, dim]`;
/// of a long one the newest events are read.
fn states_of(
    network: &Network<'_>,
    vectors: &[f32],
    histories: &[&[u32]],
) -> Result<Vec<f32>, TrainError> {
    let most = network.shape.length;
    let newest: Vec<&[u32]> = histories
        .iter()
        .map(|h| &h[h.len().saturating_sub(most)..])
        .collect();
    let longest = newest.iter().map(|h| h.len()).max().unwrap_or(0).max(1);
    let batch = pack(&newest, longest, false);
    let device = cpu();
    let mut none = Dropout::new(0, 0, 0.0, &device);
    let d = network.shape.dim;
    let input = matrix(&look_up(vectors, &batch.items, d), d, &device);
    values(network.states(input, &batch, &mut none)?)
}

impl Recommender for Sasrec {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.items.known.len()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        let (n, d) = (self.n_items(), self.shape.dim);
        assert_eq!(out.len(), queries.len() * n, "[queries, n_items]");
        let table = MatRef::from_row_major_slice(&self.items.vectors, n, d);
        for (queries, out) in queries
            .chunks(TOGETHER)
            .zip(out.chunks_mut(TOGETHER * n.max(1)))
        {
            let all: Vec<Vec<u32>> = queries.iter().map(|q| self.history(q)).collect();
            let asked: Vec<&[u32]> = all
                .iter()
                .map(Vec::as_slice)
                .filter(|h| !h.is_empty())
                .collect();
            let mut found = if asked.is_empty() {
                Vec::new()
            } else {
                self.states(&asked)
            };
            let mut states = vec![0.0f32; queries.len() * d];
            let mut rows = found.chunks_exact_mut(d);
            for (state, history) in states.chunks_exact_mut(d).zip(&all) {
                if let (false, Some(row)) = (history.is_empty(), rows.next()) {
                    state.copy_from_slice(row);
                }
            }
            matmul(
                MatMut::from_row_major_slice_mut(out, queries.len(), n),
                Accum::Replace,
                MatRef::from_row_major_slice(&states, queries.len(), d),
                table.transpose(),
                1.0,
                Par::rayon(0),
            );
            for (row, history) in out.chunks_exact_mut(n.max(1)).zip(&all) {
                for (score, &known) in row.iter_mut().zip(&self.items.known) {
                    if !known || history.is_empty() {
                        *score = f32::NEG_INFINITY;
                    }
                }
            }
        }
    }

    /// What the score loses when an event is taken out of the history, for each of the newest.
    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        let history = self.history(query);
        if history.is_empty() || !self.items.known.get(item as usize).is_some_and(|&k| k) {
            return Vec::new();
        }
        let explained = history.len().saturating_sub(EXPLAINED)..history.len();
        let without: Vec<Vec<u32>> = explained
            .clone()
            .map(|k| [&history[..k], &history[k + 1..]].concat())
            .collect();
        let asked: Vec<&[u32]> = std::iter::once(&history)
            .chain(without.iter().filter(|h| !h.is_empty()))
            .map(Vec::as_slice)
            .collect();
        let vector = self.vector(item);
        let scores: Vec<f32> = self
            .states(&asked)
            .chunks_exact(self.shape.dim)
            .map(|state| state.iter().zip(vector).map(|(x, y)| x * y).sum())
            .collect();
        let whole = scores[0];
        let rest = scores[1..].iter().copied().chain(std::iter::repeat(0.0));
        contributions(
            Self::NAME,
            explained
                .map(|k| history[k])
                .zip(rest.map(|score| whole - score)),
        )
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let (n, d) = (self.n_items(), self.shape.dim);
        into.put_model(Self::NAME, &self.config)?;
        into.put_f32("vectors", &[n, d], Arc::clone(&self.items.vectors))?;
        let known: Vec<u32> = (0u32..)
            .zip(&self.items.known)
            .filter_map(|(i, &k)| k.then_some(i))
            .collect();
        into.put_u32("known", &[known.len()], known)?;
        into.put_f32("best", &[2], vec![self.best.0, self.best.1])?;
        for array in self.parameters.arrays() {
            into.put_f32(
                &format!("network.{}", array.name),
                &array.shape,
                array.values.clone(),
            )?;
        }
        Ok(())
    }

    fn notes(&self) -> Vec<String> {
        let (epoch, measure) = self.best;
        let width = format!(
            "{} blocks of width {}, the newest {} events of a history",
            self.shape.blocks, self.shape.dim, self.shape.length
        );
        let kept = format!(
            "kept epoch {epoch}, with ndcg@10 {measure:.4} on last events held out of the training data"
        );
        vec![width, kept]
    }
}
