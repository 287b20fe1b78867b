//! Learning on: the bundle is trained anew on what the store holds by now, off the path of requests,
//! judged against the one in service on the newest events, and put into service if it is not worse.
//!
//! What was judged is what serves: the events it was judged by are not among those it was trained on
//! (they are in the histories of people all the same), and are learned from the next time. The bundle
//! in service goes on serving until the new one has its encoder read and all histories.

mod generations;
mod judge;
mod thread;

pub(crate) use generations::{Generations, Opened, begin};
pub(crate) use judge::Verdict;
pub(crate) use thread::{Cannot, Refitter};

use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use utoipa::ToSchema;

/// How a service learns on.
#[derive(Clone, Debug)]
pub struct Refit {
    /// Where the bundles go that it makes.
    pub dir: PathBuf,
    /// How long after a bundle was made the next one is; never by itself if not given.
    pub every: Option<Duration>,
    /// Beyond which distance of the mix of events, or of scores, it begins before: a population
    /// stability index.
    pub drift: Option<f64>,
    /// Share of the cores it may use, above 0 and up to 1.
    pub share: f64,
    /// Who trains.
    pub trainer: Trainer,
}

impl Refit {
    /// Threads it may use: at least one.
    #[must_use]
    pub fn threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "of cores"
        )]
        let threads = (cores as f64 * self.share).floor() as usize;
        threads.max(1)
    }
}

/// What is to be trained.
#[derive(Debug)]
pub struct Task<'a> {
    /// The data set to learn from.
    pub data: &'a Path,
    /// The bundle in service: model, parameters and encoder are to be its.
    pub like: &'a Path,
    /// Where the new bundle goes.
    pub out: &'a Path,
    /// Threads that may be used.
    pub threads: usize,
    /// Set when the service ends: then stop.
    pub stop: &'a AtomicBool,
}

type Train = dyn Fn(&Task<'_>) -> Result<(), String> + Send + Sync;

/// Who trains: in a process of its own, so that it can take neither memory nor the service with it.
#[derive(Clone)]
pub struct Trainer(Arc<Train>);

impl Trainer {
    /// A trainer; what goes wrong is told in words.
    pub fn new(train: impl Fn(&Task<'_>) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(train))
    }
}

impl fmt::Debug for Trainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trainer")
    }
}

/// What a refit is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RefitStep)]
pub(crate) enum Step {
    /// Nothing.
    #[default]
    Idle,
    /// Writing the store as a data set.
    Exporting,
    /// Training.
    Training,
    /// Comparing with the bundle in service.
    Judging,
    /// Putting a bundle into service.
    Swapping,
}

/// What came of a refit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// The new bundle is in service.
    Swapped,
    /// The new bundle was worse: the old one stays in service.
    Kept,
    /// There were too few new events to judge by.
    Waiting,
    /// Something went wrong: the old bundle stays in service.
    Failed,
    /// The bundle before is in service again.
    Rolledback,
    /// The bundle that another service on the store put into service serves here too.
    Followed,
}

impl Outcome {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Swapped => "swapped",
            Self::Kept => "kept",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Rolledback => "rolledback",
            Self::Followed => "followed",
        }
    }
}

/// A refit that was made, or a bundle that was rolled back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Made {
    /// Unix seconds.
    begun: i64,
    ended: i64,
    /// `request`, `schedule`, `drift`, or `another service`.
    because: &'static str,
    outcome: Outcome,
    /// The bundle in service after it.
    bundle: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    /// In words.
    detail: String,
}

/// How learning on is.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Status {
    step: Step,
    /// The bundle in service: 0 is the one the service was started with.
    bundle: u32,
    /// Whether there is a bundle to roll back to.
    can_roll_back: bool,
    /// Events since those it was trained on.
    events_since: u64,
    /// Population stability index of the mix of events; absent with fewer than 1,000 of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    drift_of_events: Option<f64>,
    /// And of the best scores of recommendations.
    #[serde(skip_serializing_if = "Option::is_none")]
    drift_of_scores: Option<f64>,
    /// When the next one is due, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
    /// The newest twenty, newest first.
    made: Vec<Made>,
}
