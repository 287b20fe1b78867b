//! The tables of a SQLite file, and how an older one gets them.

use crate::StoreError;
use rusqlite::Connection;
use std::path::Path;

/// One entry a version, each a step from the version before it. Entries are never changed.
const STEPS: [&str; 3] = [
    "
    CREATE TABLE items (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- of the newest change: a row moves when it changes
        id TEXT NOT NULL UNIQUE,
        object TEXT NOT NULL,                   -- JSON; '' for an item that was deleted
        version INTEGER NOT NULL,
        changed INTEGER NOT NULL                -- Unix seconds
    ) STRICT;
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id TEXT NOT NULL,
        item_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        value REAL NOT NULL,
        time INTEGER NOT NULL,
        key TEXT UNIQUE                         -- of an event that must not count twice
    ) STRICT;
    CREATE INDEX events_of_user ON events (user_id, time, seq);
    CREATE TABLE keys (
        hash BLOB PRIMARY KEY,                  -- SHA-256 of the key
        name TEXT NOT NULL UNIQUE,
        scopes TEXT NOT NULL,
        created INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
",
    "
    CREATE TABLE users (
        id TEXT PRIMARY KEY,
        object TEXT NOT NULL                    -- JSON: what is said of a person
    ) STRICT;
",
    "
    CREATE TABLE people_changes (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id TEXT,                           -- somebody whose past is not what it was
        forgotten BLOB,                         -- or SHA-256 of somebody who was forgotten; or neither: some are gone
        at INTEGER NOT NULL                     -- Unix seconds
    ) STRICT;
",
];

/// How a store is told from other files ('smrc').
const APPLICATION: i64 = 0x736d_7263;

/// Brings a data base to the newest version.
///
/// # Errors
/// [`StoreError::Open`] if it is something else, or newer than this program.
pub(crate) fn bring_forward(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let fail = |problem: String| StoreError::Open {
        path: path.to_owned(),
        problem,
    };
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && application != APPLICATION {
        return Err(fail(
            "is a data base of another program; name a file that is not there, or a store"
                .to_owned(),
        ));
    }
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        let newest = STEPS.len();
        return Err(fail(format!(
            "is a store of version {version}; this program knows up to {newest}: use a newer one"
        )));
    }
    for (step, number) in STEPS.iter().zip(1i64..).skip(done) {
        let step_alone = connection.transaction()?;
        step_alone.execute_batch(step)?;
        step_alone.pragma_update(None, "user_version", number)?;
        step_alone.pragma_update(None, "application_id", APPLICATION)?;
        step_alone.commit()?;
    }
    Ok(())
}
