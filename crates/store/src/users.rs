//! A person who is to be forgotten.

use crate::{Store, StoreError};

/// What was deleted of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Their events.
    pub events: usize,
}

impl Store {
    /// Deletes everything that is stored of a user. The pages they lay on are overwritten.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn forget_user(&self, user: &str) -> Result<Forgotten, StoreError> {
        self.write(|writing| {
            writing.pragma_update(None, "secure_delete", true)?;
            let events = writing.execute("DELETE FROM events WHERE user_id = ?1", [user])?;
            Ok(Forgotten { events })
        })
    }
}
