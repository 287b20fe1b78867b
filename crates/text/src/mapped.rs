//! A file in memory without reading it: pages come when they are touched, and may leave again.

use memmap2::Mmap;
use std::fs::File;

/// Maps a whole file, for reading.
///
/// The bytes are what the file holds while they are looked at: a file that is overwritten in place
/// under a running encoder changes its weights, and one that is cut short ends the process. What
/// semrec writes is moved into place whole, and never changed afterwards.
///
/// # Errors
/// What the system says.
#[expect(unsafe_code, reason = "a mapping is only as constant as the file")]
pub(crate) fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the mapping is read-only and only ever read as bytes, any value of which is valid;
    // that files are replaced and not changed is stated above.
    unsafe { Mmap::map(file) }
}
