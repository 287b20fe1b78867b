//! SimCSE without labels (Gao et al. 2021): a text read twice, with other parts dropped each time,
//! should be nearer to itself than to the other texts of the batch ([`crate::loss::info_nce`]).

use super::Basis;
use super::catalogue::Material;
use super::descent::{Passage, descend};
use super::texts::{Part, Texts};
use crate::loss::info_nce::{Contest, InfoNce, info_nce};
use crate::{FinetuneError, Gradients, Manner, Noise, Sequence, Want};
use semrec_train::{Learner, Measured, Parameters, Slope, TrainError};
use serde::{Deserialize, Serialize};

/// The step whose noise the texts held out are read with; no training gets there.
const VALIDATION: u64 = 1 << 62;

/// How SimCSE is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimCse {
    /// `τ`.
    pub temperature: f32,
}

impl Default for SimCse {
    fn default() -> Self {
        Self { temperature: 0.05 }
    }
}

/// What SimCSE learns from.
pub(crate) struct Twins<'a> {
    texts: Texts<'a>,
    config: SimCse,
}

impl<'a> Twins<'a> {
    /// Reads the texts.
    pub(crate) fn new(
        basis: Basis<'a>,
        material: &Material<'_>,
        config: SimCse,
        parameters: &mut Parameters,
    ) -> Result<Self, FinetuneError> {
        if !(config.temperature > 0.0 && config.temperature.is_finite()) {
            return Err(FinetuneError::Setting {
                name: "temperature",
                problem: format!("is {}; expected a number above 0", config.temperature),
            });
        }
        let noise = basis.noise(1);
        if noise.hidden <= 0.0 && noise.attention <= 0.0 {
            return Err(FinetuneError::Setting {
                name: "dropout",
                problem: "is 0; simcse tells two readings of a text apart by what is dropped, \
                          expected about 0.1"
                    .to_owned(),
            });
        }
        Ok(Self {
            texts: Texts::new(basis, material, parameters)?,
            config,
        })
    }

    /// Each text, and behind them each once more: masks of dropout go by the place in a pass.
    fn doubled(&self, texts: &[u32]) -> Vec<Sequence> {
        let both = texts.iter().chain(texts);
        both.map(|&text| self.texts.sequence(text).clone())
            .collect()
    }

    /// The loss of the vectors of doubled texts.
    fn loss(&self, vectors: &[f32]) -> InfoNce {
        let dim = self.texts.basis.network.dim();
        let n = vectors.len() / (2 * dim);
        let targets: Vec<u32> = (0..u32::try_from(n).unwrap_or(u32::MAX)).collect();
        let halves = vectors.split_at(n * dim);
        info_nce(&Contest::plain(
            halves,
            dim,
            &targets,
            self.config.temperature,
        ))
    }

    /// Loss and gradients of a part that is `weight` of its step.
    fn part(
        &self,
        parameters: &Parameters,
        part: &[u32],
        (weight, number): (f32, u64),
        gradients: &mut Gradients,
    ) -> f32 {
        let basis = &self.texts.basis;
        let passage = Passage {
            network: basis.network,
            parameters,
            sequences: &self.doubled(part),
            want: Want::Vectors,
            noise: basis.noise(number),
            fgm: basis.settings.fgm,
        };
        descend(&passage, gradients, |vectors, _| {
            let found = self.loss(vectors);
            let mut slopes = found.users;
            slopes.extend(found.candidates);
            slopes.iter_mut().for_each(|x| *x *= weight);
            (found.loss, slopes)
        })
    }
}

impl Learner for Twins<'_> {
    type Batch = Vec<Part>;

    fn batches(&self, epoch: u64) -> Vec<Vec<Part>> {
        self.texts.batches(epoch)
    }

    fn slope(
        &self,
        parameters: &Parameters,
        parts: &Vec<Part>,
        step: u64,
    ) -> Result<Slope, TrainError> {
        let basis = &self.texts.basis;
        let sized: Vec<_> = parts.iter().map(|part| (part.len(), part)).collect();
        basis.slope(parameters, &sized, step, |part, at, gradients| {
            Ok(self.part(parameters, part, at, gradients))
        })
    }

    fn measure(&self) -> &'static str {
        self.texts.measure()
    }

    fn validate(&self, parameters: &Parameters) -> Result<Measured, TrainError> {
        self.texts.validate(parameters, |texts| {
            let basis = &self.texts.basis;
            let manner = Manner {
                noise: Noise {
                    step: VALIDATION,
                    ..basis.noise(1)
                },
                ..Manner::PLAIN
            };
            let sequences = self.doubled(texts);
            self.loss(&basis.network.values(parameters, &sequences, manner))
                .loss
        })
    }
}
