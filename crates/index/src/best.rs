//! The k best of many scores, ties to the lower index.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// An item and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Index of the item.
    pub item: u32,
    /// Inner product with the query; the cosine where both have length 1.
    pub score: f32,
}

/// Orders from best to worst: higher score first, then lower index.
fn rank(a: Neighbour, b: Neighbour) -> Ordering {
    b.score.total_cmp(&a.score).then(a.item.cmp(&b.item))
}

/// Keeps the k best of what it is offered, whatever the order; O(log k) for what gets in, O(1) for
/// the rest.
#[derive(Debug)]
pub(crate) struct Best {
    k: usize,
    /// The worst of the kept ones on top.
    kept: BinaryHeap<Ranked>,
}

#[derive(Debug)]
struct Ranked(Neighbour);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        rank(self.0, other.0)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl Best {
    pub(crate) fn new(k: usize) -> Self {
        Self {
            k,
            kept: BinaryHeap::new(),
        }
    }

    /// Offers an item; one whose score is not finite is never taken.
    #[inline]
    pub(crate) fn offer(&mut self, item: u32, score: f32) {
        let offered = Neighbour { item, score };
        if self.kept.len() < self.k {
            if score.is_finite() {
                self.kept.push(Ranked(offered));
            }
        } else if let Some(mut worst) = self.kept.peek_mut()
            && score.is_finite()
            && rank(offered, worst.0).is_lt()
        {
            worst.0 = offered;
        }
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Takes over what another has kept.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        for Ranked(n) in other.kept {
            self.offer(n.item, n.score);
        }
        self
    }

    /// The kept ones, best first.
    pub(crate) fn into_sorted(self) -> Vec<Neighbour> {
        let sorted = self.kept.into_sorted_vec();
        sorted.into_iter().map(|Ranked(n)| n).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(k: usize, scores: &[f32]) -> Vec<u32> {
        let mut best = Best::new(k);
        for (item, &score) in (0..).zip(scores) {
            best.offer(item, score);
        }
        best.into_sorted().iter().map(|n| n.item).collect()
    }

    #[test]
    fn highest_first_and_ties_to_the_lower_index() {
        let scores = [0.5, 2.0, f32::NAN, 2.0, -1.0, f32::INFINITY, 9.0];
        assert_eq!(best(3, &scores), [6, 1, 3]);
        assert_eq!(best(2, &scores), [6, 1]);
        assert_eq!(best(9, &scores), [6, 1, 3, 0, 4]);
        assert_eq!(best(0, &scores), [0; 0]);
    }
}
