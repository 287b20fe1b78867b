//! What was hidden, as questions: which of these items did the person choose?
//!
//! Asking over the whole catalogue would be slow and hardly more exact: of the items that no
//! source ranks high, a random few stand for all. A question holds the held-out items, the
//! [`BEST`] items of each source, and [`OTHERS`] of the rest, each of which counts for as many
//! items as it stands for. At most `4 * features * rows` bytes a question.

use super::standing::Standing;
use super::{Person, compression};
use crate::kernels::narrow;
use crate::{Query, Recommender};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use semrec_data::{Case, top_k};
use std::collections::BTreeSet;

/// Items taken from the top of each source.
const BEST: usize = 200;
/// Items that stand for the rest.
const OTHERS: usize = 300;
/// Scores held at once.
const SCORES_HELD: usize = 1 << 23;

/// One question.
#[derive(Debug)]
pub(super) struct Question {
    /// `[rows, n_features]`; the held-out items come first.
    pub(super) features: Vec<f32>,
    /// `[rows]`: logarithm of how many items a row stands for.
    pub(super) log_counts: Vec<f32>,
    /// How many of the rows were held out.
    pub(super) held_out: usize,
}

/// Scores the cases a chunk at a time and keeps the rows that matter.
pub(super) fn questions(
    sources: &[Box<dyn Recommender>],
    cases: &[(Case<'_>, Query<'_>)],
    standing: &Standing,
    seed: u64,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Vec<Question> {
    let n = standing.logs.len();
    let chunk = (SCORES_HELD / (n * sources.len()).max(1)).clamp(1, 256);
    let mut out = Vec::with_capacity(cases.len());
    for (c, cases_here) in cases.chunks(chunk).enumerate() {
        let queries: Vec<Query<'_>> = cases_here.iter().map(|(_, query)| *query).collect();
        let scores: Vec<Vec<f32>> = sources
            .iter()
            .map(|source| {
                let mut scores = vec![0.0; queries.len() * n];
                source.score(&queries, &mut scores);
                scores
            })
            .collect();
        let made: Vec<Question> = cases_here
            .par_iter()
            .enumerate()
            .map(|(q, (case, query))| {
                let rows: Vec<&[f32]> = scores.iter().map(|s| &s[q * n..(q + 1) * n]).collect();
                let number = (c * chunk + q) as u64;
                let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (number << 20));
                let chosen = choose(case, &rows, &mut rng);
                let (person, told) = (Person::of(query), standing.told(query));
                let mut features = Vec::new();
                for &item in &chosen.items {
                    let log = standing.logs[item as usize];
                    for (source, row) in sources.iter().zip(&rows) {
                        let z = compression(source.name())(row[item as usize]);
                        features.extend(person.of_source(z, log));
                    }
                    features.extend(standing.features(told, item));
                }
                Question {
                    features,
                    log_counts: chosen.log_counts,
                    held_out: case.held_out.len(),
                }
            })
            .collect();
        out.extend(made);
        progress(out.len(), cases.len());
    }
    out
}

/// The items a question is about.
struct Chosen {
    /// The held-out ones first.
    items: Vec<u32>,
    /// For each: logarithm of how many items it stands for.
    log_counts: Vec<f32>,
}

fn choose(case: &Case<'_>, scores: &[&[f32]], rng: &mut ChaCha8Rng) -> Chosen {
    let seen: BTreeSet<u32> = case.history.iter().map(|e| e.item).collect();
    let mut taken: BTreeSet<u32> = case.held_out.iter().copied().collect();
    let mut items: Vec<u32> = case.held_out.to_vec();
    for row in scores {
        for ranked in top_k(row, BEST + seen.len()) {
            if !seen.contains(&ranked.item) && taken.insert(ranked.item) {
                items.push(ranked.item);
            }
        }
    }
    let certain = items.len();
    let n = u32::try_from(scores.first().map_or(0, |row| row.len())).unwrap_or(u32::MAX);
    let rest = (n as usize).saturating_sub(seen.len() + certain);
    if rest <= OTHERS {
        items.extend((0..n).filter(|i| !seen.contains(i) && !taken.contains(i)));
    } else {
        while items.len() < certain + OTHERS {
            let item = rng.random_range(0..n);
            if !seen.contains(&item) && taken.insert(item) {
                items.push(item);
            }
        }
    }
    let stands_for = log_ratio(rest, items.len() - certain);
    let mut log_counts = vec![0.0; items.len()];
    log_counts[certain..].fill(stands_for);
    Chosen { items, log_counts }
}

#[expect(clippy::cast_precision_loss, reason = "logarithms of counts")]
fn log_ratio(all: usize, some: usize) -> f32 {
    (all.max(1) as f32 / some.max(1) as f32).ln()
}

/// Divides each feature by its standard deviation over the catalogue, and returns those.
pub(super) fn standardise(questions: &mut [Question], n_features: usize) -> Vec<f32> {
    let (mut sum, mut squares) = (vec![0.0f64; n_features], vec![0.0f64; n_features]);
    let mut count = 0.0f64;
    for question in questions.iter() {
        let rows = question.features.chunks_exact(n_features);
        for (row, log_count) in rows.zip(&question.log_counts) {
            let m = f64::from(log_count.exp());
            count += m;
            for ((s, sq), &x) in sum.iter_mut().zip(&mut squares).zip(row) {
                *s += m * f64::from(x);
                *sq += m * f64::from(x) * f64::from(x);
            }
        }
    }
    let scales: Vec<f32> = sum
        .iter()
        .zip(&squares)
        .map(|(s, sq)| {
            let variance = (sq / count - (s / count) * (s / count)).max(0.0);
            // A feature that never varies cannot tell items apart; any scale will do.
            if variance > 1e-12 {
                narrow(variance.sqrt())
            } else {
                1.0
            }
        })
        .collect();
    questions.par_iter_mut().for_each(|question| {
        for row in question.features.chunks_exact_mut(n_features) {
            row.iter_mut().zip(&scales).for_each(|(x, s)| *x /= s);
        }
    });
    scales
}
