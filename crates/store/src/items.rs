//! Items: one JSON object an id, with a version that goes up by one with each change.

use crate::sql::{Row, Sql};
use crate::{Store, StoreError};
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
        self.write(|sql| {
            let mut put = |&(id, object): &(&str, &Map<String, Value>)| {
                let text = serde_json::to_string(object);
                let text = text.map_err(|e| StoreError::Damaged(e.to_string()))?;
                let there = current(sql, id)?;
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
                set(sql, id, &text, (version + 1, now))?;
                Ok(match is_there {
                    true => Put::Replaced(version + 1),
                    false => Put::Created(version + 1),
                })
            };
            items.iter().map(&mut put).collect()
        })
    }

    /// Deletes an item; what came of it, as if it had been written. `Refused(None)` where it is not
    /// there.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn delete_item(&self, id: &str, condition: Condition, now: i64) -> Result<Put, StoreError> {
        self.write(|sql| {
            let Some((version, _)) = current(sql, id)?.filter(|(_, old)| !old.is_empty()) else {
                return Ok(Put::Refused(None));
            };
            if !holds(condition, true, version) {
                return Ok(Put::Refused(Some(version)));
            }
            set(sql, id, "", (version + 1, now))?;
            Ok(Put::Replaced(version + 1))
        })
    }

    /// An item that is there.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn item(&self, id: &str) -> Result<Option<StoredItem>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM items WHERE id = ?1 AND object != ''");
        self.read(|read| read.first(&sql, &[id.into()], stored))
    }

    /// Items that are there, by id, after one of them.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn items_after(&self, id: &str, limit: usize) -> Result<Vec<StoredItem>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM items WHERE id > ?1 AND object != '' ORDER BY id LIMIT ?2"
        );
        self.read(|read| read.all(&sql, &[id.into(), limit.into()], stored))
    }

    /// Items that changed after a place, in the order of their newest changes, deleted ones too.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn changed_items(&self, after: u64, limit: usize) -> Result<Vec<StoredItem>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM items WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        self.read(|read| read.all(&sql, &[after.into(), limit.into()], stored))
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
pub(crate) fn current(sql: &mut Sql<'_>, id: &str) -> Result<Option<(u64, String)>, StoreError> {
    let found = "SELECT version, object FROM items WHERE id = ?1";
    sql.first(found, &[id.into()], |row| Ok((row.count(0)?, row.text(1)?)))
}

/// Puts an item in place of the one that is there, under a new place.
fn set(
    sql: &mut Sql<'_>,
    id: &str,
    text: &str,
    (version, now): (u64, i64),
) -> Result<(), StoreError> {
    if version > 1 {
        sql.change("DELETE FROM items WHERE id = ?1", &[id.into()])?;
    }
    let insert = "INSERT INTO items (id, object, version, changed) VALUES (?1, ?2, ?3, ?4)";
    sql.change(
        insert,
        &[id.into(), text.into(), version.into(), now.into()],
    )?;
    Ok(())
}

fn stored(row: &Row<'_>) -> Result<StoredItem, StoreError> {
    let (id, text) = (row.text(0)?, row.text(1)?);
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
        version: row.count(2)?,
        changed: row.whole(3)?,
        seq: row.count(4)?,
    })
}
