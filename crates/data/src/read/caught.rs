//! The Parquet library takes some damaged files for a programming error and panics; here that
//! becomes an error like any other.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `f`; `None` if it panics. What it was working on must not be used again then.
pub(crate) fn caught<T>(f: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(f)).ok()
}
