//! A store that begins with what a data set holds.

use crate::items::{current, set};
use crate::store::unsigned;
use crate::{Store, StoreError};
use rusqlite::{Transaction, params};
use semrec_data::{Dataset, Record};

/// Under which note the fingerprint of the data set is kept.
const SEEDED: &str = "seeded from";
/// Under which note it is kept up to which place the items are the data set's own.
const SAME: &str = "items of the data set up to";

impl Store {
    /// Takes over a data set, in one transaction: into an empty store its items and events; into one
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
            let same = self.note(SAME)?.and_then(|place| place.parse().ok());
            return Ok(same.unwrap_or(0));
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
                add_events(writing, dataset, person)?;
            }
            let note = "INSERT OR REPLACE INTO notes (name, value) VALUES (?1, ?2)";
            writing.execute(note, [SEEDED, &dataset.fingerprint])?;
            writing.execute(note, [SAME, &same.to_string()])?;
            Ok(same)
        })
    }
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
