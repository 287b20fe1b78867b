//! A bundle in service: its engine, and the histories of people by its numbers. Both follow the
//! store: what it holds after a place is taken over in the order in which it was written, whichever
//! service wrote it. A change of items replaces the engine in one step.

use crate::ServeError;
use crate::drift::Drift;
use crate::early::Early;
use crate::meters::Meters;
use crate::people::People;
use crate::watch::{Exposure, Given};
use semrec_data::Event;
use semrec_engine::{Change, Engine};
use semrec_store::{Store, StoredEvent, StoredItem, Who, hash_of_person};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Items, and events, taken over at once.
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
    /// Up to which change of items the engine knows the store. Whoever has it changes the engine.
    items_until: Mutex<u64>,
    past: Mutex<Past>,
}

/// Up to where the histories know the store.
#[derive(Debug, Default)]
struct Past {
    events_until: u64,
    changes_until: u64,
    /// Events of items that the engine does not know yet.
    early: Early,
}

/// What is counted of new events, and when they are followed.
pub(crate) type Counted<'a> = (&'a Meters, i64);

impl Served {
    /// Takes over what the store knows beyond the bundle: items that changed after a place up to
    /// which it has the bundle's own, and all people and events. Of each person `history` events are
    /// kept.
    pub(crate) fn new(
        engine: Engine,
        (store, items_until): (&Store, u64),
        history: usize,
    ) -> Result<Self, ServeError> {
        let served = Self {
            drift: Drift::new(&engine),
            engine: RwLock::new(Arc::new(engine)),
            people: People::new(history),
            exposure: Exposure::default(),
            given: Given::default(),
            items_until: Mutex::new(items_until),
            past: Mutex::default(),
        };
        if let Some(problem) = served.follow_items(store)?.into_iter().next() {
            return Err(problem);
        }
        // First, so that nobody is missed who changes meanwhile.
        served.past().changes_until = store.last_people_change()?;
        store.each_described(|id, _| served.people.meet(id))?;
        served.follow_people(store, None)?;
        served.engine().prepare()?;
        Ok(served)
    }

    /// The engine of this moment.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&engine)
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what is new of items. What is wrong with those that are none for this bundle is
    /// told; they are left out.
    pub(crate) fn follow_items(&self, store: &Store) -> Result<Vec<ServeError>, ServeError> {
        let until = self.items_until.lock();
        let mut until = until.unwrap_or_else(PoisonError::into_inner);
        let mut problems = Vec::new();
        loop {
            let page = store.changed_items(*until, PAGE)?;
            let Some(last) = page.last() else { break };
            let engine = self.engine();
            let mut changes = Vec::new();
            for item in &page {
                match change_of(&engine, item) {
                    Ok(change) => changes.extend(change),
                    Err(problem) => problems.push(problem),
                }
            }
            if !changes.is_empty() {
                let next = Arc::new(engine.changed(&changes)?);
                *self.engine.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&next);
                self.past()
                    .early
                    .take(&next, |user, event| self.people.add(user, event));
            }
            *until = last.seq;
        }
        Ok(problems)
    }

    /// Takes over what is new of people: events, and whose past is not what it was.
    pub(crate) fn follow_people(
        &self,
        store: &Store,
        counted: Option<Counted<'_>>,
    ) -> Result<(), ServeError> {
        let mut past = self.past();
        let engine = self.engine();
        loop {
            let page = store.events_after(past.events_until, None, PAGE)?;
            page.iter()
                .for_each(|told| self.take(&mut past, &engine, told, counted));
            if page.len() < PAGE {
                break;
            }
        }
        let changes = store.people_changes(past.changes_until)?;
        let Some(last) = changes.last() else {
            return Ok(());
        };
        let until = last.seq;
        let (mut users, mut gone, mut anybody) = (BTreeSet::new(), BTreeSet::new(), false);
        for change in changes {
            match change.who {
                Who::Person(user) => _ = users.insert(user),
                Who::Forgotten(hash) => _ = gone.insert(hash),
                Who::Anybody => anybody = true,
            }
        }
        if anybody || !gone.is_empty() {
            let is_meant = |user: &str| anybody || gone.contains(&hash_of_person(user));
            users.extend(self.people.names(is_meant));
            users.extend(past.early.people(is_meant));
        }
        past.early.forget(&users);
        for user in &users {
            self.read_again(store, (&mut past, &engine), user)?;
        }
        past.changes_until = until;
        Ok(())
    }

    /// Adds an event to a history.
    fn take(
        &self,
        past: &mut Past,
        engine: &Engine,
        told: &StoredEvent,
        counted: Option<Counted<'_>>,
    ) {
        past.events_until = told.seq;
        let item = engine.number(&told.item);
        if let Some((meters, now)) = counted
            && let Some(hit) = self.given.taken(&told.user, item, now)
        {
            let result = if hit { "hit" } else { "miss" };
            meters.taken.with_label_values(&[result]).inc();
        }
        let Some(item) = item else {
            past.early.add(told);
            return;
        };
        self.people
            .add(&told.user, event(item, told.value, told.time));
        if counted.is_some() {
            self.drift.event(item);
        }
    }

    /// Puts what the store has of a person, up to where events are known, in place of what is here.
    fn read_again(
        &self,
        store: &Store,
        (past, engine): (&mut Past, &Engine),
        user: &str,
    ) -> Result<(), ServeError> {
        let mut events = store.events_of(user, self.people.most())?;
        // Later ones are still to come.
        events.retain(|told| told.seq <= past.events_until);
        let known = history(engine, &events);
        let unknown = events
            .iter()
            .filter(|told| engine.number(&told.item).is_none());
        unknown.for_each(|told| past.early.add(told));
        let described = store.user(user)?.is_some();
        if known.is_empty() && !described {
            self.given.forget(user);
        }
        self.people.replace(user, known, described);
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
