//! A store that begins with what a data set holds.

use crate::items::{current, set};
use crate::store::{NOTE, unsigned};
use crate::{Store, StoreError};
use rusqlite::{Transaction, params};
use semrec_data::{Dataset, Record};

/// Under which note the fingerprint of the data set is kept.
const SEEDED: &str = "seeded from";
/// Under which note it is kept up to which place the items are the data set's own.
const SAME: &str = "items of the data set up to";
/// Under which note it is kept up to which place the events are the data set's own.
const OWN: &str = "events of the data set up to";

impl Store {
    /// Takes over a data set, in one transaction: into an empty store its items, people and events; into one
    /// that was filled from another data set, items that it never had. Nothing where it was filled
    /// from this one. The place up to which [`Store::changed_items`] has nothing but what the data
    /// set says. `person` is what somebody of the data set is called in the store.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses; nothing is there then.
    pub fn seed(
        &self,
        dataset: &Dataset,
        now: i64,
        person: &dyn Fn(&str) -> String,
    ) -> Result<u64, StoreError> {
        let before = self.note(SEEDED)?;
        if before.as_ref() == Some(&dataset.fingerprint) {
            return self.seeded_items(&dataset.fingerprint);
        }
        self.write(|writing| {
            for row in (0u32..).take(dataset.items.len()) {
                if before.is_some() && current(writing, dataset.items.ids.name(row))?.is_some() {
                    continue;
                }
                let record = Record::of(&dataset.items, row);
                let text = serde_json::Value::Object(record.object()).to_string();
                set(writing, &record.id, &text, (1, now))?;
            }
            let same = match before {
                None => unsigned(writing.last_insert_rowid()),
                // The rest may be what another data set said.
                Some(_) => 0,
            };
            if before.is_none() {
                add_people(writing, dataset, person)?;
                add_events(writing, dataset, person)?;
                let own = writing.last_insert_rowid().to_string();
                writing.execute(NOTE, [OWN, &own])?;
            }
            writing.execute(NOTE, [SEEDED, &dataset.fingerprint])?;
            writing.execute(NOTE, [SAME, &same.to_string()])?;
            Ok(same)
        })
    }

    /// The place up to which the items are those of a data set, if the store was filled with it; 0 of
    /// another one.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn seeded_items(&self, fingerprint: &str) -> Result<u64, StoreError> {
        if self.note(SEEDED)?.as_deref() != Some(fingerprint) {
            return Ok(0);
        }
        let same = self.note(SAME)?.and_then(|place| place.parse().ok());
        Ok(same.unwrap_or(0))
    }

    /// The place of the newest event that the store was filled with.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn seeded_events(&self) -> Result<u64, StoreError> {
        let own = self.note(OWN)?;
        Ok(own.and_then(|place| place.parse().ok()).unwrap_or(0))
    }
}

/// People who say something of themselves.
fn add_people(
    writing: &Transaction<'_>,
    dataset: &Dataset,
    person: &dyn Fn(&str) -> String,
) -> Result<(), StoreError> {
    let mut insert = writing.prepare("INSERT OR IGNORE INTO users (id, object) VALUES (?1, ?2)")?;
    for row in (0u32..).take(dataset.users.len()) {
        let record = Record::of(&dataset.users, row);
        if !record.fields.is_empty() {
            let text = serde_json::Value::Object(record.object()).to_string();
            insert.execute([&person(&record.id), &text])?;
        }
    }
    Ok(())
}

fn add_events(
    writing: &Transaction<'_>,
    dataset: &Dataset,
    person: &dyn Fn(&str) -> String,
) -> Result<(), StoreError> {
    let mut insert = writing.prepare(
        "INSERT INTO events (user_id, item_id, kind, value, time) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for row in dataset.interactions.rows() {
        let kind = dataset.kinds.get(usize::from(row.kind));
        insert.execute(params![
            person(dataset.users.ids.name(row.user)),
            dataset.items.ids.name(row.event.item),
            kind.map_or("", String::as_str),
            f64::from(row.event.value),
            row.event.time
        ])?;
    }
    Ok(())
}
