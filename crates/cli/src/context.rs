//! What every verb has: the console, the seed, the clock, the place of models and caches.

use crate::args::Global;
use crate::console::Console;
use anyhow::{Context as _, bail};
use semrec_text::ModelStore;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The surroundings of a run.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) console: Console,
    pub(crate) seed: u64,
    home: PathBuf,
    /// Unix seconds at the start.
    pub(crate) now: i64,
}

impl Context {
    /// Reads the surroundings, and sets the number of threads.
    pub(crate) fn new(global: &Global) -> anyhow::Result<Self> {
        if global.threads > 0 {
            rayon::ThreadPoolBuilder::new()
                .num_threads(global.threads)
                .build_global()
                .context("the threads cannot be started")?;
        }
        let home = match &global.home {
            Some(home) => home.clone(),
            None => match std::env::home_dir() {
                Some(home) => home.join(".cache").join("semrec"),
                None => bail!("there is no home directory; name a place with --home DIR"),
            },
        };
        Ok(Self {
            console: Console::new(global.quiet),
            seed: global.seed,
            home,
            now: unix_seconds(),
        })
    }

    /// Unix seconds at this moment.
    pub(crate) fn clock(&self) -> f64 {
        since_1970().as_secs_f64()
    }

    /// Where pretrained models and cached vectors are kept.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The pretrained encoders.
    pub(crate) fn models(&self) -> ModelStore {
        ModelStore::new(self.home.join("models"))
    }
}

/// Unix seconds at this moment, for those who keep a clock.
pub(crate) fn unix_seconds() -> i64 {
    i64::try_from(since_1970().as_secs()).unwrap_or(0)
}

/// Nanoseconds since 1970 at this moment.
pub(crate) fn unix_nanos() -> u64 {
    u64::try_from(since_1970().as_nanos()).unwrap_or(0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the clock is read; everything else is told the time"
)]
fn since_1970() -> Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
}
