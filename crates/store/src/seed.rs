//! A store that begins with what a data set holds.

use crate::items::{current, set};
use crate::{Store, StoreError};
use rusqlite::params;
use semrec_data::{Dataset, Record};

/// Under which note the fingerprint of the data set is kept.
const SEEDED: &str = "seeded from";

impl Store {
    /// Takes over a data set, in one transaction: into an empty store its items and events; into one
    /// that was filled from another data set, items that it never had. False where it was filled from
    /// this one.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses; nothing is there then.
    pub fn seed(&self, dataset: &Dataset, now: i64) -> Result<bool, StoreError> {
        let before = self.note(SEEDED)?;
        if before.as_ref() == Some(&dataset.fingerprint) {
            return Ok(false);
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
            let note = "INSERT OR REPLACE INTO notes (name, value) VALUES (?1, ?2)";
            writing.execute(note, [SEEDED, &dataset.fingerprint])?;
            if before.is_some() {
                return Ok(true);
            }
            let mut insert = writing.prepare_cached(
                "INSERT INTO events (user_id, item_id, kind, value, time) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for row in dataset.interactions.rows() {
                let kind = dataset.kinds.get(usize::from(row.kind));
                insert.execute(params![
                    dataset.users.ids.name(row.user),
                    dataset.items.ids.name(row.event.item),
                    kind.map_or("", String::as_str),
                    f64::from(row.event.value),
                    row.event.time
                ])?;
            }
            Ok(true)
        })
    }
}
