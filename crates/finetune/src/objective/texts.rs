//! What is learned from without labels: the catalogue's distinct texts, in batches; and what tells
//! training when to end.
//!
//! Where people's events are held out, that is ndcg@10 of their next item by what the texts of their
//! history say, recent ones weighing more. Where none are, every twentieth text, 500 at most, is
//! held out, and the loss on these tells.

use super::Basis;
use super::catalogue::{Catalogue, Material};
use super::judge::{Asked, Judge};
use super::user_tower::{Pooling, UserTower};
use crate::{FinetuneError, Sequence};
use rand::seq::SliceRandom as _;
use semrec_train::{Measured, Parameters, TrainError, draws};
use std::collections::BTreeSet;

/// One text in so many is held out.
const HELD_OUT: usize = 20;
/// Most texts held out.
const MOST_HELD_OUT: usize = 500;

/// What special tokens are called, by BERT's tokenizers and by XLM-RoBERTa's.
const SPECIAL: [&str; 10] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<pad>", "<unk>", "<s>", "</s>", "<mask>",
];

/// Some texts of a step.
pub(crate) type Part = Vec<u32>;

/// The texts.
pub(crate) struct Texts<'a> {
    pub(crate) basis: Basis<'a>,
    pub(crate) catalogue: Catalogue,
    learned: Vec<u32>,
    held_out: Vec<u32>,
    judge: Option<(Judge, Pooling)>,
}

impl<'a> Texts<'a> {
    /// Reads the texts.
    pub(crate) fn new(
        basis: Basis<'a>,
        material: &Material<'_>,
        parameters: &mut Parameters,
    ) -> Result<Self, FinetuneError> {
        let network = basis.network;
        let catalogue = Catalogue::read(network, material.items, basis.settings.max_length)?;
        let pooling = Pooling::new(UserTower::default(), network.dim(), 1, parameters)?;
        // The one error is that nothing is held out.
        let judge = Judge::new(material.validation, &catalogue).ok();
        let items = (0u32..)
            .zip(material.hidden)
            .filter(|(_, hidden)| !**hidden);
        let open: BTreeSet<u32> = items
            .filter_map(|(item, _)| catalogue.distinct.of_row(item))
            .collect();
        let (mut learned, mut held_out) = (Vec::new(), Vec::new());
        for text in open {
            let last = text as usize % HELD_OUT == HELD_OUT - 1;
            if judge.is_none() && last && held_out.len() < MOST_HELD_OUT {
                held_out.push(text);
            } else {
                learned.push(text);
            }
        }
        Ok(Self {
            basis,
            catalogue,
            learned,
            held_out,
            judge: judge.map(|judge| (judge, pooling)),
        })
    }

    /// A text as the encoder reads it.
    pub(crate) fn sequence(&self, text: u32) -> &Sequence {
        &self.catalogue.sequences[text as usize]
    }

    /// The special tokens, ascending.
    pub(crate) fn special(&self) -> Vec<u32> {
        let parts = self.basis.network.parts();
        let known = SPECIAL.iter().filter_map(|name| parts.token(name));
        let mut special: Vec<u32> = known.collect();
        special.sort_unstable();
        special.dedup();
        special
    }

    /// How often each token is in the texts, `[vocabulary]`.
    pub(crate) fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.basis.network.vocabulary()];
        for &token in self.catalogue.sequences.iter().flat_map(|s| &s.tokens) {
            counts[token as usize] += 1;
        }
        counts
    }

    /// The texts learned from in an order of the epoch's own: steps of parts of texts.
    pub(crate) fn batches(&self, epoch: u64) -> Vec<Vec<Part>> {
        let mut order = self.learned.clone();
        order.shuffle(&mut draws(self.basis.seed, 1, epoch));
        let mut order = order.into_iter();
        let steps = self.basis.parts(self.learned.len()).into_iter();
        let mut cut = |size: usize| order.by_ref().take(size).collect();
        let mut batches = Vec::with_capacity(steps.len());
        for sizes in steps {
            batches.push(sizes.into_iter().map(&mut cut).collect());
        }
        batches
    }

    /// What [`Texts::validate`] measures.
    pub(crate) fn measure(&self) -> &'static str {
        match self.judge {
            Some(_) => "ndcg@10",
            None => "loss below 0",
        }
    }

    /// ndcg@10 of the events held out, or, without any, the loss of the texts held out, below 0.
    pub(crate) fn validate(
        &self,
        parameters: &Parameters,
        loss: impl FnOnce(&[u32]) -> f32,
    ) -> Result<Measured, TrainError> {
        let Some((judge, pooling)) = &self.judge else {
            return Ok(Measured::from(-f64::from(loss(&self.held_out))));
        };
        let people = |asked: &[Asked<'_>], texts: &[f32]| {
            let contexts: Vec<&[u32]> = asked.iter().map(|a| a.history).collect();
            pooling.forward(parameters, texts, &contexts).users
        };
        judge.measure(self.basis.network, parameters, &self.catalogue, people)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::distilled::Distilled;
    use super::super::mlm::{MaskedWords, Mlm};
    use super::super::simcse::{SimCse, Twins};
    use super::super::tsdae::{Denoised, Telling, Tsdae};
    use super::*;
    use crate::objective::Settings;
    use crate::{Method, Network};
    use semrec_data::{Cases, Clock, Interactions};
    use semrec_train::Learner;
    use std::path::Path;

    /// What is tried with a learner and the parameters it has made.
    pub(crate) trait Trial {
        fn of<L: Learner>(&self, learner: &L, parameters: Parameters, name: &str);
    }

    const LETTERS: [char; 20] = [
        'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r',
        's', 't',
    ];

    /// A small random BERT, and forty texts of eight words.
    fn each(trial: &impl Trial, dropout: f32) {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../text/tests/golden");
        let open = || {
            let dir = golden.join("architectures/bert");
            Network::open(&dir, &Method::Full, 1).unwrap()
        };
        let text = |k: usize| {
            let words = (0..8).map(|w| format!("{}{}", LETTERS[k % LETTERS.len()], k * w % 7));
            words.collect::<Vec<_>>().join(" ")
        };
        let items: Vec<String> = (0..40).map(text).collect();
        let taught: Vec<f32> = (0..40 * 48).map(|k| (k as f32 * 0.37).sin()).collect();
        let events = Interactions::from_rows(&[], 0, items.len(), Clock::Seconds);
        let none = (&events, &Cases::default());
        let material = Material {
            teacher: Some((&taught, 48)),
            ..Material::of_texts(&items, none, &[false; 40])
        };
        let settings = Settings {
            dropout,
            batch: 4,
            accumulate: 2,
            ..Settings::default()
        };
        let (network, mut parameters) = open();
        let basis = Basis {
            network: &network,
            settings: &settings,
            seed: 3,
            ranks: None,
        };
        let mlm = MaskedWords::new(basis, &material, Mlm::default(), &mut parameters).unwrap();
        trial.of(&mlm, parameters, "mlm");
        for decoder in [Telling::Transformer, Telling::Words] {
            let (_, mut parameters) = open();
            let config = Tsdae {
                decoder,
                ..Tsdae::default()
            };
            let tsdae = Denoised::new(basis, &material, config, &mut parameters).unwrap();
            trial.of(&tsdae, parameters, &format!("tsdae, {decoder:?}"));
        }
        let (_, mut parameters) = open();
        let distilled = Distilled::new(basis, &material, &mut parameters).unwrap();
        trial.of(&distilled, parameters, "distil");
        let (_, mut parameters) = open();
        let twins = Twins::new(basis, &material, SimCse::default(), &mut parameters);
        if dropout > 0.0 {
            trial.of(&twins.unwrap(), parameters, "simcse");
        } else {
            let refused = twins.err().unwrap().to_string();
            assert!(refused.starts_with("dropout is 0"), "{refused}");
        }
    }

    /// The loss changes along the gradient as the gradient says: by its squared length.
    pub(crate) struct Derivative;

    impl Trial for Derivative {
        fn of<L: Learner>(&self, learner: &L, parameters: Parameters, name: &str) {
            let batch = &learner.batches(1)[0];
            let found = learner.slope(&parameters, batch, 1).unwrap();
            assert_eq!(learner.slope(&parameters, batch, 1).unwrap(), found);
            let squares = found.gradients.iter().flatten();
            let length = squares
                .map(|&g| f64::from(g) * f64::from(g))
                .sum::<f64>()
                .sqrt();
            #[expect(clippy::cast_possible_truncation, reason = "a small step")]
            let step = (2e-3 / length) as f32;
            let loss_at = |step: f32| {
                let mut values = parameters.snapshot();
                for (values, gradient) in values.iter_mut().zip(&found.gradients) {
                    let both = values.iter_mut().zip(gradient);
                    both.for_each(|(x, g)| *x += step * g);
                }
                let mut moved = parameters.clone();
                moved.restore(values);
                f64::from(learner.slope(&moved, batch, 1).unwrap().loss)
            };
            let measured = (loss_at(step) - loss_at(-step)) / 4e-3;
            assert!(
                (measured - length).abs() < 0.02 * length,
                "{name}: {measured}, the gradient says {length}"
            );
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        each(&Derivative, 0.0);
        each(&Derivative, 0.1);
    }

    /// The last epochs have less loss than the first ones.
    struct Learning;

    impl Trial for Learning {
        fn of<L: Learner>(&self, learner: &L, mut parameters: Parameters, name: &str) {
            let rule = Settings::default().optimiser;
            let (mut step, mut losses) = (0, Vec::new());
            for epoch in 1..=8 {
                let mut sum = 0.0;
                for batch in learner.batches(epoch) {
                    step += 1;
                    let found = learner.slope(&parameters, &batch, step).unwrap();
                    let moved = rule.step(&mut parameters, &found.gradients, 1e-3, step);
                    sum += found.loss * found.events as f32;
                    moved.unwrap();
                }
                losses.push(sum);
            }
            let (first, last) = (losses[0] + losses[1], losses[6] + losses[7]);
            assert!(last < first, "{name}: {losses:?}");
            // Without events the loss of the texts held out is what counts.
            assert_eq!(learner.measure(), "loss below 0");
            assert!(learner.validate(&parameters).unwrap().value < 0.0);
        }
    }

    #[test]
    fn epochs_make_the_loss_smaller() {
        each(&Learning, 0.1);
    }
}
