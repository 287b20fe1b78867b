//! Ctrl-C: unfinished directories are deleted, what was there before stays, exit code 1. A verb
//! whose unfinished work is of use says so here beforehand.

use anyhow::Context;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// What is said in place of that nothing was left.
static LEFT: Mutex<Option<String>> = Mutex::new(None);

/// Installs the handler, for SIGINT and SIGTERM.
pub(crate) fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        semrec_data::discard_stages();
        let left = LEFT.lock().unwrap_or_else(PoisonError::into_inner).take();
        let left = left.unwrap_or_else(|| {
            "nothing unfinished was left, and what was there before is unchanged".to_owned()
        });
        writeln!(std::io::stderr(), "\nsemrec: interrupted; {left}").ok();
        std::process::exit(1);
    })
    .context("Ctrl-C cannot be handled")
}

/// From here on, an interrupted run leaves something that is of use; `None` takes it back.
pub(crate) fn leaves(left: Option<String>) {
    *LEFT.lock().unwrap_or_else(PoisonError::into_inner) = left;
}
