//! A transformer encoder that can be trained: its forward pass, and the backward pass by hand.
//!
//! Written out rather than derived automatically, because then nothing is padded, activations that
//! are cheap to compute again are not kept, and a batch may be larger than memory: its vectors come
//! first, the loss gives a gradient by them, and the pass back goes through one chunk of
//! sequences after another, computing again what was not kept (gradient caching, Gao et al. 2021).
//! Sequences are sorted by length and cut into chunks by tokens; chunks go to a fixed number of
//! shards whose gradients are added in order, so that the number of threads changes no bit.
//!
//! Left out: models that read one way (GPT-2, Llama, Qwen).

mod adapter;
mod attention;
mod backward;
mod chunks;
mod decoder;
mod drops;
mod embedding;
mod head;
mod layer;
mod layout;
mod linear;
mod norm;
mod products;
mod slot;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod vectors;

use crate::{FinetuneError, Method, Sequence};
use attention::Attention;
use chunks::{Starts, chunks, drops_of};
pub(crate) use decoder::{Decoder, Dictation};
use drops::{Drops, Site};
use embedding::Embedding;
use head::Head;
use layer::{Layer, LayerTape, Through};
use norm::Normed;
use rayon::prelude::*;
use semrec_text::{Parts, Pooling, Role, Whitening};
use semrec_train::Parameters;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use vectors::Vectors;

/// Parts of a batch whose gradients are summed apart.
const SHARDS: usize = 8;
/// Bytes of activations that are kept between the passes.
const TAPE_BYTES: usize = 1 << 30;
/// Bytes of states below the trained layers that are kept for later batches.
const CACHE_BYTES: usize = 2 << 30;

/// Rows of the table of words, by token.
pub type Rows = BTreeMap<u32, Vec<f32>>;

/// What dropout masks come from; equal noise, equal masks, however a batch is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Noise {
    /// Seed of the run.
    pub seed: u64,
    /// Number of the step, from 1; two passes over the same texts in one step need two numbers.
    /// Nothing is dropped in step 0.
    pub step: u64,
    /// Share of the values of the hidden states that is dropped.
    pub hidden: f32,
    /// Share of the weights of attention that is dropped.
    pub attention: f32,
}

/// What a pass gives.
#[derive(Clone, Copy, Debug)]
pub enum Want<'a> {
    /// A unit vector for each sequence, `[n, dim]`; zero for one without tokens.
    Vectors,
    /// The last layer's states at places of each sequence, end to end, `[places in all, hidden]`.
    States(&'a [Vec<u32>]),
}

/// How a pass is made.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// What it gives.
    pub want: Want<'a>,
    /// Dropout.
    pub noise: Noise,
    /// Added to the words' vectors (adversarial training).
    pub perturbation: Option<&'a Rows>,
}

impl Manner<'_> {
    /// Vectors without dropout.
    pub const PLAIN: Self = Self {
        want: Want::Vectors,
        noise: Noise {
            seed: 0,
            step: 0,
            hidden: 0.0,
            attention: 0.0,
        },
        perturbation: None,
    };
}

/// A forward pass, and what its backward pass needs.
#[derive(Debug)]
pub struct Pass<'a> {
    /// What was wanted.
    pub values: Vec<f32>,
    sequences: &'a [Sequence],
    manner: Manner<'a>,
    /// Of each chunk, as far as memory allows.
    tapes: Vec<Option<Tape>>,
    /// Of what lies behind the pooling.
    vectors: Vectors,
}

/// Gradients by each array of the parameters; an array nothing has flowed to is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gradients {
    /// As many as the parameters have arrays, or none yet.
    pub arrays: Vec<Vec<f32>>,
    /// By the words' vectors, where they are asked for.
    pub words: Option<Rows>,
}

/// What is kept of a chunk.
#[derive(Debug, Default)]
struct Tape {
    embedded: Option<Normed>,
    layers: Vec<LayerTape>,
    /// The last states, where the pooling asks for them: `[tokens, hidden]`.
    states: Vec<f32>,
}

/// What sequences are below all that is trained: states, or pooled ones.
#[derive(Debug, Default)]
struct Lower {
    known: HashMap<Sequence, Arc<Vec<f32>>>,
    bytes: usize,
}

/// A transformer that can be trained. Its trained arrays are [`Parameters`] of their own.
#[derive(Debug)]
pub struct Network {
    parts: Parts,
    embedding: Embedding,
    attention: Attention,
    layers: Vec<Layer>,
    head: Head,
    /// The first layer through which gradients flow; the embedding is trained only if it is 0.
    from: usize,
    /// States below the trained layers.
    lower: Mutex<Lower>,
    /// Pooled states, where no layer is trained.
    pooled: Mutex<Lower>,
}

impl Network {
    /// Opens an encoder directory, and lays out what a method trains.
    ///
    /// # Errors
    /// [`FinetuneError`] if it does not load, is of an architecture that is not trained, or the
    /// method does not fit it.
    pub fn open(
        dir: &Path,
        method: &Method,
        seed: u64,
    ) -> Result<(Self, Parameters), FinetuneError> {
        Self::open_whitened(dir, (method, None), seed)
    }

    /// The same with vectors that begin whitened: behind the pooling stands a linear layer more,
    /// which is trained with the rest.
    ///
    /// # Errors
    /// As [`Network::open`], and if the whitening is not of the encoder's vectors.
    pub fn open_whitened(
        dir: &Path,
        (method, whitening): (&Method, Option<&Whitening>),
        seed: u64,
    ) -> Result<(Self, Parameters), FinetuneError> {
        let mut parts = Parts::open(dir)?;
        let laid = layout::lay(&mut parts, (method, whitening), seed)?;
        let network = Self {
            parts,
            embedding: laid.embedding,
            attention: laid.attention,
            layers: laid.layers,
            head: laid.head,
            from: laid.from,
            lower: Mutex::default(),
            pooled: Mutex::default(),
        };
        Ok((network, laid.parameters))
    }

    /// Length of a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.head.dim
    }

    /// Length of a token's state.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.embedding.hidden
    }

    /// Number of tokens there are.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.parts.sizes.vocabulary
    }

    /// Number of layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// The parts the encoder was taken into: names, sizes, tokenizer.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The words' vectors, `[vocabulary, hidden]`.
    #[must_use]
    pub fn words<'a>(&'a self, parameters: &'a Parameters) -> &'a [f32] {
        self.embedding.words.values(parameters)
    }

    /// The place of the words' vectors among the parameters, if they are trained.
    #[must_use]
    pub fn words_place(&self) -> Option<usize> {
        self.embedding.words.place()
    }

    /// Whether gradients flow down to the words' vectors, as adversarial training needs it.
    #[must_use]
    pub fn reaches_words(&self) -> bool {
        self.from == 0
    }

    /// Texts as tokens, cut at the encoder's length (or `longest` tokens, if that is less).
    ///
    /// # Errors
    /// [`FinetuneError::Text`] if the tokenizer refuses a text.
    pub fn tokenise<S: AsRef<str> + Sync>(
        &self,
        texts: &[S],
        role: Role,
        longest: usize,
    ) -> Result<Vec<Sequence>, FinetuneError> {
        let tokens = self.parts.tokens(texts, role, longest)?;
        Ok(tokens.into_iter().map(Sequence::single).collect())
    }

    /// Pairs of texts as tokens, each pair one sequence.
    ///
    /// # Errors
    /// As [`Network::tokenise`].
    pub fn tokenise_pairs<S: AsRef<str> + Sync>(
        &self,
        pairs: &[(S, S)],
        longest: usize,
    ) -> Result<Vec<Sequence>, FinetuneError> {
        let pairs = self.parts.pairs(pairs, longest)?.into_iter();
        Ok(pairs
            .map(|pair| Sequence {
                tokens: pair.tokens,
                types: pair.types,
            })
            .collect())
    }

    /// A pass whose backward pass may follow. Activations are kept within a bound of memory; for
    /// what is beyond, the backward pass computes them again.
    #[must_use]
    pub fn forward<'a>(
        &self,
        parameters: &Parameters,
        sequences: &'a [Sequence],
        manner: Manner<'a>,
    ) -> Pass<'a> {
        self.run(parameters, sequences, manner, true)
    }

    /// The same without a backward pass to follow.
    #[must_use]
    pub fn values(
        &self,
        parameters: &Parameters,
        sequences: &[Sequence],
        manner: Manner<'_>,
    ) -> Vec<f32> {
        self.run(parameters, sequences, manner, false).values
    }

    fn run<'a>(
        &self,
        parameters: &Parameters,
        sequences: &'a [Sequence],
        manner: Manner<'a>,
        keep: bool,
    ) -> Pass<'a> {
        let chunks = chunks(sequences);
        // Which chunks are kept is decided by their number, not by which comes first.
        let most = if keep {
            self.affordable(sequences, &chunks, (self.layers.len() - self.from, 7))
        } else {
            0
        };
        let passed: Vec<(Vec<f32>, Option<Tape>)> = chunks
            .par_iter()
            .enumerate()
            .map(|(i, chunk)| {
                let (values, tape) = self.pass(parameters, sequences, chunk, manner);
                (values, (i < most).then_some(tape))
            })
            .collect();
        let starts = Starts::of(sequences, manner.want, self.hidden());
        let mut values = vec![0.0; starts.len()];
        let mut tapes = Vec::with_capacity(chunks.len());
        for (chunk, (own, tape)) in chunks.iter().zip(passed) {
            starts.scatter(chunk, &own, &mut values);
            tapes.push(tape);
        }
        let (values, vectors) = match manner.want {
            Want::Vectors => self.vectors(parameters, (values, sequences), keep),
            Want::States(_) => (values, Vectors::default()),
        };
        Pass {
            values,
            sequences,
            manner,
            tapes,
            vectors,
        }
    }

    /// How many chunks may be kept, of so many layers that keep so many states a token.
    fn affordable(
        &self,
        sequences: &[Sequence],
        chunks: &[Vec<usize>],
        (layers, states): (usize, usize),
    ) -> usize {
        let wide = self.layers.first().map_or(0, |layer| layer.up.outputs);
        let a_token = size_of::<f32>() * (layers * (states * self.hidden() + wide) + self.hidden());
        let mut bytes = 0;
        let fits = |chunk: &&Vec<usize>| {
            let tokens: usize = chunk.iter().map(|&i| sequences[i].len()).sum();
            bytes += tokens * a_token;
            bytes <= TAPE_BYTES
        };
        chunks.iter().take_while(fits).count()
    }

    /// One chunk forward: the pooled states of its sequences, or their states at some places, end to
    /// end.
    fn pass(
        &self,
        parameters: &Parameters,
        all: &[Sequence],
        chunk: &[usize],
        manner: Manner<'_>,
    ) -> (Vec<f32>, Tape) {
        let sequences: Vec<&Sequence> = chunk.iter().map(|&i| &all[i]).collect();
        if matches!(manner.want, Want::Vectors) && self.is_frozen() {
            return (self.pooled(parameters, &sequences), Tape::default());
        }
        let lengths: Vec<usize> = sequences.iter().map(|s| s.len()).collect();
        let drops = drops_of(chunk, &lengths, manner.noise);
        let (mut x, embedded) = self.bottom(parameters, &sequences, &drops, manner.perturbation);
        let mut layers = Vec::with_capacity(self.layers.len() - self.from);
        for (number, layer) in self.layers.iter().enumerate().skip(self.from) {
            let on = self.through(parameters, (&lengths, &drops), number);
            let (next, tape) = layer.forward(on, x);
            layers.push(tape);
            x = next;
        }
        let values = match manner.want {
            Want::Vectors => self.head.pool(&lengths, &x),
            Want::States(places) => {
                let h = self.hidden();
                let mut values = Vec::new();
                let mut first = 0;
                for (&i, len) in chunk.iter().zip(&lengths) {
                    for &place in &places[i] {
                        values.extend_from_slice(&x[(first + place as usize) * h..][..h]);
                    }
                    first += len;
                }
                values
            }
        };
        let asked = matches!(manner.want, Want::Vectors) && self.head.pooling == Pooling::Max;
        let tape = Tape {
            embedded,
            layers,
            states: if asked { x } else { Vec::new() },
        };
        (values, tape)
    }

    fn through<'a>(
        &'a self,
        parameters: &'a Parameters,
        (lengths, drops): (&'a [usize], &'a Drops),
        layer: usize,
    ) -> Through<'a> {
        Through {
            parameters,
            attention: &self.attention,
            lengths,
            drops,
            layer,
            causal: false,
        }
    }

    /// The states before the first layer that gradients flow through; with dropout if that is the
    /// first of all. What stays as it is below is computed once for each sequence.
    fn bottom(
        &self,
        parameters: &Parameters,
        sequences: &[&Sequence],
        drops: &Drops,
        perturbation: Option<&Rows>,
    ) -> (Vec<f32>, Option<Normed>) {
        let h = self.hidden();
        if self.from == 0 {
            let normed = self.embedding.forward(parameters, sequences, perturbation);
            let mut x = self.embedding.norm.output(parameters, &normed);
            drops.hidden(&mut x, h, 0, Site::Embedding);
            return (x, Some(normed));
        }
        let known = kept(&self.lower, sequences, |missing| {
            self.below(parameters, missing, (self.from, false))
        });
        (known.iter().flat_map(|x| x.iter().copied()).collect(), None)
    }

    /// Whether nothing before the pooling is trained.
    fn is_frozen(&self) -> bool {
        self.from == self.layers.len()
    }

    /// The pooled states of sequences, `[n, hidden]`, where nothing before is trained.
    fn pooled(&self, parameters: &Parameters, sequences: &[&Sequence]) -> Vec<f32> {
        let known = kept(&self.pooled, sequences, |missing| {
            let states = self.below(parameters, missing, (self.from, false));
            let rows = missing.iter().zip(&states);
            rows.map(|(s, states)| self.head.pool(&[s.len()], states))
                .collect()
        });
        known.iter().flat_map(|x| x.iter().copied()).collect()
    }

    /// States of sequences behind the first so many layers, which stay as they are; in a decoder a
    /// token sees itself and those before it alone.
    fn below(
        &self,
        parameters: &Parameters,
        sequences: &[&Sequence],
        (layers, causal): (usize, bool),
    ) -> Vec<Vec<f32>> {
        if sequences.is_empty() {
            return Vec::new();
        }
        let h = self.hidden();
        let lengths: Vec<usize> = sequences.iter().map(|s| s.len()).collect();
        let all: Vec<usize> = (0..sequences.len()).collect();
        let drops = drops_of(&all, &lengths, Noise::default());
        let normed = self.embedding.forward(parameters, sequences, None);
        let mut x = self.embedding.norm.output(parameters, &normed);
        for (number, layer) in self.layers.iter().enumerate().take(layers) {
            let on = Through {
                causal,
                ..self.through(parameters, (&lengths, &drops), number)
            };
            x = layer.forward(on, x).0;
        }
        let mut rest = &x[..];
        let mut out = Vec::with_capacity(lengths.len());
        for len in lengths {
            let (own, next) = rest.split_at(len * h);
            out.push(own.to_vec());
            rest = next;
        }
        out
    }
}

/// What is known of sequences; what is not is computed, and kept as far as memory allows.
fn kept(
    lower: &Mutex<Lower>,
    sequences: &[&Sequence],
    compute: impl Fn(&[&Sequence]) -> Vec<Vec<f32>>,
) -> Vec<Arc<Vec<f32>>> {
    let known: Vec<Option<Arc<Vec<f32>>>> = {
        let lower = lower.lock().unwrap_or_else(PoisonError::into_inner);
        let known = sequences.iter().map(|&s| lower.known.get(s).cloned());
        known.collect()
    };
    let unknown = sequences.iter().zip(&known).filter(|(_, k)| k.is_none());
    let missing: Vec<&Sequence> = unknown.map(|(s, _)| *s).collect();
    let mut computed = compute(&missing).into_iter().map(Arc::new);
    let found = sequences
        .iter()
        .zip(known)
        .filter_map(|(&sequence, known)| {
            known.or_else(|| {
                let new = computed.next()?;
                let mut lower = lower.lock().unwrap_or_else(PoisonError::into_inner);
                let bytes = size_of_val(&new[..]);
                if lower.bytes + bytes <= CACHE_BYTES {
                    lower.bytes += bytes;
                    lower.known.insert(sequence.clone(), Arc::clone(&new));
                }
                Some(new)
            })
        });
    found.collect()
}
