//! SASRec: what comes next, read off the order of a history by causal self-attention (Kang and
//! McAuley 2018, "Self-Attentive Sequential Recommendation"), learned with the softmax over the
//! whole catalogue and not with sampled negatives (Klenitskiy and Vasilev 2023, "Turning Dross
//! Into Gold Loss").
//!
//! ```text
//! e_i = id_i + W t_i [+ Σ_l S_l]           t_i: the whitened vector of the item's text
//! x_0 = √d (e_{h_1} … e_{h_n}) + positions,  x_{b+1} = block_b(x_b)
//! score(j) = norm(x_B)_n · e_j
//! ```
//!
//! While learning, `id_dropout` of the items lose their `id_i` in each step, so that the text
//! learns to stand alone: an item without training events is scored by `W t_j`. Items without
//! training events are no negatives either. With `semantic`, the parts of the item's semantic id
//! have vectors too (`semantic.rs`).
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

mod config;
mod fit;
mod items;
mod layout;
mod network;
mod semantic;
mod sequences;
mod step;
#[cfg(test)]
mod tests;

pub use config::SasrecConfig;
pub use network::Block;
pub use semantic::Semantic;

use crate::history::contributions;
use crate::texts::{Manner, Said as Read, read};
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use items::{Items, Reading, Said};
use network::{Network, Shape, matrix};
use semantic::Units;
use semrec_text::Vectors;
use semrec_train::{Dropout, Leaves, Parameters, TrainError, cpu, values};
use semrec_tune::{Range, Space};
use sequences::{known, pack};
use std::sync::Arc;
use step::look_up;
use toml::Value;

/// From how many events on a history is long.
const LONG: usize = 100;
/// Histories that go through the network together.
const TOGETHER: usize = 256;
/// Events of a history that an explanation looks at, newest first.
const EXPLAINED: usize = 50;

/// Added to each eigenvalue of the texts' covariance, relative to their mean.
const EPS: f32 = 0.01;

/// The fitted model.
#[derive(Clone, Debug)]
pub struct Sasrec {
    config: SasrecConfig,
    shape: Shape,
    /// The network without the items.
    parameters: Arc<Parameters>,
    leaves: Arc<Leaves>,
    items: Items,
    /// The epoch that was kept, and its ndcg@10 on the events held out.
    best: (f32, f32),
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
        let texts = white_texts(training, config)?;
        let units = Units::fit(training, config)?;
        let mut config = config.clone();
        if config.length == 0 {
            config.length = length_for(&histories);
        }
        if config.blocks == 0 {
            config.blocks = if config.length < LONG { 2 } else { 4 };
        }
        config.block = config.block.or_for(config.length);
        let white = texts.as_ref().map(|t| &t.vectors);
        let widths = (
            white.map_or(0, Vectors::dim),
            units.as_ref().map_or(0, Units::len),
        );
        let shape = Shape::of(&config, items.len(), widths);
        let of_all = units.as_ref().zip(training.item_vectors);
        let of_all = of_all.map(|(units, vectors)| units.of_all(vectors));
        let rows = |w: &Vectors| {
            let rows = items.iter().flat_map(|&i| w.row(i as usize));
            rows.copied().collect()
        };
        let material = fit::Material {
            histories,
            texts: white.map(rows),
            units: units
                .as_ref()
                .zip(of_all.as_ref())
                .filter(|(units, _)| units.len() > 0)
                .map(|(units, of_all)| units.padded(of_all, &items)),
        };
        let trained = fit::train(&shape, &material, &config, training)?;
        let said = Said {
            white,
            units: of_all.as_deref(),
        };
        let network = (&trained.parameters, &shape);
        let whitening = texts.as_ref().and_then(|t| t.whitening.clone());
        let reading = Reading::of(network, whitening, units);
        let found = Items::of(network, (log.n_items(), &items), &said, reading);
        Self::of(config, &trained.parameters, found, trained.best)
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let config: SasrecConfig = tensors.config()?;
        config.check()?;
        let mut parameters = Parameters::default();
        for array in layout::arrays(&Shape::of(&config, 0, (0, 0)).without_items()) {
            let values = tensors.shared_f32(&format!("network.{}", array.name), &array.shape)?;
            parameters.add(&array.name, &array.shape, values.to_vec(), false)?;
        }
        let items = Items::load(&config, tensors)?;
        let best = tensors.shared_f32("best", &[2])?;
        Self::of(config, &parameters, items, (best[0], best[1]))
    }
}

/// The whitened vectors of all items' texts, if they are to be read.
fn white_texts(training: &Training<'_>, config: &SasrecConfig) -> Result<Option<Read>, ModelError> {
    if !config.text || (config.ids && !training.can_be_read()) {
        return Ok(None);
    }
    let manner = Manner {
        power: 1.0,
        eps: EPS,
        share: config.facts,
    };
    read(training, Sasrec::NAME, manner).map(Some)
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

impl Sasrec {
    fn of(
        config: SasrecConfig,
        parameters: &Parameters,
        items: Items,
        best: (f32, f32),
    ) -> Result<Self, ModelError> {
        let shape = Shape::of(&config, 0, (0, 0)).without_items();
        let parameters = layout::only(&shape, parameters)?;
        let device = cpu();
        Ok(Self {
            leaves: Arc::new(parameters.leaves(&device)),
            config,
            shape,
            parameters: Arc::new(parameters),
            items,
            best,
        })
    }

    /// The state after each history, `[histories, dim]`.
    fn states(&self, histories: &[&[u32]]) -> Vec<f32> {
        let device = cpu();
        let network = Network::new(&self.shape, &self.parameters, &self.leaves, &device);
        states_of(&network, |item| self.items.vector(item), histories)
            .expect("tensors in memory can be read, and are f32")
    }

    fn history(&self, query: &Query<'_>) -> Vec<u32> {
        known(query.history, |i| self.items.knows(i).then_some(i))
    }
}

/// The state after each history, `[histories, dim]`, of items with these vectors; of a long one the
/// newest events are read.
fn states_of<'a>(
    network: &Network<'_>,
    vector: impl Fn(u32) -> &'a [f32],
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
    let input = matrix(&look_up(vector, &batch.items), d, &device);
    values(network.states(input, &batch, &mut none)?)
}

impl Recommender for Sasrec {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.items.len()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        let (n, d) = (self.n_items(), self.shape.dim);
        assert_eq!(out.len(), queries.len() * n, "[queries, n_items]");
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
            self.items.products(&states, out);
            for (row, history) in out.chunks_exact_mut(n.max(1)).zip(&all) {
                if history.is_empty() {
                    row.fill(f32::NEG_INFINITY);
                }
            }
        }
    }

    /// What the score loses when an event is taken out of the history, for each of the newest.
    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        let history = self.history(query);
        if history.is_empty() || !self.items.knows(item) {
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
        let vector = self.items.vector(item);
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
        into.put_model(Self::NAME, &self.config)?;
        self.items.save(into)?;
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

    /// What an item without events says, where texts are read; one with events stays as it was
    /// learned.
    fn renewed(
        &self,
        n_items: usize,
        items: &[u32],
        vectors: &Vectors,
    ) -> Option<Arc<dyn Recommender>> {
        let items = self.items.renewed(n_items, items, vectors)?;
        Some(Arc::new(Self {
            items,
            ..self.clone()
        }))
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
