//! Distillation (Reimers and Gurevych 2020): an encoder learns to give the vectors of another, its
//! teacher, on the catalogue's texts; usually one of which layers were taken out
//! ([`crate::loss::distil`]).

use super::Basis;
use super::catalogue::Material;
use super::descent::{Passage, descend};
use super::texts::{Part, Texts};
use crate::loss::distil::cosine_distance;
use crate::{FinetuneError, Gradients, Manner, Sequence, Want};
use semrec_train::{Learner, Measured, Parameters, Slope, TrainError};

/// What distillation is learned from.
pub(crate) struct Distilled<'a> {
    texts: Texts<'a>,
    /// The teacher's vector of each distinct text, `[texts, dim]`.
    teacher: Vec<f32>,
}

impl<'a> Distilled<'a> {
    /// Reads the texts.
    pub(crate) fn new(
        basis: Basis<'a>,
        material: &Material<'_>,
        parameters: &mut Parameters,
    ) -> Result<Self, FinetuneError> {
        let dim = basis.network.dim();
        let fail = |problem: String| FinetuneError::Setting {
            name: "teacher",
            problem,
        };
        let Some((vectors, width)) = material.teacher else {
            return Err(fail(
                "is missing; name the encoder to learn from".to_owned(),
            ));
        };
        if width != dim {
            return Err(fail(format!(
                "has vectors of {width} values; expected the {dim} of the encoder that learns"
            )));
        }
        let texts = Texts::new(basis, material, parameters)?;
        let distinct = &texts.catalogue.distinct;
        let count = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
        let rows = (0..count).map(|text| distinct.row_of(text) as usize);
        let teacher = rows.flat_map(|row| &vectors[row * dim..][..dim]).copied();
        Ok(Self {
            teacher: teacher.collect(),
            texts,
        })
    }

    fn sequences(&self, texts: &[u32]) -> Vec<Sequence> {
        let own = texts.iter().map(|&text| self.texts.sequence(text).clone());
        own.collect()
    }

    /// The teacher's vectors of some texts.
    fn taught(&self, texts: &[u32]) -> Vec<f32> {
        let dim = self.texts.basis.network.dim();
        let rows = texts.iter();
        let rows = rows.flat_map(|&text| &self.teacher[text as usize * dim..][..dim]);
        rows.copied().collect()
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
        let taught = self.taught(part);
        let passage = Passage {
            network: basis.network,
            parameters,
            sequences: &self.sequences(part),
            want: Want::Vectors,
            noise: basis.noise(number),
            fgm: basis.settings.fgm,
        };
        descend(&passage, gradients, |vectors, _| {
            let mut found = cosine_distance(vectors, &taught, basis.network.dim());
            found.student.iter_mut().for_each(|x| *x *= weight);
            (found.loss, found.student)
        })
    }
}

impl Learner for Distilled<'_> {
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
            let network = self.texts.basis.network;
            let vectors = network.values(parameters, &self.sequences(texts), Manner::PLAIN);
            cosine_distance(&vectors, &self.taught(texts), network.dim()).loss
        })
    }
}
