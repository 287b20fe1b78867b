//! A decoder that writes texts again from their vectors, word by word, with the encoder's own layers
//! (TSDAE, Wang et al. 2021; the ties are those of its reference implementation in
//! sentence-transformers).
//!
//! A token sees itself and those before it; between the halves of each layer stands what BERT's
//! decoder has for attention across. With the one vector `e` of the text as its only key, that
//! attention's weight is 1, and its value and output are one linear map:
//!
//! ```text
//! x₁ = norm(x + attend(x)),   x' = norm'(x₁ + W·e + b),   x₂ = norm(x' + feed(x'))
//! ```
//!
//! `W`, `b` and the gain and bias of `norm'` are trained and left behind afterwards. Layers below
//! all that a method trains have no such part, so that their states are computed once; the last layer
//! has one whatever is trained.

use super::chunks::{Starts, chunks, drops_of, in_shards};
use super::drops::{Drops, Site};
use super::head::context;
use super::layer::{Attended, Fed, Through};
use super::linear::Linear;
use super::norm::{Norm, Normed};
use super::products::Into;
use super::slot::{Local, Slot, add};
use super::{Gradients, Lower, Network, Noise, kept};
use crate::{FinetuneError, Sequence};
use rand::RngExt as _;
use rayon::prelude::*;
use semrec_train::{Parameters, draws};
use std::sync::Mutex;

/// Standard deviation at the start of what a vector adds to a state: about that of BERT's two maps,
/// whose weights begin with 0.02, over states of 768 values.
const START: f32 = 0.2;
/// The masks of a decoder are those of steps no training gets to.
const STEPS: u64 = 1 << 61;

/// What texts are written with, beside the encoder's layers.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// Of each layer from `from`.
    crossings: Vec<Crossing>,
    /// The first layer that hears of the vector.
    from: usize,
    /// States below it.
    lower: Mutex<Lower>,
}

/// What a layer hears of the vector.
#[derive(Debug)]
struct Crossing {
    /// Number of the layer.
    layer: usize,
    map: Linear,
    norm: Norm,
}

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dictation<'a> {
    pub(crate) network: &'a Network,
    pub(crate) parameters: &'a Parameters,
    /// Unit vectors of the texts, `[n, dim]`.
    pub(crate) vectors: &'a [f32],
    /// What the decoder reads; the state of each token is to name the next one.
    pub(crate) sequences: &'a [Sequence],
    pub(crate) noise: Noise,
}

/// States, and what the way back needs.
#[derive(Debug)]
pub(crate) struct Written {
    /// Of all tokens, sequence after sequence: `[tokens, hidden]`.
    pub(crate) states: Vec<f32>,
    /// Of each chunk, as far as memory allows.
    tapes: Vec<Option<Tape>>,
}

#[derive(Debug)]
struct Tape {
    embedded: Option<Normed>,
    layers: Vec<(Attended, Normed, Fed)>,
}

/// What a chunk of sequences is written after.
struct Heard<'a> {
    sequences: Vec<&'a Sequence>,
    lengths: Vec<usize>,
    drops: Drops,
    /// `[sequences, dim]`
    vectors: Vec<f32>,
}

impl<'a> Heard<'a> {
    fn new(on: Dictation<'a>, chunk: &[usize]) -> Self {
        let sequences: Vec<&Sequence> = chunk.iter().map(|&i| &on.sequences[i]).collect();
        let lengths: Vec<usize> = sequences.iter().map(|s| s.len()).collect();
        let step = on.noise.step;
        let noise = Noise {
            step: if step > 0 { STEPS + step } else { 0 },
            ..on.noise
        };
        let dim = on.network.dim();
        let rows = chunk.iter().flat_map(|&i| &on.vectors[i * dim..][..dim]);
        Self {
            drops: drops_of(chunk, &lengths, noise),
            vectors: rows.copied().collect(),
            sequences,
            lengths,
        }
    }

    /// Through a layer, reading one way.
    fn through<'t>(&'t self, on: Dictation<'t>, layer: usize) -> Through<'t> {
        let pass = (self.lengths.as_slice(), &self.drops);
        Through {
            causal: true,
            ..on.network.through(on.parameters, pass, layer)
        }
    }
}

impl Decoder {
    /// Adds what it trains to the parameters.
    ///
    /// # Errors
    /// [`FinetuneError`] if the parameters have arrays of these names.
    pub(crate) fn add(
        parameters: &mut Parameters,
        network: &Network,
        seed: u64,
    ) -> Result<Self, FinetuneError> {
        let (hidden, dim, layers) = (network.hidden(), network.dim(), network.layers());
        let from = network.from.min(layers.saturating_sub(1));
        let mut rng = draws(seed, 3, 0);
        let most = START * 3f32.sqrt();
        let mut crossing = |layer: usize| {
            let drawn = (0..hidden * dim).map(|_| rng.random_range(-most..most));
            let (drawn, zeros) = (drawn.collect(), || vec![0.0; hidden]);
            let mut add = |part: &str, shape: &[usize], values| {
                let name = format!("decoder.{layer}.crossattention.output.{part}");
                let place = parameters.add(&name, shape, values, shape.len() > 1)?;
                Ok::<_, FinetuneError>(Slot::Trained(place))
            };
            Ok::<_, FinetuneError>(Crossing {
                layer,
                map: Linear {
                    weight: add("dense.weight", &[hidden, dim], drawn)?,
                    bias: add("dense.bias", &[hidden], zeros())?,
                    inputs: dim,
                    outputs: hidden,
                    change: None,
                },
                norm: Norm {
                    gain: add("LayerNorm.weight", &[hidden], vec![1.0; hidden])?,
                    bias: add("LayerNorm.bias", &[hidden], zeros())?,
                    eps: network.embedding.norm.eps,
                },
            })
        };
        Ok(Self {
            crossings: (from..layers)
                .map(&mut crossing)
                .collect::<Result<_, _>>()?,
            from,
            lower: Mutex::default(),
        })
    }

    /// The states from which the words are named; `keep` if the way back is to follow.
    pub(crate) fn write(&self, on: Dictation<'_>, keep: bool) -> Written {
        let chunks = chunks(on.sequences);
        let most = if keep {
            let kept = (self.crossings.len(), 8);
            on.network.affordable(on.sequences, &chunks, kept)
        } else {
            0
        };
        let passed: Vec<(Vec<f32>, Option<Tape>)> = chunks
            .par_iter()
            .enumerate()
            .map(|(i, chunk)| {
                let (states, tape) = self.pass(on, chunk);
                (states, (i < most).then_some(tape))
            })
            .collect();
        let starts = on.starts();
        let mut states = vec![0.0; starts.len()];
        let mut tapes = Vec::with_capacity(chunks.len());
        for (chunk, (own, tape)) in chunks.iter().zip(passed) {
            starts.scatter(chunk, &own, &mut states);
            tapes.push(tape);
        }
        Written { states, tapes }
    }

    /// The slopes by the vectors, `[n, dim]`, of those by the states; adds the gradients.
    pub(crate) fn backward(
        &self,
        on: Dictation<'_>,
        written: Written,
        slopes: &[f32],
        gradients: &mut Gradients,
    ) -> Vec<f32> {
        let (chunks, starts) = (chunks(on.sequences), on.starts());
        let words = on.network.words_place().is_some();
        let local = || Local::new(on.parameters.arrays().len(), words);
        let (locals, backs) = in_shards(written.tapes, local, |i, tape, local| {
            let chunk = &chunks[i];
            let tape = tape.unwrap_or_else(|| self.pass(on, chunk).1);
            self.back(on, chunk, (tape, starts.gather(chunk, slopes)), local)
        });
        // The words that the encoder reads are asked for, not those that are written.
        let asked = gradients.words.take();
        on.network.gather(on.parameters, locals, gradients);
        gradients.words = asked;
        let mut out = vec![0.0; on.vectors.len()];
        let starts = Starts::after(on.sequences.iter().map(|_| on.network.dim()));
        for (i, back) in backs {
            starts.scatter(&chunks[i], &back, &mut out);
        }
        out
    }

    /// One chunk: its states, sequence after sequence, and the tape.
    fn pass(&self, on: Dictation<'_>, chunk: &[usize]) -> (Vec<f32>, Tape) {
        let (network, parameters) = (on.network, on.parameters);
        let heard = Heard::new(on, chunk);
        let (mut x, embedded) = if network.from == 0 {
            network.bottom(parameters, &heard.sequences, &heard.drops, None)
        } else {
            let known = kept(&self.lower, &heard.sequences, |missing| {
                network.below(parameters, missing, (self.from, true))
            });
            (known.iter().flat_map(|x| x.iter().copied()).collect(), None)
        };
        let mut layers = Vec::with_capacity(self.crossings.len());
        for crossing in &self.crossings {
            let layer = &network.layers[crossing.layer];
            let through = heard.through(on, crossing.layer);
            let attended = layer.attend(through, x);
            let middle = layer.middle(through, &attended);
            let crossed = crossing.forward(through, &heard.vectors, &middle);
            let (next, fed) = layer.feed(through, &crossing.norm.output(parameters, &crossed));
            layers.push((attended, crossed, fed));
            x = next;
        }
        (x, Tape { embedded, layers })
    }

    /// One chunk backward: the slopes by its vectors.
    fn back(
        &self,
        on: Dictation<'_>,
        chunk: &[usize],
        (tape, mut slope): (Tape, Vec<f32>),
        local: &mut Local,
    ) -> Vec<f32> {
        let (network, parameters) = (on.network, on.parameters);
        let heard = Heard::new(on, chunk);
        let mut back = vec![0.0; heard.vectors.len()];
        let layers = self.crossings.iter().zip(&tape.layers);
        for (crossing, (attended, crossed, fed)) in layers.rev() {
            let layer = &network.layers[crossing.layer];
            let through = heard.through(on, crossing.layer);
            let inner = crossing.norm.output(parameters, crossed);
            slope = layer.feed_back(through, (fed, &inner), slope, local);
            let pair = (crossed, &mut slope[..]);
            crossing.backward(through, pair, (&heard.vectors, &mut back), local);
            slope = layer.attend_back(through, attended, slope, local);
        }
        if let Some(normed) = &tape.embedded
            && network.words_place().is_some()
        {
            let h = network.hidden();
            heard.drops.hidden(&mut slope, h, 0, Site::Embedding);
            let (embedding, pair) = (&network.embedding, (normed, &mut slope[..]));
            embedding.backward(parameters, &heard.sequences, pair, local);
        }
        back
    }
}

impl Crossing {
    /// `x₁ + W·e + b`, normalised, of vectors `[sequences, dim]` and states `[rows, hidden]`.
    fn forward(&self, on: Through<'_>, vectors: &[f32], middle: &[f32]) -> Normed {
        let h = self.map.outputs;
        let mut told = vec![0.0; on.lengths.len() * h];
        let cx = context(on.parameters, on.lengths.len());
        self.map.forward(cx, vectors, (&mut told, h));
        let mut sum = Vec::with_capacity(middle.len());
        for (row, &len) in told.chunks_exact(h).zip(on.lengths) {
            (0..len).for_each(|_| sum.extend_from_slice(row));
        }
        on.drops.hidden(&mut sum, h, on.layer, Site::Crossing);
        add(&mut sum, middle);
        self.norm.normalise(sum, h)
    }

    /// Turns the slope by what comes out into that by the states; adds those by the vectors.
    fn backward(
        &self,
        on: Through<'_>,
        (crossed, slope): (&Normed, &mut [f32]),
        (vectors, back): (&[f32], &mut [f32]),
        local: &mut Local,
    ) {
        let h = self.map.outputs;
        self.norm.backward(on.parameters, crossed, slope, local);
        let mut dropped = slope.to_vec();
        on.drops.hidden(&mut dropped, h, on.layer, Site::Crossing);
        let mut told = vec![0.0; on.lengths.len() * h];
        let mut rows = dropped.chunks_exact(h);
        for (sum, &len) in told.chunks_exact_mut(h).zip(on.lengths) {
            rows.by_ref().take(len).for_each(|row| add(sum, row));
        }
        let cx = context(on.parameters, on.lengths.len());
        let into = (back, Into::Add);
        self.map.backward(cx, (vectors, &told, h), into, local);
    }
}

impl Dictation<'_> {
    fn starts(&self) -> Starts {
        let hidden = self.network.hidden();
        Starts::after(self.sequences.iter().map(|s| s.len() * hidden))
    }
}
