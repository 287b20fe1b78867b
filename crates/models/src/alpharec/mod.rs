//! AlphaRec (Sheng et al. 2025, "Language Representations Can be What Recommenders Need: Findings and
//! Potentials"): the vectors that walk over the graph are made of the texts, by a head that is
//! learned.
//!
//! ```text
//! e_i = W₂ leaky(W₁ t_i + b),   then as in `lightgcn.rs`, with InfoNCE
//! ```
//!
//! with `t_i` the whitened vector of the text, turned back onto the axes of the encoder. An item has
//! nothing of its own, so one that nobody touched is scored as well, and a head can be taken
//! (`from`) to other data, as it is or to be trained further: what it knows of them are then their
//! texts, and who touched what.
//!
//! The paper starts people as the head of their mean text; here they start as the sum of what the
//! head makes of each item, so that every item's part of a score is exact. Memory: `8 · dim` bytes
//! an item, and the head.

mod head;

use crate::graph::Graph;
use crate::history::{RECENCY, recency_for};
use crate::lightgcn::LightGcnConfig;
use crate::propagation::{Layers, People, Propagated, Served, Source, histories, train};
use crate::sparse::Sparse;
use crate::texts::{fit_whitening, has_text};
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use head::{Head, Sizes};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use semrec_text::{Vectors, Whitening, WhiteningConfig};
use semrec_train::{Decay, Parameters, Run};
use semrec_tune::Space;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How [`AlphaRec`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlphaRecConfig {
    /// A bundle (or its `model.safetensors`) of this model whose head is taken to begin with;
    /// empty for none. Its `dim`, `hidden` and `whiten` then are those of the new model.
    pub from: String,
    /// Values of an item's vector.
    pub dim: usize,
    /// Width of the head's hidden layer; 0 for a linear head.
    pub hidden: usize,
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
    /// Most epochs; 0 takes the head of `from` as it is.
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
    /// How far to whiten the texts: 1 fully, 0 only centring.
    pub whiten: f32,
    /// With `from`: whether the texts are whitened by what they are themselves, and not by what
    /// those were that the head was learned from. Not where they are too few, below two for each
    /// value of their vectors.
    pub adapt: bool,
    /// Weight of the person's own text, as that of an item nobody touched.
    pub text_weight: f32,
    /// How much more newer items of a history count: weight `(1 + newer items) ^ -recency`; 0
    /// where the data have no order.
    pub recency: f32,
}

impl Default for AlphaRecConfig {
    fn default() -> Self {
        Self {
            from: String::new(),
            dim: 64,
            hidden: 192,
            layers: 2,
            temperature: 0.1,
            negatives: 0,
            dropout: 0.0,
            parts: 5,
            batch: 0,
            epochs: 100,
            patience: 10,
            learning_rate: 0.001,
            weight_decay: 0.0,
            decay: Decay::Constant,
            power: 0.25,
            whiten: 1.0,
            adapt: true,
            text_weight: 1.0,
            recency: RECENCY,
        }
    }
}

/// Added to each eigenvalue of the texts' covariance, relative to their mean.
const EPS: f32 = 0.01;
/// Texts for each value of their vectors that a catalogue is whitened by itself from on.
const ENOUGH: usize = 2;

impl AlphaRecConfig {
    /// The part of it that it shares with `lightgcn`.
    fn learning(&self) -> Result<LightGcnConfig, ModelError> {
        let learning = LightGcnConfig {
            dim: self.dim,
            layers: self.layers,
            temperature: self.temperature,
            negatives: self.negatives,
            dropout: self.dropout,
            batch: self.batch,
            epochs: self.epochs,
            patience: self.patience,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            decay: self.decay,
            parts: self.parts,
            power: self.power,
            recency: self.recency,
        };
        let problem = if self.hidden > 4096 {
            Some(format!("hidden is {}; expected at most 4096", self.hidden))
        } else if !(self.text_weight >= 0.0 && self.text_weight.is_finite()) {
            Some(format!(
                "text_weight is {}; expected a number of at least 0",
                self.text_weight
            ))
        } else if self.epochs == 0 && self.from.is_empty() {
            Some(
                "epochs is 0; expected at least 1, or a model in 'from' whose head is taken"
                    .to_owned(),
            )
        } else {
            learning.problem()
        };
        match problem {
            None => Ok(learning),
            Some(problem) => Err(parameter(problem)),
        }
    }
}

fn parameter(problem: String) -> ModelError {
    ModelError::Parameter {
        model: AlphaRec::NAME,
        problem,
    }
}

/// The fitted model.
#[derive(Debug)]
pub struct AlphaRec {
    config: AlphaRecConfig,
    reader: Reader,
    served: Served,
    /// The epoch that was kept, and its ndcg@10 on the events held out.
    best: (f32, f32),
}

/// What makes a vector of a text.
#[derive(Clone, Debug)]
struct Reader {
    whitening: Whitening,
    sizes: Sizes,
    head: Parameters,
}

impl Reader {
    fn load(tensors: &Tensors, config: &AlphaRecConfig) -> Result<Self, ModelError> {
        let [dim_in] = tensors.shape("mean")?;
        let [_, text] = tensors.shape("matrix")?;
        let mean = tensors.shared_f32("mean", &[dim_in])?.to_vec();
        let matrix = tensors.shared_f32("matrix", &[dim_in, text])?.to_vec();
        let whitening = Whitening::from_parts(mean, matrix).map_err(|e| ModelError::Tensor {
            name: "matrix".to_owned(),
            problem: e.to_string(),
        })?;
        let sizes = Sizes {
            text,
            hidden: config.hidden,
            dim: config.dim,
        };
        Ok(Self {
            whitening,
            sizes,
            head: sizes.load(tensors)?,
        })
    }

    /// The reader of a stored model, and its configuration.
    fn from(path: &Path) -> Result<(Self, AlphaRecConfig), ModelError> {
        let file = if path.is_dir() {
            path.join("model.safetensors")
        } else {
            path.to_owned()
        };
        let tensors = Tensors::read(&file)?;
        let model = tensors.model()?;
        if model != AlphaRec::NAME {
            return Err(parameter(format!(
                "from is {}, a model of {model}; expected one of {}",
                path.display(),
                AlphaRec::NAME
            )));
        }
        let config: AlphaRecConfig = tensors.config()?;
        Ok((Self::load(&tensors, &config)?, config))
    }

    /// The vectors of whitened texts, `[texts, dim]`.
    fn vectors(&self, texts: &[f32]) -> Vec<f32> {
        let head = Head {
            sizes: self.sizes,
            texts,
        };
        head.vectors(&self.head).0
    }
}

impl Model for AlphaRec {
    const NAME: &'static str = "alpharec";
    const NEEDS_TEXT: bool = true;
    type Config = AlphaRecConfig;

    fn space() -> Space {
        Space::default()
            .whole_by_powers("dim", 32, 512)
            .by_powers("temperature", 0.03, 0.5)
            .even("dropout", 0.0, 0.8)
            .by_powers("learning_rate", 1e-4, 0.01)
            .even("recency", 0.0, 1.5)
            .with_rounds("epochs")
    }

    fn fit(training: &Training<'_>, config: &AlphaRecConfig) -> Result<Self, ModelError> {
        let log = training.interactions;
        let mut config = AlphaRecConfig {
            recency: recency_for(log.clock(), config.recency),
            ..config.clone()
        };
        config.learning()?;
        let (mut reader, texts) = reader(training, &mut config)?;
        let learning = config.learning()?;
        let all = Sparse::of(log);
        let mut best = (0.0, 0.0);
        if config.epochs > 0 {
            let items = all.used_columns();
            let own = items.iter().flat_map(|&i| texts.row(i as usize));
            let own: Vec<f32> = own.copied().collect();
            let histories = histories(log, &items);
            let of = (training.seed, (&config, &histories, reader.head.snapshot()));
            let run = Run::open(training.run, Self::NAME, &of, &own)?;
            let people = People {
                histories: &histories,
                n_items: items.len(),
            };
            let head = Head {
                sizes: reader.sizes,
                texts: &own,
            };
            best = train((&head, &mut reader.head), &people, &learning, training, run)?;
        }
        let vectors = reader.vectors(texts.as_slice());
        let found = Propagated::of(&Graph::of(all), &learning, vectors);
        Ok(Self {
            served: Served::of(found, learning.dim, config.recency),
            config,
            reader,
            best,
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let config: AlphaRecConfig = tensors.config()?;
        let dim = config.learning()?.dim;
        let best = tensors.shared_f32("best", &[2])?;
        Ok(Self {
            served: Served::load(tensors, dim)?,
            reader: Reader::load(tensors, &config)?,
            config,
            best: (best[0], best[1]),
        })
    }
}

/// What reads the texts, new or of a stored model, and the whitened texts of all items. The sizes
/// of a stored head go into the configuration.
fn reader(
    training: &Training<'_>,
    config: &mut AlphaRecConfig,
) -> Result<(Reader, Vectors), ModelError> {
    let stored = match config.from.as_str() {
        "" => None,
        from => Some(Reader::from(Path::new(from))?),
    };
    if let Some((_, stored)) = &stored {
        (config.dim, config.hidden, config.whiten) = (stored.dim, stored.hidden, stored.whiten);
    }
    let own = || -> Result<Whitening, ModelError> {
        let settings = WhiteningConfig {
            dims: None,
            power: config.whiten,
            eps: EPS,
        };
        turned_back(&fit_whitening(training, AlphaRec::NAME, &settings)?)
    };
    let reader = match stored {
        None => {
            let whitening = own()?;
            let sizes = Sizes {
                text: whitening.dim_out(),
                hidden: config.hidden,
                dim: config.dim,
            };
            let head = sizes.start(&mut ChaCha8Rng::seed_from_u64(training.seed))?;
            Reader {
                whitening,
                sizes,
                head,
            }
        }
        Some((reader, _)) => {
            let (expected, got) = (reader.whitening.dim_in(), width(training));
            if got != expected {
                return Err(parameter(format!(
                    "from is a model of text vectors of {expected} values; these have {got}: take \
                     the encoder it was trained with"
                )));
            }
            if config.adapt && read(training) >= ENOUGH * got {
                Reader {
                    whitening: own()?,
                    ..reader
                }
            } else {
                reader
            }
        }
    };
    let texts = training
        .item_vectors
        .map(|vectors| reader.whitening.apply(vectors));
    let texts = texts.unwrap_or_default();
    Ok((reader, texts))
}

/// Values of a text's vector.
fn width(training: &Training<'_>) -> usize {
    training.item_vectors.map_or(0, Vectors::dim)
}

/// Items that are whitened by: those with training events and a text.
fn read(training: &Training<'_>) -> usize {
    let counts = training.interactions.item_counts();
    let rows = training.item_vectors.iter().flat_map(|v| v.rows());
    let read = rows.zip(counts).filter(|&(row, n)| n > 0 && has_text(row));
    read.count()
}

/// The whitening `M = V S` followed by the rotation `V'` that brings each direction back to where
/// it was (ZCA): the directions of two catalogues are then the same, whatever their order by
/// variance is, and a head that was learned from one understands the other.
fn turned_back(whitening: &Whitening) -> Result<Whitening, ModelError> {
    let (n, out) = (whitening.dim_in(), whitening.dim_out());
    let matrix = MatRef::from_row_major_slice(whitening.matrix(), n, out);
    let axes = Mat::from_fn(n, out, |i, j| {
        matrix[(i, j)] / matrix.col(j).norm_l2().max(f32::MIN_POSITIVE)
    });
    let mut turned = vec![0.0f32; n * n];
    matmul(
        MatMut::from_row_major_slice_mut(&mut turned, n, n),
        Accum::Replace,
        matrix,
        axes.transpose(),
        1.0,
        Par::rayon(0),
    );
    Whitening::from_parts(whitening.mean().to_vec(), turned)
        .map_err(|e| parameter(format!("whiten: {e}")))
}

impl AlphaRec {
    /// What the sentence of a query adds to the person.
    fn text(&self, query: &Query<'_>) -> Option<Vec<f32>> {
        let white = self.reader.whitening.apply_one(query.text?);
        let scale = self.config.text_weight * Layers::mean(self.config.layers).untouched();
        let mut key = self.reader.vectors(&white);
        key.iter_mut().for_each(|x| *x *= scale);
        key.iter().any(|&x| x != 0.0).then_some(key)
    }
}

impl Recommender for AlphaRec {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.served.n_items()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        self.served.score(queries, |query| self.text(query), out);
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        let text = self.text(query);
        self.served
            .explain(Self::NAME, (query, text.as_deref()), item)
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        into.put_model(Self::NAME, &self.config)?;
        into.put_f32("best", &[2], vec![self.best.0, self.best.1])?;
        let whitening = &self.reader.whitening;
        let (dim_in, text) = (whitening.dim_in(), whitening.dim_out());
        into.put_f32("mean", &[dim_in], whitening.mean().to_vec())?;
        into.put_f32("matrix", &[dim_in, text], whitening.matrix().to_vec())?;
        head::save(&self.reader.head, into)?;
        self.served.save(into)
    }

    fn notes(&self) -> Vec<String> {
        let (epoch, measure) = self.best;
        let mut notes = Vec::new();
        if !self.config.from.is_empty() {
            notes.push(format!("began with the head of {}", self.config.from));
        }
        if self.config.epochs > 0 {
            notes.push(format!(
                "kept epoch {epoch}, with ndcg@10 {measure:.4} on events held out of the training \
                 data"
            ));
        }
        notes
    }
}
