//! What stands for a token before the first layer: its vector, plus that of its place.

use super::norm::Norm;
use super::reader::Reader;
use crate::TextError;
use crate::settings::{Positions, Shape};
use crate::table::Table;
use pulp::Arch;

/// The tables of tokens and places.
#[derive(Debug)]
pub(super) struct Embedding {
    hidden: usize,
    words: Table,
    places: Option<Places>,
    norm: Option<Norm>,
}

/// Learned vectors of places.
#[derive(Debug)]
struct Places {
    /// With the vector of token type 0 added, because texts come singly.
    rows: Vec<f32>,
    padding: Option<u32>,
}

impl Embedding {
    pub(super) fn load(reader: &Reader<'_>, shape: &Shape) -> Result<Self, TextError> {
        let hidden = shape.hidden;
        let names = reader.names;
        let places = match (shape.positions, names.positions) {
            (Positions::Learned { rows, padding }, Some(name)) => {
                let mut rows = reader.tensor(name, &[rows, hidden])?;
                if let Some(name) = names.types {
                    let types = reader.tensor(name, &[shape.types, hidden])?;
                    for row in rows.chunks_exact_mut(hidden) {
                        row.iter_mut().zip(&types).for_each(|(p, t)| *p += t);
                    }
                }
                Some(Places { rows, padding })
            }
            _ => None,
        };
        Ok(Self {
            hidden,
            words: reader.table(names.words, [shape.vocabulary, hidden])?,
            places,
            norm: match names.embedding_norm {
                Some(name) => Some(reader.norm(name, hidden)?),
                None => None,
            },
        })
    }

    /// Writes the vectors of the tokens of all sequences, `[Σ len, hidden]`.
    pub(super) fn write(&self, arch: Arch, sequences: &[&[u32]], x: &mut [f32]) {
        let mut rows = x.chunks_exact_mut(self.hidden);
        for sequence in sequences {
            let places = self.places.as_ref().map(|p| p.of(sequence, self.hidden));
            let mut places = places.into_iter().flatten();
            for (&token, x) in sequence.iter().zip(rows.by_ref()) {
                self.words.read(token as usize, x);
                if let Some(place) = places.next() {
                    x.iter_mut().zip(place).for_each(|(x, p)| *x += p);
                }
            }
        }
        if let Some(norm) = &self.norm {
            norm.apply(arch, x);
        }
    }
}

impl Places {
    /// The vectors of the places of a sequence. With a padding token they are counted from the
    /// row behind its number; the token itself, which a text may spell out, has that row and is
    /// not counted.
    fn of<'a>(
        &'a self,
        sequence: &'a [u32],
        hidden: usize,
    ) -> impl Iterator<Item = &'a [f32]> + 'a {
        let mut next = self.padding.map_or(0, |padding| padding as usize + 1);
        sequence.iter().map(move |&token| {
            let place = if Some(token) == self.padding {
                token as usize
            } else {
                next += 1;
                next - 1
            };
            &self.rows[place * hidden..][..hidden]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_spelled_out_has_its_own_place() {
        let mut places = Places {
            rows: (0u8..8).map(f32::from).collect(),
            padding: None,
        };
        let of = |places: &Places, tokens: &[u32]| -> Vec<f32> {
            places.of(tokens, 1).map(|row| row[0]).collect()
        };
        assert_eq!(of(&places, &[5, 1, 7]), [0.0, 1.0, 2.0]);
        places.padding = Some(1);
        assert_eq!(of(&places, &[5, 1, 7, 0]), [2.0, 1.0, 3.0, 4.0]);
    }
}
