//! The bundle in service: its engine, and the histories of people by its numbers. A change of items
//! replaces the engine in one step, another bundle replaces both.

use crate::ServeError;
use crate::drift::Drift;
use crate::people::People;
use crate::watch::{Exposure, Given};
use semrec_data::Event;
use semrec_engine::{Change, Engine, EngineError};
use semrec_store::{Store, StoredEvent, StoredItem};
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::RwLockReadGuard;

/// Items taken over from the store at once.
const PAGE: usize = 1024;

/// A bundle in service.
#[derive(Debug)]
pub(crate) struct Served {
    engine: RwLock<Arc<Engine>>,
    /// Who did what; items by the numbers of the engine.
    pub(crate) people: People,
    /// How far what happens is from what the bundle was trained on.
    pub(crate) drift: Drift,
    /// What was recommended lately.
    pub(crate) exposure: Exposure,
    /// And to whom.
    pub(crate) given: Given,
}

impl Served {
    /// The engine of this moment.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&engine)
    }

    /// Makes the changes and puts the engine after them into service. For one thread.
    fn change(&self, changes: &[Change]) -> Result<(), EngineError> {
        let next = Arc::new(self.engine().changed(changes)?);
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}

/// A bundle that is being made ready, and up to where it knows the store.
#[derive(Debug)]
pub(crate) struct Prepared {
    served: Served,
    items_until: u64,
    events_until: u64,
}

impl Prepared {
    /// Takes over what the store knows beyond the bundle: items that changed after a place up to
    /// which it has the bundle's own, and all people and events.
    pub(crate) fn new(
        engine: Engine,
        (store, items_until): (&Store, u64),
        history: usize,
    ) -> Result<Self, ServeError> {
        let served = Served {
            drift: Drift::new(&engine),
            engine: RwLock::new(Arc::new(engine)),
            people: People::new(history),
            exposure: Exposure::default(),
            given: Given::default(),
        };
        store.each_described(|id, _| served.people.meet(id))?;
        let mut prepared = Self {
            served,
            items_until,
            events_until: 0,
        };
        prepared.follow(store)?;
        prepared.served.engine().prepare()?;
        Ok(prepared)
    }

    pub(crate) fn engine(&self) -> Arc<Engine> {
        self.served.engine()
    }

    /// Takes over what was written since.
    pub(crate) fn follow(&mut self, store: &Store) -> Result<(), ServeError> {
        loop {
            let page = store.changed_items(self.items_until, PAGE)?;
            let Some(last) = page.last() else { break };
            self.items_until = last.seq;
            let engine = self.served.engine();
            let changes = page.iter().map(|item| change_of(&engine, item));
            let changes = changes.collect::<Result<Vec<_>, _>>()?;
            let changes: Vec<Change> = changes.into_iter().flatten().collect();
            if !changes.is_empty() {
                self.served.change(&changes)?;
            }
        }
        let mut until = self.events_until;
        let engine = self.served.engine();
        store.each_event(self.events_until, |told| {
            until = told.seq;
            if let Some(item) = engine.number(&told.item) {
                let people = &self.served.people;
                people.add(&told.user, event(item, told.value, told.time));
            }
        })?;
        self.events_until = until;
        Ok(())
    }
}

/// What is in service now.
#[derive(Debug)]
pub(crate) struct Live {
    served: RwLock<Arc<Served>>,
    /// Shared by whoever writes to the store and then here, held alone by whoever puts another
    /// bundle into service: so that nothing is missed between the two.
    gate: tokio::sync::RwLock<()>,
    /// People whose events were deleted while another bundle is made ready; `None` while none is.
    deleted: Mutex<Option<Vec<String>>>,
}

impl Live {
    pub(crate) fn new(prepared: Prepared) -> Self {
        Self {
            served: RwLock::new(Arc::new(prepared.served)),
            gate: tokio::sync::RwLock::new(()),
            deleted: Mutex::new(None),
        }
    }

    pub(crate) fn served(&self) -> Arc<Served> {
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&served)
    }

    /// The engine of this moment.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        self.served().engine()
    }

    /// To be held from before something is stored until it is known here.
    pub(crate) async fn writing(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().await
    }

    /// Makes changes that are stored already. For one thread.
    pub(crate) fn change(&self, changes: &[Change]) -> Result<(), EngineError> {
        self.served().change(changes)
    }

    /// Forgets a person who was deleted from the store.
    pub(crate) fn forget(&self, user: &str) {
        self.note_deleted(user);
        let served = self.served();
        served.people.forget(user);
        served.given.forget(user);
    }

    /// Puts what is left of a person's events, oldest first, in place of their history.
    pub(crate) fn replace(&self, user: &str, events: &[StoredEvent]) {
        self.note_deleted(user);
        let served = self.served();
        served
            .people
            .replace(user, history(&served.engine(), events));
    }

    fn note_deleted(&self, user: &str) {
        if let Some(deleted) = &mut *self.deleted() {
            deleted.push(user.to_owned());
        }
    }

    fn deleted(&self) -> std::sync::MutexGuard<'_, Option<Vec<String>>> {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes another bundle ready while this one serves. For one thread, and not for one that
    /// drives futures.
    pub(crate) fn prepare(
        &self,
        engine: Engine,
        (store, items_until): (&Store, u64),
        history: usize,
    ) -> Result<Prepared, ServeError> {
        *self.deleted() = Some(Vec::new());
        Prepared::new(engine, (store, items_until), history)
    }

    /// What was made ready does not enter service.
    pub(crate) fn abandon(&self) {
        *self.deleted() = None;
    }

    /// Puts a bundle into service, with everything that was written until then.
    pub(crate) fn swap(
        &self,
        mut prepared: Prepared,
        (store, most): (&Store, usize),
    ) -> Result<(), ServeError> {
        // Most of what was written meanwhile; the rest while nobody writes.
        prepared.follow(store)?;
        let _alone = self.gate.blocking_write();
        prepared.follow(store)?;
        let engine = prepared.engine();
        for user in take(&mut *self.deleted()).unwrap_or_default() {
            let left = history(&engine, &store.events_of(&user, most)?);
            prepared.served.people.replace(&user, left);
        }
        let next = Arc::new(prepared.served);
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}

/// Events as the engine numbers their items; without those of items that it does not know.
pub(crate) fn history(engine: &Engine, events: &[StoredEvent]) -> Vec<Event> {
    let known = events.iter().filter_map(|told| {
        let item = engine.number(&told.item)?;
        Some(event(item, told.value, told.time))
    });
    known.collect()
}

/// An event as histories have it.
pub(crate) fn event(item: u32, value: f64, time: i64) -> Event {
    #[expect(clippy::cast_possible_truncation, reason = "a rating or a quantity")]
    let value = value as f32;
    Event { item, value, time }
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
