//! Pseudonyms: HMAC-SHA-256 of a person's id, under a key that only the operator has.
//!
//! Who has the store and not the key cannot tell who is who, nor try ids out; who has the key finds a
//! person's pseudonym again, so that they can be served, and forgotten. 128 bits of the sum are kept:
//! that two people meet in one is out of the question (2⁻⁶⁴ at four thousand million people).

use crate::ServeError;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::fmt::Write;

/// Bytes of a sum that a pseudonym is.
const KEPT: usize = 16;
/// Shortest key, in bytes.
const SHORTEST: usize = 32;

/// Makes pseudonyms with a key.
#[derive(Clone)]
pub struct Pseudonyms {
    keyed: Hmac<Sha256>,
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms")
    }
}

impl Pseudonyms {
    /// With a key of 32 bytes or more; white space around it is left out.
    ///
    /// # Errors
    /// [`ServeError::Pseudonyms`] if it is shorter.
    pub fn new(key: &[u8]) -> Result<Self, ServeError> {
        let key = key.trim_ascii();
        if key.len() < SHORTEST {
            return Err(ServeError::Pseudonyms(
                "the key has fewer than 32 bytes; make one with 'openssl rand -hex 32'",
            ));
        }
        let keyed = Hmac::new_from_slice(key)
            .map_err(|_| ServeError::Pseudonyms("the key is not one of HMAC-SHA-256"))?;
        Ok(Self { keyed })
    }

    /// The pseudonym of an id.
    pub(crate) fn of(&self, id: &str) -> String {
        self.sum("person", id)
    }

    /// What tells the key from others and does not tell the key.
    pub(crate) fn fingerprint(&self) -> String {
        self.sum("fingerprint", "")
    }

    fn sum(&self, what: &str, of: &str) -> String {
        let mut keyed = self.keyed.clone();
        keyed.update(what.as_bytes());
        keyed.update(&[0]);
        keyed.update(of.as_bytes());
        let sum = keyed.finalize().into_bytes();
        let mut text = String::with_capacity(2 * KEPT);
        for byte in &sum[..KEPT] {
            write!(text, "{byte:02x}").ok();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By Python: `hmac.new(b"k" * 32, b"person\0u1", "sha256").hexdigest()[:32]`.
    #[test]
    fn a_pseudonym_is_the_sum_that_others_compute() {
        let key = |text: &str| Pseudonyms::new(text.as_bytes());
        let own = key(&"k".repeat(32)).unwrap();
        assert_eq!(own.of("u1"), "7cff33fe7dd7b698b4b55939def2ef9a");
        let spaced = key(&format!("{}\n", "k".repeat(32))).unwrap();
        assert_eq!(spaced.of("u1"), own.of("u1"));
        let other = key(&"l".repeat(32)).unwrap();
        assert_ne!(other.of("u1"), own.of("u1"));
        assert_ne!(other.fingerprint(), own.fingerprint());
        assert!(key("short").is_err());
    }
}
