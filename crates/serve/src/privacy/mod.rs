//! What is done to ids and texts of people before store, memory or log sees them.

mod mask;
mod pseudonyms;

pub use mask::masked;
pub use pseudonyms::Pseudonyms;

use crate::ServeError;
use semrec_store::Store;
use serde_json::Value;
use std::borrow::Cow;

/// Under which note a store keeps which key its pseudonyms were made with.
const NOTE: &str = "pseudonyms made with";

/// What is done to ids and texts of people.
#[derive(Clone, Debug, Default)]
pub struct Privacy {
    /// Ids of people become pseudonyms.
    pub pseudonyms: Option<Pseudonyms>,
    /// E-mail addresses, telephone and card numbers in texts are masked.
    pub mask: bool,
}

impl Privacy {
    /// What a person is called inside.
    pub(crate) fn person<'a>(&self, id: &'a str) -> Cow<'a, str> {
        match &self.pseudonyms {
            None => Cow::Borrowed(id),
            Some(pseudonyms) => Cow::Owned(pseudonyms.of(id)),
        }
    }

    /// A text without what identifies people, if that is wanted.
    pub(crate) fn text(&self, text: String) -> String {
        if !self.mask {
            return text;
        }
        match masked(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(masked) => masked,
        }
    }

    /// The same for every text within a value.
    pub(crate) fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(std::mem::take(text)),
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.value(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether a store's ids are what this makes of ids. A new store is noted down as such.
    ///
    /// # Errors
    /// [`ServeError::Pseudonyms`] if they are not.
    pub(crate) fn check(&self, store: &Store) -> Result<(), ServeError> {
        let fail = |problem: &'static str| Err(ServeError::Pseudonyms(problem));
        let noted = store.note(NOTE)?;
        match (&self.pseudonyms, noted) {
            (None, None) => Ok(()),
            (None, Some(_)) => fail(
                "the store holds pseudonyms, and no key was given; give the key they were made with (--pseudonyms FILE)",
            ),
            (Some(own), Some(noted)) if own.fingerprint() == noted => Ok(()),
            (Some(_), Some(_)) => fail(
                "the store holds pseudonyms made with another key, so nobody would be found again; give that key, or begin a new store",
            ),
            (Some(own), None) => {
                if store.n_events()? > 0 || !store.users_after("", 1)?.is_empty() {
                    return fail(
                        "the store holds ids as they were sent, so pseudonyms would find nobody; begin a new store, or leave out --pseudonyms",
                    );
                }
                Ok(store.set_note(NOTE, &own.fingerprint())?)
            }
        }
    }
}
