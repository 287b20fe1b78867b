//! From the pooled states of a batch to its vectors, and back: block by block of texts, whatever
//! their lengths, so that a wide layer is read once for many of them.

use super::head::HeadTape;
use super::slot::Local;
use super::{Gradients, Network, SHARDS, TAPE_BYTES};
use crate::Sequence;
use rayon::prelude::*;
use semrec_train::Parameters;

/// Texts of a block.
const BLOCK: usize = 64;

/// What is kept of the pass of a batch.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    /// `[n, hidden]`
    pooled: Vec<f32>,
    /// Of each block, as far as memory allows.
    tapes: Vec<Option<HeadTape>>,
}

impl Network {
    /// The vectors of sequences, `[n, dim]`, whose states are pooled, `[n, hidden]`. What is kept
    /// is decided by the number of a block, not by which comes first.
    pub(super) fn vectors(
        &self,
        parameters: &Parameters,
        (pooled, sequences): (Vec<f32>, &[Sequence]),
        keep: bool,
    ) -> (Vec<f32>, Vectors) {
        let a_block = BLOCK * size_of::<f32>() * self.head.kept();
        let most = if keep { TAPE_BYTES / a_block } else { 0 };
        let passed: Vec<(Vec<f32>, Option<HeadTape>)> = pooled
            .par_chunks(BLOCK * self.hidden())
            .zip(sequences.par_chunks(BLOCK))
            .enumerate()
            .map(|(i, block)| {
                let (values, tape) = self.head.forward(parameters, block);
                (values, (i < most).then_some(tape))
            })
            .collect();
        let mut values = Vec::with_capacity(sequences.len() * self.dim());
        let mut tapes = Vec::with_capacity(passed.len());
        for (own, tape) in passed {
            values.extend(own);
            tapes.push(tape);
        }
        let pooled = if keep { pooled } else { Vec::new() };
        (values, Vectors { pooled, tapes })
    }

    /// The slopes by the pooled states, `[n, hidden]`, of those by the vectors; adds the gradients of
    /// what lies between.
    pub(super) fn vectors_back(
        &self,
        parameters: &Parameters,
        (kept, sequences): (Vectors, &[Sequence]),
        slopes: &[f32],
        gradients: &mut Gradients,
    ) -> Vec<f32> {
        let rows = kept.pooled.chunks(BLOCK * self.hidden());
        let rows = rows.zip(sequences.chunks(BLOCK));
        let slopes = slopes.chunks(BLOCK * self.dim());
        let mut shards: Vec<Vec<_>> = (0..SHARDS).map(|_| Vec::new()).collect();
        for (i, block) in kept.tapes.into_iter().zip(rows.zip(slopes)).enumerate() {
            shards[i % SHARDS].push((i, block));
        }
        let arrays = parameters.arrays().len();
        let found: Vec<(Local, Vec<(usize, Vec<f32>)>)> = shards
            .into_par_iter()
            .filter(|shard| !shard.is_empty())
            .map(|shard| {
                let mut local = Local::new(arrays, false);
                let back = |(i, (tape, (block, slope))): (usize, (Option<HeadTape>, _))| {
                    let tape = tape.unwrap_or_else(|| self.head.forward(parameters, block).1);
                    (i, self.head.backward(parameters, &tape, slope, &mut local))
                };
                let blocks = shard.into_iter().map(back).collect();
                (local, blocks)
            })
            .collect();
        let mut blocks = Vec::new();
        let mut locals = Vec::with_capacity(found.len());
        for (local, own) in found {
            locals.push(local);
            blocks.extend(own);
        }
        self.gather(parameters, locals, gradients);
        blocks.sort_by_key(|(i, _)| *i);
        blocks.into_iter().flat_map(|(_, slope)| slope).collect()
    }
}
