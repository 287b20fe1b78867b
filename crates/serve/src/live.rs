//! The engine in service, replaced in one step by the one after the next change.

use crate::ServeError;
use crate::people::People;
use semrec_data::Event;
use semrec_engine::{Change, Engine};
use semrec_store::{Store, StoredEvent, StoredItem};
use std::sync::{Arc, PoisonError, RwLock};

/// Items taken over from the store at once.
const PAGE: usize = 1024;

/// The engine in service, and who did what.
#[derive(Debug)]
pub(crate) struct Live {
    engine: RwLock<Arc<Engine>>,
    pub(crate) people: People,
}

impl Live {
    /// Takes over what the store knows beyond the bundle: what changed after a place up to which it
    /// has the bundle's own items.
    pub(crate) fn open(
        mut engine: Engine,
        (store, same): (&Store, u64),
        history: usize,
    ) -> Result<Self, ServeError> {
        let mut seen = same;
        loop {
            let page = store.changed_items(seen, PAGE)?;
            let Some(last) = page.last() else { break };
            seen = last.seq;
            let changes = page.iter().map(|item| change_of(&engine, item));
            let changes = changes.collect::<Result<Vec<_>, _>>()?;
            let changes: Vec<Change> = changes.into_iter().flatten().collect();
            if !changes.is_empty() {
                engine = engine.changed(&changes)?;
            }
        }
        engine.prepare()?;
        let people = People::new(history);
        store.each_event(0, |event| took_place(&engine, &people, &event))?;
        Ok(Self {
            engine: RwLock::new(Arc::new(engine)),
            people,
        })
    }

    /// The engine of this moment.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&engine)
    }

    /// Makes the changes and puts the engine after them into service. For one thread.
    pub(crate) fn change(&self, changes: &[Change]) -> Result<(), semrec_engine::EngineError> {
        let next = Arc::new(self.engine().changed(changes)?);
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}

/// What a stored item changes, if it is not what the bundle says.
fn change_of(engine: &Engine, item: &StoredItem) -> Result<Option<Change>, ServeError> {
    let Some(object) = &item.object else {
        let known = engine.item(&item.id).is_some();
        return Ok(known.then(|| Change::Delete(item.id.clone())));
    };
    let record = engine
        .record(&item.id, object)
        .map_err(|e| ServeError::Item {
            id: item.id.clone(),
            problem: e.to_string(),
        })?;
    Ok((!engine.says(&record)).then_some(Change::Put(record)))
}

fn took_place(engine: &Engine, people: &People, event: &StoredEvent) {
    if let Some(item) = engine.number(&event.item) {
        #[expect(clippy::cast_possible_truncation, reason = "a rating or a quantity")]
        let value = event.value as f32;
        let time = event.time;
        people.add(&event.user, Event { item, value, time });
    }
}
