//! The one place where string ids become dense `u32` indices, and back.
//!
//! Names lie end to end in one buffer, so an id costs its own bytes plus about 17: a 64-bit end
//! position and a slot in the hash table.
//!
//! ```
//! let mut ids = semrec_data::Ids::default();
//! let a = ids.intern("B001");
//! assert_eq!(ids.intern("B001"), a);
//! assert_eq!(ids.name(a), "B001");
//! assert_eq!(ids.get("B002"), None);
//! ```

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// A bijection between string ids and `0..len`, in order of first sight.
#[derive(Clone, Default)]
pub struct Ids {
    text: String,
    ends: Vec<usize>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Ids {
    /// The index of `name`, given a new one if it has none yet.
    ///
    /// # Panics
    /// Past 2³² - 1 ids, more than the design holds.
    pub fn intern(&mut self, name: &str) -> u32 {
        let hash = self.hasher.hash_one(name);
        let (text, ends, hasher) = (&self.text, &self.ends, &self.hasher);
        if let Some(&found) = self.table.find(hash, |&i| slice(text, ends, i) == name) {
            return found;
        }
        let new = u32::try_from(self.ends.len()).expect("fewer than 2^32 ids");
        self.table
            .insert_unique(hash, new, |&i| hasher.hash_one(slice(text, ends, i)));
        self.text.push_str(name);
        self.ends.push(self.text.len());
        new
    }

    /// The index of `name`, if it is known.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(name);
        self.table
            .find(hash, |&i| slice(&self.text, &self.ends, i) == name)
            .copied()
    }

    /// The id behind an index below [`Ids::len`].
    #[must_use]
    pub fn name(&self, index: u32) -> &str {
        slice(&self.text, &self.ends, index)
    }

    /// How many ids there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All ids in index order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.ends.len()).map(|i| {
            let start = if i == 0 { 0 } else { self.ends[i - 1] };
            &self.text[start..self.ends[i]]
        })
    }
}

fn slice<'a>(text: &'a str, ends: &[usize], index: u32) -> &'a str {
    let i = index as usize;
    let start = if i == 0 { 0 } else { ends[i - 1] };
    &text[start..ends[i]]
}

impl std::fmt::Debug for Ids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ids").field("len", &self.len()).finish()
    }
}

impl<'a> FromIterator<&'a str> for Ids {
    fn from_iter<T: IntoIterator<Item = &'a str>>(names: T) -> Self {
        let mut ids = Self::default();
        for name in names {
            ids.intern(name);
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_finds_again() {
        let ids: Ids = ["b", "", "a", "b", "é"].into_iter().collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), ["b", "", "a", "é"]);
        assert_eq!(ids.get("é"), Some(3));
        assert_eq!(ids.get(""), Some(1));
        assert_eq!(ids.get("c"), None);
    }

    #[test]
    fn ten_thousand_ids_survive_growth() {
        let mut ids = Ids::default();
        for i in 0..10_000 {
            ids.intern(&i.to_string());
        }
        assert!((0..10_000).all(|i: u32| ids.get(&i.to_string()) == Some(i)));
    }
}
