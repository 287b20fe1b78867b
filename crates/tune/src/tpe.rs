//! Tree-structured Parzen estimators (Bergstra et al. 2011, "Algorithms for Hyper-Parameter
//! Optimization"), all parameters at once, with the choices of Optuna 5.
//!
//! The best tenth of the trials (25 at most) and the rest each make a density of settings, `l` and
//! `g` (`crate::parzen`). Of 24 settings drawn from `l`, the one with the largest `l / g` is tried
//! next: it has the largest expected improvement. The first ten settings are drawn from the whole
//! space. Trials that failed are among the rest, so that their surroundings are avoided.

use crate::halving::better;
use crate::parzen::Parzen;
use crate::search::Plan;
use crate::trial::Trial;
use std::collections::BTreeMap;
use toml::Value;

/// Settings that are drawn before the densities are trusted, the model's own included.
const STARTUP: usize = 10;
/// Settings that are drawn to choose one.
const CANDIDATES: usize = 24;
/// Most trials that count as good.
const MOST_GOOD: usize = 25;

type Values = BTreeMap<String, Value>;

/// The settings to try after these trials.
pub(crate) fn suggest(plan: &Plan, done: &[Trial]) -> Values {
    let number = done.len();
    if number < STARTUP {
        return plan.drawn(number);
    }
    let (good, rest) = divided(done);
    let (good, rest) = (
        Parzen::new(&plan.space, &good),
        Parzen::new(&plan.space, &rest),
    );
    let mut rng = plan.rng(number);
    let mut best = (f64::NEG_INFINITY, plan.space.values_of(&plan.start));
    for _ in 0..CANDIDATES {
        let values = good.draw(&mut rng);
        let gain = good.log_density(&values) - rest.log_density(&values);
        if gain > best.0 {
            best = (gain, values);
        }
    }
    best.1
}

/// The settings of the best tenth and of the rest, each oldest first.
fn divided(done: &[Trial]) -> (Vec<&Values>, Vec<&Values>) {
    let mut order: Vec<&Trial> = done.iter().collect();
    order.sort_by(|a, b| better(a, b));
    let good = done.len().div_ceil(10).min(MOST_GOOD);
    let worked = order.iter().filter(|t| t.value.is_some()).count();
    let (good, rest) = order.split_at(good.min(worked));
    let by_age = |trials: &[&'_ Trial]| {
        let mut numbers: Vec<usize> = trials.iter().map(|t| t.number).collect();
        numbers.sort_unstable();
        numbers.into_iter().map(|n| &done[n].values).collect()
    };
    (by_age(good), by_age(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Question;

    /// Of eleven trials two are good: the best ones, oldest first; a failed one never is.
    #[test]
    fn the_best_tenth_is_good() {
        let trial = |number: usize, value: Option<f64>| {
            let x = [(
                "x".to_owned(),
                Value::Integer(i64::try_from(number).unwrap()),
            )];
            let question = Question {
                number,
                setting: number,
                share: 1.0,
                values: x.into(),
            };
            match value {
                Some(value) => Trial::measured(question, value),
                None => Trial::failed(question, "no"),
            }
        };
        let worth = [0.1, 0.2, 0.9, 0.3, 0.0, 0.0, 0.8, 0.1, 0.9, 0.2];
        let mut done: Vec<Trial> = (0..10).map(|i| trial(i, Some(worth[i]))).collect();
        done.push(trial(10, None));
        let numbers = |values: Vec<&BTreeMap<String, Value>>| -> Vec<i64> {
            values.iter().filter_map(|v| v["x"].as_integer()).collect()
        };
        let (good, rest) = divided(&done);
        assert_eq!(numbers(good), [2, 8]);
        assert_eq!(numbers(rest), [0, 1, 3, 4, 5, 6, 7, 9, 10]);
        let failed: Vec<Trial> = (0..10).map(|i| trial(i, None)).collect();
        assert_eq!(divided(&failed).0.len(), 0);
    }
}
