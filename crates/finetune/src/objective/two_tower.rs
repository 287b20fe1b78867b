//! Two towers: the encoder reads items, a pooled context (or a person's own text, read by the same
//! encoder) is the person, and the target should be nearer than the other texts of the batch
//! ([`crate::loss::info_nce`]).

use super::Basis;
use super::ahead::Ahead;
use super::catalogue::{Catalogue, Material};
use super::descent::{Passage, descend};
use super::judge::{Asked, Judge};
use super::user_tower::{HASTE, Pooling, UserTower, filled};
use crate::loss::info_nce::{Contest, info_nce};
use crate::sample::{
    Couples, CouplesConfig, Example, Hardness, Histories, HistoriesConfig, Source, hard_negatives,
    pack,
};
use crate::{FinetuneError, Gradients, Manner, Sequence, Want};
use semrec_text::Role;
use semrec_train::{Learner, Measured, Parameters, Slope, TrainError};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The lowest temperature a learned one goes down to.
const COLDEST: f32 = 0.01;

/// `τ` of the loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Temperature {
    /// As it is.
    Fixed(f32),
    /// Learned from this on, down to 0.01.
    Learned(f32),
}

/// Where examples come from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceName {
    /// What people touched, and what they touched next.
    Histories,
    /// What is touched together.
    Pairs(CouplesConfig),
}

/// What a target is to be told from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CandidateSet {
    /// The texts of the batch, all of them encoded in it.
    #[default]
    Batch,
    /// All texts that anybody touched, by vectors that are remembered; a batch is of texts then.
    Catalogue,
}

/// What e times as many people who touch an item are worth to each person, in units of cosine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriorWeight {
    /// As it is; 0 for nothing.
    Fixed(f32),
    /// What is best on the validation part, up to 0.3; nothing where that is as good.
    Validated,
}

/// How two towers are trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TwoTower {
    /// How a person's context becomes a vector.
    pub user_tower: UserTower,
    /// `τ`.
    pub temperature: Temperature,
    /// Where examples come from.
    pub source: SourceName,
    /// How histories are drawn from.
    pub histories: HistoriesConfig,
    /// Hard negatives, if there are to be any.
    pub hard: Option<Hardness>,
    /// What a target is to be told from.
    pub candidates: CandidateSet,
    /// Against the catalogue: how far the vectors go ahead of the encoder, if they do.
    pub ahead: Option<Ahead>,
    /// Where vectors go ahead: how much a person is drawn to what everybody touches.
    pub prior: PriorWeight,
}

impl TwoTower {
    /// Refuses a prior where nothing can have one; `judged` tells whether there is a validation part
    /// to ask.
    pub(crate) fn check(&self, judged: bool) -> Result<(), FinetuneError> {
        let refuse = |problem: String| {
            let name = "prior";
            Err(FinetuneError::Setting { name, problem })
        };
        let follows = self.ahead.is_some() && self.user_tower.recency().is_some();
        match self.prior {
            PriorWeight::Fixed(0.0) => Ok(()),
            PriorWeight::Fixed(w) if !(w > 0.0 && w.is_finite()) => {
                refuse(format!("is {w}; expected a number of at least 0"))
            }
            _ if !follows => refuse(
                "is learned by vectors that go ahead (--ahead), beside a user tower without \
                 parameters (mean or recency); take one, or no prior"
                    .to_owned(),
            ),
            PriorWeight::Validated if !judged => refuse(
                "is told by the validation part, of which a final training has learned; give the \
                 number that a training without it says"
                    .to_owned(),
            ),
            PriorWeight::Fixed(_) | PriorWeight::Validated => Ok(()),
        }
    }
}

impl Default for TwoTower {
    fn default() -> Self {
        Self {
            user_tower: UserTower::default(),
            temperature: Temperature::Fixed(0.05),
            source: SourceName::Histories,
            histories: HistoriesConfig::default(),
            hard: None,
            candidates: CandidateSet::default(),
            ahead: None,
            prior: PriorWeight::Fixed(0.0),
        }
    }
}

/// Some of a step's examples, with hard negatives for all of them.
#[derive(Debug)]
pub(crate) struct Part {
    examples: Vec<Example>,
    hard: Vec<u32>,
}

/// What two towers learn from.
pub(crate) struct Towers<'a> {
    basis: Basis<'a>,
    config: TwoTower,
    catalogue: Catalogue,
    source: Box<dyn Source>,
    pooling: Pooling,
    /// What each person wrote, where that is the user tower; empty for those who wrote nothing.
    own: Vec<Sequence>,
    /// Place of `ln τ / HASTE` less its start among the parameters.
    heat: Option<usize>,
    judge: Judge,
    /// The hard negatives of each example of the epoch.
    hard: RefCell<Vec<Vec<u32>>>,
}

impl<'a> Towers<'a> {
    /// Reads the texts, and adds what is learned beside the encoder to the parameters.
    pub(crate) fn new(
        basis: Basis<'a>,
        material: &Material<'_>,
        config: TwoTower,
        parameters: &mut Parameters,
    ) -> Result<Self, FinetuneError> {
        let (Temperature::Fixed(start) | Temperature::Learned(start)) = config.temperature;
        if !(start >= COLDEST && start.is_finite()) {
            return Err(FinetuneError::Setting {
                name: "temperature",
                problem: format!("is {start}; expected at least {COLDEST}"),
            });
        }
        let network = basis.network;
        let longest = basis.settings.max_length;
        let catalogue = Catalogue::read(network, material.items, longest)?;
        let histories = Histories::new(material.train, &catalogue.distinct, config.histories)?;
        let source: Box<dyn Source> = match config.source {
            SourceName::Histories => Box::new(histories),
            SourceName::Pairs(pairs) => Box::new(Couples::new(&histories, pairs)?),
        };
        let own = match (config.user_tower, config.source, material.users) {
            (UserTower::Text, SourceName::Histories, Some(texts)) => {
                written(&network.tokenise(texts, Role::Query, longest)?, texts)
            }
            (UserTower::Text, _, _) => {
                return Err(FinetuneError::Data {
                    problem: "a user tower of texts needs histories of people who wrote of \
                              themselves; import users with a text"
                        .to_owned(),
                });
            }
            _ => Vec::new(),
        };
        let length = config.histories.length;
        let pooling = Pooling::new(config.user_tower, network.dim(), length, parameters)?;
        let heat = match config.temperature {
            Temperature::Fixed(_) => None,
            Temperature::Learned(_) => {
                Some(parameters.add("temperature", &[1], vec![0.0], false)?)
            }
        };
        Ok(Self {
            judge: Judge::new(material.validation, &catalogue)?,
            basis,
            config,
            catalogue,
            source,
            pooling,
            own,
            heat,
            hard: RefCell::default(),
        })
    }

    /// `τ` as it is now.
    fn temperature(&self, parameters: &Parameters) -> f32 {
        let (Temperature::Fixed(start) | Temperature::Learned(start)) = self.config.temperature;
        let moved = self
            .heat
            .map_or(0.0, |place| parameters.arrays()[place].values[0]);
        (start * (HASTE * moved).exp()).max(COLDEST)
    }

    /// Whether people are what they wrote.
    fn reads_people(&self) -> bool {
        self.config.user_tower == UserTower::Text
    }

    /// The examples that can be learned from.
    fn examples(&self, epoch: u64) -> Vec<Example> {
        let mut all = self.source.examples(self.basis.seed, epoch);
        if self.reads_people() {
            all.retain(|e| !self.own[e.source as usize].is_empty());
        }
        all
    }

    /// Loss and gradients of a part that is `weight` of its step.
    fn part(
        &self,
        parameters: &Parameters,
        part: &Part,
        (weight, number): (f32, u64),
        gradients: &mut Gradients,
    ) -> f32 {
        let packed = pack(&part.examples, &*self.source, &part.hard);
        let mut sequences = self.catalogue.of(&packed.texts);
        let (n, dim) = (sequences.len(), self.basis.network.dim());
        // Where people are read, each stands once behind the candidates.
        let mut people: BTreeMap<u32, u32> = BTreeMap::new();
        if self.reads_people() {
            for row in &packed.rows {
                people.entry(row.source).or_insert_with(|| {
                    sequences.push(self.own[row.source as usize].clone());
                    u32::try_from(sequences.len() - 1).unwrap_or(u32::MAX)
                });
            }
        }
        let contexts: Vec<Vec<u32>> = (packed.rows.iter())
            .map(|row| match people.get(&row.source) {
                Some(&place) => vec![place],
                None => row.context.clone(),
            })
            .collect();
        let contexts: Vec<&[u32]> = contexts.iter().map(Vec::as_slice).collect();
        let targets: Vec<u32> = packed.rows.iter().map(|row| row.target).collect();
        let excluded: Vec<Vec<u32>> = packed.rows.iter().map(|row| row.masked.clone()).collect();
        let passage = Passage {
            network: self.basis.network,
            parameters,
            sequences: &sequences,
            want: Want::Vectors,
            noise: self.basis.noise(number),
            fgm: self.basis.settings.fgm,
        };
        descend(&passage, gradients, |vectors, gradients| {
            let pooled = self.pooling.forward(parameters, vectors, &contexts);
            let contest = Contest {
                excluded: &excluded,
                log_q: &packed.log_q,
                ..Contest::plain(
                    (&pooled.users, &vectors[..n * dim]),
                    dim,
                    &targets,
                    self.temperature(parameters),
                )
            };
            let mut found = info_nce(&contest);
            let scaled = found.users.iter_mut().chain(&mut found.candidates);
            scaled.for_each(|x| *x *= weight);
            let mut slopes = found.candidates;
            slopes.resize(vectors.len(), 0.0);
            self.pooling.backward(
                parameters,
                (vectors, &contexts),
                (&pooled, &found.users),
                (&mut slopes, &mut gradients.arrays),
            );
            if let Some(place) = self.heat {
                filled(&mut gradients.arrays[place], 1)[0] += weight * HASTE * found.ln_temperature;
            }
            (found.loss, slopes)
        })
    }

    /// The hard negatives of each example, by the vectors as they are.
    fn hardest(
        &self,
        parameters: &Parameters,
        examples: &[Example],
        hardness: Hardness,
    ) -> Vec<Vec<u32>> {
        let (network, texts) = (self.basis.network, &self.catalogue.sequences);
        let table = network.values(parameters, texts, Manner::PLAIN);
        let contexts: Vec<&[u32]> = examples.iter().map(|e| e.context.as_slice()).collect();
        let pooled = self.pooling.forward(parameters, &table, &contexts);
        let targets: Vec<u32> = examples.iter().map(|e| e.target).collect();
        let shares = self.source.shares();
        let may = |example: usize, text: u32| {
            let liked = self.source.positives(examples[example].source);
            shares[text as usize] > 0.0 && liked.binary_search(&text).is_err()
        };
        let table = (table.as_slice(), network.dim());
        hard_negatives((&pooled.users, &targets), table, may, hardness)
    }

    /// The vectors of people asked about, from those of the texts.
    fn people(&self, parameters: &Parameters, asked: &[Asked<'_>], texts: &[f32]) -> Vec<f32> {
        if self.reads_people() {
            let own = asked.iter().map(|a| self.own[a.person as usize].clone());
            let own: Vec<Sequence> = own.collect();
            return self.basis.network.values(parameters, &own, Manner::PLAIN);
        }
        let length = self.config.histories.length;
        let newest = asked.iter().map(|a| {
            let history = a.history;
            &history[history.len().saturating_sub(length)..]
        });
        let contexts: Vec<&[u32]> = newest.collect();
        self.pooling.forward(parameters, texts, &contexts).users
    }
}

/// What people wrote; nothing for those who wrote nothing.
fn written(sequences: &[Sequence], texts: &[String]) -> Vec<Sequence> {
    let both = sequences.iter().zip(texts);
    both.map(|(sequence, text)| {
        if text.trim().is_empty() {
            Sequence::default()
        } else {
            sequence.clone()
        }
    })
    .collect()
}

impl Learner for Towers<'_> {
    type Batch = Vec<Part>;

    fn begin(&self, parameters: &Parameters, epoch: u64) -> Result<(), TrainError> {
        if let Some(hardness) = self.config.hard {
            let examples = self.examples(epoch);
            *self.hard.borrow_mut() = self.hardest(parameters, &examples, hardness);
        }
        Ok(())
    }

    fn batches(&self, epoch: u64) -> Vec<Vec<Part>> {
        let examples = self.examples(epoch);
        let hard = self.hard.borrow();
        let parts = self.basis.parts(examples.len());
        let mut examples = examples.into_iter();
        let mut hard = hard.iter();
        let mut step = |sizes: &[usize]| -> Vec<Part> {
            let part = |&size: &usize| Part {
                examples: examples.by_ref().take(size).collect(),
                hard: hard.by_ref().take(size).flatten().copied().collect(),
            };
            sizes.iter().map(part).collect()
        };
        parts.iter().map(|sizes| step(sizes)).collect()
    }

    fn slope(
        &self,
        parameters: &Parameters,
        batch: &Vec<Part>,
        step: u64,
    ) -> Result<Slope, TrainError> {
        let sized = batch.iter().map(|part| (part.examples.len(), part));
        let sized: Vec<_> = sized.collect();
        self.basis
            .slope(parameters, &sized, step, |part, at, gradients| {
                Ok(self.part(parameters, part, at, gradients))
            })
    }

    fn validate(&self, parameters: &Parameters) -> Result<Measured, TrainError> {
        let (network, catalogue) = (self.basis.network, &self.catalogue);
        let people = |asked: &[Asked<'_>], texts: &[f32]| self.people(parameters, asked, texts);
        let mut measured = self.judge.measure(network, parameters, catalogue, people)?;
        if self.heat.is_some() {
            let now = f64::from(self.temperature(parameters));
            measured.also.push(("train/temperature".to_owned(), now));
        }
        Ok(measured)
    }
}
