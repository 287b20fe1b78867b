//! What is said of people, and a person who is to be forgotten.

use crate::store::{NOTE, signed};
use crate::{Store, StoreError};
use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Map, Value};

/// A person of whom something was said.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredUser {
    /// Their id.
    pub id: String,
    /// What was said of them.
    pub object: Map<String, Value>,
}

/// What was deleted of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Their events.
    pub events: usize,
    /// Whether something was said of them.
    pub described: bool,
}

/// Under which note it is kept when somebody was forgotten last.
const FORGOTTEN: &str = "forgotten last";

impl Store {
    /// Writes what is said of people, in place of what was said before.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn put_users(&self, users: &[StoredUser]) -> Result<(), StoreError> {
        self.write(|writing| {
            let sql = "INSERT OR REPLACE INTO users (id, object) VALUES (?1, ?2)";
            let mut put = writing.prepare_cached(sql)?;
            for user in users {
                let text = serde_json::to_string(&user.object);
                let text = text.map_err(|e| StoreError::Damaged(e.to_string()))?;
                put.execute([&user.id, &text])?;
            }
            Ok(())
        })
    }

    /// What is said of a person.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn user(&self, id: &str) -> Result<Option<StoredUser>, StoreError> {
        let read = self.read();
        let mut statement = read.prepare_cached("SELECT id, object FROM users WHERE id = ?1")?;
        let found = statement.query_row([id], |row| Ok(user(row)));
        found.optional()?.transpose()
    }

    /// People of whom something is said, by id, after one of them.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn users_after(&self, id: &str, limit: usize) -> Result<Vec<StoredUser>, StoreError> {
        let sql = "SELECT id, object FROM users WHERE id > ?1 ORDER BY id LIMIT ?2";
        let read = self.read();
        let mut statement = read.prepare_cached(sql)?;
        let rows = statement.query_map(params![id, signed(limit as u64)], |row| Ok(user(row)))?;
        rows.map(|row| row?).collect()
    }

    /// Deletes everything that is stored of a user. The pages they lay on are overwritten. `now` in
    /// Unix seconds.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn forget_user(&self, user: &str, now: i64) -> Result<Forgotten, StoreError> {
        self.write(|writing| {
            writing.execute(NOTE, [FORGOTTEN, &now.to_string()])?;
            writing.pragma_update(None, "secure_delete", true)?;
            let events = writing.execute("DELETE FROM events WHERE user_id = ?1", [user])?;
            let said = writing.execute("DELETE FROM users WHERE id = ?1", [user])?;
            let described = said > 0;
            Ok(Forgotten { events, described })
        })
    }

    /// When somebody was forgotten last, Unix seconds.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn last_forgotten(&self) -> Result<Option<i64>, StoreError> {
        let when = self.note(FORGOTTEN)?;
        Ok(when.and_then(|when| when.parse().ok()))
    }

    /// Tells people who have fields of their own, in the order in which they came.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn each_described(
        &self,
        mut told: impl FnMut(&str, &Map<String, Value>),
    ) -> Result<(), StoreError> {
        self.apart(|read| {
            let mut statement = read.prepare("SELECT id, object FROM users ORDER BY rowid")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let user = user(row)?;
                told(&user.id, &user.object);
            }
            Ok(())
        })
    }
}

fn user(row: &Row<'_>) -> Result<StoredUser, StoreError> {
    let (id, text): (String, String) = (row.get(0)?, row.get(1)?);
    let object = serde_json::from_str(&text)
        .map_err(|e| StoreError::Damaged(format!("what is said of a person is no JSON: {e}")))?;
    Ok(StoredUser { id, object })
}
