//! What names words from states or vectors while training, and is left behind afterwards: BERT's
//! head for masked words ([`crate::loss::vocabulary`]) over the encoder's own words' vectors.
//!
//! Sentence encoders come without one. It starts with a dense layer that changes nothing (one that
//! is drawn, if the states are of another length than the words' vectors), and with the log of each
//! word's share of the texts as bias, so that the first steps teach the encoder something other
//! than which words are frequent.

use super::user_tower::filled;
use crate::loss::single;
use crate::loss::vocabulary::{Guesses, Head, vocabulary_cross_entropy};
use crate::{FinetuneError, Gradients, Network};
use rand::RngExt as _;
use semrec_train::{Parameters, draws};

/// `ε` of the layer norm, as BERT has it.
const EPS: f32 = 1e-12;

/// Where the arrays of the head lie among the parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WordHead {
    dense: usize,
    dense_bias: usize,
    gain: usize,
    shift: usize,
    bias: usize,
}

impl WordHead {
    /// Adds a head for states of length `inputs`; `counts` is how often each token is in the texts,
    /// `[vocabulary]`.
    pub(crate) fn add(
        parameters: &mut Parameters,
        (network, inputs): (&Network, usize),
        counts: &[u64],
        seed: u64,
    ) -> Result<Self, FinetuneError> {
        let hidden = network.hidden();
        let dense: Vec<f32> = if inputs == hidden {
            (0..hidden * hidden)
                .map(|k| if k / hidden == k % hidden { 1.0 } else { 0.0 })
                .collect()
        } else {
            let mut rng = draws(seed, 2, 0);
            let most = (3.0 / inputs as f32).sqrt();
            (0..hidden * inputs)
                .map(|_| rng.random_range(-most..most))
                .collect()
        };
        let all: u64 = counts.iter().sum::<u64>() + counts.len() as u64;
        let share = |&count: &u64| single(((count + 1) as f64 / all as f64).ln());
        let name = |part: &str| format!("cls.predictions.{part}");
        let mut add = |part: &str, shape: &[usize], values: Vec<f32>, decay: bool| {
            parameters.add(&name(part), shape, values, decay)
        };
        Ok(Self {
            dense: add("transform.dense.weight", &[hidden, inputs], dense, true)?,
            dense_bias: add("transform.dense.bias", &[hidden], vec![0.0; hidden], false)?,
            gain: add(
                "transform.LayerNorm.weight",
                &[hidden],
                vec![1.0; hidden],
                false,
            )?,
            shift: add(
                "transform.LayerNorm.bias",
                &[hidden],
                vec![0.0; hidden],
                false,
            )?,
            bias: add(
                "bias",
                &[counts.len()],
                counts.iter().map(share).collect(),
                false,
            )?,
        })
    }

    /// The loss of naming words from states, and its slopes by them; where training, these and the
    /// gradients of the head and of the words' vectors are multiplied by a weight, and the latter
    /// are added.
    ///
    /// `targets` are the words of each state, end to end; `counts` how many each has, empty for one
    /// each.
    pub(crate) fn guess(
        &self,
        (network, parameters): (&Network, &Parameters),
        states: &[f32],
        (targets, counts): (&[u32], &[u32]),
        training: Option<(f32, &mut Gradients)>,
    ) -> (f32, Vec<f32>) {
        let array = |place: usize| parameters.arrays()[place].values.as_slice();
        let found = vocabulary_cross_entropy(&Guesses {
            states,
            targets,
            counts,
            head: Some(Head {
                dense: array(self.dense),
                bias: array(self.dense_bias),
                gain: array(self.gain),
                shift: array(self.shift),
                eps: EPS,
            }),
            words: network.words(parameters),
            bias: array(self.bias),
            frozen_words: training.is_none() || network.words_place().is_none(),
        });
        let mut slopes = found.states;
        if let Some((weight, gradients)) = training {
            let mut put = |place: usize, slopes: &[f32]| {
                let sum = filled(&mut gradients.arrays[place], slopes.len());
                let both = sum.iter_mut().zip(slopes);
                both.for_each(|(sum, slope)| *sum += weight * slope);
            };
            if let Some(place) = network.words_place() {
                put(place, &found.words);
            }
            if let Some(head) = &found.head {
                put(self.dense, &head.dense);
                put(self.dense_bias, &head.bias);
                put(self.gain, &head.gain);
                put(self.shift, &head.shift);
            }
            put(self.bias, &found.bias);
            slopes.iter_mut().for_each(|x| *x *= weight);
        }
        (found.loss, slopes)
    }
}
