//! The open store.

use crate::place::Place;
use crate::postgres::Server;
use crate::sql::Sql;
use crate::sqlite::File;
use crate::{Lease, StoreError};
use std::path::Path;

/// Catalogue, events and keys. Calls wait for the disk, or for the network: make them where waiting
/// does not hold up others, and not on a thread that drives futures.
#[derive(Debug)]
pub struct Store {
    base: Base,
}

#[derive(Debug)]
enum Base {
    File(Box<File>),
    Server(Box<Server>),
}

impl Store {
    /// Opens a file, or makes one where there is none.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be opened, is something else, or of a newer program.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let base = Base::File(Box::new(File::open(path)?));
        Ok(Self { base })
    }

    /// Opens the store at a place, or makes one where there is none.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be opened, is something else, or of a newer program.
    pub fn at(place: &Place) -> Result<Self, StoreError> {
        match place {
            Place::File(path) => Self::open(path),
            Place::Postgres(place) => {
                let base = Base::Server(Box::new(Server::open(place)?));
                Ok(Self { base })
            }
        }
    }

    /// A store that is gone with the process.
    ///
    /// # Errors
    /// [`StoreError`] if there is no memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        let base = Base::File(Box::new(File::in_memory()?));
        Ok(Self { base })
    }

    /// Whether other services may write to it: then it has to be looked what they wrote.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match &self.base {
            Base::File(_) => false,
            Base::Server(_) => true,
        }
    }

    /// A lock of a name that no other service on this store has, until it is dropped; nothing while
    /// another one has it.
    ///
    /// # Errors
    /// [`StoreError`] if the data base cannot be asked.
    pub fn lease(&self, name: &str) -> Result<Option<Lease>, StoreError> {
        match &self.base {
            Base::File(_) => Ok(Some(Lease::alone())),
            Base::Server(server) => server.lease(name),
        }
    }

    /// What was noted under a name.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|sql| noted(sql, name))
    }

    /// Notes something under a name, in place of what was noted there.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn set_note(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.write(|sql| note(sql, name, value))
    }

    /// Reads; the work may be done several times.
    pub(crate) fn read<T>(
        &self,
        mut work: impl FnMut(&mut Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &self.base {
            Base::File(file) => file.read(&mut work),
            Base::Server(server) => server.read(&mut work),
        }
    }

    /// Reads for long, all as of one moment, by a connection of its own: nobody waits for it.
    pub(crate) fn apart<T>(
        &self,
        work: impl FnOnce(&mut Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &self.base {
            Base::File(file) => file.apart(work),
            Base::Server(server) => server.apart(work),
        }
    }

    /// Does the work in a transaction, which is on the disk when this returns; an error takes all of
    /// it back. The work may be done several times.
    pub(crate) fn write<T>(
        &self,
        mut work: impl FnMut(&mut Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &self.base {
            Base::File(file) => file.write(&mut work),
            Base::Server(server) => server.write(&mut work),
        }
    }

    #[cfg(test)]
    pub(crate) fn file(&self) -> Option<&File> {
        match &self.base {
            Base::File(file) => Some(file),
            Base::Server(_) => None,
        }
    }
}

/// Under which note it is kept which bundles, of those beside the store, entered service.
pub const BUNDLES: &str = "bundles in service";

/// What was noted under a name.
pub(crate) fn noted(sql: &mut Sql<'_>, name: &str) -> Result<Option<String>, StoreError> {
    let found = "SELECT value FROM notes WHERE name = ?1";
    sql.first(found, &[name.into()], |row| row.text(0))
}

/// Writes a note.
pub(crate) fn note(sql: &mut Sql<'_>, name: &str, value: &str) -> Result<(), StoreError> {
    let put = "INSERT INTO notes (name, value) VALUES (?1, ?2)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sql.change(put, &[name.into(), value.into()])?;
    Ok(())
}
