//! One tower: a person's words and an item's, read together as one sequence, and a linear head of
//! two classes on the first token's state (`BertForSequenceClassification`, without its pooler).
//! The head and the encoder are a re-ranker.

use super::Basis;
use super::catalogue::{Catalogue, Material};
use super::classification::{Classification, classification};
use super::descent::{Passage, descend};
use super::user_tower::filled;
use crate::loss::binary::{linear, linear_backward, probabilities, two_class_cross_entropy};
use crate::sample::{Histories, HistoriesConfig, Question, Questions, QuestionsConfig};
use crate::{FinetuneError, Gradients, Manner, Network, Noise, Sequence, Want};
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use semrec_data::Cases;
use semrec_train::{Dropout, Learner, Measured, Parameters, Slope, TrainError, cpu};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// Most people a validation asks about.
const MOST: usize = 1_000;
/// Pairs that go through the network at once where nothing is learned.
const TOGETHER: usize = 512;
/// Characters of a token, at most, in nearly all texts: what is longer than the sequence takes is
/// not even joined.
const CHARACTERS: usize = 8;

/// How one tower is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SingleTower {
    /// How questions are drawn.
    pub questions: QuestionsConfig,
}

/// The words of people and items.
#[derive(Debug)]
struct Speech<'a> {
    items: &'a [String],
    titles: &'a [String],
    users: Option<&'a [String]>,
}

impl Speech<'_> {
    /// What a person says of themselves: their own text, then the titles of what they touched,
    /// newest first, up to so many characters.
    fn person(&self, question: &Question, catalogue: &Catalogue, longest: usize) -> String {
        let own = self
            .users
            .and_then(|users| users.get(question.person as usize));
        let own = own.map(|text| text.trim()).filter(|text| !text.is_empty());
        let newest = question.history.iter().rev();
        let titles = newest.map(|&text| {
            let item = catalogue.distinct.row_of(text);
            self.titles[item as usize].as_str()
        });
        let mut said = String::new();
        for part in own.into_iter().chain(titles) {
            if said.chars().count() >= longest {
                break;
            }
            if !said.is_empty() {
                said.push_str("; ");
            }
            said.push_str(part);
        }
        said
    }
}

/// What one tower learns from.
pub(crate) struct Tower<'a> {
    basis: Basis<'a>,
    catalogue: Catalogue,
    speech: Speech<'a>,
    questions: Questions,
    held_out: Vec<Question>,
    head: Head,
    /// The report of each validation.
    reports: RefCell<Vec<Classification>>,
}

/// Places of the head among the parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) weight: usize,
    pub(crate) bias: usize,
    hidden: usize,
}

impl Head {
    /// Adds a head to the parameters, drawn as BERT draws it: N(0, 0.02²).
    pub(crate) fn add(
        hidden: usize,
        seed: u64,
        parameters: &mut Parameters,
    ) -> Result<Self, FinetuneError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let values = (0..2 * hidden).map(|_| {
            // Twelve uniform numbers are near enough to a normal one.
            let sum: f32 = (0..12).map(|_| rng.random::<f32>()).sum();
            0.02 * (sum - 6.0)
        });
        Ok(Self {
            weight: parameters.add(WEIGHT, &[2, hidden], values.collect(), true)?,
            bias: parameters.add(BIAS, &[2], vec![0.0; 2], false)?,
            hidden,
        })
    }

    /// Logits of states, `[n, 2]`.
    pub(crate) fn logits(&self, parameters: &Parameters, states: &[f32]) -> Vec<f32> {
        let arrays = parameters.arrays();
        linear(
            states,
            &arrays[self.weight].values,
            &arrays[self.bias].values,
        )
    }
}

/// Names of the head's arrays, as `transformers` has them.
pub(crate) const WEIGHT: &str = "classifier.weight";
pub(crate) const BIAS: &str = "classifier.bias";

impl<'a> Tower<'a> {
    /// Reads the texts, and adds the head to the parameters.
    pub(crate) fn new(
        basis: Basis<'a>,
        material: &Material<'a>,
        config: SingleTower,
        parameters: &mut Parameters,
    ) -> Result<Self, FinetuneError> {
        let network = basis.network;
        let longest = basis.settings.max_length;
        let catalogue = Catalogue::read(network, material.items, longest)?;
        let of = HistoriesConfig::default();
        let histories = Histories::new(material.train, &catalogue.distinct, of)?;
        let questions = Questions::new(
            material.train,
            &catalogue.distinct,
            histories,
            config.questions,
        )?;
        let mut tower = Self {
            head: Head::add(network.hidden(), basis.seed, parameters)?,
            basis,
            catalogue,
            speech: Speech {
                items: material.items,
                titles: material.titles,
                users: material.users,
            },
            questions,
            held_out: Vec::new(),
            reports: RefCell::default(),
        };
        tower.held_out = tower.asked(material.validation)?;
        Ok(tower)
    }

    /// Questions about what was held out.
    fn asked(&self, cases: &Cases) -> Result<Vec<Question>, FinetuneError> {
        let distinct = &self.catalogue.distinct;
        let held_out = self
            .questions
            .held_out(cases, distinct, (self.basis.seed, MOST));
        if held_out.is_empty() {
            return Err(FinetuneError::Data {
                problem: "nothing is held out to tell when to end: people with a history and a \
                          later event, both of items with texts, are needed; take another split"
                    .to_owned(),
            });
        }
        Ok(held_out)
    }

    /// Questions as sequences.
    fn sequences(&self, questions: &[Question]) -> Result<Vec<Sequence>, FinetuneError> {
        let longest = self.basis.settings.max_length;
        let pairs = questions.iter().map(|question| {
            let item = self.catalogue.distinct.row_of(question.text);
            let person = CHARACTERS * longest;
            (
                self.speech.person(question, &self.catalogue, person),
                self.speech.items[item as usize].clone(),
            )
        });
        let pairs: Vec<(String, String)> = pairs.collect();
        self.basis.network.tokenise_pairs(&pairs, longest)
    }

    /// The figures of questions by the parameters as they are.
    pub(crate) fn report(
        &self,
        parameters: &Parameters,
        questions: &[Question],
    ) -> Result<Classification, FinetuneError> {
        let mut likely = Vec::with_capacity(questions.len());
        for some in questions.chunks(TOGETHER) {
            let sequences = self.sequences(some)?;
            let states = first_states(self.basis.network, parameters, &sequences);
            likely.extend(probabilities(&self.head.logits(parameters, &states)));
        }
        let labels: Vec<bool> = questions.iter().map(|q| q.label).collect();
        Ok(classification(&likely, &labels))
    }

    /// The figures of cases that had no part in the training.
    pub(crate) fn test(
        &self,
        parameters: &Parameters,
        cases: &Cases,
    ) -> Result<Classification, FinetuneError> {
        self.report(parameters, &self.asked(cases)?)
    }

    /// The report of each validation of this run.
    pub(crate) fn reports(&self) -> Vec<Classification> {
        self.reports.borrow().clone()
    }

    /// Loss and gradients of a part that is `weight` of its step.
    fn part(
        &self,
        parameters: &Parameters,
        questions: &[Question],
        (weight, number): (f32, u64),
        gradients: &mut Gradients,
    ) -> Result<f32, FinetuneError> {
        let sequences = self.sequences(questions)?;
        let labels = questions.iter().map(|q| f32::from(u8::from(q.label)));
        let labels: Vec<f32> = labels.collect();
        let settings = self.basis.settings;
        let mut dropout = Dropout::new(self.basis.seed, number, settings.dropout, &cpu());
        let mask = dropout.mask(sequences.len() * self.head.hidden);
        let places = first_places(sequences.len());
        let passage = Passage {
            network: self.basis.network,
            parameters,
            sequences: &sequences,
            want: Want::States(&places),
            noise: self.basis.noise(number),
            fgm: settings.fgm,
        };
        let head = self.head;
        Ok(descend(&passage, gradients, |states, gradients| {
            let kept = states.iter().zip(&mask).map(|(x, m)| x * m);
            let kept: Vec<f32> = kept.collect();
            let found = two_class_cross_entropy(&head.logits(parameters, &kept), &labels);
            let by_logits: Vec<f32> = found.logits.iter().map(|g| g * weight).collect();
            let matrix = &parameters.arrays()[head.weight].values;
            let slopes = linear_backward(&kept, matrix, &by_logits, 2);
            for (place, own) in [(head.weight, &slopes.weight), (head.bias, &slopes.bias)] {
                let into = filled(&mut gradients.arrays[place], own.len());
                into.iter_mut().zip(own).for_each(|(g, x)| *g += x);
            }
            let by_states = slopes.input.iter().zip(&mask).map(|(g, m)| g * m);
            (found.loss, by_states.collect())
        }))
    }
}

/// Where the first token of each sequence is.
fn first_places(n: usize) -> Vec<Vec<u32>> {
    vec![vec![0]; n]
}

/// The state of the first token of each sequence, `[n, hidden]`.
pub(crate) fn first_states(
    network: &Network,
    parameters: &Parameters,
    sequences: &[Sequence],
) -> Vec<f32> {
    let places = first_places(sequences.len());
    let manner = Manner {
        want: Want::States(&places),
        noise: Noise::default(),
        perturbation: None,
    };
    network.values(parameters, sequences, manner)
}

impl Learner for Tower<'_> {
    /// Parts of a step.
    type Batch = Vec<Vec<Question>>;

    fn batches(&self, epoch: u64) -> Vec<Self::Batch> {
        let questions = self.questions.of_epoch(self.basis.seed, epoch);
        let sizes = self.basis.parts(questions.len());
        let mut questions = questions.into_iter();
        let mut part = |&size: &usize| questions.by_ref().take(size).collect();
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
        let sized: Vec<_> = batch.iter().map(|part| (part.len(), part)).collect();
        self.basis
            .slope(parameters, &sized, step, |part, at, gradients| {
                self.part(parameters, part, at, gradients)
                    .map_err(FinetuneError::in_training)
            })
    }

    fn measure(&self) -> &'static str {
        "auc"
    }

    fn validate(&self, parameters: &Parameters) -> Result<Measured, TrainError> {
        let report = self
            .report(parameters, &self.held_out)
            .map_err(FinetuneError::in_training)?;
        let of_ones = report.classes[1];
        let also = [
            ("precision", of_ones.precision),
            ("recall", of_ones.recall),
            ("f1", of_ones.f1),
            ("log-loss", report.log_loss),
            ("ece", report.ece),
        ];
        let also = also.map(|(name, value)| (format!("validation/{name}"), value));
        let value = report.auc;
        self.reports.borrow_mut().push(report);
        Ok(Measured {
            value,
            also: also.to_vec(),
        })
    }
}
