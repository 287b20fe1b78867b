//! What is known of the items beyond their own columns: a graph of facts, each a triple of two
//! entities and the relation between them, and which entities are items.
//!
//! An entity is an item, a person, a genre, a place: whatever the source gives an id. It may be the
//! head of some triples and the tail of others. An item may be several entities, an entity several
//! items; an item that is no entity is one the graph does not know.

use crate::Ids;

/// One fact: `head` stands in `relation` to `tail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Triple {
    /// Index of an entity.
    pub head: u32,
    /// Index of a relation.
    pub relation: u32,
    /// Index of an entity.
    pub tail: u32,
}

/// An item, and the entity it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// Index of an item of the catalogue.
    pub item: u32,
    /// Index of an entity.
    pub entity: u32,
}

/// A knowledge graph and its links to a catalogue. 12 bytes a triple, 8 a link.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// Ids of the entities of triples and links.
    pub entities: Ids,
    /// Names of the relations.
    pub relations: Ids,
    /// The facts, each once, in the order of the source.
    pub triples: Vec<Triple>,
    /// The items that are entities, each pair once, in the order of the source.
    pub links: Vec<Link>,
}

impl Knowledge {
    /// How many of `n_items` items are entities.
    #[must_use]
    pub fn linked_items(&self, n_items: usize) -> usize {
        let mut linked = vec![false; n_items];
        for link in &self.links {
            linked[link.item as usize] = true;
        }
        linked.into_iter().filter(|&x| x).count()
    }

    /// How many triples have an item at one end or both.
    #[must_use]
    pub fn triples_of_items(&self) -> usize {
        let mut is_item = vec![false; self.entities.len()];
        for link in &self.links {
            is_item[link.entity as usize] = true;
        }
        let touches = |t: &&Triple| is_item[t.head as usize] || is_item[t.tail as usize];
        self.triples.iter().filter(touches).count()
    }
}
