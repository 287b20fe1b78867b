//! The weights of one group of people: a fusion as bold as the number of questions allows.
//!
//! A fusion has some fifteen weights; sixty people cannot fit them, and what they fit is then worse
//! than the best source alone. So where the questions are few ([`PLENTY`]), the weights are drawn
//! towards those that rank as the best single source does, and how strongly is chosen by
//! cross-validation over people: of the strengths in [`STRENGTHS`], the strongest whose ndcg@10 on the
//! people left out is within one standard error (of the paired differences) of the best. The last
//! strength is the source alone.

use super::PER_SOURCE;
use super::listwise::{self, Penalty};
use super::question::Question;
use super::rehearsal::PLENTY;
use rayon::prelude::*;

const FOLDS: usize = 5;
/// Penalties on the distance from the best source, as multiples of the configured one.
const STRENGTHS: [f64; 6] = [1.0, 10.0, 100.0, 1e3, 1e4, f64::INFINITY];
/// Depth of the ranking that decides.
const DEPTH: usize = 10;

/// `[n_features]`: the weights for these questions, whose features are of comparable scale.
pub(super) fn fit(questions: &[&Question], n_sources: usize, l2: f64) -> Vec<f64> {
    if questions.len() >= PLENTY {
        let towards = &vec![0.0; features(questions)];
        return listwise::fit(questions, Penalty { towards, l2 });
    }
    let figures: Vec<Vec<f64>> = STRENGTHS
        .par_iter()
        .map(|strength| left_out(questions, n_sources, strength * l2))
        .collect();
    drawn(questions, n_sources, STRENGTHS[simplest(&figures)] * l2)
}

fn features(questions: &[&Question]) -> usize {
    let first = questions.first();
    first.map_or(0, |q| q.features.len() / q.log_counts.len().max(1))
}

/// ndcg of each question under weights fitted on the other folds.
fn left_out(questions: &[&Question], n_sources: usize, l2: f64) -> Vec<f64> {
    let mut figures = vec![0.0; questions.len()];
    for fold in 0..FOLDS {
        let others: Vec<&Question> = (0..questions.len())
            .filter(|q| q % FOLDS != fold)
            .map(|q| questions[q])
            .collect();
        let weights = drawn(&others, n_sources, l2);
        for q in (fold..questions.len()).step_by(FOLDS) {
            figures[q] = ndcg(questions[q], &weights);
        }
    }
    figures
}

/// The weights drawn towards the best source with the given strength.
fn drawn(questions: &[&Question], n_sources: usize, l2: f64) -> Vec<f64> {
    let n = features(questions);
    let mut best = (f64::NEG_INFINITY, vec![0.0; n]);
    for source in 0..n_sources {
        let mut alone = vec![0.0; n];
        alone[PER_SOURCE * source] = scale_of(questions, PER_SOURCE * source);
        let sum: f64 = questions.iter().map(|q| ndcg(q, &alone)).sum();
        if sum > best.0 {
            best = (sum, alone);
        }
    }
    let towards = &best.1;
    if l2.is_infinite() {
        return best.1;
    }
    listwise::fit(questions, Penalty { towards, l2 })
}

/// The likeliest weight of one feature alone; a tiny one where that would turn the order round.
fn scale_of(questions: &[&Question], feature: usize) -> f64 {
    let single: Vec<Question> = questions
        .iter()
        .map(|q| {
            let n = q.features.len() / q.log_counts.len().max(1);
            let column = q.features.iter().skip(feature).step_by(n.max(1));
            Question {
                features: column.copied().collect(),
                log_counts: q.log_counts.clone(),
                held_out: q.held_out,
            }
        })
        .collect();
    let single: Vec<&Question> = single.iter().collect();
    let penalty = Penalty {
        towards: &[0.0],
        l2: 1e-6,
    };
    listwise::fit(&single, penalty)[0].max(1e-6)
}

/// The strongest of the penalties that is not worse than the best by more than chance.
fn simplest(figures: &[Vec<f64>]) -> usize {
    let total = |i: usize| figures[i].iter().sum::<f64>();
    let best = (0..figures.len()).fold(0, |best, i| if total(i) > total(best) { i } else { best });
    let within = |i: &usize| {
        let n = figures[*i].len().max(2) as f64;
        let lost = figures[best].iter().zip(&figures[*i]).map(|(b, f)| b - f);
        let (sum, squares) = lost.fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
        let variance = ((squares - sum * sum / n) / (n - 1.0)).max(0.0);
        sum / n <= (variance / n).sqrt()
    };
    (best..figures.len()).rev().find(within).unwrap_or(best)
}

/// ndcg at [`DEPTH`] of the question's rows; equal scores in favour of what was not held out.
fn ndcg(question: &Question, weights: &[f64]) -> f64 {
    let scores: Vec<f64> = question
        .features
        .chunks_exact(weights.len().max(1))
        .map(|row| {
            row.iter()
                .zip(weights)
                .map(|(&f, w)| f64::from(f) * w)
                .sum()
        })
        .collect();
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let mut order: Vec<usize> = (0..scores.len()).rev().collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let found: f64 = order
        .iter()
        .take(DEPTH)
        .enumerate()
        .filter(|&(_, &row)| row < question.held_out)
        .map(|(place, _)| gain(place))
        .sum();
    found / (0..DEPTH.min(question.held_out)).map(gain).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ndcg_by_hand() {
        // Scores 2 and 0 for the two held out, 1 for the other: places 1 and 3.
        let question = Question {
            features: vec![2.0, 0.0, 1.0],
            log_counts: vec![0.0; 3],
            held_out: 2,
        };
        let expected = (1.0 + 0.5) / (1.0 + 1.0 / 3.0f64.log2());
        assert!((ndcg(&question, &[1.0]) - expected).abs() < 1e-12);
    }

    #[test]
    fn the_simplest_within_one_standard_error_of_the_best() {
        // Lost against the best, on average and its error: 0.25 ± 0.25 is taken, 0.5 ± 0 is not.
        let best = vec![1.0, 1.0, 1.0, 1.0];
        let near = vec![0.0, 1.0, 1.0, 1.0];
        let far = vec![0.5, 0.5, 0.5, 0.5];
        assert_eq!(simplest(&[best.clone(), near.clone(), far.clone()]), 1);
        assert_eq!(simplest(&[near, best, far]), 1);
    }
}
