//! Keys of those who may ask: hashes, never the keys.

use crate::sql::{Row, Value};
use crate::{Store, StoreError};

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
        let insert = "INSERT INTO keys (hash, name, scopes, created) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        let scopes = key.scopes.join(" ");
        let hash = Value::Bytes(&key.hash);
        let values = [
            hash,
            (&key.name).into(),
            (&scopes).into(),
            key.created.into(),
        ];
        self.write(|sql| Ok(sql.change(insert, &values)? == 1))
    }

    /// Takes a key back; false where none is called so.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn remove_key(&self, name: &str) -> Result<bool, StoreError> {
        let delete = "DELETE FROM keys WHERE name = ?1";
        self.write(|sql| Ok(sql.change(delete, &[name.into()])? == 1))
    }

    /// The key with a hash.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn key(&self, hash: &[u8; 32]) -> Result<Option<StoredKey>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM keys WHERE hash = ?1");
        self.read(|read| read.first(&sql, &[Value::Bytes(hash)], key))
    }

    /// All keys, by name.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM keys ORDER BY name");
        self.read(|read| read.all(&sql, &[], key))
    }
}

fn key(row: &Row<'_>) -> Result<StoredKey, StoreError> {
    let hash = row.bytes(0)?.and_then(|bytes| bytes.try_into().ok());
    let wrong = || StoreError::Damaged("the hash of a key has not 32 bytes".to_owned());
    Ok(StoredKey {
        hash: hash.ok_or_else(wrong)?,
        name: row.text(1)?,
        scopes: row.text(2)?.split_whitespace().map(str::to_owned).collect(),
        created: row.whole(3)?,
    })
}
