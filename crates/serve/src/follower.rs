//! Looks what other services wrote to a store that is shared.

use crate::ServeError;
use crate::live::Live;
use crate::meters::Meters;
use crate::regular::Regular;
use crate::watch::Log;
use semrec_store::Store;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(200);

/// What follows a store into memory, and what is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Follow {
    pub(crate) live: Arc<Live>,
    pub(crate) store: Arc<Store>,
    pub(crate) meters: Meters,
    pub(crate) log: Log,
    pub(crate) clock: fn() -> i64,
}

impl Follow {
    /// Takes over what is new of people.
    pub(crate) fn people(&self) -> Result<(), ServeError> {
        let counted = (&self.meters, (self.clock)());
        self.live.served().follow_people(&self.store, Some(counted))
    }

    /// Takes over what is new of items.
    pub(crate) fn items(&self) -> Result<(), ServeError> {
        for problem in self.live.served().follow_items(&self.store)? {
            self.log
                .note("warn", &format!("{problem}; it is left out here"));
        }
        Ok(())
    }
}

/// Starts the thread that looks.
pub(crate) fn start(follow: Follow) -> Result<Regular, ServeError> {
    let mut reached = true;
    Regular::start("follow", LOOK, move || {
        let done = follow.people().and_then(|()| follow.items());
        follow.meters.store_reached.set(done.is_ok().into());
        match &done {
            Err(e) if reached => follow.log.note(
                "error",
                &format!("{e}; what is in memory goes on being recommended"),
            ),
            Ok(()) if !reached => follow.log.note("info", "the store is reached again"),
            Ok(()) | Err(_) => {}
        }
        reached = done.is_ok();
    })
}
