//! Items: one JSON object an id, with a version that goes up by one with each change.

use crate::store::{signed, unsigned};
use crate::{Store, StoreError};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::{Map, Value};

/// An item as it was written last.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredItem {
    /// Its id.
    pub id: String,
    /// Its fields; `None` for one that was deleted.
    pub object: Option<Map<String, Value>>,
    /// 1 when it was first written, one more with each change, a deletion too.
    pub version: u64,
    /// Unix seconds of the change.
    pub changed: i64,
    /// Place among all changes of items: what changes later has a higher one.
    pub seq: u64,
}

/// What must hold for a write to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Any,
    /// There is no such item.
    Absent,
    /// The item is of this version.
    Version(u64),
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// There was no such item.
    Created(u64),
    /// It was there; this is its version now.
    Replaced(u64),
    /// It was there and says the same: nothing was written.
    Same(u64),
    /// The condition does not hold: this is its version, if it is there.
    Refused(Option<u64>),
}

const COLUMNS: &str = "id, object, version, changed, seq";

impl Store {
    /// Writes items, all or (on an error) none; those whose condition does not hold are left alone
    /// and told. `now` in Unix seconds.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn put_items(
        &self,
        items: &[(&str, &Map<String, Value>)],
        condition: Condition,
        now: i64,
    ) -> Result<Vec<Put>, StoreError> {
        self.write(|writing| {
            let put = |&(id, object): &(&str, &Map<String, Value>)| {
                let text = serde_json::to_string(object);
                let text = text.map_err(|e| StoreError::Damaged(e.to_string()))?;
                let there = current(writing, id)?;
                let (version, is_there, same) = match &there {
                    None => (0, false, false),
                    Some((version, old)) => (*version, !old.is_empty(), *old == text),
                };
                if !holds(condition, is_there, version) {
                    return Ok(Put::Refused(is_there.then_some(version)));
                }
                if same {
                    return Ok(Put::Same(version));
                }
                set(writing, id, &text, (version + 1, now))?;
                Ok(match is_there {
                    true => Put::Replaced(version + 1),
                    false => Put::Created(version + 1),
                })
            };
            items.iter().map(put).collect()
        })
    }

    /// Deletes an item; what came of it, as if it had been written. `Refused(None)` where it is not
    /// there.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn delete_item(&self, id: &str, condition: Condition, now: i64) -> Result<Put, StoreError> {
        self.write(|writing| {
            let Some((version, _)) = current(writing, id)?.filter(|(_, old)| !old.is_empty())
            else {
                return Ok(Put::Refused(None));
            };
            if !holds(condition, true, version) {
                return Ok(Put::Refused(Some(version)));
            }
            set(writing, id, "", (version + 1, now))?;
            Ok(Put::Replaced(version + 1))
        })
    }

    /// An item that is there.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn item(&self, id: &str) -> Result<Option<StoredItem>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM items WHERE id = ?1 AND object != ''");
        let read = self.read();
        let found = read
            .query_row(&sql, [id], |row| Ok(stored(row)))
            .optional()?;
        found.transpose()
    }

    /// Items that are there, by id, after one of them.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn items_after(&self, id: &str, limit: usize) -> Result<Vec<StoredItem>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items WHERE id > ?1 AND object != '' ORDER BY id LIMIT ?2"
        );
        let read = self.read();
        let mut statement = read.prepare_cached(&sql)?;
        let rows = statement.query_map(params![id, signed(limit as u64)], |row| Ok(stored(row)))?;
        rows.map(|row| row?).collect()
    }

    /// Items that changed after a place, in the order of their newest changes, deleted ones too.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn changed_items(&self, after: u64, limit: usize) -> Result<Vec<StoredItem>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM items WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        let read = self.read();
        let mut statement = read.prepare_cached(&sql)?;
        let limits = params![signed(after), signed(limit as u64)];
        let rows = statement.query_map(limits, |row| Ok(stored(row)))?;
        rows.map(|row| row?).collect()
    }
}

fn holds(condition: Condition, is_there: bool, version: u64) -> bool {
    match condition {
        Condition::Any => true,
        Condition::Absent => !is_there,
        Condition::Version(wanted) => is_there && version == wanted,
    }
}

/// Version and text of an item, of a deleted one too.
pub(crate) fn current(
    writing: &Transaction<'_>,
    id: &str,
) -> Result<Option<(u64, String)>, StoreError> {
    let mut statement =
        writing.prepare_cached("SELECT version, object FROM items WHERE id = ?1")?;
    let found = statement.query_row([id], |row| Ok((unsigned(row.get(0)?), row.get(1)?)));
    Ok(found.optional()?)
}

pub(crate) fn set(
    writing: &Transaction<'_>,
    id: &str,
    text: &str,
    (version, now): (u64, i64),
) -> Result<(), StoreError> {
    // In place of the old row, under a new place.
    let sql = "INSERT OR REPLACE INTO items (id, object, version, changed) VALUES (?1, ?2, ?3, ?4)";
    writing
        .prepare_cached(sql)?
        .execute(params![id, text, signed(version), now])?;
    Ok(())
}

fn stored(row: &Row<'_>) -> Result<StoredItem, StoreError> {
    let (id, text): (String, String) = (row.get(0)?, row.get(1)?);
    let object = match text.as_str() {
        "" => None,
        text => Some(
            serde_json::from_str(text)
                .map_err(|e| StoreError::Damaged(format!("item '{id}' is no JSON object: {e}")))?,
        ),
    };
    Ok(StoredItem {
        id,
        object,
        version: unsigned(row.get(2)?),
        changed: row.get(3)?,
        seq: unsigned(row.get(4)?),
    })
}
