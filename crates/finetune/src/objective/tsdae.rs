//! Denoising of the catalogue's texts: the encoder reads a text most of whose tokens have been
//! deleted, and its one vector should tell the words of the whole text ([`crate::loss::corrupt`],
//! [`crate::loss::vocabulary`]).
//!
//! The deletion is that of TSDAE (Wang et al. 2021), 60% of the tokens anew in each epoch. TSDAE
//! writes the text again word by word with a second transformer; here the vector names the text's
//! words as a bag, without their order (Ma et al. 2024, "Drop your decoder"), which costs one
//! product with the words' vectors and leaves nothing but the vector to learn from.

use super::Basis;
use super::catalogue::Material;
use super::descent::{Passage, descend};
use super::texts::{Part, Texts};
use super::word_head::WordHead;
use crate::loss::corrupt::{Draw, delete};
use crate::{FinetuneError, Gradients, Manner, Sequence, Want};
use semrec_train::{Learner, Measured, Parameters, Slope, TrainError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How denoising is learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tsdae {
    /// Share of a text's tokens that is deleted.
    pub share: f32,
}

impl Default for Tsdae {
    fn default() -> Self {
        Self { share: 0.6 }
    }
}

/// What denoising is learned from.
pub(crate) struct Denoised<'a> {
    texts: Texts<'a>,
    config: Tsdae,
    head: WordHead,
    special: Vec<u32>,
}

impl<'a> Denoised<'a> {
    /// Reads the texts, and adds a head to the parameters.
    pub(crate) fn new(
        basis: Basis<'a>,
        material: &Material<'_>,
        config: Tsdae,
        parameters: &mut Parameters,
    ) -> Result<Self, FinetuneError> {
        if !(config.share >= 0.0 && config.share < 1.0) {
            return Err(FinetuneError::Setting {
                name: "share of deleted tokens",
                problem: format!("is {}; expected 0 to below 1", config.share),
            });
        }
        let network = basis.network;
        let texts = Texts::new(basis, material, parameters)?;
        let (dim, counts) = (network.dim(), texts.counts());
        Ok(Self {
            special: texts.special(),
            head: WordHead::add(parameters, (network, dim), &counts, basis.seed)?,
            texts,
            config,
        })
    }

    /// Texts with tokens deleted.
    fn spoilt(&self, texts: &[u32], epoch: u64) -> Vec<Sequence> {
        let draw = Draw {
            seed: self.texts.basis.seed,
            epoch,
        };
        let spoil = |&text: &u32| {
            let whole = self.texts.sequence(text);
            delete(whole, self.config.share, &self.special, draw)
        };
        texts.iter().map(spoil).collect()
    }

    /// The distinct words of texts, end to end, and how many each has.
    fn words(&self, texts: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let (mut words, mut counts) = (Vec::new(), Vec::with_capacity(texts.len()));
        for &text in texts {
            let tokens = self.texts.sequence(text).tokens.iter().copied();
            let plain = tokens.filter(|t| self.special.binary_search(t).is_err());
            let distinct: BTreeSet<u32> = plain.collect();
            counts.push(u32::try_from(distinct.len()).unwrap_or(u32::MAX));
            words.extend(distinct);
        }
        (words, counts)
    }

    /// Loss and gradients of a part that is `weight` of its step.
    fn part(
        &self,
        parameters: &Parameters,
        (texts, epoch): (&[u32], u64),
        (weight, number): (f32, u64),
        gradients: &mut Gradients,
    ) -> f32 {
        let basis = &self.texts.basis;
        let passage = Passage {
            network: basis.network,
            parameters,
            sequences: &self.spoilt(texts, epoch),
            want: Want::Vectors,
            noise: basis.noise(number),
            fgm: basis.settings.fgm,
        };
        let context = (basis.network, parameters);
        let (words, counts) = self.words(texts);
        descend(&passage, gradients, |vectors, gradients| {
            let targets = (words.as_slice(), counts.as_slice());
            self.head
                .guess(context, vectors, targets, Some((weight, gradients)))
        })
    }
}

impl Learner for Denoised<'_> {
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
        let sized: Vec<_> = parts.iter().map(|texts| (texts.len(), texts)).collect();
        basis.slope(parameters, &sized, step, |texts, at, gradients| {
            Ok(self.part(parameters, (texts, *epoch), at, gradients))
        })
    }

    fn measure(&self) -> &'static str {
        self.texts.measure()
    }

    fn validate(&self, parameters: &Parameters) -> Result<Measured, TrainError> {
        self.texts.validate(parameters, |texts| {
            let network = self.texts.basis.network;
            let vectors = network.values(parameters, &self.spoilt(texts, 0), Manner::PLAIN);
            let (words, counts) = self.words(texts);
            let context = (network, parameters);
            self.head
                .guess(context, &vectors, (&words, &counts), None)
                .0
        })
    }
}
