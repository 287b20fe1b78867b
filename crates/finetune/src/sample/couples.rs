//! Texts that people touch near each other, in pairs: the second source of examples.
//!
//! `n_ab` people touched `a` and `b` within `window` places of their history. A pair is drawn with
//! probability `n_ab^damping / Σ n^damping`, and either of its texts stands for the other.

use super::{Example, Histories, Source};
use crate::FinetuneError;
use rand::RngExt;
use semrec_train::draws;
use serde::{Deserialize, Serialize};

/// How pairs are counted and drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CouplesConfig {
    /// Places between two texts of a history, at most.
    pub window: usize,
    /// 1 draws as often as counted, 0 every pair alike.
    pub damping: f64,
    /// Pairs of an epoch; 0: as many as there are targets in all histories.
    pub draws: usize,
}

impl Default for CouplesConfig {
    fn default() -> Self {
        Self {
            window: 5,
            damping: 0.5,
            draws: 0,
        }
    }
}

/// Pairs of texts and how often each is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Couples {
    pairs: Vec<(u32, u32)>,
    /// Running sums of the weights.
    sums: Vec<f64>,
    neighbours: Vec<Vec<u32>>,
    shares: Vec<f64>,
    draws: usize,
}

impl Couples {
    /// Counts the pairs of histories.
    ///
    /// # Errors
    /// [`FinetuneError::Setting`], [`FinetuneError::Data`] if there is none.
    pub(crate) fn new(histories: &Histories, config: CouplesConfig) -> Result<Self, FinetuneError> {
        if config.window == 0 || !(0.0..=1.0).contains(&config.damping) {
            return Err(FinetuneError::Setting {
                name: "pairs",
                problem: format!(
                    "have a window of {} and a damping of {}; expected at least 1, and 0 to 1",
                    config.window, config.damping
                ),
            });
        }
        let texts = histories.shares().len();
        let counts = counts(histories, config.window);
        if counts.is_empty() {
            return Err(FinetuneError::Data {
                problem: "nobody touched two items with different texts".to_owned(),
            });
        }
        let mut sum = 0.0;
        let mut neighbours = vec![Vec::new(); texts];
        let mut shares = vec![0.0; texts];
        let mut sums = Vec::with_capacity(counts.len());
        for &((a, b), count) in &counts {
            let weight = f64::from(count).powf(config.damping);
            sum += weight;
            sums.push(sum);
            for (one, other) in [(a, b), (b, a)] {
                neighbours[one as usize].push(other);
                shares[one as usize] += weight;
            }
        }
        shares.iter_mut().for_each(|s| *s /= sum);
        neighbours.iter_mut().for_each(|n| n.sort_unstable());
        let targets = histories.all().iter().map(|h| h.len().saturating_sub(1));
        Ok(Self {
            pairs: counts.into_iter().map(|(pair, _)| pair).collect(),
            sums,
            neighbours,
            shares,
            draws: if config.draws == 0 {
                targets.sum()
            } else {
                config.draws
            },
        })
    }
}

/// Each pair, the smaller number first, and the people who touched both near each other.
fn counts(histories: &Histories, window: usize) -> Vec<((u32, u32), u32)> {
    let mut all: Vec<(u32, u32)> = Vec::new();
    for history in histories.all() {
        for (place, &a) in history.iter().enumerate() {
            let near = history[place + 1..].iter().take(window);
            all.extend(near.map(|&b| (a.min(b), a.max(b))));
        }
    }
    all.sort_unstable();
    all.chunk_by(|a, b| a == b)
        .map(|same| (same[0], u32::try_from(same.len()).unwrap_or(u32::MAX)))
        .collect()
}

impl Source for Couples {
    fn examples(&self, seed: u64, epoch: u64) -> Vec<Example> {
        let mut rng = draws(seed, 1, epoch);
        let total = self.sums.last().copied().unwrap_or(0.0);
        (0..self.draws)
            .map(|_| {
                let drawn = rng.random_range(0.0..total);
                let k = self.sums.partition_point(|&sum| sum <= drawn);
                let (a, b) = self.pairs[k.min(self.pairs.len() - 1)];
                let (source, target) = if rng.random() { (a, b) } else { (b, a) };
                Example {
                    source,
                    context: vec![source],
                    target,
                }
            })
            .collect()
    }

    fn draws(&self, examples: &[Example]) -> usize {
        examples.len()
    }

    fn positives(&self, source: u32) -> &[u32] {
        &self.neighbours[source as usize]
    }

    fn shares(&self) -> &[f64] {
        &self.shares
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Distinct, HistoriesConfig};
    use super::*;
    use semrec_data::{Clock, Event, Interactions, Part, Row};

    /// 0 and 1 go together four times, 1 and 2 once; 0 and 2 are two places apart.
    fn couples(window: usize, damping: f64) -> Couples {
        let touched: [&[u32]; 4] = [&[0, 1, 2], &[1, 0], &[0, 1], &[0, 1]];
        let rows: Vec<Row> = (0u32..)
            .zip(touched)
            .flat_map(|(user, items)| {
                (0..).zip(items).map(move |(time, &item)| Row {
                    user,
                    event: Event {
                        item,
                        value: 1.0,
                        time,
                    },
                    kind: 0,
                    part: Part::Train,
                })
            })
            .collect();
        let log = Interactions::from_rows(&rows, 4, 3, Clock::Position);
        let distinct = Distinct::of([0, 1, 2].map(Some));
        let histories = Histories::new(&log, &distinct, HistoriesConfig::default()).unwrap();
        let config = CouplesConfig {
            window,
            damping,
            draws: 3000,
        };
        Couples::new(&histories, config).unwrap()
    }

    /// Damped by ½, the pairs weigh √4 = 2 and 1: text 0 is in 2/3 of the draws, 1 in all, 2 in
    /// 1/3.
    #[test]
    fn pairs_are_drawn_by_their_damped_counts() {
        let couples = couples(1, 0.5);
        assert_eq!(couples.pairs, [(0, 1), (1, 2)]);
        for (got, expected) in couples.shares().iter().zip([2.0, 3.0, 1.0]) {
            assert!((got - expected / 3.0).abs() < 1e-12);
        }
        assert_eq!(couples.positives(1), [0, 2]);
        let examples = couples.examples(5, 1);
        let of_two = examples.iter().filter(|e| e.source == 2 || e.target == 2);
        let share = of_two.count() as f64 / 3000.0;
        assert!((share - 1.0 / 3.0).abs() < 0.03, "{share}");
        let turned = examples.iter().filter(|e| e.source > e.target).count();
        assert!((1300..1700).contains(&turned), "{turned}");
    }

    #[test]
    fn the_window_decides_what_is_near() {
        assert_eq!(couples(2, 1.0).pairs, [(0, 1), (0, 2), (1, 2)]);
    }
}
