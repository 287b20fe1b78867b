//! Items by what they say: those that read the same share one number.

use std::collections::HashMap;
use std::hash::Hash;

/// The distinct texts of a table, numbered in the order they first appear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Distinct {
    of_row: Vec<Option<u32>>,
    first: Vec<u32>,
}

impl Distinct {
    /// By what is read of each row, `None` for one that says nothing. Tokens are the best key: what
    /// an encoder cannot tell apart is the same.
    pub(crate) fn of<K: Hash + Eq>(keys: impl IntoIterator<Item = Option<K>>) -> Self {
        let mut known: HashMap<K, u32> = HashMap::new();
        let mut out = Self::default();
        for (row, key) in (0u32..).zip(keys) {
            let text = key.map(|key| {
                let next = u32::try_from(out.first.len()).unwrap_or(u32::MAX);
                *known.entry(key).or_insert_with(|| {
                    out.first.push(row);
                    next
                })
            });
            out.of_row.push(text);
        }
        out
    }

    /// The text of a row, if it says anything.
    pub(crate) fn of_row(&self, row: u32) -> Option<u32> {
        self.of_row.get(row as usize).copied().flatten()
    }

    /// A row that reads so: the first one.
    ///
    /// # Panics
    /// If there are not so many texts.
    pub(crate) fn row_of(&self, text: u32) -> u32 {
        self.first[text as usize]
    }

    /// Number of distinct texts.
    pub(crate) fn len(&self) -> usize {
        self.first.len()
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.of_row.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_read_the_same_share_a_number() {
        let distinct = Distinct::of(["b", "a", "", "b"].map(|t| (!t.is_empty()).then_some(t)));
        let texts: Vec<Option<u32>> = (0..5).map(|row| distinct.of_row(row)).collect();
        assert_eq!(texts, [Some(0), Some(1), None, Some(0), None]);
        assert_eq!((distinct.row_of(0), distinct.row_of(1)), (0, 1));
        assert_eq!((distinct.len(), distinct.rows()), (2, 4));
    }
}
