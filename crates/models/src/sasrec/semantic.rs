//! Semantic ids as a feature: what an item's text is quantised to, each part with a vector of its
//! own.
//!
//! ```text
//! tokens(i) = residual k-means of the whitened text of i            Rajput et al. 2023 (TIGER)
//! e_i = id_i + W t_i + Σ_l S[unit_l(i)]
//! ```
//!
//! A unit is a token of its level, or the whole prefix up to it: prefixes keep what a token means,
//! which the tokens before it decide ("prefix n-grams": Zheng et al. 2025, "Enhancing Embedding
//! Representation Stability in Recommendation Systems with Semantic ID", after the n-grams of Singh
//! et al. 2023, "Better Generalization with Semantic IDs"). Only units that two training items
//! share have a vector: one that an item has alone is an id of it. Codebooks are fitted on the
//! texts of training items, on the 128 strongest directions, half whitened, as mining does it; any
//! other text gets the nearest tokens.

use super::{Sasrec, SasrecConfig};
use crate::texts::{fit_whitening, has_text, load_whitening, save_whitening};
use crate::{Model, ModelError, Tensors, Training};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use semrec_text::{Codebooks, Vectors, Whitening, WhiteningConfig};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the texts are whitened before they are quantised, as by `semrec mine`.
const DIMS: usize = 128;
const POWER: f32 = 0.5;
/// Stands for any token in a stored unit.
const ANY: u32 = u32::MAX;

/// What of an item's semantic id has a vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Semantic {
    /// Nothing.
    #[default]
    None,
    /// Each token of each level.
    Tokens,
    /// Each prefix.
    Prefixes,
}

impl Semantic {
    /// What stands for a level of these tokens; any token before it, if prefixes do not count.
    fn unit(self, tokens: &[u32], level: usize) -> Vec<u32> {
        let mut unit = tokens[..=level].to_vec();
        if self != Self::Prefixes {
            unit[..level].fill(ANY);
        }
        unit
    }
}

/// From the vector of a text to the units it has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Units {
    kind: Semantic,
    whitening: Whitening,
    codebooks: Codebooks,
    /// The number of each unit.
    numbers: BTreeMap<Vec<u32>, u32>,
}

impl Units {
    /// Those of a configuration, fitted on the training items; `None` if it asks for none.
    ///
    /// # Errors
    /// [`ModelError::Training`] if no training item has a text.
    pub(super) fn fit(
        training: &Training<'_>,
        config: &SasrecConfig,
    ) -> Result<Option<Self>, ModelError> {
        if config.semantic == Semantic::None {
            return Ok(None);
        }
        let settings = WhiteningConfig {
            dims: Some(DIMS),
            power: POWER,
            ..WhiteningConfig::default()
        };
        let whitening = fit_whitening(training, Sasrec::NAME, &settings)?;
        let counts = training.interactions.item_counts();
        let texts = training.item_vectors.into_iter().flat_map(Vectors::rows);
        let known = texts.zip(&counts).filter(|(x, n)| **n > 0 && has_text(x));
        let rows: Vec<f32> = known.flat_map(|(x, _)| whitening.apply_one(x)).collect();
        let rows = Vectors::new(whitening.dim_out(), rows);
        let mut rng = ChaCha8Rng::seed_from_u64(training.seed);
        let (levels, tokens) = (config.semantic_levels, config.semantic_tokens);
        (training.progress)("sasrec: semantic ids", 0, 1);
        let codebooks = Codebooks::fit(&rows, levels, tokens, &mut rng).codebooks;
        let mut shared: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
        for tokens in all_tokens(&codebooks, &rows) {
            for level in 0..levels {
                *shared
                    .entry(config.semantic.unit(&tokens, level))
                    .or_default() += 1;
            }
        }
        shared.retain(|_, items| *items > 1);
        Ok(Some(Self {
            kind: config.semantic,
            whitening,
            codebooks,
            numbers: shared.into_keys().zip(0..).collect(),
        }))
    }

    /// Number of units.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Units of an item, at most.
    pub(super) fn levels(&self) -> usize {
        self.codebooks.shape()[0]
    }

    /// The units of a text by its vector; none where it says nothing.
    pub(super) fn of(&self, vector: &[f32]) -> Vec<u32> {
        if !has_text(vector) {
            return Vec::new();
        }
        let tokens = self.codebooks.tokens(&self.whitening.apply_one(vector));
        let each = (0..tokens.len()).map(|level| self.kind.unit(&tokens, level));
        each.filter_map(|unit| self.numbers.get(&unit).copied())
            .collect()
    }

    /// The units of each text.
    pub(super) fn of_all(&self, vectors: &Vectors) -> Vec<Vec<u32>> {
        let rows: Vec<&[f32]> = vectors.rows().collect();
        rows.par_iter().map(|row| self.of(row)).collect()
    }

    /// The units of some of all items, `[items, levels]`, filled up with the number of units.
    pub(super) fn padded(&self, of_all: &[Vec<u32>], items: &[u32]) -> Vec<u32> {
        let none = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let of = |&item: &u32| {
            let units = of_all[item as usize].iter().copied();
            units.chain(std::iter::repeat(none)).take(self.levels())
        };
        items.iter().flat_map(of).collect()
    }

    pub(super) fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        save_whitening(&self.whitening, into)?;
        let shape = self.codebooks.shape();
        into.put_f32("centres", &shape, self.codebooks.centres())?;
        let levels = self.levels();
        let padded = |unit: &Vec<u32>| {
            let mut unit = unit.clone();
            unit.resize(levels, ANY);
            unit
        };
        let units: Vec<u32> = self.numbers.keys().flat_map(padded).collect();
        into.put_u32("units", &[self.len(), levels], units)
    }

    pub(super) fn load(kind: Semantic, tensors: &Tensors) -> Result<Self, ModelError> {
        let fail = |name: &str, problem: &str| ModelError::Tensor {
            name: format!("semantic.{name}"),
            problem: problem.to_owned(),
        };
        let whitening = load_whitening(tensors, usize::MAX)?;
        let shape = tensors.shape::<3>("centres")?;
        let centres = tensors.shared_f32("centres", &shape)?;
        let codebooks = Codebooks::from_centres(shape, &centres)
            .filter(|_| shape[2] == whitening.dim_out())
            .ok_or_else(|| fail("centres", "are no finite vectors of the whitening's width"))?;
        let [n, levels] = tensors.shape("units")?;
        if levels != shape[0] {
            return Err(fail("units", "have not as many levels as the centres"));
        }
        let units = tensors.shared_u32("units", &[n, levels])?;
        let bare = units.chunks_exact(levels).map(|unit| {
            let last = unit.iter().rposition(|&token| token != ANY);
            unit[..last.map_or(0, |at| at + 1)].to_vec()
        });
        let numbers: BTreeMap<Vec<u32>, u32> = bare.zip(0..).collect();
        if numbers.len() != n {
            return Err(fail("units", "stand twice"));
        }
        Ok(Self {
            kind,
            whitening,
            codebooks,
            numbers,
        })
    }
}

fn all_tokens(codebooks: &Codebooks, rows: &Vectors) -> Vec<Vec<u32>> {
    let rows: Vec<&[f32]> = rows.rows().collect();
    rows.par_iter().map(|row| codebooks.tokens(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_names_all_tokens_up_to_its_level_and_a_token_its_level_alone() {
        assert_eq!(Semantic::Prefixes.unit(&[7, 1, 3], 1), [7, 1]);
        assert_eq!(Semantic::Tokens.unit(&[7, 1, 3], 1), [ANY, 1]);
        assert_eq!(Semantic::Tokens.unit(&[7, 1, 3], 0), [7]);
    }
}
