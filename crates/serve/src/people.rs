//! The newest events of everybody, oldest first.

use semrec_data::Event;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks that are taken one by one, so that people do not wait for each other.
const SHARDS: usize = 64;

/// What is known of a person.
#[derive(Debug, Default)]
struct Person {
    events: Vec<Event>,
    /// Whether they said something of themselves, which the engine has.
    described: bool,
}

type Shard = HashMap<Box<str>, Person>;

/// The newest events of everybody. An event costs 16 bytes.
#[derive(Debug)]
pub(crate) struct People {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    most: usize,
}

impl People {
    /// Of each person at most `most` events are kept.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            most: most.max(1),
        }
    }

    fn shard(&self, user: &str) -> MutexGuard<'_, Shard> {
        #[expect(clippy::cast_possible_truncation, reason = "any of the bits will do")]
        let at = self.hasher.hash_one(user) as usize % SHARDS;
        self.shards[at]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event; of equal times, the one that is told later is later.
    pub(crate) fn add(&self, user: &str, event: Event) {
        let mut shard = self.shard(user);
        let person = match shard.get_mut(user) {
            Some(person) => person,
            None => shard.entry(user.into()).or_default(),
        };
        let events = &mut person.events;
        let at = events.partition_point(|e| e.time <= event.time);
        let (len, room) = (events.len(), self.most.saturating_sub(events.len()));
        if room > 0 {
            if len == events.capacity() {
                // By a quarter, and never beyond what is kept: doubled, 200 would have room for 256.
                events.reserve_exact((len / 4).max(4).min(room));
            }
            events.insert(at, event);
        } else if at > 0 {
            events.remove(0);
            events.insert(at - 1, event);
        }
    }

    /// Puts a person's events in place of those that were there; oldest first.
    pub(crate) fn replace(&self, user: &str, events: Vec<Event>, described: bool) {
        let mut shard = self.shard(user);
        if events.is_empty() && !described {
            shard.remove(user);
        } else {
            shard.insert(user.into(), Person { events, described });
        }
    }

    /// Somebody is there who said something of themselves.
    pub(crate) fn meet(&self, user: &str) {
        let mut shard = self.shard(user);
        shard.entry(user.into()).or_default().described = true;
    }

    /// A person's events, oldest first; none of an unknown one.
    pub(crate) fn history(&self, user: &str) -> Vec<Event> {
        let shard = self.shard(user);
        shard.get(user).map_or_else(Vec::new, |p| p.events.clone())
    }

    /// Whether anything is known of a person.
    pub(crate) fn knows(&self, user: &str) -> bool {
        self.shard(user).contains_key(user)
    }

    /// Those of whom anything is known and whom a condition holds for, in no order.
    pub(crate) fn names(&self, is_meant: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
        self.shards.iter().flat_map(move |shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let names = shard.keys().filter(|name| is_meant(name));
            names.map(|name| name.to_string()).collect::<Vec<_>>()
        })
    }

    /// Of each person at most so many events are kept.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        let shards = self.shards.iter();
        shards
            .map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).len())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_room_for_more_than_are_kept() {
        let people = People::new(200);
        for time in 0..300 {
            let event = Event {
                item: 0,
                value: 1.0,
                time,
            };
            people.add("u", event);
        }
        let shard = people.shard("u");
        assert_eq!(
            (shard["u"].events.len(), shard["u"].events.capacity()),
            (200, 200)
        );
    }

    fn items(people: &People, user: &str) -> Vec<u32> {
        people.history(user).iter().map(|e| e.item).collect()
    }

    #[test]
    fn the_newest_are_kept_in_their_order() {
        let people = People::new(3);
        let add = |item, time| {
            let event = Event {
                item,
                value: 1.0,
                time,
            };
            people.add("u", event);
        };
        for (item, time) in [(1, 10), (2, 5), (3, 10)] {
            add(item, time);
        }
        assert_eq!(items(&people, "u"), [2, 1, 3]);
        add(4, 7);
        assert_eq!(items(&people, "u"), [4, 1, 3]);
        add(5, 1);
        assert_eq!(items(&people, "u"), [4, 1, 3]);
        assert_eq!((people.len(), items(&people, "v")), (1, vec![]));
        assert_eq!(people.names(|_| true).collect::<Vec<_>>(), ["u"]);
        people.replace("u", Vec::new(), true);
        assert!(people.knows("u") && people.history("u").is_empty());
        people.replace("u", Vec::new(), false);
        assert_eq!((people.len(), people.knows("u")), (0, false));
    }
}
