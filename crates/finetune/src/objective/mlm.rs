//! Masked words (Devlin et al. 2019): the encoder names tokens of the catalogue's texts that it
//! cannot see ([`crate::loss::corrupt`], [`crate::loss::vocabulary`]). Each epoch masks anew.

use super::Basis;
use super::catalogue::Material;
use super::descent::{Passage, descend};
use super::texts::{Part, Texts};
use super::word_head::WordHead;
use crate::loss::corrupt::{Alphabet, Draw, Masked, mask};
use crate::{FinetuneError, Gradients, Manner, Sequence, Want};
use semrec_train::{Learner, Measured, Parameters, Slope, TrainError};
use serde::{Deserialize, Serialize};

/// How masked words are learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mlm {
    /// Share of a text's tokens that are to be named.
    pub share: f32,
}

impl Default for Mlm {
    fn default() -> Self {
        Self { share: 0.15 }
    }
}

/// What masked words are learned from.
pub(crate) struct MaskedWords<'a> {
    texts: Texts<'a>,
    config: Mlm,
    head: WordHead,
    special: Vec<u32>,
    mask: u32,
}

impl<'a> MaskedWords<'a> {
    /// Reads the texts, and adds a head to the parameters.
    pub(crate) fn new(
        basis: Basis<'a>,
        material: &Material<'_>,
        config: Mlm,
        parameters: &mut Parameters,
    ) -> Result<Self, FinetuneError> {
        if !(config.share > 0.0 && config.share < 1.0) {
            return Err(FinetuneError::Setting {
                name: "share of masked words",
                problem: format!("is {}; expected above 0 and below 1", config.share),
            });
        }
        let network = basis.network;
        let Some(mask) = network.parts().mask_token() else {
            return Err(FinetuneError::Data {
                problem: "the encoder's tokenizer has no token for a masked word; learn without \
                          labels by simcse or tsdae"
                    .to_owned(),
            });
        };
        let texts = Texts::new(basis, material, parameters)?;
        let hidden = network.hidden();
        let head = WordHead::add(parameters, (network, hidden), &texts.counts(), basis.seed)?;
        Ok(Self {
            special: texts.special(),
            texts,
            config,
            head,
            mask,
        })
    }

    fn masked(&self, texts: &[u32], epoch: u64) -> Vec<Masked> {
        let alphabet = Alphabet {
            special: &self.special,
            mask: self.mask,
            size: u32::try_from(self.texts.basis.network.vocabulary()).unwrap_or(u32::MAX),
        };
        let draw = Draw {
            seed: self.texts.basis.seed,
            epoch,
        };
        let mask = |&text: &u32| {
            mask(
                self.texts.sequence(text),
                self.config.share,
                &alphabet,
                draw,
            )
        };
        texts.iter().map(mask).collect()
    }

    /// Loss and gradients of a part that has `weight` of its step's guesses.
    fn part(
        &self,
        parameters: &Parameters,
        part: &Hidden,
        (weight, number): (f32, u64),
        gradients: &mut Gradients,
    ) -> f32 {
        let basis = &self.texts.basis;
        let passage = Passage {
            network: basis.network,
            parameters,
            sequences: &part.sequences,
            want: Want::States(&part.places),
            noise: basis.noise(number),
            fgm: basis.settings.fgm,
        };
        let context = (basis.network, parameters);
        descend(&passage, gradients, |states, gradients| {
            let targets = (part.targets.as_slice(), &[][..]);
            self.head
                .guess(context, states, targets, Some((weight, gradients)))
        })
    }
}

/// Masked texts as a pass takes them.
struct Hidden {
    sequences: Vec<Sequence>,
    places: Vec<Vec<u32>>,
    targets: Vec<u32>,
}

impl From<Vec<Masked>> for Hidden {
    fn from(texts: Vec<Masked>) -> Self {
        let mut out = Self {
            sequences: Vec::with_capacity(texts.len()),
            places: Vec::with_capacity(texts.len()),
            targets: Vec::new(),
        };
        for text in texts {
            out.sequences.push(text.sequence);
            out.places.push(text.places);
            out.targets.extend(text.targets);
        }
        out
    }
}

impl Learner for MaskedWords<'_> {
    /// The epoch, and the texts of each part.
    type Batch = (u64, Vec<Part>);

    fn batches(&self, epoch: u64) -> Vec<Self::Batch> {
        let batches = self.texts.batches(epoch).into_iter();
        batches.map(|parts| (epoch, parts)).collect()
    }

    fn slope(
        &self,
        parameters: &Parameters,
        (epoch, parts): &Self::Batch,
        step: u64,
    ) -> Result<Slope, TrainError> {
        let basis = &self.texts.basis;
        let hidden = |texts: &Part| -> (usize, Hidden) {
            let hidden: Hidden = self.masked(texts, *epoch).into();
            (hidden.targets.len(), hidden)
        };
        let sized: Vec<_> = parts.iter().map(hidden).collect();
        basis.slope(parameters, &sized, step, |part, at, gradients| {
            Ok(self.part(parameters, part, at, gradients))
        })
    }

    fn measure(&self) -> &'static str {
        self.texts.measure()
    }

    fn validate(&self, parameters: &Parameters) -> Result<Measured, TrainError> {
        self.texts.validate(parameters, |texts| {
            let network = self.texts.basis.network;
            let part = Hidden::from(self.masked(texts, 0));
            let manner = Manner {
                want: Want::States(&part.places),
                ..Manner::PLAIN
            };
            let states = network.values(parameters, &part.sequences, manner);
            let targets = (part.targets.as_slice(), &[][..]);
            let context = (network, parameters);
            self.head.guess(context, &states, targets, None).0
        })
    }
}
