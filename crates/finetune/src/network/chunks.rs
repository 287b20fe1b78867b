//! How a batch is cut, and where the values of each sequence lie in what a pass gives.

use super::drops::Drops;
use super::slot::Local;
use super::{Noise, SHARDS, Want};
use crate::Sequence;
use rayon::prelude::*;

/// Tokens of a chunk, unless a single text has more.
const CHUNK_TOKENS: usize = 512;
/// Least tokens of a chunk.
const LEAST_TOKENS: usize = 64;

/// Sequences sorted by length and cut by tokens; what is in a chunk follows from the lengths alone.
pub(super) fn chunks(sequences: &[Sequence]) -> Vec<Vec<usize>> {
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

/// Where the values of each sequence begin in what its chunk gives: its pooled states, or states.
pub(super) struct Starts(Vec<usize>);

impl Starts {
    pub(super) fn of(sequences: &[Sequence], want: Want<'_>, hidden: usize) -> Self {
        match want {
            Want::Vectors => Self::after(sequences.iter().map(|_| hidden)),
            Want::States(places) => Self::after(places.iter().map(|p| p.len() * hidden)),
        }
    }

    /// Of values of which each sequence has so many.
    pub(super) fn after(counts: impl Iterator<Item = usize>) -> Self {
        let mut starts = vec![0];
        for count in counts {
            starts.push(starts[starts.len() - 1] + count);
        }
        Self(starts)
    }

    /// Values of the sequences of a chunk, end to end.
    pub(super) fn gather(&self, chunk: &[usize], values: &[f32]) -> Vec<f32> {
        let own = chunk.iter().flat_map(|&i| &values[self.range(i)]);
        own.copied().collect()
    }

    /// Puts them back to where they belong.
    pub(super) fn scatter(&self, chunk: &[usize], own: &[f32], values: &mut [f32]) {
        let mut rest = own;
        for &i in chunk {
            let range = self.range(i);
            let (row, next) = rest.split_at(range.len());
            values[range].copy_from_slice(row);
            rest = next;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.last().copied().unwrap_or(0)
    }

    fn range(&self, sequence: usize) -> std::ops::Range<usize> {
        self.0[sequence]..self.0[sequence + 1]
    }
}

/// The masks of a chunk.
pub(super) fn drops_of(chunk: &[usize], lengths: &[usize], noise: Noise) -> Drops {
    let spans = chunk.iter().zip(lengths);
    Drops::new(noise, spans.map(|(&i, &len)| (i as u64, len)).collect())
}

/// Goes through parts, each shard of them with gradients of its own; gives these in the order of the
/// shards, and what each part gave with its number.
pub(super) fn in_shards<P: Send, R: Send>(
    parts: Vec<P>,
    local: impl Fn() -> Local + Sync,
    of: impl Fn(usize, P, &mut Local) -> R + Sync,
) -> (Vec<Local>, Vec<(usize, R)>) {
    let mut shards: Vec<Vec<(usize, P)>> = (0..SHARDS).map(|_| Vec::new()).collect();
    for (i, part) in parts.into_iter().enumerate() {
        shards[i % SHARDS].push((i, part));
    }
    let passed: Vec<(Local, Vec<(usize, R)>)> = shards
        .into_par_iter()
        .map(|shard| {
            let mut own = local();
            let given = shard
                .into_iter()
                .map(|(i, part)| (i, of(i, part, &mut own)));
            let given = given.collect();
            (own, given)
        })
        .collect();
    let (locals, given): (Vec<Local>, Vec<Vec<(usize, R)>>) = passed.into_iter().unzip();
    (locals, given.into_iter().flatten().collect())
}
