//! (skeleton)
use crate::{FinetuneError, Method, Sequence};
use semrec_text::Role;
use semrec_train::Parameters;
use std::collections::BTreeMap;
use std::path::Path;

/// Rows of the table of words, by token.
pub type Rows = BTreeMap<u32, Vec<f32>>;

/// What dropout masks come from; equal noise, equal masks, however a batch is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Noise {
    /// Seed of the run.
    pub seed: u64,
    /// Number of the step; two passes over the same texts in one step need two numbers.
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
}

/// Gradients by each array of the parameters; an array nothing has flowed to is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gradients {
    /// As long as the parameters have arrays.
    pub arrays: Vec<Vec<f32>>,
    /// By the vectors of the words, if they are asked for or trained.
    pub words: Option<Rows>,
}

/// A transformer that can be trained. Its trained arrays are [`Parameters`] of their own.
#[derive(Debug)]
pub struct Network {}

impl Network {
    /// Opens an encoder directory, and lays out what a method trains.
    pub fn open(
        _dir: &Path,
        _method: &Method,
        _seed: u64,
    ) -> Result<(Self, Parameters), FinetuneError> {
        todo!()
    }
    /// Length of a vector.
    pub fn dim(&self) -> usize {
        todo!()
    }
    /// Length of a token's state.
    pub fn hidden(&self) -> usize {
        todo!()
    }
    /// Number of tokens there are.
    pub fn vocabulary(&self) -> usize {
        todo!()
    }
    /// The words' vectors, `[vocabulary, hidden]`.
    pub fn words<'a>(&'a self, _parameters: &'a Parameters) -> &'a [f32] {
        todo!()
    }
    /// Texts as tokens, cut at the encoder's length (or `longest` tokens, if that is less).
    pub fn tokenise<S: AsRef<str> + Sync>(
        &self,
        _texts: &[S],
        _role: Role,
        _longest: usize,
    ) -> Result<Vec<Sequence>, FinetuneError> {
        todo!()
    }
    /// Pairs of texts as tokens, each pair one sequence.
    pub fn tokenise_pairs<S: AsRef<str> + Sync>(
        &self,
        _pairs: &[(S, S)],
        _longest: usize,
    ) -> Result<Vec<Sequence>, FinetuneError> {
        todo!()
    }
    /// A pass whose backward pass may follow. Activations are kept within a bound of memory; for
    /// what is beyond, the backward pass computes them again (gradient caching).
    pub fn forward(
        &self,
        _parameters: &Parameters,
        _sequences: &[Sequence],
        _manner: Manner<'_>,
    ) -> Pass {
        todo!()
    }
    /// The same without a backward pass to follow.
    pub fn values(
        &self,
        _parameters: &Parameters,
        _sequences: &[Sequence],
        _manner: Manner<'_>,
    ) -> Vec<f32> {
        todo!()
    }
    /// Adds the gradients of `Σ slopes · values` of a pass.
    pub fn backward(
        &self,
        _parameters: &Parameters,
        _sequences: &[Sequence],
        _manner: Manner<'_>,
        _pass: Pass,
        _slopes: &[f32],
        _gradients: &mut Gradients,
    ) {
        todo!()
    }
    /// Writes an encoder directory with the trained parameters merged in.
    pub fn write(&self, _parameters: &Parameters, _target: &Path) -> Result<(), FinetuneError> {
        todo!()
    }
}
