//! What an encoder is tuned for, and the training of it.
//!
//! | objective | learned from | loss |
//! |---|---|---|
//! | [`Objective::Contrastive`] | histories, or pairs touched together | in-batch softmax |
//! | [`Objective::Elsa`] | people's rows over the texts of a batch | ELSA's |
//! | [`Objective::Bce`] | pairs of texts with a label | cross-entropy of two classes |
//! | [`Objective::Mlm`] | texts alone | cross-entropy over the words, of masked ones |
//! | [`Objective::Simcse`] | texts alone | in-batch softmax of a text and itself |
//! | [`Objective::Distil`] | texts alone | cosine distance to another encoder's vectors |
//! | [`Objective::Tsdae`] | texts alone | cross-entropy over the words, of deleted ones |
//!
//! Each is a [`Learner`]: it draws the batches of an epoch, makes loss and gradients of one, and
//! validates. What they have in common is [`Basis`]; a step may be cut into parts that go through
//! the encoder one after the other, each with a loss of its own (accumulation).

mod ahead;
mod beside;
mod catalogue;
mod classification;
mod descent;
mod distilled;
mod elsa;
mod judge;
mod mlm;
mod prior;
mod ranked;
mod ranks;
mod remembered;
mod reranker;
mod simcse;
mod single_tower;
mod texts;
mod tsdae;
mod two_tower;
mod user_tower;
mod visits;
mod word_head;

pub use ahead::Ahead;
pub use beside::write_beside;
pub use catalogue::Material;
pub use classification::{Bin, ClassFigures, Classification, classification};
pub use elsa::Elsa;
pub use mlm::Mlm;
pub use reranker::Reranker;
pub use simcse::SimCse;
pub use single_tower::SingleTower;
pub use tsdae::{Telling, Tsdae};
pub use two_tower::{CandidateSet, PriorWeight, SourceName, Temperature, TwoTower};
pub use user_tower::{RECENCY, UserTower};

use crate::{FinetuneError, Gradients, Method, Network, Noise};
use distilled::Distilled;
use elsa::Rowwise;
use mlm::MaskedWords;
use ranked::Ranked;
use ranks::Ranks;
use remembered::Remembered;
use semrec_data::Cases;
use semrec_text::Prior;
use semrec_train::{
    Decay, Learner, Method as Rule, News, Optimiser, Pace, Parameters, Run, RunFiles, Slope,
    TrainError, Warmup, train,
};
use serde::{Deserialize, Serialize};
use simcse::Twins;
use single_tower::Tower;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use tsdae::Denoised;
use two_tower::Towers;

/// Seconds between two checkpoints of a long epoch.
const KEEP_AFTER: f64 = 60.0;

/// What an encoder is tuned for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Objective {
    /// One tower: pairs of texts and labels.
    Bce(SingleTower),
    /// Two towers: in-batch softmax.
    Contrastive(TwoTower),
    /// ELSA's loss over the vectors.
    Elsa(Elsa),
    /// Masked words.
    Mlm(Mlm),
    /// A text read twice is the same text.
    Simcse(SimCse),
    /// The words of a text of which most are deleted.
    Tsdae(Tsdae),
    /// The vectors of another encoder.
    Distil,
}

impl Objective {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bce(_) => "bce",
            Self::Contrastive(_) => "contrastive",
            Self::Elsa(_) => "elsa",
            Self::Mlm(_) => "mlm",
            Self::Simcse(_) => "simcse",
            Self::Tsdae(_) => "tsdae",
            Self::Distil => "distil",
        }
    }

    /// How people should be read beside the encoder, where it is trained as one of two towers and
    /// the other has no parameters.
    fn tower(&self, prior: Option<Prior>) -> Option<semrec_text::Tower> {
        let Self::Contrastive(towers) = self else {
            return None;
        };
        Some(semrec_text::Tower {
            recency: towers.user_tower.recency()?,
            may_be_whitened: towers.ahead.is_none(),
            prior,
        })
    }
}

/// How it is trained, whatever for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Which parameters.
    pub method: Method,
    /// Most epochs.
    pub epochs: u64,
    /// Epochs without a better validation after which training ends; `None` for all epochs, of
    /// which the last is kept: for a final training on events by which epochs were told apart.
    pub patience: Option<u64>,
    /// Examples that go through the encoder at once, and are each other's negatives.
    pub batch: usize,
    /// Batches of a step.
    pub accumulate: usize,
    /// Highest learning rate.
    pub learning_rate: f32,
    /// Share of the steps in which it goes up.
    pub warmup: f32,
    /// How it goes down.
    pub decay: Decay,
    /// The rule of a step, weight decay, clipping.
    pub optimiser: Optimiser,
    /// Share of the values of hidden states and of attention that is dropped while training.
    pub dropout: f32,
    /// Most tokens of a text.
    pub max_length: usize,
    /// How far the words' vectors are moved against the loss, in a second pass; 0 for none.
    pub fgm: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            method: Method::Full,
            epochs: 5,
            patience: Some(2),
            batch: 16,
            accumulate: 1,
            learning_rate: 2e-5,
            warmup: 0.1,
            decay: Decay::Linear,
            optimiser: Optimiser {
                method: Rule::ADAMW,
                weight_decay: 0.01,
                clip: 1.0,
            },
            dropout: 0.1,
            max_length: 128,
            fgm: 0.0,
        }
    }
}

impl Settings {
    fn check(&self) -> Result<(), FinetuneError> {
        let fail = |name, problem| Err(FinetuneError::Setting { name, problem });
        let share = |x: f32| (0.0..=1.0).contains(&x);
        if self.epochs == 0 || self.batch == 0 || self.accumulate == 0 {
            let problem = format!(
                "are {} of {} steps of {} batches; expected at least 1 of each",
                self.epochs, self.batch, self.accumulate
            );
            return fail("epochs", problem);
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            let problem = format!("is {}; expected a number above 0", self.learning_rate);
            return fail("learning rate", problem);
        }
        if !share(self.warmup) {
            let problem = format!("is {}; expected a share from 0 to 1", self.warmup);
            return fail("warm-up", problem);
        }
        if !(share(self.dropout) && self.dropout < 1.0) {
            let problem = format!("is {}; expected a share from 0 to below 1", self.dropout);
            return fail("dropout", problem);
        }
        let optimiser = self.optimiser;
        if !(optimiser.weight_decay >= 0.0 && optimiser.clip >= 0.0) {
            let problem = format!(
                "and clipping are {} and {}; expected numbers of at least 0",
                optimiser.weight_decay, optimiser.clip
            );
            return fail("weight decay", problem);
        }
        if self.max_length < 8 {
            let problem = format!("is {}; expected at least 8 tokens", self.max_length);
            return fail("longest text", problem);
        }
        if !(self.fgm >= 0.0 && self.fgm.is_finite()) {
            let problem = format!("is {}; expected a number of at least 0", self.fgm);
            return fail("fgm", problem);
        }
        Ok(())
    }
}

/// What a training has to do with the world.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Seed of every draw.
    pub seed: u64,
    /// What it is trained on and begins with, in one line: fingerprints of data and encoder. A run
    /// of another is not taken up.
    pub identity: &'a str,
    /// Where curve and checkpoint go; `None` for nowhere.
    pub run: Option<RunFiles<'a>>,
    /// What had no part in the training, for the figures at the end.
    pub test: Option<&'a Cases>,
    /// Is told how it goes.
    pub told: &'a dyn Fn(&News<'_>),
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings")
            .field("seed", &self.seed)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// What came of a training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tuned {
    /// The epoch that was kept, and its measure.
    pub kept: Option<(u64, f64)>,
    /// What was measured.
    pub measure: &'static str,
    /// Of a classifier, the report of each epoch that this run made.
    pub reports: Vec<Classification>,
    /// Of a classifier, its figures on the test part.
    pub test: Option<Classification>,
    /// Where curve and checkpoint lie.
    pub dir: Option<PathBuf>,
    /// How people should be read beside the encoder, where it was trained as one of two towers and the
    /// other has no parameters.
    pub tower: Option<semrec_text::Tower>,
}

/// Trains the parameters of a network for an objective.
///
/// # Errors
/// [`FinetuneError::Setting`] for what is out of range, [`FinetuneError::Data`] if there is nothing
/// to learn from, [`FinetuneError::Train`] if it diverges or a file cannot be written.
pub fn finetune(
    (network, parameters): (&Network, &mut Parameters),
    material: &Material<'_>,
    (objective, settings): (&Objective, &Settings),
    surroundings: &Surroundings<'_>,
) -> Result<Tuned, FinetuneError> {
    settings.check()?;
    if settings.fgm > 0.0 && !network.reaches_words() {
        return Err(FinetuneError::Setting {
            name: "fgm",
            problem: "moves the words' vectors, down to which no gradient flows when only what is \
                      above is trained; take another method, or 0"
                .to_owned(),
        });
    }
    let ranks = Ranks::of(&settings.method, parameters)?;
    let basis = Basis {
        network,
        settings,
        seed: surroundings.seed,
        ranks: ranks.as_ref(),
    };
    let job = Job {
        objective,
        settings,
        surroundings,
        ranks: ranks.as_ref(),
    };
    if settings.batch < 2 && matches!(objective, Objective::Contrastive(_) | Objective::Simcse(_)) {
        return Err(FinetuneError::Setting {
            name: "batch",
            problem: "is 1; its examples are each other's negatives, expected at least 2"
                .to_owned(),
        });
    }
    match objective {
        Objective::Bce(config) => {
            let tower = Tower::new(basis, material, *config, parameters)?;
            let tuned = job.train(&tower, parameters)?;
            let test = surroundings.test.map(|cases| tower.test(parameters, cases));
            Ok(Tuned {
                reports: tower.reports(),
                test: test.transpose()?,
                ..tuned
            })
        }
        Objective::Contrastive(config) => {
            config.check(settings.patience.is_some())?;
            if config.candidates == CandidateSet::Catalogue {
                let remembered =
                    Remembered::new(basis, material, *config, parameters, surroundings.told)?;
                let tuned = job.train(&remembered, parameters)?;
                // An encoder that is what it was has no value for a prior.
                let same = tuned.kept.is_some_and(|(epoch, _)| epoch == 0);
                return Ok(Tuned {
                    tower: objective.tower(remembered.prior().filter(|_| !same)),
                    ..tuned
                });
            }
            let towers = Towers::new(basis, material, *config, parameters)?;
            let tuned = job.train(&towers, parameters)?;
            Ok(Tuned {
                tower: objective.tower(None),
                ..tuned
            })
        }
        Objective::Elsa(config) => {
            let rows = Rowwise::new(basis, material, *config, parameters)?;
            job.train(&rows, parameters)
        }
        Objective::Mlm(config) => {
            let words = MaskedWords::new(basis, material, *config, parameters)?;
            job.train(&words, parameters)
        }
        Objective::Simcse(config) => {
            let twins = Twins::new(basis, material, *config, parameters)?;
            job.train(&twins, parameters)
        }
        Objective::Distil => {
            let distilled = Distilled::new(basis, material, parameters)?;
            job.train(&distilled, parameters)
        }
        Objective::Tsdae(config) => {
            let denoised = Denoised::new(basis, material, *config, parameters)?;
            job.train(&denoised, parameters)
        }
    }
}

/// A training as it was asked for.
struct Job<'a> {
    objective: &'a Objective,
    settings: &'a Settings,
    surroundings: &'a Surroundings<'a>,
    /// Of AdaLoRA.
    ranks: Option<&'a Ranks>,
}

impl Job<'_> {
    fn train(
        &self,
        learner: &impl Learner,
        parameters: &mut Parameters,
    ) -> Result<Tuned, FinetuneError> {
        let (settings, around) = (self.settings, self.surroundings);
        let classifies = matches!(self.objective, Objective::Bce(_));
        // Hard negatives and vectors that are remembered are made at the start of an epoch: there alone it
        // can be taken up.
        let mines = matches!(self.objective, Objective::Contrastive(c)
            if c.hard.is_some() || (c.candidates == CandidateSet::Catalogue && c.ahead.is_none()));
        let pace = Pace {
            epochs: settings.epochs,
            patience: settings.patience,
            learning_rate: settings.learning_rate,
            warmup: Warmup::Share(settings.warmup),
            decay: settings.decay,
            optimiser: settings.optimiser,
            keep_after: Some(if mines { f64::INFINITY } else { KEEP_AFTER }),
            // A new head says nothing; vectors do before they are tuned.
            from_start: !classifies,
        };
        let of = (around.seed, self.objective, settings, around.identity);
        let run = Run::open(around.run, self.objective.name(), &of, &[])?;
        let dir = run.dir().map(std::path::Path::to_path_buf);
        let ranked = Ranked {
            learner,
            ranks: self.ranks,
        };
        let kept = train(&ranked, parameters, &pace, around.told, run)?;
        Ok(Tuned {
            kept,
            measure: learner.measure(),
            dir,
            ..Tuned::default()
        })
    }
}

/// What all objectives have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Basis<'a> {
    pub(crate) network: &'a Network,
    pub(crate) settings: &'a Settings,
    pub(crate) seed: u64,
    /// Of AdaLoRA.
    pub(crate) ranks: Option<&'a Ranks>,
}

impl Basis<'_> {
    /// The dropout of a pass; each pass of a training has a number of its own.
    pub(crate) fn noise(&self, number: u64) -> Noise {
        Noise {
            seed: self.seed,
            step: number,
            hidden: self.settings.dropout,
            attention: self.settings.dropout,
        }
    }

    /// The numbers of the passes of a step, from 1.
    pub(crate) fn numbers(&self, step: u64) -> RangeInclusive<u64> {
        let parts = self.settings.accumulate as u64;
        (step - 1) * parts + 1..=step * parts
    }

    /// Loss and gradients of a step, of its parts with their sizes: each weighs as many as it has.
    /// `of` adds the gradients of a part that has this weight, in a pass of this number.
    pub(crate) fn slope<P>(
        &self,
        parameters: &Parameters,
        parts: &[(usize, P)],
        step: u64,
        mut of: impl FnMut(&P, (f32, u64), &mut Gradients) -> Result<f32, TrainError>,
    ) -> Result<Slope, TrainError> {
        let events: usize = parts.iter().map(|(size, _)| size).sum();
        let mut gradients = self.gradients(parameters);
        let mut loss = 0.0;
        for ((size, part), number) in parts.iter().zip(self.numbers(step)) {
            let weight = *size as f32 / events.max(1) as f32;
            loss += weight * of(part, (weight, number), &mut gradients)?;
        }
        Ok(Slope {
            loss,
            events,
            gradients: gradients.arrays,
        })
    }

    /// Gradients of a step before any loss has flowed to them: those of the method's own penalty.
    pub(crate) fn gradients(&self, parameters: &Parameters) -> Gradients {
        let mut arrays = vec![Vec::new(); parameters.arrays().len()];
        if let Some(ranks) = self.ranks {
            ranks.penalise(parameters, &mut arrays);
        }
        Gradients {
            arrays,
            words: None,
        }
    }

    /// How `n` examples are cut: of each step the sizes of its parts. A last part of one example,
    /// which would have no negatives, goes to the part before it.
    pub(crate) fn parts(&self, n: usize) -> Vec<Vec<usize>> {
        let batch = self.settings.batch;
        let mut sizes = vec![batch; n / batch];
        match (n % batch, sizes.last_mut()) {
            (0, _) => {}
            (1, Some(last)) => *last += 1,
            (rest, _) => sizes.push(rest),
        }
        let steps = sizes.chunks(self.settings.accumulate);
        steps.map(<[usize]>::to_vec).collect()
    }
}
