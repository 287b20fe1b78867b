//! Two towers against the whole catalogue, by vectors that are remembered (cross-batch memory, Wang
//! et al. 2020).
//!
//! The vectors of all texts that anybody touched lie in a table. A step encodes some of these texts
//! anew, puts them into the table, and takes the gradient by these rows of the loss over examples
//! from all of the log: their contexts, targets and candidates are rows of the table, whoever
//! encoded them. So each text that is encoded learns from everybody who touched it and from all
//! other texts, where a batch of examples would encode some fifteen texts for each person it asks.
//! The other rows are older than the weights by an epoch at most, and are made anew at the start of
//! each.
//!
//! Examples are drawn in three strata: those whose target is encoded in this step, those whose
//! newest context is, and the others (which know the texts as negatives only). An example weighs as
//! many as it was drawn for, so that the gradient is on average that of the loss over all.

use super::Basis;
use super::ahead::{Ahead, Pass};
use super::catalogue::{Catalogue, Material};
use super::descent::{Passage, descend};
use super::judge::{Asked, Judge};
use super::prior::{WEIGHTS, WORTH, add_prior, prior, with_standing};
use super::two_tower::{PriorWeight, Temperature, TwoTower};
use super::user_tower::{Pooling, UserTower};
use super::visits::visits;
use crate::loss::distil::cosine_distance;
use crate::loss::info_nce::{Contest, InfoNce, info_nce};
use crate::sample::{Couples, Example, Histories, Source};
use crate::{FinetuneError, Gradients, Manner, Want};
use rand::seq::{SliceRandom, index};
use semrec_data::Interactions;
use semrec_text::Prior;
use semrec_train::{Learner, Measured, News, Parameters, Slope, TrainError, draws};
use std::cell::RefCell;

/// Most examples of the first stratum for each text that is encoded, and of each of the others.
const EXAMPLES: [usize; 3] = [4, 2, 1];
/// How often an epoch in which the encoder follows goals reads a text, on average.
const ROUNDS: usize = 4;
/// Newest texts of a context that count for the second stratum.
const NEWEST: usize = 3;

/// What is learned from, and what is remembered.
pub(crate) struct Remembered<'a> {
    basis: Basis<'a>,
    config: TwoTower,
    temperature: f32,
    catalogue: Catalogue,
    source: Box<dyn Source>,
    /// The texts that anybody touched, ascending: those that are encoded, and the candidates.
    known: Vec<u32>,
    /// The place of each text among them.
    place: Vec<Option<u32>>,
    pooling: Pooling,
    judge: Judge,
    /// Where the vectors of `known` went ahead to, `[known, dim]`, if they did.
    goals: Option<Vec<f32>>,
    /// What every person has in common, where the goals know it.
    prior: Option<Prior>,
    now: RefCell<Now>,
}

/// What an epoch is at.
#[derive(Default)]
struct Now {
    /// `[known, dim]`
    table: Vec<f32>,
    /// Texts by their places among those that are known.
    examples: Vec<Example>,
    /// Of each text, the examples it is the target of.
    as_target: Vec<Vec<u32>>,
    /// Of each text, the examples in whose newest context it is.
    as_context: Vec<Vec<u32>>,
}

impl<'a> Remembered<'a> {
    /// Reads the texts.
    pub(crate) fn new(
        basis: Basis<'a>,
        material: &Material<'_>,
        config: TwoTower,
        parameters: &mut Parameters,
        told: &dyn Fn(&News<'_>),
    ) -> Result<Self, FinetuneError> {
        let refuse = |name, problem: &str| {
            let problem = problem.to_owned();
            Err(FinetuneError::Setting { name, problem })
        };
        let Temperature::Fixed(temperature) = config.temperature else {
            return refuse(
                "temperature",
                "is learned from the examples of a batch; against the catalogue give a number",
            );
        };
        if config.user_tower == UserTower::Text || config.hard.is_some() {
            return refuse(
                "candidates",
                "of the whole catalogue know texts of items alone, and need no hard negatives",
            );
        }
        let catalogue = Catalogue::read(basis.network, material.items, basis.settings.max_length)?;
        let histories = Histories::new(material.train, &catalogue.distinct, config.histories)?;
        let source: Box<dyn Source> = match config.source {
            super::SourceName::Histories => Box::new(histories),
            super::SourceName::Pairs(pairs) => Box::new(Couples::new(&histories, pairs)?),
        };
        let shares = (0u32..).zip(source.shares());
        let known: Vec<u32> = shares.filter(|(_, s)| **s > 0.0).map(|(t, _)| t).collect();
        let mut place = vec![None; catalogue.sequences.len()];
        for (at, &text) in (0u32..).zip(&known) {
            place[text as usize] = Some(at);
        }
        let dim = basis.network.dim();
        let pooling = Pooling::new(config.user_tower, dim, config.histories.length, parameters)?;
        let mut remembered = Self {
            judge: Judge::new(material.validation, &catalogue)?,
            basis,
            config,
            temperature,
            catalogue,
            source,
            known,
            place,
            pooling,
            goals: None,
            prior: None,
            now: RefCell::default(),
        };
        if let Some(ahead) = config.ahead {
            let (goals, prior) = remembered.goals((ahead, material), parameters, told)?;
            (remembered.goals, remembered.prior) = (Some(goals), prior);
        }
        Ok(remembered)
    }

    /// What every person has in common, if the vectors that went ahead know it.
    pub(crate) fn prior(&self) -> Option<Prior> {
        self.prior
    }

    /// The vectors of the texts that are known, `[known, dim]`.
    fn vectors(&self, parameters: &Parameters) -> Vec<f32> {
        let sequences = self.catalogue.of(&self.known);
        let network = self.basis.network;
        network.values(parameters, &sequences, Manner::PLAIN)
    }

    /// Lets the vectors go ahead, and gives them a value for what everybody touches if that is worth
    /// it; tells of each pass.
    fn goals(
        &self,
        (ahead, material): (Ahead, &Material<'_>),
        parameters: &Parameters,
        told: &dyn Fn(&News<'_>),
    ) -> Result<(Vec<f32>, Option<Prior>), FinetuneError> {
        ahead.check()?;
        let (network, catalogue) = (self.basis.network, &self.catalogue);
        let dim = network.dim();
        let mut all = network.values(parameters, &catalogue.sequences, Manner::PLAIN);
        let row = |text: u32| text as usize * dim..(text as usize + 1) * dim;
        let known = self.known.iter();
        let known: Vec<f32> = known.flat_map(|&text| &all[row(text)]).copied().collect();
        let slopes = |table: &[f32], rows: &[&Example]| {
            let unused = &mut vec![Vec::new(); parameters.arrays().len()];
            let found = self.contest(parameters, table, (rows, &[]), unused);
            (found.loss, found.candidates)
        };
        let mut worth = |table: &[f32], prior: Option<Prior>| {
            for (&text, vector) in self.known.iter().zip(table.chunks_exact(dim)) {
                all[row(text)].copy_from_slice(vector);
            }
            self.worth(parameters, &all, prior)
        };
        let judge = |pass: Pass, table: &[f32]| {
            let measured = worth(table, None)?;
            if pass.number > 0 {
                told(&News::Said(&format!(
                    "the vectors alone, pass {} of {}: loss {:.4}, validation ndcg@10 {:.4}",
                    pass.number, ahead.passes, pass.loss, measured.value
                )));
            }
            Ok(measured.value)
        };
        let examples = |pass| self.examples(pass);
        let last = self.basis.settings.patience.is_none();
        let goals = ahead.goals(
            (known, dim),
            (self.basis.seed, last),
            (examples, slopes),
            judge,
        )?;
        let (weights, asked) = match &self.config.prior {
            PriorWeight::Fixed(0.0) => return Ok((goals, None)),
            PriorWeight::Fixed(weight) => (std::slice::from_ref(weight), true),
            PriorWeight::Validated => (&WEIGHTS[..], false),
        };
        let (standing, coordinate) = with_standing(&goals, dim, &self.touched_by(material.train));
        let without = if asked {
            f64::NEG_INFINITY
        } else {
            worth(&goals, None)?.value * WORTH
        };
        let mut best = (without, 0.0);
        for &weight in weights {
            let value = worth(&standing, Some(prior(coordinate, weight)))?.value;
            told(&News::Said(&format!(
                "the vectors with a prior of {weight}: validation ndcg@10 {value:.4}"
            )));
            if value > best.0 {
                best = (value, weight);
            }
        }
        let weight = best.1;
        if !asked {
            told(&News::Said(&format!("a prior of {weight} is taken")));
        }
        Ok(if weight > 0.0 {
            (standing, Some(prior(coordinate, weight)))
        } else {
            (goals, None)
        })
    }

    /// How many people touched each known text.
    fn touched_by(&self, log: &Interactions) -> Vec<f32> {
        let mut people = vec![0.0; self.known.len()];
        for (item, n) in (0u32..).zip(log.item_counts()) {
            let text = self.catalogue.distinct.of_row(item);
            if let Some(place) = text.and_then(|text| self.place[text as usize]) {
                people[place as usize] += n as f32;
            }
        }
        people
    }

    /// Loss and slopes of examples with weights (none: all alike) by a table of the known texts'
    /// vectors: those by the candidates are those by the table. Adds those of the user tower's
    /// parameters.
    fn contest(
        &self,
        parameters: &Parameters,
        table: &[f32],
        (rows, weights): (&[&Example], &[f32]),
        by_parameters: &mut [Vec<f32>],
    ) -> InfoNce {
        let contexts: Vec<&[u32]> = rows.iter().map(|e| &e.context[..]).collect();
        let targets: Vec<u32> = rows.iter().map(|e| e.target).collect();
        let excluded = self.excluded(rows);
        let pooled = self.pooling.forward(parameters, table, &contexts);
        let dim = self.basis.network.dim();
        let mut found = info_nce(&Contest {
            excluded: &excluded,
            weights,
            ..Contest::plain((&pooled.users, table), dim, &targets, self.temperature)
        });
        self.pooling.backward(
            parameters,
            (table, &contexts),
            (&pooled, &found.users),
            (&mut found.candidates, by_parameters),
        );
        found
    }

    /// What vectors of all texts are worth to people with this in common.
    fn worth(
        &self,
        parameters: &Parameters,
        texts: &[f32],
        prior: Option<Prior>,
    ) -> Result<Measured, TrainError> {
        let (length, dim) = (self.config.histories.length, self.basis.network.dim());
        let people = |asked: &[Asked<'_>], texts: &[f32]| {
            let newest = asked.iter().map(|a| {
                let from = a.history.len().saturating_sub(length);
                &a.history[from..]
            });
            let contexts: Vec<&[u32]> = newest.collect();
            let mut users = self.pooling.forward(parameters, texts, &contexts).users;
            add_prior(prior, &mut users, dim);
            users
        };
        let (judge, catalogue) = (&self.judge, &self.catalogue);
        judge.by_vectors((texts, dim), catalogue, people)
    }

    /// The examples of an epoch, by places; what is in none was never drawn.
    fn examples(&self, epoch: u64) -> Vec<Example> {
        let all = self.source.examples(self.basis.seed, epoch).into_iter();
        let placed = |text: u32| self.place[text as usize];
        all.filter_map(|example| {
            Some(Example {
                target: placed(example.target)?,
                context: example.context.iter().filter_map(|&t| placed(t)).collect(),
                source: example.source,
            })
        })
        .filter(|example| !example.context.is_empty())
        .collect()
    }

    /// The examples of a step and their weights.
    fn drawn(&self, now: &Now, texts: &[u32], step: u64) -> (Vec<u32>, Vec<f32>) {
        let mut rng = draws(self.basis.seed, 2, step);
        let mut stratum = vec![2u8; now.examples.len()];
        let mut members: [Vec<u32>; 3] = Default::default();
        for (k, lists) in [&now.as_target, &now.as_context].into_iter().enumerate() {
            for example in texts.iter().flat_map(|&t| &lists[t as usize]) {
                let own = &mut stratum[*example as usize];
                if *own == 2 {
                    *own = u8::from(k == 1);
                    members[k].push(*example);
                }
            }
        }
        let others = (0u32..).zip(&stratum).filter(|(_, s)| **s == 2);
        members[2] = others.map(|(example, _)| example).collect();
        let (mut rows, mut weights) = (Vec::new(), Vec::new());
        for (members, most) in members.iter().zip(EXAMPLES) {
            let wanted = (most * texts.len()).min(members.len());
            let weight = members.len() as f32 / wanted.max(1) as f32;
            let drawn = index::sample(&mut rng, members.len(), wanted).into_iter();
            rows.extend(drawn.map(|i| members[i]));
            weights.resize(rows.len(), weight);
        }
        (rows, weights)
    }

    /// A step on some texts: `loss` gives the loss of their vectors and its slopes by them, and adds
    /// gradients of its own.
    fn step(
        &self,
        parameters: &Parameters,
        batch: &[u32],
        step: u64,
        loss: impl FnMut(&[f32], &mut Gradients) -> (f32, Vec<f32>),
    ) -> Slope {
        let texts: Vec<u32> = batch.iter().map(|&at| self.known[at as usize]).collect();
        let passage = Passage {
            network: self.basis.network,
            parameters,
            sequences: &self.catalogue.of(&texts),
            want: Want::Vectors,
            noise: self.basis.noise(step),
            fgm: self.basis.settings.fgm,
        };
        let mut gradients = self.basis.gradients(parameters);
        let loss = descend(&passage, &mut gradients, loss);
        Slope {
            loss,
            events: batch.len(),
            gradients: gradients.arrays,
        }
    }

    /// The rows of a table that texts have by their places.
    fn rows_of(&self, table: &[f32], batch: &[u32]) -> Vec<f32> {
        let dim = self.basis.network.dim();
        let rows = batch.iter();
        let rows = rows.flat_map(|&at| &table[at as usize * dim..][..dim]);
        rows.copied().collect()
    }

    /// What is no negative for each of some examples, by places.
    fn excluded(&self, rows: &[&Example]) -> Vec<Vec<u32>> {
        let of = |example: &&Example| -> Vec<u32> {
            let liked = self.source.positives(example.source).iter();
            let placed = liked.filter_map(|&text| self.place[text as usize]);
            placed.filter(|&place| place != example.target).collect()
        };
        rows.iter().map(of).collect()
    }
}

impl Learner for Remembered<'_> {
    /// Texts by their places.
    type Batch = Vec<u32>;

    fn begin(&self, parameters: &Parameters, epoch: u64) -> Result<(), TrainError> {
        if self.goals.is_some() {
            return Ok(());
        }
        let examples = self.examples(epoch);
        let mut as_target = vec![Vec::new(); self.known.len()];
        let mut as_context = vec![Vec::new(); self.known.len()];
        for (number, example) in (0u32..).zip(&examples) {
            as_target[example.target as usize].push(number);
            for &text in example.context.iter().rev().take(NEWEST) {
                as_context[text as usize].push(number);
            }
        }
        *self.now.borrow_mut() = Now {
            table: self.vectors(parameters),
            examples,
            as_target,
            as_context,
        };
        Ok(())
    }

    fn batches(&self, epoch: u64) -> Vec<Vec<u32>> {
        let number = self.known.len();
        let mut rng = draws(self.basis.seed, 3, epoch);
        let order = if self.goals.is_some() {
            // The goals stay: what an epoch is for is to be measured, which takes half a pass.
            let shares = self.source.shares();
            let shares = self.known.iter().map(|&text| shares[text as usize]);
            let shares: Vec<f64> = shares.collect();
            visits(&shares, ROUNDS * number, &mut rng)
        } else {
            let mut order: Vec<u32> = (0u32..).take(number).collect();
            order.shuffle(&mut rng);
            order
        };
        let batches = order.chunks(self.basis.settings.batch);
        batches.map(<[u32]>::to_vec).collect()
    }

    fn slope(
        &self,
        parameters: &Parameters,
        batch: &Vec<u32>,
        step: u64,
    ) -> Result<Slope, TrainError> {
        let dim = self.basis.network.dim();
        if let Some(goals) = &self.goals {
            let goals = self.rows_of(goals, batch);
            return Ok(self.step(parameters, batch, step, |vectors, _| {
                let found = cosine_distance(vectors, &goals, dim);
                (found.loss, found.student)
            }));
        }
        let now = &mut *self.now.borrow_mut();
        let (rows, weights) = self.drawn(now, batch, step);
        let rows: Vec<&Example> = rows.iter().map(|&r| &now.examples[r as usize]).collect();
        let table = &mut now.table;
        Ok(self.step(parameters, batch, step, |vectors, gradients| {
            for (&at, vector) in batch.iter().zip(vectors.chunks_exact(dim)) {
                table[at as usize * dim..][..dim].copy_from_slice(vector);
            }
            let examples = (&rows[..], &weights[..]);
            let found = self.contest(parameters, table, examples, &mut gradients.arrays);
            (found.loss, self.rows_of(&found.candidates, batch))
        }))
    }

    fn validate(&self, parameters: &Parameters) -> Result<Measured, TrainError> {
        let sequences = &self.catalogue.sequences;
        let texts = self
            .basis
            .network
            .values(parameters, sequences, Manner::PLAIN);
        self.worth(parameters, &texts, self.prior)
    }
}
