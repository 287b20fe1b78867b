//! LightGCN (He et al. 2020, "LightGCN: Simplifying and Powering Graph Convolution Network for
//! Recommendation"): vectors of items that walk over the graph of who touched what, learned by a
//! softmax and not against one sampled negative (Wu et al. 2022, "On the Effectiveness of Sampled
//! Softmax Loss for Item Recommendation").
//!
//! ```text
//! R' = D_U^-½ R D_I^-½,   I⁰ = E,   U⁰ = R' E,   I^{l+1} = R'ᵀ U^l,   U^{l+1} = R' I^l
//! v_j = mean_l I^l_j,   u = Σ_h w_h d_h^-power k_h,   score(j) = cos(u, v_j)
//! ```
//!
//! The paper gives people vectors of their own. Here they start as what one step makes of their
//! items, so that `k_h` (`propagation/layers.rs`) of the history say all that is known of a person,
//! and someone new is scored as one of the training data. Each event is asked for over a graph
//! without its person, from a history without the event (`propagation/step.rs`).
//!
//! Items without training events score minus infinity, as does everything for a history without
//! any known item. Memory: `8 · dim` bytes an item.

use crate::graph::Graph;
use crate::history::{RECENCY, recency_for};
use crate::propagation::{People, Propagated, Served, Source, histories, train};
use crate::sparse::Sparse;
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use semrec_train::{Decay, Parameters, Run};
use semrec_tune::Space;
use serde::{Deserialize, Serialize};

/// How [`LightGcn`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightGcnConfig {
    /// Values of an item's vector.
    pub dim: usize,
    /// `L`; 0 leaves the graph out.
    pub layers: usize,
    /// `τ`.
    pub temperature: f32,
    /// Items drawn as negatives for each batch; 0 takes all items.
    pub negatives: usize,
    /// Share of the items of a history that are left out in a step.
    pub dropout: f32,
    /// Parts that the items of a person are cut into, each asked for from the others.
    pub parts: usize,
    /// Parts of a batch; 0 takes a sixteenth of all, 64 at least and 4096 at most.
    pub batch: usize,
    /// Most epochs.
    pub epochs: u64,
    /// Epochs without a better validation after which training ends.
    pub patience: u64,
    /// Highest learning rate of AdamW, reached after one epoch.
    pub learning_rate: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// How the learning rate goes down over `epochs`.
    pub decay: Decay,
    /// How much less an item counts in a history that many touched.
    pub power: f32,
    /// How much more newer items of a history count: weight `(1 + newer items) ^ -recency`; 0
    /// where the data have no order.
    pub recency: f32,
}

impl Default for LightGcnConfig {
    fn default() -> Self {
        Self {
            dim: 128,
            layers: 2,
            temperature: 0.1,
            negatives: 0,
            dropout: 0.3,
            parts: 5,
            batch: 0,
            epochs: 100,
            patience: 10,
            learning_rate: 0.03,
            weight_decay: 0.0,
            decay: Decay::Constant,
            power: 0.25,
            recency: RECENCY,
        }
    }
}

impl LightGcnConfig {
    fn check(&self) -> Result<(), ModelError> {
        let no_epoch = || (self.epochs == 0).then(|| "epochs is 0; expected at least 1".to_owned());
        match self.problem().or_else(no_epoch) {
            None => Ok(()),
            Some(problem) => Err(ModelError::Parameter {
                model: LightGcn::NAME,
                problem,
            }),
        }
    }

    /// What is wrong with the propagation or the way it is learned, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let number = |x: f32| x >= 0.0 && x.is_finite();
        if !(1..=4096).contains(&self.dim) || self.layers > 16 {
            Some(format!(
                "dim is {} and layers {}; expected 1 to 4096 and at most 16",
                self.dim, self.layers
            ))
        } else if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            Some(format!(
                "temperature is {}; expected above 0",
                self.temperature
            ))
        } else if !(0.0..1.0).contains(&self.dropout) {
            Some(format!(
                "dropout is {}; expected at least 0 and less than 1",
                self.dropout
            ))
        } else if self.parts < 2 {
            Some(format!("parts is {}; expected at least 2", self.parts))
        } else if !(number(self.learning_rate) && number(self.weight_decay)) {
            Some(format!(
                "learning_rate is {} and weight_decay {}; expected numbers of at least 0",
                self.learning_rate, self.weight_decay
            ))
        } else {
            crate::history::recency_problem(self.recency)
        }
    }
}

/// The fitted model.
#[derive(Debug)]
pub struct LightGcn {
    config: LightGcnConfig,
    served: Served,
    /// The epoch that was kept, and its ndcg@10 on the events held out.
    best: (f32, f32),
}

/// The vectors of the items are the parameters.
struct Free;

impl Source for Free {
    type Kept = ();

    fn vectors(&self, parameters: &Parameters) -> (Vec<f32>, ()) {
        (parameters.arrays()[0].values.clone(), ())
    }

    fn gradients(&self, _: &Parameters, (): &(), slopes: Vec<f32>) -> Vec<Vec<f32>> {
        vec![slopes]
    }
}

impl Model for LightGcn {
    const NAME: &'static str = "lightgcn";
    type Config = LightGcnConfig;

    fn space() -> Space {
        Space::default()
            .whole_by_powers("dim", 32, 256)
            .by_powers("temperature", 0.05, 0.5)
            .even("dropout", 0.0, 0.8)
            .by_powers("learning_rate", 1e-3, 0.1)
            .even("recency", 0.0, 1.5)
            .with_rounds("epochs")
    }

    fn fit(training: &Training<'_>, config: &LightGcnConfig) -> Result<Self, ModelError> {
        let log = training.interactions;
        let config = LightGcnConfig {
            recency: recency_for(log.clock(), config.recency),
            ..config.clone()
        };
        config.check()?;
        let all = Sparse::of(log);
        let items = all.used_columns();
        let histories = histories(log, &items);
        let mut parameters = start(items.len(), config.dim, training.seed)?;
        let run = Run::open(
            training.run,
            Self::NAME,
            &(training.seed, (&config, &histories)),
            &[],
        )?;
        let people = People {
            histories: &histories,
            n_items: items.len(),
        };
        let best = train((&Free, &mut parameters), &people, &config, training, run)?;
        // Everything is known of the items now, the events that were held out too.
        let (n, dim) = (log.n_items(), config.dim);
        let mut vectors = vec![0.0; n * dim];
        let rows = parameters.arrays()[0].values.chunks_exact(dim);
        for (row, &item) in rows.zip(&items) {
            vectors[item as usize * dim..][..dim].copy_from_slice(row);
        }
        let graph = Graph::of(all);
        let found = Propagated::of(&graph, &config, vectors);
        Ok(Self {
            served: Served::of(found, dim, config.recency),
            config,
            best,
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let config: LightGcnConfig = tensors.config()?;
        config.check()?;
        let dim = config.dim;
        let best = tensors.shared_f32("best", &[2])?;
        Ok(Self {
            served: Served::load(tensors, dim)?,
            config,
            best: (best[0], best[1]),
        })
    }
}

/// Vectors of unit length in expectation.
fn start(items: usize, dim: usize, seed: u64) -> Result<Parameters, ModelError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let bound = (3.0 / dim as f32).sqrt();
    let values = (0..items * dim).map(|_| rng.random_range(-bound..bound));
    let mut parameters = Parameters::default();
    parameters.add("items", &[items, dim], values.collect(), true)?;
    Ok(parameters)
}

impl Recommender for LightGcn {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.served.n_items()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        self.served.score(queries, |_| None, out);
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        self.served.explain(Self::NAME, (query, None), item)
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        into.put_model(Self::NAME, &self.config)?;
        into.put_f32("best", &[2], vec![self.best.0, self.best.1])?;
        self.served.save(into)
    }

    fn notes(&self) -> Vec<String> {
        let (epoch, measure) = self.best;
        vec![format!(
            "kept epoch {epoch}, with ndcg@10 {measure:.4} on events held out of the training data"
        )]
    }
}
