//! TSDAE (Wang et al. 2021), denoising of the catalogue's texts: the encoder reads a text of whose
//! tokens 60% have been deleted, anew in each epoch ([`crate::loss::corrupt`]), and from its one
//! vector a decoder writes the whole text, word by word ([`Decoder`]). The loss is the cross-entropy
//! of each next token, that which ends the text with them ([`crate::loss::vocabulary`]); the decoder
//! is the encoder's layers once more, reading one way.

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

impl Spoilt {
    fn new<'t>(
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
            next: whole.flat_map(next).collect(),
        }
    }
}

/// What denoising is learned from.
pub(crate) struct Denoised<'a> {
    texts: Texts<'a>,
    config: Tsdae,
    decoder: Decoder,
    head: WordHead,
    special: Vec<u32>,
}

/// Texts as the encoder reads them and as they should be written.
struct Spoilt {
    sequences: Vec<Sequence>,
    /// Each whole text but for its last token.
    before: Vec<Sequence>,
    /// Each whole text but for its first token, end to end.
    next: Vec<u32>,
}

impl<'a> Denoised<'a> {
    /// Reads the texts, and adds a decoder and a head to the parameters.
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
        Ok(Self {
            special: texts.special(),
            decoder: Decoder::add(parameters, network, basis.seed)?,
            head: WordHead::add(parameters, network, &texts.counts())?,
            texts,
            config,
        })
    }

    /// Texts with tokens deleted, and what should be written.
    fn spoilt(&self, texts: &[u32], epoch: u64) -> Spoilt {
        let draw = Draw {
            seed: self.texts.basis.seed,
            epoch,
        };
        let whole = texts.iter().map(|&text| self.texts.sequence(text));
        let spoil = |text| delete(text, self.config.share, &self.special, draw);
        Spoilt::new(whole.clone().map(spoil).collect(), whole)
    }

    /// What is to be written from vectors.
    fn dictation<'s>(
        &'s self,
        parameters: &'s Parameters,
        (part, vectors): (&'s Spoilt, &'s [f32]),
        noise: Noise,
    ) -> Dictation<'s> {
        Dictation {
            network: self.texts.basis.network,
            parameters,
            vectors,
            sequences: &part.before,
            noise,
        }
    }

    /// Loss and gradients of a part that has `weight` of its step's tokens.
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
        let context = (basis.network, parameters);
        descend(&passage, gradients, |vectors, gradients| {
            let on = self.dictation(parameters, (part, vectors), noise);
            let written = self.decoder.write(on, true);
            let training = Some((weight, &mut *gradients));
            let (loss, slopes) = self
                .head
                .guess(context, &written.states, &part.next, training);
            (loss, self.decoder.backward(on, written, &slopes, gradients))
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
            (part.next.len(), part)
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
            let on = self.dictation(parameters, (&part, &vectors), Noise::default());
            let states = self.decoder.write(on, false).states;
            let context = (network, parameters);
            self.head.guess(context, &states, &part.next, None).0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::tests::{TEXTS, compare, golden, model};
    use crate::objective::Settings;
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

    /// 0.05 sin(0.7 k + n) for the n-th array, and 1 more for gains, as the golden file has them.
    fn set(parameters: &mut Parameters) {
        let mut values = parameters.snapshot();
        for (array, values) in parameters.arrays().iter().zip(&mut values) {
            if !array.name.starts_with("decoder.") && !array.name.starts_with("cls.") {
                continue;
            }
            let number: u32 = array.name.bytes().map(u32::from).sum();
            let more = f64::from(u8::from(array.name.ends_with("LayerNorm.weight")));
            for (k, value) in (0u32..).zip(values) {
                let wave = (f64::from(k) * 0.7 + f64::from(number % 97)).sin();
                #[expect(clippy::cast_possible_truncation, reason = "as the network has it")]
                let rounded = (0.05 * wave + more) as f32;
                *value = rounded;
            }
        }
        parameters.restore(values);
    }

    /// Calls `then` with what denoises the texts of the golden file, without dropout.
    fn denoised(method: Method, then: impl Fn(&Denoised<'_>, Parameters)) {
        let (network, mut parameters) = Network::open(&model("tiny"), &method, 1).unwrap();
        let items = TEXTS.map(str::to_owned);
        let events = Interactions::from_rows(&[], 0, items.len(), Clock::Seconds);
        let material = Material {
            train: &events,
            validation: &Cases::default(),
            items: &items,
            titles: &items,
            hidden: &[false; 5],
            users: None,
            teacher: None,
        };
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
        Spoilt::new(tokens(SPOILT), tokens(TEXTS).iter())
    }

    #[test]
    fn loss_and_gradients_equal_those_of_sentence_transformers() {
        denoised(Method::Full, |denoised, parameters| {
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
            denoised(method, |denoised, parameters| {
                let part = part(denoised.texts.basis.network);
                let loss = |parameters: &Parameters, gradients: &mut Gradients| {
                    denoised.part(parameters, &part, (1.0, 1), gradients)
                };
                let zeros = || denoised.texts.basis.gradients(&parameters);
                let (mut found, mut again) = (zeros(), zeros());
                loss(&parameters, &mut found);
                loss(&parameters, &mut again);
                assert_eq!(found, again);
                assert!(found.arrays.iter().all(|g| g.iter().any(|&g| g != 0.0)));
                let squares = found.arrays.iter().flatten();
                let length = squares.map(|g| g * g).sum::<f32>().sqrt();
                let at = |step: f32| {
                    let mut values = parameters.snapshot();
                    for (values, slopes) in values.iter_mut().zip(&found.arrays) {
                        let both = values.iter_mut().zip(slopes);
                        both.for_each(|(x, g)| *x += step * g / length);
                    }
                    let mut moved = parameters.clone();
                    moved.restore(values);
                    loss(&moved, &mut zeros())
                };
                let measured = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!(
                    (measured - length).abs() < 0.01 * length,
                    "{measured}, {length}"
                );
            });
        }
    }
}
