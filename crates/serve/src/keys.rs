//! Keys that were looked up lately, for a store that is a network away, or away.

use lru::LruCache;
use semrec_store::StoredKey;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a key that was found counts without being looked up again: it may be taken back.
const FRESH: Duration = Duration::from_secs(2);
/// And while the store cannot be reached.
const WITHOUT_STORE: Duration = Duration::from_secs(300);
/// Keys that are remembered.
const MOST: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// Keys that were found, by their hashes.
#[derive(Debug)]
pub(crate) struct Keys {
    found: Mutex<LruCache<[u8; 32], (Instant, StoredKey)>>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            found: Mutex::new(LruCache::new(MOST)),
        }
    }
}

impl Keys {
    /// A key that counts still.
    pub(crate) fn known(&self, hash: &[u8; 32], store_is_there: bool) -> Option<StoredKey> {
        let counts = if store_is_there { FRESH } else { WITHOUT_STORE };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, key) = found.get(hash)?;
        (at.elapsed() < counts).then(|| key.clone())
    }

    /// What looking a key up led to.
    pub(crate) fn looked_up(&self, hash: [u8; 32], key: Option<&StoredKey>) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match key {
            Some(key) => found.put(hash, (Instant::now(), key.clone())),
            None => found.pop(&hash),
        };
    }
}
