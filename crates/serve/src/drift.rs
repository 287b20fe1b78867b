//! How far what happens now is from what the bundle in service was trained on.
//!
//! Two mixes are watched: of events, by how popular their items were in training (ten bins of equal
//! share, and one for items without training events); and of the best score of each recommendation
//! (ten bins of equal share of the first ones after the bundle entered service). The distance is the
//! population stability index, with `p` the shares of then and `q` those of now,
//!
//! ```text
//! psi = Σ_b (q_b - p_b) · ln(q_b / p_b)
//! ```
//!
//! of which below 0.1 is usually called no change, above 0.25 a large one. Half a count is added to
//! each bin.

use semrec_data::{Clock, Dataset};
use semrec_engine::Engine;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Newest observations that are compared, and oldest scores.
const WINDOW: usize = 1_000;
/// Newest training events that stand for the mix of then.
const THEN: usize = 2_000;
const BINS: usize = 10;

/// What is watched of a bundle in service.
#[derive(Debug)]
pub(crate) struct Drift {
    /// The bin of each fitted item.
    bins: Vec<u8>,
    /// Training events by bin.
    then: [u32; BINS + 1],
    /// Bins of the newest events.
    events: Mutex<VecDeque<u8>>,
    scores: Mutex<Scores>,
}

#[derive(Debug, Default)]
struct Scores {
    first: Vec<f32>,
    newest: VecDeque<f32>,
}

/// The distances, where there is enough to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Distances {
    pub(crate) events: Option<f64>,
    pub(crate) scores: Option<f64>,
}

impl Distances {
    pub(crate) fn largest(self) -> Option<f64> {
        let both = [self.events, self.scores].into_iter().flatten();
        both.max_by(f64::total_cmp)
    }
}

impl Drift {
    pub(crate) fn new(engine: &Engine) -> Self {
        let dataset = engine.dataset();
        let bins = bins(&dataset.interactions.item_counts());
        let mut then = [0; BINS + 1];
        for item in newest(dataset) {
            then[usize::from(bins[item as usize])] += 1;
        }
        Self {
            bins,
            then,
            events: Mutex::default(),
            scores: Mutex::default(),
        }
    }

    /// An event of an item took place.
    pub(crate) fn event(&self, item: u32) {
        let unseen = u8::try_from(BINS).unwrap_or(u8::MAX);
        let bin = self.bins.get(item as usize).copied().unwrap_or(unseen);
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        push(&mut events, bin);
    }

    /// Something was recommended, the best of it with this score.
    pub(crate) fn score(&self, best: f32) {
        let mut scores = self.scores.lock().unwrap_or_else(PoisonError::into_inner);
        if scores.first.len() < WINDOW {
            scores.first.push(best);
        } else {
            push(&mut scores.newest, best);
        }
    }

    pub(crate) fn distances(&self) -> Distances {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = [0; BINS + 1];
        events.iter().for_each(|&bin| now[usize::from(bin)] += 1);
        let enough = events.len() == WINDOW && self.then.iter().sum::<u32>() > 0;
        let events = enough.then(|| psi(&self.then, &now));
        let scores = self.scores.lock().unwrap_or_else(PoisonError::into_inner);
        let enough = scores.newest.len() == WINDOW;
        Distances {
            events,
            scores: enough.then(|| between(&scores.first, &scores.newest)),
        }
    }
}

fn push<T>(newest: &mut VecDeque<T>, value: T) {
    if newest.len() == WINDOW {
        newest.pop_front();
    }
    newest.push_back(value);
}

/// The bin of each item: the most popular ones that have a tenth of all events, the next tenth, and
/// so on; the last bin for items without events.
fn bins(counts: &[u32]) -> Vec<u8> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(counts[i]), i));
    let all: u64 = counts.iter().map(|&n| u64::from(n)).sum();
    let mut bins = vec![0u8; counts.len()];
    let mut before = 0u64;
    for i in order {
        let bin = match counts[i] {
            0 => BINS as u64,
            n => {
                let bin = before * BINS as u64 / all;
                before += u64::from(n);
                bin
            }
        };
        bins[i] = u8::try_from(bin).unwrap_or(u8::MAX);
    }
    bins
}

/// Items of the newest training events; of all of them, where times do not compare.
fn newest(dataset: &Dataset) -> Vec<u32> {
    let mut events = dataset.interactions.events().to_vec();
    if dataset.clock() == Clock::Seconds && events.len() > THEN {
        let at = events.len() - THEN;
        events.select_nth_unstable_by_key(at, |event| event.time);
        events.drain(..at);
    }
    events.into_iter().map(|event| event.item).collect()
}

/// The index between scores of then and of now, by bins of equal share of then.
fn between(then: &[f32], now: &VecDeque<f32>) -> f64 {
    let mut sorted = then.to_vec();
    sorted.sort_by(f32::total_cmp);
    let edges: Vec<f32> = (1..BINS).map(|b| sorted[b * sorted.len() / BINS]).collect();
    let bin = |score: f32| edges.partition_point(|&edge| edge <= score);
    let (mut p, mut q) = ([0; BINS], [0; BINS]);
    then.iter().for_each(|&score| p[bin(score)] += 1);
    now.iter().for_each(|&score| q[bin(score)] += 1);
    psi(&p, &q)
}

fn psi(then: &[u32], now: &[u32]) -> f64 {
    let share = |counts: &[u32], bin: usize| {
        let all = f64::from(counts.iter().sum::<u32>()) + 0.5 * counts.len() as f64;
        (f64::from(counts[bin]) + 0.5) / all
    };
    let parts = (0..then.len()).map(|bin| {
        let (p, q) = (share(then, bin), share(now, bin));
        (q - p) * (q / p).ln()
    });
    parts.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 20 events, item 1 has ten: the first five tenths begin before it ends, so it is in the
    /// first bin, and item 0 with six comes after half of all, item 3 after four fifths.
    #[test]
    fn items_are_binned_by_the_share_of_events_before_them() {
        assert_eq!(bins(&[6, 10, 0, 4]), [5, 0, 10, 8]);
        assert_eq!(bins(&[]), [0u8; 0]);
    }

    #[test]
    fn the_index_is_that_of_its_formula() {
        assert_eq!(psi(&[50, 50], &[500, 500]), 0.0);
        // Shares (9.5/20, 10.5/20)... with half a count: 9 and 10 of 19 become 9.5/20 and 10.5/20.
        let (p, q) = ([0.475f64, 0.525], [0.975f64, 0.025]);
        let expected = (q[0] - p[0]) * (q[0] / p[0]).ln() + (q[1] - p[1]) * (q[1] / p[1]).ln();
        assert!((psi(&[9, 10], &[19, 0]) - expected).abs() < 1e-12);
    }

    #[test]
    fn scores_that_rise_are_far_from_those_of_then() {
        let then: Vec<f32> = (0..1000u16).map(|i| f32::from(i) / 1000.0).collect();
        let same: VecDeque<f32> = then.iter().rev().copied().collect();
        assert!(between(&then, &same) < 1e-9);
        let higher: VecDeque<f32> = then.iter().map(|s| s + 0.5).collect();
        assert!(between(&then, &higher) > 1.0);
    }
}
