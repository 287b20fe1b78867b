//! From the pooled states of a batch to its vectors, and back: block by block of texts, whatever
//! their lengths, so that a wide layer is read once for many of them.

use super::chunks::in_shards;
use super::head::HeadTape;
use super::slot::Local;
use super::{Gradients, Network, TAPE_BYTES};
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
        let wide = BLOCK * self.hidden();
        let mut back = vec![0.0; kept.pooled.len()];
        let rows = kept.pooled.chunks(wide).zip(sequences.chunks(BLOCK));
        let slopes = slopes.chunks(BLOCK * self.dim());
        let pairs = slopes.zip(back.chunks_mut(wide));
        let parts: Vec<_> = kept.tapes.into_iter().zip(rows).zip(pairs).collect();
        let arrays = parameters.arrays().len();
        let local = || Local::new(arrays, false);
        let (locals, _) = in_shards(parts, local, |_, ((tape, block), (slope, to)), local| {
            let tape = tape.unwrap_or_else(|| self.head.forward(parameters, block).1);
            let back = self.head.backward(parameters, &tape, slope, local);
            to.copy_from_slice(&back);
        });
        self.gather(parameters, locals, gradients);
        back
    }
}

#[cfg(test)]
mod tests {
    use crate::network::{Gradients, Manner, Network};
    use crate::{Method, Sequence};
    use semrec_text::Role;
    use std::path::Path;

    /// Three blocks, one text of which says nothing, and what is computed again is the same.
    #[test]
    fn what_was_not_kept_is_computed_again() {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../text/tests/golden/tiny");
        for method in [Method::Full, Method::Head { width: 80 }] {
            let (network, parameters) = Network::open(&model, &method, 1).unwrap();
            let texts: Vec<String> = (0..150).map(|i| format!("lamp {i} of light")).collect();
            let mut texts = network.tokenise(&texts, Role::Passage, 20).unwrap();
            texts[70] = Sequence::single(Vec::new());
            let found = [true, false].map(|keep| {
                let mut gradients = Gradients::default();
                let mut pass = network.forward(&parameters, &texts, Manner::PLAIN);
                assert_eq!(pass.vectors.tapes.len(), 3);
                assert!(pass.vectors.tapes.iter().all(Option::is_some));
                if !keep {
                    pass.vectors.tapes.fill_with(|| None);
                }
                let slopes: Vec<f32> = pass.values.iter().rev().copied().collect();
                let values = pass.values.clone();
                network.backward(&parameters, pass, &slopes, &mut gradients);
                (values, gradients)
            });
            assert_eq!(found[0], found[1]);
            let dim = network.dim();
            let (values, gradients) = &found[0];
            assert!(values[70 * dim..71 * dim].iter().all(|&x| x == 0.0));
            assert!(gradients.arrays.iter().flatten().any(|&x| x != 0.0));
            // A text's vector does not depend on what else is in the batch, nor on where it stands.
            let alone = network.values(&parameters, &texts[100..101], Manner::PLAIN);
            for (a, b) in alone.iter().zip(&values[100 * dim..]) {
                assert!((a - b).abs() < 1e-6, "{a} and {b}");
            }
            assert!(network.values(&parameters, &[], Manner::PLAIN).is_empty());
        }
    }
}
