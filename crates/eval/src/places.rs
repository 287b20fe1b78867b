//! Where the held-out items of one case stand in a ranking: all an accuracy metric looks at.

use semrec_data::Ranked;

/// Zero-based places of the held-out items that were ranked, and how many were held out.
///
/// ```
/// use semrec_data::Ranked;
/// let list = [4, 9, 2].map(|item| Ranked { item, score: 0.0 });
/// let places = semrec_eval::Places::of(&list, &[2, 4, 7]);
/// assert_eq!(places.found(), [0, 2]);
/// assert_eq!(places.held_out(), 3);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    found: Vec<u32>,
    held_out: usize,
}

impl Places {
    /// Finds each of the distinct `held_out` items in a ranking of distinct items.
    #[must_use]
    pub fn of(ranking: &[Ranked], held_out: &[u32]) -> Self {
        let mut places = Self::default();
        places.refill(held_out.iter().map(|&item| place(ranking, item)));
        places
    }

    /// Places of the held-out items found, ascending.
    #[must_use]
    pub fn found(&self) -> &[u32] {
        &self.found
    }

    /// Number of held-out items, found or not.
    #[must_use]
    pub fn held_out(&self) -> usize {
        self.held_out
    }

    /// How many held-out items stand among the first `k`.
    #[must_use]
    pub fn hits(&self, k: usize) -> usize {
        self.found.partition_point(|&p| (p as usize) < k)
    }

    /// Starts again with one entry for each held-out item, [`ABSENT`] where it was not ranked.
    pub(crate) fn refill(&mut self, each: impl Iterator<Item = u32>) {
        self.found.clear();
        self.held_out = 0;
        for place in each {
            self.held_out += 1;
            if place != ABSENT {
                self.found.push(place);
            }
        }
        self.found.sort_unstable();
    }
}

/// The place of an item that is not in the ranking.
pub(crate) const ABSENT: u32 = u32::MAX;

/// The zero-based place of `item`, or [`ABSENT`].
pub(crate) fn place(ranking: &[Ranked], item: u32) -> u32 {
    (0u32..)
        .zip(ranking)
        .find(|(_, r)| r.item == item)
        .map_or(ABSENT, |(place, _)| place)
}
