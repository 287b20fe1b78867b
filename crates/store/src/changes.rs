//! What happened to people but for new events: somebody's events were deleted, something else is said
//! of them, or they were forgotten. Whoever keeps histories in memory reads it after a place, as they
//! do new events.

use crate::sql::{Row, Sql, Value};
use crate::{Store, StoreError};
use sha2::{Digest, Sha256};

/// Seconds for which a change is kept, and no longer than until the next one after that.
const KEPT: i64 = 3600;

/// Who changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Somebody whose past is not what it was.
    Person(String),
    /// Somebody who was forgotten: [`hash_of_person`] of their id, which is nowhere any more.
    Forgotten([u8; 32]),
    /// Changes are missing: anybody may have changed.
    Anybody,
}

/// Somebody changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonChange {
    /// Place among all changes of people: what changes later has a higher one.
    pub seq: u64,
    /// Who.
    pub who: Who,
}

/// By what somebody is known who was forgotten.
#[must_use]
pub fn hash_of_person(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

impl Store {
    /// Changes of people after a place, in their order.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn people_changes(&self, after: u64) -> Result<Vec<PersonChange>, StoreError> {
        let found =
            "SELECT seq, user_id, forgotten FROM people_changes WHERE seq > ?1 ORDER BY seq";
        self.read(|sql| sql.all(found, &[after.into()], change))
    }

    /// The place of the newest change of people.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn last_people_change(&self) -> Result<u64, StoreError> {
        let newest = "SELECT coalesce(max(seq), 0) FROM people_changes";
        self.read(|sql| sql.number(newest, &[]))
    }
}

/// Writes down that people changed.
pub(crate) fn changed(
    sql: &mut Sql<'_>,
    users: &mut Vec<&str>,
    now: i64,
) -> Result<(), StoreError> {
    users.sort_unstable();
    users.dedup();
    let insert = "INSERT INTO people_changes (user_id, at) VALUES (?1, ?2)";
    for &user in users.iter() {
        sql.change(insert, &[user.into(), now.into()])?;
    }
    forget_old(sql, now)
}

/// Writes down that somebody was forgotten, and nothing of who it was.
pub(crate) fn forgotten(sql: &mut Sql<'_>, user: &str, now: i64) -> Result<(), StoreError> {
    // Whoever did not read these yet reads that the person is forgotten, or that anybody may have
    // changed.
    sql.change(
        "DELETE FROM people_changes WHERE user_id = ?1",
        &[user.into()],
    )?;
    let insert = "INSERT INTO people_changes (forgotten, at) VALUES (?1, ?2)";
    sql.change(insert, &[Value::Bytes(&hash_of_person(user)), now.into()])?;
    forget_old(sql, now)
}

/// Deletes what is old. The newest of it stays without a name, for whoever did not read up to there.
fn forget_old(sql: &mut Sql<'_>, now: i64) -> Result<(), StoreError> {
    let newest = "SELECT coalesce(max(seq), 0) FROM people_changes WHERE at < ?1";
    let old = sql.number(newest, &[(now - KEPT).into()])?;
    if old > 0 {
        sql.change("DELETE FROM people_changes WHERE seq < ?1", &[old.into()])?;
        let nameless = "UPDATE people_changes SET user_id = NULL, forgotten = NULL WHERE seq = ?1";
        sql.change(nameless, &[old.into()])?;
    }
    Ok(())
}

fn change(row: &Row<'_>) -> Result<PersonChange, StoreError> {
    let who = match (row.perhaps(1)?, row.bytes(2)?) {
        (Some(user), _) => Who::Person(user),
        (None, None) => Who::Anybody,
        (None, Some(hash)) => {
            let wrong = |_| StoreError::Damaged("the hash of a person has not 32 bytes".to_owned());
            Who::Forgotten(hash.try_into().map_err(wrong)?)
        }
    };
    Ok(PersonChange {
        seq: row.count(0)?,
        who,
    })
}
