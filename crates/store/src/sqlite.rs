//! A store in a SQLite file, or in memory: one connection that writes, one that reads.

use crate::StoreError;
use crate::schema::bring_forward;
use crate::sql::Sql;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a call waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connections to a file.
#[derive(Debug)]
pub(crate) struct File {
    writer: Mutex<Connection>,
    /// Reads do not wait for writes; absent in memory, where there is one connection.
    reader: Option<Mutex<Connection>>,
    /// The file; absent in memory.
    path: Option<PathBuf>,
}

impl File {
    /// Opens a store, or makes one where there is none.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be opened, is something else, or of a newer program.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = connect(path)?;
        match bring_forward(&mut writer, path) {
            Err(StoreError::Database(e)) if is_no_database(&e) => {
                let problem = "is no data base; name a file that is not there, or a store";
                return Err(StoreError::Open {
                    path: path.to_owned(),
                    problem: problem.to_owned(),
                });
            }
            brought => brought?,
        }
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
    pub(crate) fn in_memory() -> Result<Self, StoreError> {
        let mut writer = Connection::open_in_memory()?;
        bring_forward(&mut writer, Path::new(":memory:"))?;
        Ok(Self {
            writer: Mutex::new(writer),
            reader: None,
            path: None,
        })
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read<T>(
        &self,
        work: &mut dyn FnMut(&mut Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self.reader.as_ref().unwrap_or(&self.writer);
        let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut Sql::Sqlite(&connection))
    }

    /// Reads for long, all as of one moment, by a connection of its own: nobody waits for it.
    pub(crate) fn apart<T>(
        &self,
        work: impl FnOnce(&mut Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(path) = &self.path else {
            return work(&mut Sql::Sqlite(&self.writer()));
        };
        let reader = connect(path)?;
        reader.pragma_update(None, "query_only", true)?;
        let moment = reader.unchecked_transaction()?;
        let done = work(&mut Sql::Sqlite(&moment))?;
        moment.commit()?;
        Ok(done)
    }

    /// Does the work in a transaction, which is on the disk when this returns; an error takes all of
    /// it back.
    pub(crate) fn write<T>(
        &self,
        work: &mut dyn FnMut(&mut Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&mut Sql::Sqlite(&transaction))?;
        transaction.commit()?;
        Ok(done)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewEvent, Store};

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
        let path = home.path().join("s.db");
        let store = Store::open(&path).unwrap();
        let bound = |pages: u32| {
            let writer = store.file().unwrap().writer();
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
