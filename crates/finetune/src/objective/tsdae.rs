//! TSDAE (Wang et al. 2021), denoising of the catalogue's texts: the encoder reads a text of whose
//! tokens 60% have been deleted, anew in each epoch ([`crate::loss::corrupt`]), and its one vector
//! tells the whole text.
//!
//! As published, a decoder writes the text from the vector, word by word ([`Decoder`]: the encoder's
//! layers once more, reading one way); the loss is the cross-entropy of each next token, that which
//! ends the text with them ([`crate::loss::vocabulary`]). Or the vector names the text's words as a
//! bag, without their order (Ma et al. 2024, "Drop your decoder"), which costs one product with the
//! words' vectors and leaves nothing but the vector to learn from.

use super::Basis;
use super::catalogue::Material;
use super::descent::{Passage, descend};
use super::texts::{Part, Texts};
use super::word_head::WordHead;
use crate::loss::corrupt::{Draw, delete};
use crate::network::{Decoder, Dictation};
use crate::{FinetuneError, Gradients, Manner, Noise, Sequence, Want};
use semrec_train::{Learner, Measured, Parameters, Slope, TrainError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What tells the whole text from the vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Telling {
    /// A decoder of the encoder's own layers, word by word.
    Transformer,
    /// One linear layer, as a bag of words.
    Words,
}

/// How denoising is learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tsdae {
    /// Share of a text's tokens that is deleted.
    pub share: f32,
    /// What tells the whole text.
    pub decoder: Telling,
}

impl Default for Tsdae {
    fn default() -> Self {
        Self {
            share: 0.6,
            decoder: Telling::Transformer,
        }
    }
}

/// What denoising is learned from.
pub(crate) struct Denoised<'a> {
    texts: Texts<'a>,
    config: Tsdae,
    /// Without one, vectors name words as bags.
    decoder: Option<Decoder>,
    head: WordHead,
    special: Vec<u32>,
}

/// Texts as the encoder reads them, and what should be told.
struct Spoilt {
    sequences: Vec<Sequence>,
    /// What a decoder reads: each whole text but for its last token.
    before: Vec<Sequence>,
    /// The token behind each of these; or the distinct words of each text, end to end.
    targets: Vec<u32>,
    /// How many of them each text has, of bags.
    counts: Vec<u32>,
}

impl Spoilt {
    /// The whole texts are to be written word by word.
    fn in_order<'t>(
        sequences: Vec<Sequence>,
        whole: impl Iterator<Item = &'t Sequence> + Clone,
    ) -> Self {
        let before = |text: &Sequence| {
            let most = text.len().saturating_sub(1);
            Sequence {
                tokens: text.tokens[..most].to_vec(),
                types: text.types[..most.min(text.types.len())].to_vec(),
            }
        };
        let next = |text: &'t Sequence| text.tokens.iter().skip(1).copied();
        Self {
            sequences,
            before: whole.clone().map(before).collect(),
            targets: whole.flat_map(next).collect(),
            counts: Vec::new(),
        }
    }

    /// Their words, but for the special ones, are to be named.
    fn bags<'t>(
        sequences: Vec<Sequence>,
        whole: impl Iterator<Item = &'t Sequence>,
        special: &[u32],
    ) -> Self {
        let (mut targets, mut counts) = (Vec::new(), Vec::with_capacity(sequences.len()));
        for text in whole {
            let tokens = text.tokens.iter().copied();
            let plain = tokens.filter(|t| special.binary_search(t).is_err());
            let distinct: BTreeSet<u32> = plain.collect();
            counts.push(u32::try_from(distinct.len()).unwrap_or(u32::MAX));
            targets.extend(distinct);
        }
        Self {
            sequences,
            before: Vec::new(),
            targets,
            counts,
        }
    }

    /// How many the loss is the mean of.
    fn len(&self) -> usize {
        if self.counts.is_empty() {
            self.targets.len()
        } else {
            self.counts.len()
        }
    }
}

impl<'a> Denoised<'a> {
    /// Reads the texts, and adds what tells them to the parameters.
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
        let (decoder, inputs) = match config.decoder {
            Telling::Transformer => {
                let decoder = Decoder::add(parameters, network, basis.seed)?;
                (Some(decoder), network.hidden())
            }
            Telling::Words => (None, network.dim()),
        };
        Ok(Self {
            special: texts.special(),
            decoder,
            head: WordHead::add(parameters, (network, inputs), &texts.counts(), basis.seed)?,
            texts,
            config,
        })
    }

    /// Texts with tokens deleted, and what should be told of them.
    fn spoilt(&self, texts: &[u32], epoch: u64) -> Spoilt {
        let draw = Draw {
            seed: self.texts.basis.seed,
            epoch,
        };
        let whole = texts.iter().map(|&text| self.texts.sequence(text));
        let spoil = |text| delete(text, self.config.share, &self.special, draw);
        let sequences = whole.clone().map(spoil).collect();
        match self.decoder {
            Some(_) => Spoilt::in_order(sequences, whole),
            None => Spoilt::bags(sequences, whole, &self.special),
        }
    }

    /// The loss of what vectors tell, and its slopes by them; where training, these and the gradients
    /// of what tells are multiplied by a weight, and the latter are added.
    fn tell(
        &self,
        parameters: &Parameters,
        (part, vectors): (&Spoilt, &[f32]),
        noise: Noise,
        training: Option<(f32, &mut Gradients)>,
    ) -> (f32, Vec<f32>) {
        let network = self.texts.basis.network;
        let context = (network, parameters);
        let targets = (part.targets.as_slice(), part.counts.as_slice());
        let Some(decoder) = &self.decoder else {
            return self.head.guess(context, vectors, targets, training);
        };
        let on = Dictation {
            network,
            parameters,
            vectors,
            sequences: &part.before,
            noise,
        };
        let written = decoder.write(on, training.is_some());
        match training {
            None => self.head.guess(context, &written.states, targets, None),
            Some((weight, gradients)) => {
                let into = Some((weight, &mut *gradients));
                let (loss, slopes) = self.head.guess(context, &written.states, targets, into);
                (loss, decoder.backward(on, written, &slopes, gradients))
            }
        }
    }

    /// Loss and gradients of a part that is `weight` of its step.
    fn part(
        &self,
        parameters: &Parameters,
        part: &Spoilt,
        (weight, number): (f32, u64),
        gradients: &mut Gradients,
    ) -> f32 {
        let basis = &self.texts.basis;
        let noise = basis.noise(number);
        let passage = Passage {
            network: basis.network,
            parameters,
            sequences: &part.sequences,
            want: Want::Vectors,
            noise,
            fgm: basis.settings.fgm,
        };
        descend(&passage, gradients, |vectors, gradients| {
            let told = (part, vectors);
            self.tell(parameters, told, noise, Some((weight, gradients)))
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
        let spoilt = |texts: &Part| -> (usize, Spoilt) {
            let part = self.spoilt(texts, *epoch);
            (part.len(), part)
        };
        let sized: Vec<_> = parts.iter().map(spoilt).collect();
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
            let part = self.spoilt(texts, 0);
            let vectors = network.values(parameters, &part.sequences, Manner::PLAIN);
            let told = (&part, vectors.as_slice());
            self.tell(parameters, told, Noise::default(), None).0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::tests::{TEXTS, compare, golden, model, wave};
    use crate::objective::Settings;
    use crate::objective::texts::tests::{Derivative, Trial};
    use crate::{Method, Network};
    use semrec_data::{Cases, Clock, Interactions};
    use semrec_text::Role;

    /// What the golden file's texts are spoilt to.
    const SPOILT: [&str; 5] = [
        "river light",
        "a text word lamps",
        "text",
        "light the of stone",
        "why",
    ];

    /// What the encoder does not have as the golden file sets it: waves, around 1 for gains.
    fn set(parameters: &mut Parameters) {
        let mut values = parameters.snapshot();
        for (array, values) in parameters.arrays().iter().zip(&mut values) {
            if array.name.starts_with("decoder.") || array.name.starts_with("cls.") {
                let gain = array.name.ends_with("LayerNorm.weight");
                wave(values, &array.name, f64::from(u8::from(gain)));
            }
        }
        parameters.restore(values);
    }

    /// Calls `then` with what denoises the texts of the golden file, without dropout.
    fn denoised(method: &Method, then: impl Fn(&Denoised<'_>, Parameters)) {
        let (network, mut parameters) = Network::open(&model("tiny"), method, 1).unwrap();
        let items = TEXTS.map(str::to_owned);
        let events = Interactions::from_rows(&[], 0, items.len(), Clock::Seconds);
        let none = (&events, &Cases::default());
        let material = Material::of_texts(&items, none, &[false; 5]);
        let settings = Settings {
            dropout: 0.0,
            ..Settings::default()
        };
        let basis = Basis {
            network: &network,
            settings: &settings,
            seed: 1,
            ranks: None,
        };
        let tsdae = Tsdae::default();
        let denoised = Denoised::new(basis, &material, tsdae, &mut parameters).unwrap();
        set(&mut parameters);
        then(&denoised, parameters);
    }

    /// The texts of the golden file, and how it spoils them.
    fn part(network: &Network) -> Spoilt {
        let tokens = |texts: [&str; 5]| network.tokenise(&texts, Role::Passage, 64).unwrap();
        Spoilt::in_order(tokens(SPOILT), tokens(TEXTS).iter())
    }

    #[test]
    fn loss_and_gradients_equal_those_of_sentence_transformers() {
        denoised(&Method::Full, |denoised, parameters| {
            let want = &golden()["tsdae"];
            let part = part(denoised.texts.basis.network);
            let mut gradients = denoised.texts.basis.gradients(&parameters);
            let loss = denoised.part(&parameters, &part, (1.0, 1), &mut gradients);
            let expected = want["loss"].as_f64().unwrap();
            assert!(
                (f64::from(loss) - expected).abs() < 1e-5 * expected,
                "{loss}"
            );
            compare(&parameters, &gradients, &want["arrays"], "tsdae");
        });
    }

    /// With lower layers that stay as they are, the gradients of the others are the derivatives of
    /// the loss: their lower states are those of a decoder, and computed once.
    #[test]
    fn a_head_and_top_layers_learn_through_the_layers_that_stay() {
        for method in [
            Method::TopLayers { layers: 2 },
            Method::TopLayers { layers: 1 },
            Method::Head { width: 0 },
        ] {
            denoised(&method, |denoised, parameters| {
                let batch = &denoised.batches(1)[0];
                let found = denoised.slope(&parameters, batch, 1).unwrap().gradients;
                assert!(found.iter().all(|g| g.iter().any(|&g| g != 0.0)));
                Derivative.of(denoised, parameters, &format!("{method:?}"));
            });
        }
    }
}
