//! What a run is known by: a digest of everything that decides its course.

use crate::TrainError;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io::Write;

/// SHA-256 of a value's JSON and of plain numbers after it, in hexadecimal.
///
/// # Errors
/// [`TrainError::Fingerprint`] if the value cannot be written as JSON.
pub fn fingerprint(value: &impl Serialize, numbers: &[f32]) -> Result<String, TrainError> {
    let mut digest = Digested(Sha256::new());
    serde_json::to_writer(&mut digest, value).map_err(|e| TrainError::Fingerprint {
        problem: e.to_string(),
    })?;
    numbers
        .iter()
        .for_each(|x| digest.0.update(x.to_le_bytes()));
    Ok(digest
        .0
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect())
}

/// JSON goes into the digest as it is written; it is never held whole.
struct Digested(Sha256);

impl Write for Digested {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
