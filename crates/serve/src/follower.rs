//! Looks what other services wrote to a store that is shared.

use crate::ServeError;
use crate::live::Live;
use crate::meters::Meters;
use crate::watch::Log;
use semrec_store::Store;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
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

/// The thread that looks; it ends with this.
#[derive(Debug)]
pub(crate) struct Follower {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    pub(crate) fn start(follow: Follow) -> Result<Self, ServeError> {
        let (stop, stopped) = channel::<()>();
        let work = move || {
            let mut reached = true;
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
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
            }
        };
        let thread = Builder::new().name("follow".to_owned()).spawn(work);
        let thread = thread.map_err(|source| ServeError::Io {
            what: "no thread to follow the store with".to_owned(),
            source,
        })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
