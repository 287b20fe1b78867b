//! What is said of people, and a person who is to be forgotten.

use crate::changes::{changed, forgotten};
use crate::sql::{Row, Sql};
use crate::store::note;
use crate::{Store, StoreError};
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
    /// Writes what is said of people, in place of what was said before. `now` in Unix seconds.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn put_users(&self, users: &[StoredUser], now: i64) -> Result<(), StoreError> {
        let put = "INSERT INTO users (id, object) VALUES (?1, ?2)
                   ON CONFLICT (id) DO UPDATE SET object = excluded.object";
        self.write(|sql| {
            for user in users {
                let text = serde_json::to_string(&user.object);
                let text = text.map_err(|e| StoreError::Damaged(e.to_string()))?;
                sql.change(put, &[(&user.id).into(), (&text).into()])?;
            }
            let mut ids = users.iter().map(|user| user.id.as_str()).collect();
            changed(sql, &mut ids, now)
        })
    }

    /// What is said of a person.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn user(&self, id: &str) -> Result<Option<StoredUser>, StoreError> {
        let found = "SELECT id, object FROM users WHERE id = ?1";
        self.read(|read| read.first(found, &[id.into()], user))
    }

    /// People of whom something is said, by id, after one of them.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn users_after(&self, id: &str, limit: usize) -> Result<Vec<StoredUser>, StoreError> {
        let sql = "SELECT id, object FROM users WHERE id > ?1 ORDER BY id LIMIT ?2";
        self.read(|read| read.all(sql, &[id.into(), limit.into()], user))
    }

    /// Deletes everything that is stored of a user. In a file, the pages they lay on are overwritten.
    /// `now` in Unix seconds.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn forget_user(&self, user: &str, now: i64) -> Result<Forgotten, StoreError> {
        self.write(|sql| {
            note(sql, FORGOTTEN, &now.to_string())?;
            if let Sql::Sqlite(connection) = sql {
                connection.pragma_update(None, "secure_delete", true)?;
            }
            let events = sql.change("DELETE FROM events WHERE user_id = ?1", &[user.into()])?;
            let said = sql.change("DELETE FROM users WHERE id = ?1", &[user.into()])?;
            forgotten(sql, user, now)?;
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

    /// Tells people who have fields of their own, by id.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn each_described(
        &self,
        mut told: impl FnMut(&str, &Map<String, Value>),
    ) -> Result<(), StoreError> {
        self.apart(|read| {
            read.each(
                "SELECT id, object FROM users ORDER BY id",
                &[],
                &mut |row| {
                    let user = user(row)?;
                    told(&user.id, &user.object);
                    Ok(())
                },
            )
        })
    }
}

fn user(row: &Row<'_>) -> Result<StoredUser, StoreError> {
    let (id, text) = (row.text(0)?, row.text(1)?);
    let object = serde_json::from_str(&text)
        .map_err(|e| StoreError::Damaged(format!("what is said of a person is no JSON: {e}")))?;
    Ok(StoredUser { id, object })
}
