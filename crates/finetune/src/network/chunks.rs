//! How a batch is cut, and where the values of each sequence lie in what a pass gives.

use super::drops::Drops;
use super::{Noise, SHARDS, Want};
use crate::Sequence;

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
        let mut starts = vec![0];
        for i in 0..sequences.len() {
            let own = match want {
                Want::Vectors => hidden,
                Want::States(places) => places[i].len() * hidden,
            };
            starts.push(starts[i] + own);
        }
        Self(starts)
    }

    pub(super) fn len(&self) -> usize {
        self.0.last().copied().unwrap_or(0)
    }

    pub(super) fn range(&self, sequence: usize) -> std::ops::Range<usize> {
        self.0[sequence]..self.0[sequence + 1]
    }
}

/// The masks of a chunk.
pub(super) fn drops_of(chunk: &[usize], lengths: &[usize], noise: Noise) -> Drops {
    let spans = chunk.iter().zip(lengths);
    Drops::new(noise, spans.map(|(&i, &len)| (i as u64, len)).collect())
}
