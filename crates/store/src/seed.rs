//! A store that begins with what a data set holds.

use crate::items::set;
use crate::{Store, StoreError};
use rusqlite::params;
use semrec_data::{Dataset, Record};

/// Under which note the fingerprint of the data set is kept.
const SEEDED: &str = "seeded from";

impl Store {
    /// Fills an empty store with a data set's items and events, in one transaction; false where it
    /// was filled before.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses; nothing is there then.
    pub fn seed(&self, dataset: &Dataset, now: i64) -> Result<bool, StoreError> {
        if self.note(SEEDED)?.is_some() {
            return Ok(false);
        }
        self.write(|writing| {
            for row in (0u32..).take(dataset.items.len()) {
                let record = Record::of(&dataset.items, row);
                let text = serde_json::Value::Object(record.object()).to_string();
                set(writing, &record.id, &text, (1, now))?;
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
            drop(insert);
            let note = "INSERT OR REPLACE INTO notes (name, value) VALUES (?1, ?2)";
            writing.execute(note, [SEEDED, &dataset.fingerprint])?;
            Ok(true)
        })
    }
}
