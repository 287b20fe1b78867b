//! The density of the settings of some trials: a mixture with one kernel a trial, and one for
//! what was known before (Bergstra et al. 2011, with the choices of Optuna 5).
//!
//! A kernel is a product over the parameters: of a normal cut off at the ends of the range, and,
//! for a choice of `c` values, of `1 + 1/n` at the one observed and `1/n` elsewhere, over their
//! sum. `n` counts the kernels. The deviation of a normal is the larger distance to the
//! neighbouring observations (at the ends, to the only one), at least `width / min(100, 1 + n)`
//! and at most the width. The kernel of what was known before lies in the middle with a deviation
//! of the width, and gives each choice the same. Each kernel weighs 1; of 25 trials and more, the
//! oldest weigh less: from `1/N` up to 1 over those before the last 25.
//!
//! Where a trial has no place in a range (the model's own 0 that stands for a rule), its kernel is
//! that of what was known before, on this axis.

use crate::normal::{density, draw, mass};
use crate::range::Range;
use crate::space::Space;
use rand::RngExt;
use std::collections::BTreeMap;
use toml::Value;

/// Trials that weigh in full.
const FULL_WEIGHT: usize = 25;

type Values = BTreeMap<String, Value>;

/// The mixture.
#[derive(Clone, Debug)]
pub(crate) struct Parzen<'a> {
    space: &'a Space,
    /// `[kernels]`, sum 1.
    weights: Vec<f64>,
    /// `[parameters]`.
    axes: Vec<Axis>,
}

/// All kernels on one parameter.
#[derive(Clone, Debug)]
enum Axis {
    /// Mean and deviation of each kernel, on the range's own axis.
    Interval(Vec<[f64; 2]>),
    /// Probability of each value, for each kernel.
    Choice(Vec<Vec<f64>>),
}

impl<'a> Parzen<'a> {
    /// The density of the settings of trials, oldest first.
    pub(crate) fn new(space: &'a Space, trials: &[&Values]) -> Self {
        let mut weights = trial_weights(trials.len());
        weights.push(1.0);
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= sum);
        let axes = space.parameters().iter().map(|parameter| {
            let range = &parameter.range;
            let seen = trials.iter().map(|t| range.place(t.get(&parameter.name)?));
            let seen: Vec<Option<f64>> = seen.collect();
            match range {
                Range::Choice(values) => Axis::Choice(categories(&seen, values.len())),
                Range::Real { .. } | Range::Whole { .. } => {
                    Axis::Interval(normals(&seen, range.bounds()))
                }
            }
        });
        Self {
            space,
            weights,
            axes: axes.collect(),
        }
    }

    /// Settings from the density.
    pub(crate) fn draw(&self, rng: &mut impl RngExt) -> Values {
        let kernel = pick(rng, &self.weights);
        let parameters = self.space.parameters().iter().zip(&self.axes);
        parameters
            .map(|(parameter, axis)| {
                let range = &parameter.range;
                let place = match axis {
                    Axis::Interval(kernels) => {
                        let [mean, deviation] = kernels[kernel];
                        draw(rng, mean, deviation, range.bounds())
                    }
                    #[expect(clippy::cast_precision_loss, reason = "a handful of choices")]
                    Axis::Choice(kernels) => pick(rng, &kernels[kernel]) as f64,
                };
                (parameter.name.clone(), range.value(place))
            })
            .collect()
    }

    /// The logarithm of the density of settings that lie inside the space.
    pub(crate) fn log_density(&self, values: &Values) -> f64 {
        let mut kernels = self.weights.clone();
        for (parameter, axis) in self.space.parameters().iter().zip(&self.axes) {
            let range = &parameter.range;
            let value = values.get(&parameter.name);
            let Some(place) = value.and_then(|v| range.place(v)) else {
                return f64::NEG_INFINITY;
            };
            match axis {
                Axis::Interval(normals) => {
                    let ends = range.bounds();
                    let step = step(range, place);
                    for (kernel, normal) in kernels.iter_mut().zip(normals) {
                        *kernel *= inside(*normal, place, step, ends);
                    }
                }
                Axis::Choice(tables) => {
                    let index = parameter.range.choice_at(place);
                    for (kernel, table) in kernels.iter_mut().zip(tables) {
                        *kernel *= table[index];
                    }
                }
            }
        }
        kernels.iter().sum::<f64>().ln()
    }
}

/// The ends of the room a whole number has on its axis; `None` for real numbers.
fn step(range: &Range, place: f64) -> Option<[f64; 2]> {
    match range {
        Range::Whole { log: true, .. } => {
            let whole = place.exp().round();
            Some([(whole - 0.5).ln(), (whole + 0.5).ln()])
        }
        Range::Whole { log: false, .. } => Some([place - 0.5, place + 0.5]),
        Range::Real { .. } | Range::Choice(_) => None,
    }
}

/// The density of a cut-off normal at a place, or its probability between the ends of a step.
fn inside([mean, deviation]: [f64; 2], place: f64, step: Option<[f64; 2]>, ends: [f64; 2]) -> f64 {
    let z = |x: f64| (x - mean) / deviation;
    let whole = mass(z(ends[0]), z(ends[1]));
    match step {
        Some([left, right]) => mass(z(left), z(right)) / whole,
        None => density(z(place)) / deviation / whole,
    }
}

/// Weights of `n` trials, oldest first.
#[expect(clippy::cast_precision_loss, reason = "trials are few")]
fn trial_weights(n: usize) -> Vec<f64> {
    let ramp = n.saturating_sub(FULL_WEIGHT);
    let first = 1.0 / n.max(1) as f64;
    let rising = (0..ramp).map(|i| {
        let way = if ramp > 1 {
            i as f64 / (ramp - 1) as f64
        } else {
            0.0
        };
        first + way * (1.0 - first)
    });
    rising.chain(std::iter::repeat_n(1.0, n - ramp)).collect()
}

/// Mean and deviation of each kernel, that of what was known before last.
#[expect(clippy::cast_precision_loss, reason = "trials are few")]
fn normals(seen: &[Option<f64>], [low, high]: [f64; 2]) -> Vec<[f64; 2]> {
    let width = high - low;
    let before = [0.5 * (low + high), width];
    let mut order: Vec<usize> = (0..seen.len()).filter(|&i| seen[i].is_some()).collect();
    let at = |i: usize| seen[i].unwrap_or(before[0]);
    order.sort_by(|&a, &b| at(a).total_cmp(&at(b)));
    let n = order.len();
    let narrowest = width / (n as f64 + 2.0).min(100.0);
    let mut kernels = vec![before; seen.len() + 1];
    for (rank, &i) in order.iter().enumerate() {
        let left = (rank > 0).then(|| at(i) - at(order[rank - 1]));
        let right = (rank + 1 < n).then(|| at(order[rank + 1]) - at(i));
        let deviation = match (left, right) {
            (Some(left), Some(right)) => left.max(right),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => (at(i) - low).max(high - at(i)),
        };
        kernels[i] = [at(i), deviation.clamp(narrowest, width)];
    }
    kernels
}

/// Probabilities of the values for each kernel, that of what was known before last.
#[expect(clippy::cast_precision_loss, reason = "trials and choices are few")]
fn categories(seen: &[Option<f64>], values: usize) -> Vec<Vec<f64>> {
    let n = seen.iter().flatten().count() as f64 + 1.0;
    let even = vec![1.0 / values as f64; values];
    let table = |place: &Option<f64>| match place {
        None => even.clone(),
        Some(place) => {
            let sum = 1.0 + values as f64 / n;
            let of = |i: usize| {
                let seen = if i as f64 == *place { 1.0 } else { 0.0 };
                (seen + 1.0 / n) / sum
            };
            (0..values).map(of).collect()
        }
    };
    seen.iter().chain([&None]).map(table).collect()
}

/// An index, as often as its weight says; the weights sum to 1.
fn pick(rng: &mut impl RngExt, weights: &[f64]) -> usize {
    let mut left = rng.random::<f64>();
    let found = weights.iter().position(|w| {
        left -= w;
        left < 0.0
    });
    found.unwrap_or(weights.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use serde_json::Value as Json;

    fn values(json: &Json) -> Values {
        serde_json::from_value(json.clone()).unwrap()
    }

    /// `tests/golden/parzen.json` is made by `tests/golden/generate.py` from Optuna's estimator.
    #[test]
    fn densities_are_those_of_optuna() {
        let golden: Json =
            serde_json::from_str(include_str!("../tests/golden/parzen.json")).unwrap();
        let space = Space::default()
            .even("real", -1.0, 3.0)
            .by_powers("power", 1e-4, 1e2)
            .whole_by_powers("whole_power", 8, 512)
            .with(
                "whole",
                Range::Whole {
                    low: 1,
                    high: 9,
                    log: false,
                },
            )
            .one_of("kind", &["a", "b", "c"]);
        let mut compared = 0;
        for case in golden["cases"].as_array().unwrap() {
            let trials: Vec<Values> = case["trials"]
                .as_array()
                .unwrap()
                .iter()
                .map(values)
                .collect();
            let parzen = Parzen::new(&space, &trials.iter().collect::<Vec<_>>());
            let points = case["points"].as_array().unwrap();
            for (point, expected) in points.iter().zip(case["log_density"].as_array().unwrap()) {
                let (got, expected) = (
                    parzen.log_density(&values(point)),
                    expected.as_f64().unwrap(),
                );
                assert!(
                    (got - expected).abs() < 1e-8 * expected.abs().max(1.0),
                    "{} trials: {got}, {expected}",
                    trials.len()
                );
                compared += 1;
            }
        }
        assert!(compared >= 40, "{compared}");
    }

    /// By hand: two trials at 0.2 and 0.6 of 0..1. Deviations: of each, 0.4 (the distance to the
    /// other), within 1/4 and 1. The kernel of what was known before: 0.5 and 1.
    #[test]
    fn deviations_are_distances_to_neighbours() {
        let [a, b, before] = normals(&[Some(0.2), Some(0.6)], [0.0, 1.0])[..] else {
            panic!("three kernels")
        };
        for (got, expected) in [(a, [0.2, 0.4]), (b, [0.6, 0.4]), (before, [0.5, 1.0])] {
            assert!((got[0] - expected[0]).abs() < 1e-12 && (got[1] - expected[1]).abs() < 1e-12);
        }
        // One that has no place in the range is like what was known before.
        assert_eq!(normals(&[None], [0.0, 1.0]), [[0.5, 1.0], [0.5, 1.0]]);
        // One that was seen, of two: (1 + 1/2) / 2 and (1/2) / 2.
        assert_eq!(
            categories(&[Some(1.0)], 2),
            [vec![0.25, 0.75], vec![0.5, 0.5]]
        );
        // Of 27: 1/27 and 1 over the first two, 1 after that.
        let weights = trial_weights(27);
        assert_eq!(
            (weights[0], weights[1], weights[26]),
            (1.0 / 27.0, 1.0, 1.0)
        );
    }

    #[test]
    fn draws_are_denser_where_the_density_is() {
        let space = Space::default()
            .even("x", 0.0, 1.0)
            .one_of("k", &["a", "b"]);
        let near = |x: f64| -> Values {
            [("x".to_owned(), x.into()), ("k".to_owned(), "b".into())].into()
        };
        let trials: Vec<Values> = [0.7, 0.72, 0.74, 0.69].map(near).into();
        let parzen = Parzen::new(&space, &trials.iter().collect::<Vec<_>>());
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let drawn: Vec<Values> = (0..2000).map(|_| parzen.draw(&mut rng)).collect();
        let share = |wanted: &dyn Fn(&Values) -> bool| {
            drawn.iter().filter(|v| wanted(v)).count() as f64 / 2000.0
        };
        // Four kernels of deviation 1/6 and the flat one. P(x > 0.5): of the mixture by its mass.
        let high = |[mean, deviation]: [f64; 2]| {
            let z = |x: f64| (x - mean) / deviation;
            mass(z(0.5), z(1.0)) / mass(z(0.0), z(1.0))
        };
        let Axis::Interval(kernels) = &parzen.axes[0] else {
            panic!("an interval")
        };
        let expected = kernels.iter().map(|k| high(*k)).sum::<f64>() / 5.0;
        let got = share(&|v| v["x"].as_float().unwrap() > 0.5);
        assert!((got - expected).abs() < 0.03, "{got}, {expected}");
        // Four of (1 + 1/5) / (1 + 2/5) and one of 1/2.
        let got = share(&|v| v["k"].as_str() == Some("b"));
        assert!((got - (4.0 * 1.2 / 1.4 + 0.5) / 5.0).abs() < 0.03, "{got}");
    }
}
