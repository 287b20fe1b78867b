//! What every target does: import the bytes as interactions, and hold the sums.

use semrec_data::{Format, ImportOptions, import};
use std::io::Write;

/// Imports `bytes` in one format. An error is fine; a panic or a lost row is not.
pub fn check(bytes: &[u8], format: Format) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("space for it");
    let options = ImportOptions {
        format,
        max_rejected_share: 1.0,
        max_field_bytes: 256,
        ..ImportOptions::new(file.path())
    };
    if let Ok(import) = import(&options, &|_, _, _| ()) {
        let report = &import.report.files[0];
        assert_eq!(report.rows, report.accepted + report.rejected);
        assert_eq!(report.accepted, import.dataset.interactions.len() as u64);
    }
}
