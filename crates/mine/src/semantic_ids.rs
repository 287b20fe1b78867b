//! Semantic ids: each vector as a few tokens, coarse to fine, by residual quantisation
//! ([`semrec_text::Codebooks`]). Items with equal tokens are told apart by a last one, 0, 1, … in
//! order. What is told of them: how far they are from the vectors, how alike tokens are used, and
//! how well a prefix predicts what is touched together.

use crate::numbers::index;
use rand_chacha::ChaCha8Rng;
use semrec_data::Interactions;
use semrec_text::{Codebooks, Vectors};
use serde::Serialize;
use std::collections::BTreeMap;

/// Pairs of events that are looked at.
const PAIRS: usize = 200_000;

/// The tokens of each row.
#[derive(Clone, Debug)]
pub(crate) struct SemanticIds {
    /// Tokens of a row, `[n, levels + 1]`; the last resolves collisions.
    pub(crate) tokens: Vec<Vec<u32>>,
    /// What is said of the ids as a whole.
    pub(crate) figures: IdFigures,
}

/// How good the ids are.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IdFigures {
    /// Values of a token.
    pub tokens: usize,
    /// Share of items whose tokens, without the last, no other item has.
    pub unique: f64,
    /// Largest number for the last token.
    pub largest_collision: usize,
    /// What each level has, the first first.
    pub levels: Vec<IdLevel>,
}

/// What one level adds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IdLevel {
    /// Mean of `|x − x̂|² / |x|²` with the levels up to this one.
    pub error: f64,
    /// Entropy of the tokens as a share of its largest value: 1 where all are used alike.
    pub balance: f64,
    /// Distinct prefixes up to this level.
    pub prefixes: usize,
    /// Of two items that a person touched one after the other, how often they have the same
    /// prefix; none without interactions.
    pub co_purchase: Option<f64>,
    /// The same of two items drawn by their popularity.
    pub by_chance: Option<f64>,
}

impl SemanticIds {
    /// Quantises the rows.
    pub(crate) fn fit(rows: &Vectors, levels: usize, tokens: usize, rng: &mut ChaCha8Rng) -> Self {
        let found = Codebooks::fit(rows, levels, tokens, rng);
        let [_, k, _] = found.codebooks.shape();
        let mut codes = found.tokens;
        let each = found.errors.iter().enumerate();
        let mut figures = IdFigures {
            tokens: k,
            levels: each
                .map(|(at, &error)| level(&codes, k, at, error))
                .collect(),
            ..IdFigures::default()
        };
        let mut seen: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
        for code in &mut codes {
            let number = seen.entry(code.clone()).or_default();
            code.push(*number);
            *number += 1;
        }
        let unique = seen.values().filter(|&&n| n == 1).count();
        figures.unique = unique as f64 / rows.len().max(1) as f64;
        figures.largest_collision = seen.values().max().map_or(0, |&n| n as usize - 1);
        Self {
            tokens: codes,
            figures,
        }
    }

    /// Measures how well prefixes tell what is touched together; `row_of` gives the row of an item.
    pub(crate) fn measure(&mut self, events: &Interactions, row_of: &[Option<u32>]) {
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        let mut touched: Vec<f64> = vec![0.0; self.tokens.len()];
        for user in 0..index(events.n_users()) {
            let rows = events.of_user(user).iter();
            let rows: Vec<u32> = rows.filter_map(|e| row_of[e.item as usize]).collect();
            rows.iter().for_each(|&r| touched[r as usize] += 1.0);
            let each = rows.windows(2).map(|w| (w[0], w[1]));
            pairs.extend(each.filter(|(a, b)| a != b));
        }
        if pairs.is_empty() {
            return;
        }
        let step = pairs.len().div_ceil(PAIRS);
        let pairs: Vec<(u32, u32)> = pairs.into_iter().step_by(step).collect();
        for (at, level) in self.figures.levels.iter_mut().enumerate() {
            let prefix = |r: usize| &self.tokens[r][..=at];
            let same = pairs
                .iter()
                .filter(|(a, b)| prefix(*a as usize) == prefix(*b as usize))
                .count();
            level.co_purchase = Some(same as f64 / pairs.len() as f64);
            level.by_chance = Some(chance(&touched, prefix));
        }
    }
}

/// What is told of a level by the tokens alone.
fn level(codes: &[Vec<u32>], k: usize, at: usize, error: f64) -> IdLevel {
    let chosen: Vec<u32> = codes.iter().map(|code| code[at]).collect();
    let mut prefixes: Vec<&[u32]> = codes.iter().map(|code| &code[..=at]).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    IdLevel {
        error,
        balance: balance(&chosen, k),
        prefixes: prefixes.len(),
        ..IdLevel::default()
    }
}

/// The chance that two different items drawn by weight have the same prefix.
fn chance<'a>(weights: &[f64], prefix: impl Fn(usize) -> &'a [u32]) -> f64 {
    let mut by_prefix: BTreeMap<&[u32], f64> = BTreeMap::new();
    for (row, &weight) in weights.iter().enumerate() {
        *by_prefix.entry(prefix(row)).or_default() += weight;
    }
    let square = |w: &f64| w * w;
    let itself: f64 = weights.iter().map(square).sum();
    let same: f64 = by_prefix.values().map(square).sum();
    let total: f64 = weights.iter().sum();
    let different = total * total - itself;
    if different > 0.0 {
        (same - itself) / different
    } else {
        0.0
    }
}

/// Entropy of labels over `ln k`.
fn balance(labels: &[u32], k: usize) -> f64 {
    let mut counts = vec![0_usize; k];
    labels.iter().for_each(|&l| counts[l as usize] += 1);
    let n = labels.len().max(1) as f64;
    let shares = counts.iter().filter(|&&c| c > 0).map(|&c| c as f64 / n);
    shares.map(|p| -p * p.ln()).sum::<f64>() / (k as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use semrec_data::{Clock, Event, Part, Row};

    /// Rows 10, 11 and 20, 22, ten times each, in two levels of two tokens: four codes.
    #[test]
    fn two_levels_by_hand() {
        let rows = Vectors::new(1, [10.0, 11.0, 20.0, 22.0].repeat(10));
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let ids = SemanticIds::fit(&rows, 2, 2, &mut rng);
        let levels = &ids.figures.levels;
        assert_eq!((levels[0].prefixes, levels[1].prefixes), (2, 4));
        assert!((levels[0].balance - 1.0).abs() < 1e-9);
        // Ten rows of each code: none unique, told apart by 0 to 9.
        assert_eq!(
            (ids.figures.unique, ids.figures.largest_collision),
            (0.0, 9)
        );
        let same: Vec<u32> = ids.tokens.iter().step_by(4).map(|t| t[2]).collect();
        assert_eq!(same, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let mut all = ids.tokens.clone();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 40);
    }

    /// Two people, one touches rows 0 and 1, the other 0, 1 and 2; prefixes are A, A, B. Pairs
    /// (0,1), (0,1), (1,2): two of three alike. Weights 2, 2, 1: of 25 − 9 = 16 ordered pairs of
    /// different rows, 16 − 8 = 8 are (0,1) or (1,0).
    #[test]
    fn co_purchase_by_hand() {
        let row = |user, item| Row {
            user,
            event: Event {
                item,
                value: 1.0,
                time: i64::from(item),
            },
            kind: 0,
            part: Part::Train,
        };
        let rows = [row(0, 0), row(0, 1), row(1, 0), row(1, 1), row(1, 2)];
        let events = Interactions::from_rows(&rows, 2, 3, Clock::Position);
        let mut ids = SemanticIds {
            tokens: vec![vec![5, 0], vec![5, 1], vec![6, 0]],
            figures: IdFigures {
                levels: vec![IdLevel::default()],
                ..IdFigures::default()
            },
        };
        ids.measure(&events, &[Some(0), Some(1), Some(2)]);
        let level = &ids.figures.levels[0];
        assert!((level.co_purchase.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((level.by_chance.unwrap() - 0.5).abs() < 1e-12);
    }
}
