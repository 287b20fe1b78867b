//! Rankings kept for the classification report: bounded by `cases * depth * 8` bytes.

use semrec_data::Ranked;

/// The first places of each case's ranking, with scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rankings {
    ends: Vec<usize>,
    entries: Vec<Ranked>,
}

impl Rankings {
    /// Appends the ranking of the next case.
    pub fn push(&mut self, ranking: &[Ranked]) {
        self.entries.extend_from_slice(ranking);
        self.ends.push(self.entries.len());
    }

    /// Number of cases.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no case.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The ranking of the case at `index`, best first.
    #[must_use]
    pub fn get(&self, index: usize) -> &[Ranked] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.entries[start..self.ends[index]]
    }

    /// All rankings in case order.
    pub fn iter(&self) -> impl Iterator<Item = &[Ranked]> {
        (0..self.len()).map(|i| self.get(i))
    }
}
