//! ELSA's objective over the encoder's vectors ([`crate::loss::elsa`]): a person's row over the
//! texts of a batch should be told from itself through the similarity of the texts.

use super::Basis;
use super::catalogue::{Catalogue, Material};
use super::descent::{Passage, descend};
use super::judge::{Asked, Judge};
use super::user_tower::{Pooling, UserTower};
use crate::loss::elsa::{Histories as Rows, elsa};
use crate::sample::{Histories, HistoriesConfig};
use crate::{FinetuneError, Want};
use rand::seq::{SliceRandom, index};
use semrec_train::{Learner, Measured, Parameters, Slope, TrainError, draws};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How ELSA's objective is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Elsa {
    /// Most texts of a person that are looked at in an epoch, drawn anew each time.
    pub length: usize,
    /// Whether predictions below 0 are cut, as beeFormer does.
    pub rectified: bool,
    /// How a history becomes a vector in the validation.
    pub user_tower: UserTower,
}

impl Default for Elsa {
    fn default() -> Self {
        Self {
            length: 50,
            rectified: true,
            user_tower: UserTower::default(),
        }
    }
}

/// What ELSA learns from.
pub(crate) struct Rowwise<'a> {
    basis: Basis<'a>,
    config: Elsa,
    catalogue: Catalogue,
    histories: Histories,
    pooling: Pooling,
    judge: Judge,
}

impl<'a> Rowwise<'a> {
    pub(crate) fn new(
        basis: Basis<'a>,
        material: &Material<'_>,
        config: Elsa,
        parameters: &mut Parameters,
    ) -> Result<Self, FinetuneError> {
        let learned = matches!(config.user_tower, UserTower::Attention | UserTower::Text);
        if learned || config.length < 2 {
            return Err(FinetuneError::Setting {
                name: "elsa",
                problem: format!(
                    "reads {} texts of a person and has {}; expected at least 2, and a user tower \
                     of mean or recency: its people are sums of what they touched",
                    config.length,
                    if learned {
                        "another user tower"
                    } else {
                        "its user tower"
                    }
                ),
            });
        }
        let network = basis.network;
        let longest = basis.settings.max_length;
        let catalogue = Catalogue::read(network, material.items, longest)?;
        let drawn = HistoriesConfig::default();
        Ok(Self {
            histories: Histories::new(material.train, &catalogue.distinct, drawn)?,
            pooling: Pooling::new(config.user_tower, network.dim(), 1, parameters)?,
            judge: Judge::new(material.validation, &catalogue)?,
            basis,
            config,
            catalogue,
        })
    }

    /// Loss and gradients of some people, who are `weight` of their step.
    fn part(
        &self,
        parameters: &Parameters,
        people: &[Vec<u32>],
        (weight, number): (f32, u64),
        gradients: &mut crate::Gradients,
    ) -> f32 {
        let texts: BTreeSet<u32> = people.iter().flatten().copied().collect();
        let texts: Vec<u32> = texts.into_iter().collect();
        let place = |text: &u32| {
            let found = texts.binary_search(text).unwrap_or_else(|at| at);
            (u32::try_from(found).unwrap_or(u32::MAX), 1.0)
        };
        let rows = people
            .iter()
            .map(|person| person.iter().map(place).collect());
        let rows: Vec<Vec<(u32, f32)>> = rows.collect();
        let passage = Passage {
            network: self.basis.network,
            parameters,
            sequences: &self.catalogue.of(&texts),
            want: Want::Vectors,
            noise: self.basis.noise(number),
            fgm: self.basis.settings.fgm,
        };
        descend(&passage, gradients, |vectors, _| {
            let mut found = elsa(&Rows {
                items: vectors,
                dim: self.basis.network.dim(),
                rows: &rows,
                rectified: self.config.rectified,
            });
            found.items.iter_mut().for_each(|x| *x *= weight);
            (found.loss, found.items)
        })
    }
}

impl Learner for Rowwise<'_> {
    /// Parts of a step; of each part the people, of each person some texts.
    type Batch = Vec<Vec<Vec<u32>>>;

    fn batches(&self, epoch: u64) -> Vec<Self::Batch> {
        let mut rng = draws(self.basis.seed, 1, epoch);
        let mut people: Vec<Vec<u32>> = Vec::new();
        for history in self.histories.all().iter().filter(|h| h.len() > 1) {
            let wanted = self.config.length.min(history.len());
            let drawn = index::sample(&mut rng, history.len(), wanted);
            people.push(drawn.into_iter().map(|k| history[k]).collect());
        }
        people.shuffle(&mut rng);
        let sizes = self.basis.parts(people.len());
        let mut people = people.into_iter();
        let mut part = |&size: &usize| people.by_ref().take(size).collect();
        let mut batches = Vec::with_capacity(sizes.len());
        for sizes in &sizes {
            batches.push(sizes.iter().map(&mut part).collect());
        }
        batches
    }

    fn slope(
        &self,
        parameters: &Parameters,
        batch: &Self::Batch,
        step: u64,
    ) -> Result<Slope, TrainError> {
        let basis = &self.basis;
        let sized: Vec<_> = batch.iter().map(|part| (part.len(), part)).collect();
        basis.slope(parameters, &sized, step, |part, at, gradients| {
            Ok(self.part(parameters, part, at, gradients))
        })
    }

    fn validate(&self, parameters: &Parameters) -> Result<Measured, TrainError> {
        let people = |asked: &[Asked<'_>], texts: &[f32]| {
            let contexts: Vec<&[u32]> = asked.iter().map(|a| a.history).collect();
            self.pooling.forward(parameters, texts, &contexts).users
        };
        let network = self.basis.network;
        self.judge
            .measure(network, parameters, &self.catalogue, people)
    }
}
