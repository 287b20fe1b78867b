//! The open store: one connection that writes, one that reads.

use crate::StoreError;
use crate::schema::bring_forward;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a call waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Catalogue, events and keys in one file. Calls wait for the disk: make them where waiting does not
/// hold up others.
#[derive(Debug)]
pub struct Store {
    writer: Mutex<Connection>,
    /// Reads do not wait for writes; absent in memory, where there is one connection.
    reader: Option<Mutex<Connection>>,
    /// The file; absent in memory.
    path: Option<PathBuf>,
}

impl Store {
    /// Opens a store, or makes one where there is none.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be opened, is something else, or of a newer program.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = connect(path)?;
        bring_forward(&mut writer, path).map_err(|e| match e {
            StoreError::Database(e) if is_no_database(&e) => StoreError::Open {
                path: path.to_owned(),
                problem: "is no data base; name a file that is not there, or a store".to_owned(),
            },
            StoreError::Database(_)
            | StoreError::Open { .. }
            | StoreError::Data(_)
            | StoreError::Full
            | StoreError::Damaged(_) => e,
        })?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        let reader = connect(path)?;
        reader.pragma_update(None, "query_only", true)?;
        Ok(Self {
            writer: Mutex::new(writer),
            reader: Some(Mutex::new(reader)),
            path: Some(path.to_owned()),
        })
    }

    /// A store that is gone with the process.
    ///
    /// # Errors
    /// [`StoreError`] if there is no memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        let mut writer = Connection::open_in_memory()?;
        bring_forward(&mut writer, Path::new(":memory:"))?;
        Ok(Self {
            writer: Mutex::new(writer),
            reader: None,
            path: None,
        })
    }

    /// What was noted under a name.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM notes WHERE name = ?1";
        let read = self.read();
        Ok(read.query_row(sql, [name], |row| row.get(0)).optional()?)
    }

    /// Notes something under a name, in place of what was noted there.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn set_note(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.write(|writing| {
            writing.execute(NOTE, [name, value])?;
            Ok(())
        })
    }

    pub(crate) fn read(&self) -> MutexGuard<'_, Connection> {
        let connection = self.reader.as_ref().unwrap_or(&self.writer);
        connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads for long, by a connection of its own: nobody waits for it.
    pub(crate) fn apart<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(path) = &self.path else {
            return work(&self.read());
        };
        let reader = connect(path)?;
        reader.pragma_update(None, "query_only", true)?;
        work(&reader)
    }

    /// Does the work in a transaction, which is on the disk when this returns; an error takes all of
    /// it back.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

/// Under which note it is kept which bundles, of those beside the store, entered service.
pub const BUNDLES: &str = "bundles in service";

/// Writes a note.
pub(crate) const NOTE: &str = "INSERT OR REPLACE INTO notes (name, value) VALUES (?1, ?2)";

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path).map_err(|e| StoreError::Open {
        path: path.to_owned(),
        problem: format!("cannot be opened: {e}"),
    })?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

fn is_no_database(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase)
}

/// Whole numbers as SQLite has them.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The other way.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewEvent;

    fn event(number: usize) -> NewEvent {
        NewEvent {
            user: format!("user {number}"),
            item: "i".to_owned(),
            kind: "click".to_owned(),
            value: 1.0,
            time: 0,
            key: None,
        }
    }

    /// A file that may not grow is a disk that is full.
    #[test]
    fn a_full_disk_takes_all_of_a_call_or_nothing() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("s.db")).unwrap();
        let bound = |pages: u32| {
            let writer = store.writer.lock().unwrap();
            writer.pragma_update(None, "max_page_count", pages).unwrap();
        };
        bound(40);
        let body: Vec<NewEvent> = (0..500).map(event).collect();
        let mut stored = 0;
        let error = loop {
            match store.add_events(&body) {
                Ok(_) => stored += 500,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StoreError::Full), "{error}");
        assert!(stored > 0);
        assert_eq!(store.n_events().unwrap(), stored);
        bound(4000);
        store.add_events(&body).unwrap();
        assert_eq!(store.n_events().unwrap(), stored + 500);
    }
}
