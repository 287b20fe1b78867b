//! Keys of those who may ask: hashes, never the keys.

use crate::{Store, StoreError};
use rusqlite::{OptionalExtension, Row, params};

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Unix seconds.
    pub created: i64,
}

const COLUMNS: &str = "hash, name, scopes, created";

impl Store {
    /// Stores a key; false where one is called the same.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn add_key(&self, key: &StoredKey) -> Result<bool, StoreError> {
        self.write(|writing| {
            let sql = "INSERT INTO keys (hash, name, scopes, created) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
            let scopes = key.scopes.join(" ");
            let rows = writing.execute(sql, params![key.hash, key.name, scopes, key.created])?;
            Ok(rows == 1)
        })
    }

    /// Takes a key back; false where none is called so.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn remove_key(&self, name: &str) -> Result<bool, StoreError> {
        self.write(|writing| {
            let rows = writing.execute("DELETE FROM keys WHERE name = ?1", [name])?;
            Ok(rows == 1)
        })
    }

    /// The key with a hash.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn key(&self, hash: &[u8; 32]) -> Result<Option<StoredKey>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM keys WHERE hash = ?1");
        let read = self.read();
        let mut statement = read.prepare_cached(&sql)?;
        Ok(statement.query_row([hash], key).optional()?)
    }

    /// All keys, by name.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM keys ORDER BY name");
        let read = self.read();
        let mut statement = read.prepare(&sql)?;
        let rows = statement.query_map([], key)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn key(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    let scopes: String = row.get(2)?;
    Ok(StoredKey {
        hash: row.get(0)?,
        name: row.get(1)?,
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        created: row.get(3)?,
    })
}
