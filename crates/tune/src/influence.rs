//! How each parameter mattered: what was best in each part of its range, and the rank correlation
//! of its values with what was measured (Spearman 1904),
//!
//! ```text
//! ρ = Σ (r_i − r̄)(s_i − s̄) / √(Σ (r_i − r̄)² Σ (s_i − s̄)²)
//! ```
//!
//! over ranks, equal values sharing theirs. A search looks longer where it is good, so this
//! describes the trials and not the parameter.

use crate::range::{Range, written};
use crate::space::{Parameter, Space};
use crate::trial::Trial;
use serde::Serialize;
use toml::Value;

/// Parts that an interval is divided into.
const PARTS: usize = 4;

/// How one parameter mattered in the trials that can be compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Influence {
    /// The parameter.
    pub parameter: String,
    /// What was searched.
    pub range: Range,
    /// Between -1 (less was better) and 1 (more was better); `None` for choices, and where all
    /// was equal or there are fewer than three trials.
    pub rank_correlation: Option<f64>,
    /// The parts of the range in order.
    pub parts: Vec<PartOf>,
}

/// A part of a range: a quarter of an interval on the axis it is divided on, or one choice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartOf {
    /// Its ends, or the choice.
    pub name: String,
    /// How many trials lie there.
    pub trials: usize,
    /// The best of them.
    pub best: Option<f64>,
}

/// How each parameter of a space mattered.
#[must_use]
pub fn influences(space: &Space, trials: &[Trial]) -> Vec<Influence> {
    let full: Vec<&Trial> = trials.iter().filter(|t| t.is_full()).collect();
    let of = |parameter: &Parameter| {
        let range = &parameter.range;
        let seen: Vec<(f64, f64)> = full
            .iter()
            .filter_map(|t| {
                let place = range.place(t.values.get(&parameter.name)?)?;
                Some((place, t.value?))
            })
            .collect();
        Influence {
            parameter: parameter.name.clone(),
            range: range.clone(),
            rank_correlation: if range.is_interval() {
                rank_correlation(&seen)
            } else {
                None
            },
            parts: parts(range, &seen),
        }
    };
    space.parameters().iter().map(of).collect()
}

fn parts(range: &Range, seen: &[(f64, f64)]) -> Vec<PartOf> {
    let [low, high] = range.bounds();
    let names: Vec<String> = match range {
        Range::Choice(values) => values.iter().map(written).collect(),
        Range::Real { .. } | Range::Whole { .. } => {
            let at = |i: usize| number(&range.value(end(low, high, i)));
            (0..PARTS)
                .map(|i| format!("{}..{}", at(i), at(i + 1)))
                .collect()
        }
    };
    let n = names.len();
    let part = |place: f64| match range {
        Range::Choice(_) => range.choice_at(place),
        Range::Real { .. } | Range::Whole { .. } => {
            (1..n).take_while(|&i| place >= end(low, high, i)).count()
        }
    };
    let mut parts: Vec<PartOf> = names
        .into_iter()
        .map(|name| PartOf {
            name,
            trials: 0,
            best: None,
        })
        .collect();
    for &(place, value) in seen {
        let part = &mut parts[part(place)];
        part.trials += 1;
        part.best = Some(part.best.map_or(value, |best| best.max(value)));
    }
    parts
}

/// Where part `i` of an interval begins.
#[expect(clippy::cast_precision_loss, reason = "four parts")]
fn end(low: f64, high: f64, i: usize) -> f64 {
    low + (high - low) * i as f64 / PARTS as f64
}

/// A number in three significant digits at most.
fn number(value: &Value) -> String {
    match value.as_float() {
        Some(x) if x != 0.0 => {
            let rounded: f64 = format!("{x:.2e}").parse().unwrap_or(x);
            rounded.to_string()
        }
        _ => written(value),
    }
}

/// Spearman's ρ of pairs; `None` of fewer than three, or where one side is all equal.
#[must_use]
pub fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let a = ranks(&pairs.iter().map(|p| p.0).collect::<Vec<_>>());
    let b = ranks(&pairs.iter().map(|p| p.1).collect::<Vec<_>>());
    let mean = 0.5 * (count(pairs.len()) - 1.0);
    let product = |a: &[f64], b: &[f64]| -> f64 {
        let terms = a.iter().zip(b);
        terms.map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

/// The rank of each value from 0 on; equal ones share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let below = |x: f64| values.iter().filter(|y| **y < x).count();
    let equal = |x: f64| values.iter().filter(|y| **y == x).count();
    let rank = |&x: &f64| count(below(x)) + 0.5 * (count(equal(x)) - 1.0);
    values.iter().map(rank).collect()
}

#[expect(clippy::cast_precision_loss, reason = "trials are few")]
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Question;

    /// Ranks 0 1 2 3 and 1 0 2 3: 1 − 6·(1 + 1) / (4·15) = 0.8. With a tie, 0 1.5 1.5 3 against
    /// 0 1 2 3: 4.5 / √(4.5 · 5).
    #[test]
    fn correlations_by_hand() {
        let pairs = [(1.0, 20.0), (2.0, 10.0), (3.0, 30.0), (9.0, 90.0)];
        assert!((rank_correlation(&pairs).unwrap() - 0.8).abs() < 1e-12);
        let pairs = [(1.0, 1.0), (2.0, 2.0), (2.0, 3.0), (9.0, 4.0)];
        let got = rank_correlation(&pairs).unwrap();
        assert!((got - 4.5 / (4.5f64 * 5.0).sqrt()).abs() < 1e-12);
        assert_eq!(
            rank_correlation(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]),
            None
        );
        assert_eq!(rank_correlation(&pairs[..2]), None);
    }

    #[test]
    fn the_best_of_each_part() {
        let space = Space::default()
            .by_powers("x", 0.01, 100.0)
            .one_of("kind", &["a", "b"]);
        let trial = |x: f64, kind: &str, value: f64, share: f64| {
            let values = [("x".to_owned(), x.into()), ("kind".to_owned(), kind.into())];
            let question = Question {
                number: 0,
                setting: 0,
                share,
                values: values.into(),
            };
            Trial::measured(question, value)
        };
        let trials = [
            trial(0.02, "a", 0.1, 1.0),
            trial(0.05, "a", 0.2, 1.0),
            trial(1.5, "b", 0.4, 1.0),
            trial(100.0, "b", 0.3, 1.0),
            // Of another effort, and outside the range: neither counts.
            trial(50.0, "b", 9.0, 0.1),
            trial(0.0, "b", 0.35, 1.0),
        ];
        let found = influences(&space, &trials);
        let parts = |i: usize| -> Vec<(&str, usize, Option<f64>)> {
            let parts = found[i].parts.iter();
            parts.map(|p| (p.name.as_str(), p.trials, p.best)).collect()
        };
        assert_eq!(
            parts(0),
            [
                ("0.01..0.1", 2, Some(0.2)),
                ("0.1..1", 0, None),
                ("1..10", 1, Some(0.4)),
                ("10..100", 1, Some(0.3)),
            ]
        );
        assert_eq!(parts(1), [("a", 2, Some(0.2)), ("b", 3, Some(0.4))]);
        assert!((found[0].rank_correlation.unwrap() - 0.8).abs() < 1e-12);
        assert_eq!(found[1].rank_correlation, None);
    }
}
