//! Catalogue, users and interactions in memory, and what is known of where they came from.

use crate::{Clock, Interactions, Knowledge, Table};

/// Everything semrec knows of one catalogue and its people.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The items.
    pub items: Table,
    /// The users; bare ids where nothing else was given.
    pub users: Table,
    /// What they did.
    pub interactions: Interactions,
    /// What else is known of the items, if the sources had a knowledge graph.
    pub knowledge: Option<Knowledge>,
    /// Names of the kinds of event, indexed by `Row::kind`.
    pub kinds: Vec<String>,
    /// Name of the data set, for titles.
    pub name: String,
    /// SHA-256 over ids, texts, events and facts, hexadecimal: equal data, equal fingerprint.
    pub fingerprint: String,
}

impl Dataset {
    /// What event times mean.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.interactions.clock()
    }
}
