//! How evenly items are shown.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Newest recommended items that are looked at.
const WINDOW: usize = 1 << 16;

/// The items that were recommended last, 4 bytes each.
#[derive(Debug, Default)]
pub(crate) struct Exposure {
    newest: Mutex<VecDeque<u32>>,
}

impl Exposure {
    /// Items were recommended.
    pub(crate) fn shown(&self, items: impl Iterator<Item = u32>) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        for item in items {
            if newest.len() == WINDOW {
                newest.pop_front();
            }
            newest.push_back(item);
        }
    }

    /// Gini coefficient of how often each of `n_items` items is among the newest, items never shown
    /// included: 0 if all are shown as often, near 1 if one alone is. The `gini` of `evaluate`. And
    /// how many different items are among them. Zeros where nothing was shown.
    pub(crate) fn gini(&self, n_items: usize) -> (f64, usize) {
        let mut counts: HashMap<u32, u32> = HashMap::new();
        for &item in &*self.newest.lock().unwrap_or_else(PoisonError::into_inner) {
            *counts.entry(item).or_default() += 1;
        }
        let mut counts: Vec<u32> = counts.into_values().collect();
        counts.sort_unstable();
        let n = n_items.max(counts.len());
        let shown: f64 = counts.iter().copied().map(f64::from).sum();
        if shown == 0.0 {
            return (0.0, 0);
        }
        // G = Σ (2i − n − 1) cᵢ / (n Σ cᵢ), counts ascending, i from 1; the zeros come first.
        let zeros = n - counts.len();
        #[expect(clippy::cast_precision_loss, reason = "numbers of items")]
        let weighed: f64 = counts
            .iter()
            .zip(zeros + 1..)
            .map(|(&count, i)| (2.0 * i as f64 - n as f64 - 1.0) * f64::from(count))
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "numbers of items")]
        let n = n as f64;
        (weighed / (n * shown), counts.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gini(shown: &[u32], n_items: usize) -> (f64, usize) {
        let exposure = Exposure::default();
        exposure.shown(shown.iter().copied());
        exposure.gini(n_items)
    }

    #[test]
    fn by_hand() {
        assert_eq!(gini(&[], 4), (0.0, 0));
        assert_eq!(gini(&[0, 1, 2, 3], 4), (0.0, 4));
        // Counts 0, 0, 0, 2: (2·4 − 5)·2 / (4·2).
        assert_eq!(gini(&[7, 7], 4), (0.75, 1));
        // Counts 0, 1, 3: (2·2 − 4)·1 + (2·3 − 4)·3 = 6, over 3·4.
        assert_eq!(gini(&[1, 2, 2, 2], 3), (0.5, 2));
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let exposure = Exposure::default();
        exposure.shown(std::iter::repeat_n(1, WINDOW));
        exposure.shown(std::iter::repeat_n(2, WINDOW));
        assert_eq!(exposure.gini(1), (0.0, 1));
    }
}
