//! What people did: events grouped by user, oldest first, ties in file order.
//!
//! An event costs 16 bytes, plus one for its kind and one for its part where the data has them.

use crate::DataError;
use serde::{Deserialize, Serialize};

/// One thing a person did with one item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Dense item index.
    pub item: u32,
    /// Rating, quantity or 1 where the data has neither.
    pub value: f32,
    /// Unix seconds, a position in the user's sequence, or a file order: see [`Clock`].
    pub time: i64,
}

/// What [`Event::time`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Unix seconds, comparable between users.
    Seconds,
    /// Place in the user's own sequence; not comparable between users.
    Position,
    /// The data says nothing; events are in file order.
    None,
}

/// The part of a given split an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Models are fitted on it.
    Train,
    /// Choices are made on it.
    Valid,
    /// Figures are reported on it.
    Test,
}

/// One event still to be grouped: what a reader produces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Dense user index.
    pub user: u32,
    /// What happened.
    pub event: Event,
    /// Index into the names of event kinds (0 where there is one kind).
    pub kind: u8,
    /// Part of the given split ([`Part::Train`] where there is none).
    pub part: Part,
}

/// All events, grouped by user, sorted by time within a user (stable).
#[derive(Clone, Debug)]
pub struct Interactions {
    offsets: Vec<usize>,
    events: Vec<Event>,
    kinds: Vec<u8>,
    parts: Vec<Part>,
    clock: Clock,
    n_items: usize,
}

impl Interactions {
    /// Groups rows by user; rows of one user with equal times keep their order.
    ///
    /// # Panics
    /// If a row names a user at or above `n_users`, or an item at or above `n_items`.
    #[must_use]
    pub fn from_rows(rows: &[Row], n_users: usize, n_items: usize, clock: Clock) -> Self {
        let mut offsets = vec![0usize; n_users + 1];
        for row in rows {
            assert!((row.event.item as usize) < n_items, "item out of range");
            offsets[row.user as usize + 1] += 1;
        }
        for u in 0..n_users {
            offsets[u + 1] += offsets[u];
        }
        let mut next = offsets.clone();
        let mut order = vec![0usize; rows.len()];
        for (i, row) in rows.iter().enumerate() {
            let slot = &mut next[row.user as usize];
            order[*slot] = i;
            *slot += 1;
        }
        for u in 0..n_users {
            order[offsets[u]..offsets[u + 1]].sort_by_key(|&i| rows[i].event.time);
        }
        let many_kinds = rows.iter().any(|r| r.kind != 0);
        let given = rows.iter().any(|r| r.part != Part::Train);
        Self {
            events: order.iter().map(|&i| rows[i].event).collect(),
            kinds: if many_kinds {
                order.iter().map(|&i| rows[i].kind).collect()
            } else {
                Vec::new()
            },
            parts: if given {
                order.iter().map(|&i| rows[i].part).collect()
            } else {
                Vec::new()
            },
            offsets,
            clock,
            n_items,
        }
    }

    /// A user's events, oldest first.
    #[must_use]
    pub fn of_user(&self, user: u32) -> &[Event] {
        let u = user as usize;
        &self.events[self.offsets[u]..self.offsets[u + 1]]
    }

    /// Every event as a row, grouped by user, oldest first.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        (0..self.n_users()).flat_map(move |u| {
            (self.offsets[u]..self.offsets[u + 1]).map(move |i| Row {
                user: u32::try_from(u).unwrap_or(u32::MAX),
                event: self.events[i],
                kind: self.kinds.get(i).copied().unwrap_or(0),
                part: self.parts.get(i).copied().unwrap_or(Part::Train),
            })
        })
    }

    /// All events, grouped by user.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Number of users, those without events included.
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of items in the catalogue, those without events included.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// Number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Refuses none at all, for what has nothing to do without.
    ///
    /// # Errors
    /// [`DataError::Unusable`] if nothing happened.
    pub fn required(&self) -> Result<(), DataError> {
        if self.is_empty() {
            let problem = "there are no interactions to learn from or to hold out; import the data with --interactions";
            return Err(DataError::Unusable(problem.to_owned()));
        }
        Ok(())
    }

    /// What the times mean.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Whether the data itself says what is for training and what for testing.
    #[must_use]
    pub fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    /// How many distinct users touched each item, `[n_items]`.
    #[must_use]
    pub fn item_counts(&self) -> Vec<u32> {
        let mut counts = vec![0u32; self.n_items];
        let mut last = vec![u32::MAX; self.n_items];
        for u in 0..self.n_users() {
            let user = u32::try_from(u).unwrap_or(u32::MAX);
            for event in self.of_user(user) {
                let i = event.item as usize;
                if last[i] != user {
                    last[i] = user;
                    counts[i] += 1;
                }
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(user: u32, item: u32, time: i64) -> Row {
        Row {
            user,
            event: Event {
                item,
                value: 1.0,
                time,
            },
            kind: 0,
            part: Part::Train,
        }
    }

    #[test]
    fn groups_by_user_and_keeps_file_order_among_equal_times() {
        let rows = [
            row(1, 0, 5),
            row(0, 3, 2),
            row(1, 2, 5),
            row(1, 1, 4),
            row(0, 0, 1),
        ];
        let log = Interactions::from_rows(&rows, 3, 4, Clock::Seconds);
        let items = |u| log.of_user(u).iter().map(|e| e.item).collect::<Vec<_>>();
        assert_eq!(items(0), [0, 3]);
        assert_eq!(items(1), [1, 0, 2]);
        assert!(log.of_user(2).is_empty());
    }

    #[test]
    fn item_counts_are_of_distinct_users() {
        let rows = [row(0, 1, 1), row(0, 1, 2), row(1, 1, 1), row(1, 0, 2)];
        let log = Interactions::from_rows(&rows, 2, 3, Clock::Seconds);
        assert_eq!(log.item_counts(), [1, 2, 0]);
    }
}
