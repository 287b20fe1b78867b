//! Events that came before their items.

use crate::served::event;
use semrec_data::Event;
use semrec_engine::Engine;
use semrec_store::StoredEvent;
use std::collections::{BTreeSet, HashMap};

/// Events that are kept, some 100 bytes each; others count from the next start on.
const MOST: usize = 100_000;

/// Events that wait for their items.
#[derive(Debug, Default)]
pub(crate) struct Early {
    of_items: HashMap<Box<str>, Vec<Waiting>>,
    n: usize,
}

#[derive(Debug)]
struct Waiting {
    user: Box<str>,
    value: f64,
    time: i64,
}

impl Early {
    /// An event of an item that is not known.
    pub(crate) fn add(&mut self, told: &StoredEvent) {
        if self.n < MOST {
            self.n += 1;
            let of_item = self.of_items.entry(told.item.as_str().into()).or_default();
            of_item.push(Waiting {
                user: told.user.as_str().into(),
                value: told.value,
                time: told.time,
            });
        }
    }

    /// Takes out what waited for items that are known now.
    pub(crate) fn take(&mut self, engine: &Engine, mut told: impl FnMut(&str, Event)) {
        self.of_items.retain(|item, waiting| {
            let Some(item) = engine.number(item) else {
                return true;
            };
            self.n -= waiting.len();
            for Waiting { user, value, time } in waiting {
                told(user, event(item, *value, *time));
            }
            false
        });
    }

    /// Those whose events wait and whom a condition holds for, perhaps several times each.
    pub(crate) fn people(&self, is_meant: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
        let users = self.of_items.values().flatten().map(|of| &*of.user);
        users.filter(move |user| is_meant(user)).map(str::to_owned)
    }

    /// Drops what people did.
    pub(crate) fn forget(&mut self, users: &BTreeSet<String>) {
        if users.is_empty() || self.n == 0 {
            return;
        }
        self.of_items.retain(|_, waiting| {
            let before = waiting.len();
            waiting.retain(|of| !users.contains(&*of.user));
            self.n -= before - waiting.len();
            !waiting.is_empty()
        });
    }
}
