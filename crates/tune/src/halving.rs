//! Successive halving (Jamieson and Talwalkar 2016; the rungs are those of ASHA, Li et al. 2020,
//! run one after the other): all settings with 1/9 of the effort, the best third of them with
//! 1/3, the best third of those with all of it.
//!
//! The first settings, the model's own, reach the last rung in any case, so that there is
//! something to compare the best with. Failed trials are the worst.

use crate::search::Plan;
use crate::{Question, Trial};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::cmp::Ordering;

/// How many are left for one that goes on.
const ETA: usize = 3;
/// The effort of each rung.
const SHARES: [f64; 3] = [1.0 / 9.0, 1.0 / 3.0, 1.0];

/// How many settings each rung has, but for the model's own, which may come on top.
fn width(settings: usize, rung: usize) -> usize {
    (0..rung).fold(settings, |n, _| (n / ETA).max(1))
}

/// How many trials it will be: at each rung above the first, the model's own settings as well.
pub(crate) fn total(settings: usize) -> usize {
    let above = (1..SHARES.len()).map(|rung| width(settings, rung) + 1);
    settings + above.map(|n| n.min(settings)).sum::<usize>()
}

/// The next question, given the trials so far, which are those of a plan of halving.
pub(crate) fn ask(plan: &Plan, done: &[Trial]) -> Option<Question> {
    let mut from = 0;
    let mut settings: Vec<usize> = (0..plan.trials).collect();
    for (rung, share) in SHARES.into_iter().enumerate() {
        if rung > 0 {
            let below = &done[from - settings.len()..from];
            settings = promoted(below, width(plan.trials, rung));
        }
        if let Some(&setting) = settings.get(done.len() - from) {
            return Some(Question {
                number: done.len(),
                setting,
                share,
                values: plan.drawn(setting),
            });
        }
        from += settings.len();
    }
    None
}

/// The best of a rung in the order of their numbers, with the model's own settings; where those
/// are among the best already, one more goes on.
fn promoted(rung: &[Trial], n: usize) -> Vec<usize> {
    let mut order: Vec<&Trial> = rung.iter().filter(|t| t.setting > 0).collect();
    order.sort_by(|a, b| better(a, b));
    let mut kept: Vec<usize> = order.iter().take(n).map(|t| t.setting).collect();
    kept.push(0);
    kept.sort_unstable();
    kept
}

/// A share of `n` things: so many of them, at least one if there are any.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a count is a smaller count"
)]
pub fn part_of(n: usize, share: f64) -> usize {
    // A ninth of 27 is 3, whatever the last digit of a ninth.
    ((n as f64 * share - 1e-9).ceil() as usize).clamp(n.min(1), n)
}

/// A share of `0..n`, in order: the same for the same seed, and part of any larger share.
#[must_use]
pub fn share_of(n: usize, share: f64, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order.truncate(part_of(n, share));
    order.sort_unstable();
    order
}

/// Larger values first, failures last, earlier ones first among equals.
pub(crate) fn better(a: &Trial, b: &Trial) -> Ordering {
    let value = |t: &Trial| t.value.unwrap_or(f64::NEG_INFINITY);
    value(b)
        .total_cmp(&value(a))
        .then(a.setting.cmp(&b.setting))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Method, Search, Space};

    /// Nine settings and the model's own: a tenth of 10 / 3 = 3 go on, then one, and the model's
    /// own each time: 10 + 4 + 2.
    #[test]
    fn the_best_third_goes_on_with_three_times_the_effort() {
        let plan = Plan {
            space: Space::default().even("x", 0.0, 1.0),
            method: Method::Halving,
            trials: 10,
            seed: 1,
            start: "x = 0.5".parse().unwrap(),
        };
        let mut search = Search::new(plan);
        // Setting s is worth s but for the last, which fails; with more effort, less.
        while let Some(question) = search.ask() {
            let worth = question.setting as f64 / (1.0 + question.share);
            let trial = if question.setting == 9 {
                Trial::failed(question, "no")
            } else {
                Trial::measured(question, worth)
            };
            search.tell(trial);
        }
        let asked: Vec<usize> = search.trials().iter().map(|t| t.setting).collect();
        assert_eq!(asked[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(asked[10..14], [0, 6, 7, 8]);
        assert_eq!(asked[14..], [0, 8]);
        let shares: Vec<f64> = search.trials().iter().map(|t| t.share).collect();
        assert_eq!(shares[9], 1.0 / 9.0);
        assert_eq!(shares[13], 1.0 / 3.0);
        assert_eq!(shares[14..], [1.0, 1.0]);
        assert_eq!(search.total(), 16);
        assert_eq!(search.best().map(|t| t.setting), Some(8));
        let same = |setting: usize| {
            let trials = search.trials().iter().filter(|t| t.setting == setting);
            let mut values: Vec<_> = trials.map(|t| t.values.clone()).collect();
            values.dedup();
            values.len()
        };
        assert_eq!(same(8), 1);
    }

    #[test]
    fn shares_are_nested() {
        for (n, share, expected) in [
            (27, 1.0 / 9.0, 3),
            (10, 1.0 / 3.0, 4),
            (1, 0.1, 1),
            (0, 0.5, 0),
        ] {
            assert_eq!(part_of(n, share), expected);
        }
        let (small, large) = (share_of(100, 0.1, 5), share_of(100, 0.3, 5));
        assert_eq!((small.len(), large.len()), (10, 30));
        assert!(small.iter().all(|i| large.contains(i)) && large.is_sorted());
        assert_ne!(small, share_of(100, 0.1, 6));
    }

    #[test]
    fn few_settings_make_narrow_rungs() {
        for (settings, expected) in [
            (0, 0),
            (1, 3),
            (2, 6),
            (3, 7),
            (9, 9 + 4 + 2),
            (30, 30 + 11 + 4),
        ] {
            assert_eq!(total(settings), expected, "{settings}");
        }
    }
}
