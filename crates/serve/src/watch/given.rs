//! What was recommended to whom last, to tell whether it was taken.
//!
//! An event of somebody who was given a list by this service, not longer ago than [`WINDOW`], counts:
//! as a hit if its item was on the list that they were given last, else as a miss. Events that are
//! told later than they happened count by when they are told. The online hit rate is hits over both.
//!
//! Of a person only a keyed hash of their id is held, of a list the numbers of its first [`LENGTH`]
//! items; of the [`PEOPLE`] who were given one last.

use lru::LruCache;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

/// How long a list counts, in seconds.
const WINDOW: i64 = 24 * 3600;
/// Items of a list that are remembered.
const LENGTH: usize = 50;
/// People whose lists are remembered: some 16 MiB if all lists are long.
const PEOPLE: NonZeroUsize = NonZeroUsize::new(50_000).expect("not zero");

#[derive(Debug)]
struct List {
    at: i64,
    items: Box<[u32]>,
}

/// The lists that were given last.
#[derive(Debug)]
pub(crate) struct Given {
    lists: Mutex<LruCache<u64, List>>,
    hasher: RandomState,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            lists: Mutex::new(LruCache::new(PEOPLE)),
            hasher: RandomState::new(),
        }
    }
}

impl Given {
    /// A person was given a list, at a time in Unix seconds.
    pub(crate) fn list(&self, user: &str, items: impl Iterator<Item = u32>, now: i64) {
        let items = items.take(LENGTH).collect();
        let who = self.hasher.hash_one(user);
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.put(who, List { at: now, items });
    }

    /// Whether a person took an item from their list; nothing if they have none.
    pub(crate) fn taken(&self, user: &str, item: Option<u32>, now: i64) -> Option<bool> {
        let who = self.hasher.hash_one(user);
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let list = lists.peek(&who)?;
        if now - list.at > WINDOW {
            lists.pop(&who);
            return None;
        }
        Some(item.is_some_and(|item| list.items.contains(&item)))
    }

    /// Forgets a person.
    pub(crate) fn forget(&self, user: &str) {
        let who = self.hasher.hash_one(user);
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.pop(&who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_list_counts_for_a_day() {
        let given = Given::default();
        assert_eq!(given.taken("u", Some(1), 0), None);
        given.list("u", [1, 2].into_iter(), 100);
        given.list("u", [2, 3].into_iter(), 200);
        assert_eq!(given.taken("u", Some(3), 300), Some(true));
        assert_eq!(given.taken("u", Some(1), 300), Some(false));
        assert_eq!(given.taken("u", None, 300), Some(false));
        assert_eq!(given.taken("v", Some(3), 300), None);
        assert_eq!(given.taken("u", Some(3), 200 + WINDOW), Some(true));
        assert_eq!(given.taken("u", Some(3), 201 + WINDOW), None);
        given.list("w", 0..1000, 0);
        let remembered = (0..1000).filter(|&i| given.taken("w", Some(i), 0) == Some(true));
        assert_eq!(remembered.count(), LENGTH);
        given.forget("w");
        assert_eq!(given.taken("w", Some(0), 0), None);
    }
}
