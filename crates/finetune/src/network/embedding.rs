//! What stands for a token before the first layer: the vectors of word, place and type, summed and
//! normalised.

use super::norm::{Norm, Normed};
use super::slot::{Local, Slot, add};
use super::{Rows, Sequence};
use semrec_train::Parameters;

/// The tables.
#[derive(Debug)]
pub(super) struct Embedding {
    pub(super) hidden: usize,
    pub(super) words: Slot,
    pub(super) positions: Slot,
    /// Number of positions.
    pub(super) places: usize,
    /// The table, and how many types there are.
    pub(super) types: Option<(Slot, usize)>,
    pub(super) norm: Norm,
    /// The padding token, where positions count from the one after its number.
    pub(super) padding: Option<u32>,
}

impl Embedding {
    /// The position of each token of a sequence.
    fn places<'a>(&self, tokens: &'a [u32]) -> impl Iterator<Item = usize> + 'a {
        let padding = self.padding;
        let mut next = padding.map_or(0, |padding| padding as usize + 1);
        tokens.iter().map(move |&token| {
            if Some(token) == padding {
                token as usize
            } else {
                next += 1;
                next - 1
            }
        })
    }

    /// Sums of the three vectors, normalised.
    pub(super) fn forward(
        &self,
        parameters: &Parameters,
        sequences: &[&Sequence],
        perturbation: Option<&Rows>,
    ) -> Normed {
        let h = self.hidden;
        let words = self.words.values(parameters);
        let positions = self.positions.values(parameters);
        let types = self.types.as_ref().map(|(slot, _)| slot.values(parameters));
        let mut rows = Vec::with_capacity(sequences.iter().map(|s| s.len()).sum::<usize>() * h);
        for sequence in sequences {
            for (i, (&token, place)) in sequence
                .tokens
                .iter()
                .zip(self.places(&sequence.tokens))
                .enumerate()
            {
                let start = rows.len();
                rows.extend_from_slice(&words[token as usize * h..][..h]);
                let row = &mut rows[start..];
                add(row, &positions[place * h..][..h]);
                if let Some(types) = types {
                    let kind = usize::from(sequence.types.get(i).copied().unwrap_or(0));
                    add(row, &types[kind * h..][..h]);
                }
                if let Some(more) = perturbation.and_then(|rows| rows.get(&token)) {
                    add(row, more);
                }
            }
        }
        self.norm.normalise(rows, h)
    }

    /// Gradients by the tables, of those by the normalised sums.
    pub(super) fn backward(
        &self,
        parameters: &Parameters,
        sequences: &[&Sequence],
        (normed, slope): (&Normed, &mut [f32]),
        local: &mut Local,
    ) {
        let h = self.hidden;
        self.norm.backward(parameters, normed, slope, local);
        let mut rows = slope.chunks_exact(h);
        for sequence in sequences {
            let places = self.places(&sequence.tokens);
            for ((i, (&token, place)), row) in sequence
                .tokens
                .iter()
                .zip(places)
                .enumerate()
                .zip(rows.by_ref())
            {
                if let Some(words) = &mut local.words {
                    add(words.entry(token).or_insert_with(|| vec![0.0; h]), row);
                }
                if let Some(at) = self.positions.place() {
                    add(&mut local.array(at, self.places * h)[place * h..][..h], row);
                }
                if let Some((Slot::Trained(at), count)) = &self.types {
                    let kind = usize::from(sequence.types.get(i).copied().unwrap_or(0));
                    add(&mut local.array(*at, count * h)[kind * h..][..h], row);
                }
            }
        }
    }
}
