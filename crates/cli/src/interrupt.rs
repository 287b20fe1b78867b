//! Ctrl-C: unfinished directories are deleted, what was there before stays, exit code 1. A verb
//! whose unfinished work is of use says so here beforehand.

use anyhow::Context;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// What is said in place of that nothing was left.
static LEFT: Mutex<Option<String>> = Mutex::new(None);

/// What is done at the first signal, in place of ending at once.
static END: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// Installs the handler, for SIGINT and SIGTERM.
pub(crate) fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        let end = END.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(end) = end {
            return end();
        }
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

/// From here on, the first signal calls `end`, which lets the run come to its own end; a second one
/// ends it at once.
pub(crate) fn ends(end: impl FnOnce() + Send + 'static) {
    *END.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(end));
}

/// From here on, an interrupted run leaves something that is of use; `None` takes it back.
pub(crate) fn leaves(left: Option<String>) {
    *LEFT.lock().unwrap_or_else(PoisonError::into_inner) = left;
}
