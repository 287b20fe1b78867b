//! Percentile bootstrap intervals over cases (Efron 1979).
//!
//! A resample draws as many cases as there are, with replacement; the interval holds the middle
//! 95% of the resampled means. One draw serves all metrics: it is written as a count for each
//! case, and the means are weighted sums. Every resample has its own random stream, so the
//! result does not depend on the number of threads.

use crate::{Figures, PerCase};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

impl PerCase {
    /// The 95% interval of each metric's mean, from `resamples` (1,000 is usual); nothing if
    /// there is no case or no resample.
    #[must_use]
    pub fn intervals(&self, resamples: usize, seed: u64) -> Figures<[f64; 2]> {
        if self.is_empty() || resamples == 0 {
            return Figures::default();
        }
        let means: Vec<Vec<f64>> = (0..resamples)
            .into_par_iter()
            .map(|resample| self.resampled_means(resample as u64, seed))
            .collect();
        let interval = |column: usize| {
            let mut of_metric: Vec<f64> = means.iter().map(|m| m[column]).collect();
            of_metric.sort_unstable_by(f64::total_cmp);
            [quantile(&of_metric, 0.025), quantile(&of_metric, 0.975)]
        };
        let names = self.names().iter().cloned();
        names
            .enumerate()
            .map(|(column, name)| (name, interval(column)))
            .collect()
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "numbers of cases are far below 2^52"
    )]
    fn resampled_means(&self, resample: u64, seed: u64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(resample);
        let n = self.len();
        let mut drawn = vec![0u32; n];
        for _ in 0..n {
            drawn[rng.random_range(0..n)] += 1;
        }
        let mut sums = vec![0f64; self.names().len()];
        for (row, &times) in self.rows().zip(&drawn) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += f64::from(times) * f64::from(value);
            }
        }
        sums.iter_mut().for_each(|sum| *sum /= n as f64);
        sums
    }
}

/// The value below which a share of the sorted values lies, linear between neighbours.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share in 0..=1 of a number of resamples"
)]
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (at - at.floor())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Places;
    use semrec_data::Ranked;

    #[test]
    fn quantile_is_linear_between_neighbours() {
        // 0.025 of the way from the first to the last of 5 is 0.1 of the way to the second.
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert!((quantile(&values, 0.025) - 1.1).abs() < 1e-12);
        assert!((quantile(&values, 0.975) - 4.9).abs() < 1e-12);
        assert_eq!(quantile(&[7.0], 0.975), 7.0);
    }

    #[test]
    fn interval_of_a_share_is_close_to_the_normal_one() {
        // hit@1 is 1 in 100 of 400 cases: standard error sqrt(.25 * .75 / 400) = 0.02165.
        let list = [Ranked {
            item: 0,
            score: 1.0,
        }];
        let mut per_case = PerCase::new(&[1]);
        for i in 0..400u32 {
            per_case.push(&Places::of(&list, &[i % 4]), &[1]);
        }
        let intervals = per_case.intervals(1_000, 42);
        let [low, high] = *intervals.get("hit@1").unwrap();
        let half = 1.96 * (0.25f64 * 0.75 / 400.0).sqrt();
        assert!((low - (0.25 - half)).abs() < 0.006, "{low}");
        assert!((high - (0.25 + half)).abs() < 0.006, "{high}");
        assert_eq!(per_case.intervals(1_000, 42), intervals);
        assert_ne!(per_case.intervals(1_000, 43), intervals);
        assert!(PerCase::new(&[1]).intervals(1_000, 42).is_empty());
    }
}
