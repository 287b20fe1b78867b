//! A thread that looks at something again and again until it is dropped.

use crate::ServeError;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// The thread; it ends with this.
#[derive(Debug)]
pub(crate) struct Regular {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Regular {
    /// Starts a thread that does `work` so often, the first time at once.
    ///
    /// # Errors
    /// [`ServeError::Io`] if there is no thread.
    pub(crate) fn start(
        name: &str,
        every: Duration,
        mut work: impl FnMut() + Send + 'static,
    ) -> Result<Self, ServeError> {
        let (stop, stopped) = channel::<()>();
        let run = move || {
            loop {
                work();
                if stopped.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
        };
        let thread = Builder::new().name(name.to_owned()).spawn(run);
        let thread = thread.map_err(|source| ServeError::Io {
            what: format!("no thread to {name} with"),
            source,
        })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Regular {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
