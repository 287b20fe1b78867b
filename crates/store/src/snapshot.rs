//! The store as a data set, for the next model to be trained on.

use crate::{Store, StoreError, StoredEvent};
use semrec_data::{
    Dataset, Event, Ids, Interactions, Knowledge, Link, Part, Record, Role, Row, Table,
};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Items read at once.
const PAGE: usize = 4096;

/// The store as it was.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its content. An item that was deleted is in it as long as it has events, as the data set
    /// before had it: what was learned of who chose it is not lost with it.
    pub dataset: Dataset,
    /// [`Store::changed_items`] after this place has what is not in it, and deletions besides.
    pub items_until: u64,
    /// Events of items that are in neither the store nor the data set before.
    pub unknown: usize,
}

impl Store {
    /// The items and people of this moment, and the events up to a place. `before` is the data set
    /// that the store was filled from, or the last snapshot: fields have the roles they have there,
    /// its items keep their order, and its knowledge graph is taken over.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read, or an item of it is none.
    pub fn snapshot(&self, before: &Dataset, events_until: u64) -> Result<Snapshot, StoreError> {
        let (mut items, items_until) = self.records(before)?;
        let ids: Ids = items.iter().map(|(record, _)| record.id.as_str()).collect();
        let mut people = self.described(before)?;
        let mut users: Ids = people.iter().map(|record| record.id.as_str()).collect();
        let mut kinds = before.kinds.clone();
        let mut rows = Vec::new();
        let mut unknown = 0;
        let mut problem = None;
        self.each_event(0, |event| {
            if event.seq > events_until || problem.is_some() {
                return;
            }
            let Some(item) = ids.get(&event.item) else {
                unknown += 1;
                return;
            };
            match kind_of(&mut kinds, &event) {
                Ok(kind) => rows.push(row(&event, (users.intern(&event.user), item, kind))),
                Err(e) => problem = Some(e),
            }
        })?;
        if let Some(problem) = problem {
            return Err(problem);
        }
        let mut used = vec![false; items.len()];
        rows.iter()
            .for_each(|row| used[row.event.item as usize] = true);
        let mut kept = (0u32..)
            .zip(&items)
            .filter(|(i, (_, gone))| !gone || used[*i as usize]);
        let places: HashMap<u32, u32> = kept.by_ref().map(|(i, _)| i).zip(0..).collect();
        rows.iter_mut()
            .for_each(|row| row.event.item = places[&row.event.item]);
        let mut place = 0u32..;
        items.retain(|_| place.next().is_some_and(|i| places.contains_key(&i)));
        let records: Vec<Record> = items.into_iter().map(|(record, _)| record).collect();
        let table = Table::of_records(&records, &roles(&before.items));
        let known = people.len();
        people.extend(users.iter().skip(known).map(bare));
        let people = Table::of_records(&people, &roles(&before.users));
        let clock = before.clock();
        let log = Interactions::from_rows(&rows, people.len(), table.len(), clock);
        let graph = before
            .knowledge
            .as_ref()
            .map(|graph| linked(graph, before, &table.ids));
        let dataset = Dataset::new(before.name.clone(), table, people, log, kinds);
        Ok(Snapshot {
            dataset: match graph {
                Some(graph) => dataset.with_knowledge(graph),
                None => dataset,
            },
            items_until,
            unknown,
        })
    }

    /// Items, each with whether it is deleted: those of `before` first. And up to which place.
    fn records(&self, before: &Dataset) -> Result<(Vec<(Record, bool)>, u64), StoreError> {
        let roles = roles(&before.items);
        let mut stored: HashMap<String, Option<Map<String, Value>>> = HashMap::new();
        let mut order = Vec::new();
        let mut until = 0;
        loop {
            let page = self.changed_items(until, PAGE)?;
            let Some(last) = page.last() else { break };
            until = last.seq;
            for item in page {
                if before.items.ids.get(&item.id).is_none() && item.object.is_some() {
                    order.push(item.id.clone());
                }
                stored.insert(item.id, item.object);
            }
        }
        let read = |id: &str, object: &Map<String, Value>| {
            Record::read(id, object, &roles)
                .map_err(|e| StoreError::Damaged(format!("item '{id}': {e}")))
        };
        let mut records = Vec::with_capacity(before.items.len() + order.len());
        for row in (0u32..).take(before.items.len()) {
            let id = before.items.ids.name(row);
            records.push(match stored.get(id) {
                Some(Some(object)) => (read(id, object)?, false),
                Some(None) | None => (Record::of(&before.items, row), true),
            });
        }
        for id in &order {
            if let Some(Some(object)) = stored.get(id) {
                records.push((read(id, object)?, false));
            }
        }
        Ok((records, until))
    }

    /// People of whom something is said. What cannot be read as the fields of the data set before
    /// (Gorse's labels may be nested) is left out; the person stays.
    fn described(&self, before: &Dataset) -> Result<Vec<Record>, StoreError> {
        let roles = roles(&before.users);
        let mut people = Vec::new();
        self.each_described(|id, object| {
            people.push(Record::read(id, object, &roles).unwrap_or_else(|_| bare(id)));
        })?;
        Ok(people)
    }

    /// The place of the newest event.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn last_event(&self) -> Result<u64, StoreError> {
        self.read(|read| read.number("SELECT coalesce(max(seq), 0) FROM events", &[]))
    }

    /// How many events there are after a place.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be counted.
    pub fn n_events_after(&self, place: u64) -> Result<u64, StoreError> {
        let count = "SELECT count(*) FROM events WHERE seq > ?1";
        self.read(|read| read.number(count, &[place.into()]))
    }
}

fn bare(id: &str) -> Record {
    Record {
        id: id.to_owned(),
        fields: Vec::new(),
    }
}

fn roles(table: &Table) -> Vec<(&str, Role)> {
    let fields = table.fields.iter();
    fields.map(|f| (f.name.as_str(), f.values.role())).collect()
}

fn kind_of(kinds: &mut Vec<String>, event: &StoredEvent) -> Result<u8, StoreError> {
    let found = kinds.iter().position(|kind| *kind == event.kind);
    let kind = found.unwrap_or_else(|| {
        kinds.push(event.kind.clone());
        kinds.len() - 1
    });
    u8::try_from(kind).map_err(|_| {
        let problem = "there are more than 256 types of event; expected a handful".to_owned();
        StoreError::Damaged(problem)
    })
}

fn row(event: &StoredEvent, (user, item, kind): (u32, u32, u8)) -> Row {
    #[expect(clippy::cast_possible_truncation, reason = "a rating or a quantity")]
    let value = event.value as f32;
    let time = event.time;
    Row {
        user,
        event: Event { item, value, time },
        kind,
        part: Part::Train,
    }
}

/// The graph with its links to the items' new places.
fn linked(graph: &Knowledge, before: &Dataset, ids: &Ids) -> Knowledge {
    let links = graph.links.iter().filter_map(|link| {
        let item = ids.get(before.items.ids.name(link.item))?;
        Some(Link {
            item,
            entity: link.entity,
        })
    });
    Knowledge {
        links: links.collect(),
        ..graph.clone()
    }
}
