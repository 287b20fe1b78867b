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
mod tests;

use crate::{FinetuneError, Method, Sequence};
use attention::Attention;
use drops::{Drops, Site};
use embedding::Embedding;
use head::{Head, HeadTape};
use layer::{Layer, LayerTape, Through};
use norm::Normed;
use rayon::prelude::*;
use semrec_text::{Parts, Role};
use semrec_train::Parameters;
use slot::{Local, add};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Parts of a batch whose gradients are summed apart.
const SHARDS: usize = 8;
/// Tokens of a chunk, unless a single text has more.
const CHUNK_TOKENS: usize = 512;
/// Least tokens of a chunk.
const LEAST_TOKENS: usize = 64;
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
pub struct Pass {
    /// What was wanted.
    pub values: Vec<f32>,
    /// Of each chunk, as far as memory allows.
    tapes: Vec<Option<Tape>>,
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
#[derive(Debug)]
struct Tape {
    embedded: Option<Normed>,
    layers: Vec<LayerTape>,
    head: Option<HeadTape>,
}

/// States of sequences below the trained layers.
#[derive(Debug, Default)]
struct Lower {
    states: HashMap<Sequence, Arc<Vec<f32>>>,
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
    added: Option<[usize; 2]>,
    lower: Mutex<Lower>,
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
        let mut parts = Parts::open(dir)?;
        let laid = layout::lay(&mut parts, method, seed)?;
        let network = Self {
            parts,
            embedding: laid.embedding,
            attention: laid.attention,
            layers: laid.layers,
            head: laid.head,
            from: laid.from,
            added: laid.added,
            lower: Mutex::default(),
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

    /// Number of weights, the trained ones included.
    #[must_use]
    pub fn weights(&self) -> usize {
        let arrays = self.parts.arrays();
        arrays.map(|a| a.shape.iter().product::<usize>()).sum()
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
            .map(|(tokens, types)| Sequence { tokens, types })
            .collect())
    }

    /// A pass whose backward pass may follow. Activations are kept within a bound of memory; for
    /// what is beyond, the backward pass computes them again.
    #[must_use]
    pub fn forward(
        &self,
        parameters: &Parameters,
        sequences: &[Sequence],
        manner: Manner<'_>,
    ) -> Pass {
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

    fn run(
        &self,
        parameters: &Parameters,
        sequences: &[Sequence],
        manner: Manner<'_>,
        keep: bool,
    ) -> Pass {
        let chunks = chunks(sequences);
        // Which chunks are kept is decided by their number, not by which comes first.
        let most = if keep {
            self.affordable(sequences, &chunks)
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
        let starts = Starts::of(sequences, manner.want, self);
        let mut values = vec![0.0; starts.len()];
        let mut tapes = Vec::with_capacity(chunks.len());
        for (chunk, (own, tape)) in chunks.iter().zip(passed) {
            let mut rest = &own[..];
            for &i in chunk {
                let range = starts.range(i);
                let (row, next) = rest.split_at(range.len());
                values[range].copy_from_slice(row);
                rest = next;
            }
            tapes.push(tape);
        }
        Pass { values, tapes }
    }

    /// How many chunks may be kept.
    fn affordable(&self, sequences: &[Sequence], chunks: &[Vec<usize>]) -> usize {
        let wide = self.layers.first().map_or(0, |layer| layer.up.outputs);
        let trained = self.layers.len() - self.from;
        let a_token = size_of::<f32>() * (trained * (7 * self.hidden() + wide) + self.hidden());
        let mut bytes = 0;
        let fits = |chunk: &&Vec<usize>| {
            let tokens: usize = chunk.iter().map(|&i| sequences[i].len()).sum();
            bytes += tokens * a_token;
            bytes <= TAPE_BYTES
        };
        chunks.iter().take_while(fits).count()
    }

    /// One chunk forward: what is wanted of its sequences, end to end.
    fn pass(
        &self,
        parameters: &Parameters,
        all: &[Sequence],
        chunk: &[usize],
        manner: Manner<'_>,
    ) -> (Vec<f32>, Tape) {
        let sequences: Vec<&Sequence> = chunk.iter().map(|&i| &all[i]).collect();
        let lengths: Vec<usize> = sequences.iter().map(|s| s.len()).collect();
        let drops = drops_of(chunk, &lengths, manner.noise);
        let (mut x, embedded) = self.bottom(parameters, &sequences, &drops, manner);
        let mut layers = Vec::with_capacity(self.layers.len() - self.from);
        for (number, layer) in self.layers.iter().enumerate().skip(self.from) {
            let on = self.through(parameters, (&lengths, &drops), number);
            let (next, tape) = layer.forward(on, x);
            layers.push(tape);
            x = next;
        }
        let (values, head) = match manner.want {
            Want::Vectors => {
                let (values, tape) = self.head.forward(parameters, &lengths, &x);
                (values, Some(tape))
            }
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
                (values, None)
            }
        };
        let tape = Tape {
            embedded,
            layers,
            head,
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
        }
    }

    /// The states before the first layer that gradients flow through; with dropout if that is the
    /// first of all. What stays as it is below is computed once for each sequence.
    fn bottom(
        &self,
        parameters: &Parameters,
        sequences: &[&Sequence],
        drops: &Drops,
        manner: Manner<'_>,
    ) -> (Vec<f32>, Option<Normed>) {
        let h = self.hidden();
        if self.from == 0 {
            let normed = self
                .embedding
                .forward(parameters, sequences, manner.perturbation);
            let mut x = self.embedding.norm.output(parameters, &normed);
            drops.hidden(&mut x, h, 0, Site::Embedding);
            return (x, Some(normed));
        }
        let known: Vec<Option<Arc<Vec<f32>>>> = {
            let lower = self.lower.lock().unwrap_or_else(PoisonError::into_inner);
            sequences
                .iter()
                .map(|&s| lower.states.get(s).cloned())
                .collect()
        };
        let missing: Vec<&Sequence> = sequences
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none())
            .map(|(s, _)| *s)
            .collect();
        let computed = self.below(parameters, &missing);
        let mut computed = missing.iter().zip(computed);
        let mut x = Vec::with_capacity(sequences.iter().map(|s| s.len()).sum::<usize>() * h);
        for known in &known {
            match known {
                Some(states) => x.extend_from_slice(states),
                None => {
                    let Some((sequence, states)) = computed.next() else {
                        continue;
                    };
                    x.extend_from_slice(&states);
                    let bytes = size_of_val(&states[..]);
                    let mut lower = self.lower.lock().unwrap_or_else(PoisonError::into_inner);
                    if lower.bytes + bytes <= CACHE_BYTES {
                        lower.bytes += bytes;
                        lower.states.insert((*sequence).clone(), Arc::new(states));
                    }
                }
            }
        }
        (x, None)
    }

    /// States of sequences behind the layers that stay as they are.
    fn below(&self, parameters: &Parameters, sequences: &[&Sequence]) -> Vec<Vec<f32>> {
        if sequences.is_empty() {
            return Vec::new();
        }
        let h = self.hidden();
        let lengths: Vec<usize> = sequences.iter().map(|s| s.len()).collect();
        let all: Vec<usize> = (0..sequences.len()).collect();
        let drops = drops_of(&all, &lengths, Noise::default());
        let normed = self.embedding.forward(parameters, sequences, None);
        let mut x = self.embedding.norm.output(parameters, &normed);
        for (number, layer) in self.layers.iter().enumerate().take(self.from) {
            let on = self.through(parameters, (&lengths, &drops), number);
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

    /// Adds the gradients of `Σ slopes · values` of a pass made in this manner.
    ///
    /// # Panics
    /// If the slopes are not as many as the values.
    pub fn backward(
        &self,
        parameters: &Parameters,
        (sequences, manner): (&[Sequence], Manner<'_>),
        pass: Pass,
        slopes: &[f32],
        gradients: &mut Gradients,
    ) {
        assert_eq!(slopes.len(), pass.values.len(), "a slope for each value");
        let arrays = parameters.arrays();
        gradients.arrays.resize(arrays.len(), Vec::new());
        let chunks = chunks(sequences);
        let starts = Starts::of(sequences, manner.want, self);
        let wanted = gradients.words.is_some() || self.words_place().is_some();
        let mut shards: Vec<Vec<(usize, Option<Tape>)>> = (0..SHARDS).map(|_| Vec::new()).collect();
        for (i, tape) in pass.tapes.into_iter().enumerate() {
            shards[i % SHARDS].push((i, tape));
        }
        let locals: Vec<Local> = shards
            .into_par_iter()
            .map(|shard| {
                let mut local = Local::new(arrays.len(), wanted);
                for (i, tape) in shard {
                    let chunk = &chunks[i];
                    let own: Vec<f32> = chunk
                        .iter()
                        .flat_map(|&s| slopes[starts.range(s)].iter().copied())
                        .collect();
                    let tape =
                        tape.unwrap_or_else(|| self.pass(parameters, sequences, chunk, manner).1);
                    self.back(
                        parameters,
                        (sequences, chunk, manner),
                        (tape, &own),
                        &mut local,
                    );
                }
                local
            })
            .collect();
        self.gather(parameters, locals, gradients);
    }

    /// Adds what the shards found, in their order.
    fn gather(&self, parameters: &Parameters, locals: Vec<Local>, gradients: &mut Gradients) {
        for local in locals {
            for (to, from) in gradients.arrays.iter_mut().zip(local.arrays) {
                if to.is_empty() {
                    *to = from;
                } else if !from.is_empty() {
                    add(to, &from);
                }
            }
            let Some(rows) = local.words else { continue };
            if let Some(place) = self.words_place() {
                let array = &mut gradients.arrays[place];
                array.resize(parameters.arrays()[place].values.len(), 0.0);
                for (&token, row) in &rows {
                    add(&mut array[token as usize * row.len()..][..row.len()], row);
                }
            }
            if let Some(words) = &mut gradients.words {
                for (token, row) in rows {
                    match words.get_mut(&token) {
                        Some(to) => add(to, &row),
                        None => {
                            words.insert(token, row);
                        }
                    }
                }
            }
        }
    }

    /// One chunk backward.
    fn back(
        &self,
        parameters: &Parameters,
        (all, chunk, manner): (&[Sequence], &[usize], Manner<'_>),
        (tape, slopes): (Tape, &[f32]),
        local: &mut Local,
    ) {
        let h = self.hidden();
        let sequences: Vec<&Sequence> = chunk.iter().map(|&i| &all[i]).collect();
        let lengths: Vec<usize> = sequences.iter().map(|s| s.len()).collect();
        let drops = drops_of(chunk, &lengths, manner.noise);
        let mut slope = match (manner.want, &tape.head) {
            (Want::Vectors, Some(head)) => {
                self.head
                    .backward(parameters, (&lengths, head), slopes, local)
            }
            (Want::States(places), _) => {
                let mut slope = vec![0.0; lengths.iter().sum::<usize>() * h];
                let mut rows = slopes.chunks_exact(h);
                let mut first = 0;
                for (&i, len) in chunk.iter().zip(&lengths) {
                    for (&place, row) in places[i].iter().zip(rows.by_ref()) {
                        add(&mut slope[(first + place as usize) * h..][..h], row);
                    }
                    first += len;
                }
                slope
            }
            (Want::Vectors, None) => unreachable!("a pass for vectors keeps its head"),
        };
        let layers = self.layers.iter().enumerate().skip(self.from);
        for ((number, layer), tape) in layers.zip(&tape.layers).rev() {
            let on = self.through(parameters, (&lengths, &drops), number);
            slope = layer.backward(on, tape, slope, local);
        }
        if let Some(normed) = &tape.embedded
            && (local.words.is_some() || self.words_place().is_some())
        {
            drops.hidden(&mut slope, h, 0, Site::Embedding);
            let pair = (normed, &mut slope[..]);
            self.embedding.backward(parameters, &sequences, pair, local);
        }
    }
}

fn drops_of(chunk: &[usize], lengths: &[usize], noise: Noise) -> Drops {
    let spans = chunk.iter().zip(lengths);
    Drops::new(noise, spans.map(|(&i, &len)| (i as u64, len)).collect())
}

/// Sequences sorted by length and cut by tokens; what is in a chunk follows from the lengths alone.
fn chunks(sequences: &[Sequence]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(sequences[i].len()));
    let total: usize = sequences.iter().map(Sequence::len).sum();
    let limit = total.div_ceil(SHARDS).clamp(LEAST_TOKENS, CHUNK_TOKENS);
    let mut chunks: Vec<Vec<usize>> = Vec::new();
    let mut tokens = usize::MAX;
    for i in order {
        let len = sequences[i].len();
        if tokens.saturating_add(len) > limit {
            chunks.push(Vec::new());
            tokens = 0;
        }
        tokens += len;
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(i);
        }
    }
    chunks
}

/// Where the values of each sequence begin.
struct Starts(Vec<usize>);

impl Starts {
    fn of(sequences: &[Sequence], want: Want<'_>, network: &Network) -> Self {
        let mut starts = vec![0];
        for i in 0..sequences.len() {
            let own = match want {
                Want::Vectors => network.dim(),
                Want::States(places) => places[i].len() * network.hidden(),
            };
            starts.push(starts[i] + own);
        }
        Self(starts)
    }

    fn len(&self) -> usize {
        self.0.last().copied().unwrap_or(0)
    }

    fn range(&self, sequence: usize) -> std::ops::Range<usize> {
        self.0[sequence]..self.0[sequence + 1]
    }
}
