//! The files of a training run: its curve as it grows, and a checkpoint from which a killed run
//! goes on to the bit.

use crate::epochs::Reached;
use crate::{Checkpoint, Curve, Parameters, Point, Stopping, TrainError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const CHECKPOINT: &str = "checkpoint.safetensors";

/// Where a training run may write, and what time it is.
#[derive(Clone, Copy)]
pub struct RunFiles<'a> {
    /// A directory; each run writes into one of its own in it, named by what is trained and what
    /// decides the run.
    pub dir: &'a Path,
    /// Seconds since 1970.
    pub now: &'a (dyn Fn() -> f64 + Sync),
}

impl std::fmt::Debug for RunFiles<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunFiles")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// How far a run is in an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Within {
    /// Batches done.
    pub batches: u64,
    /// Sum of the losses of their events.
    pub sum: f64,
    /// Their events.
    pub events: f64,
    /// Sum of the losses and events since the last point of the curve.
    pub recent: (f64, f64),
}

impl Within {
    /// One more batch, the last of so many.
    pub(crate) fn add(&mut self, batches: u64, sum: f64, events: f64) {
        self.batches = batches;
        self.sum += sum;
        self.events += events;
        self.recent.0 += sum;
        self.recent.1 += events;
    }
}

/// The files of one run; does nothing where there is no place for them.
#[derive(Debug)]
pub struct Run<'a> {
    files: Option<Files<'a>>,
    fingerprint: String,
}

#[derive(Debug)]
struct Files<'a> {
    of: RunFiles<'a>,
    checkpoint: PathBuf,
    curve: Curve,
    /// Points that are written with the next checkpoint.
    points: Vec<Point>,
    /// When the last checkpoint was written.
    kept: f64,
}

impl<'a> Run<'a> {
    /// Opens the files of a run that `of` (its seed and settings) and these numbers decide.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Fingerprint`].
    pub fn open(
        files: Option<RunFiles<'a>>,
        name: &str,
        of: &impl Serialize,
        numbers: &[f32],
    ) -> Result<Self, TrainError> {
        let Some(files) = files else {
            return Ok(Self {
                files: None,
                fingerprint: String::new(),
            });
        };
        let fingerprint = crate::fingerprint(of, numbers)?;
        let dir = files.dir.join(format!("{name}-{}", &fingerprint[..8]));
        let now = (files.now)();
        let files = Files {
            of: files,
            curve: Curve::open(&dir, now)?,
            checkpoint: dir.join(CHECKPOINT),
            points: Vec::new(),
            kept: now,
        };
        Ok(Self {
            files: Some(files),
            fingerprint,
        })
    }

    /// The directory of this run, if it has one.
    #[must_use]
    pub fn dir(&self) -> Option<&Path> {
        self.files.as_ref().and_then(|f| f.checkpoint.parent())
    }

    /// Takes up the run where its checkpoint left it.
    pub(crate) fn resume(
        &self,
        parameters: &mut Parameters,
        stopping: &mut Stopping,
    ) -> Result<Reached, TrainError> {
        let Some(files) = &self.files else {
            return Ok(Reached::default());
        };
        let path = &files.checkpoint;
        let found = Checkpoint::read(path, &self.fingerprint, parameters, stopping)?;
        Ok(found.map_or_else(Reached::default, |c| Reached {
            epoch: c.epoch,
            step: c.step,
            within: c.within,
        }))
    }

    /// Takes note of a value; it is on the curve when the next checkpoint is written.
    pub(crate) fn note(&mut self, (epoch, step): (u64, u64), name: &str, value: f64) {
        if let Some(files) = &mut self.files {
            files.points.push(Point {
                step,
                epoch,
                name: name.to_owned(),
                value,
                time: (files.of.now)(),
            });
        }
    }

    /// Whether the last checkpoint is older than so many seconds.
    pub(crate) fn is_due(&self, seconds: f64) -> bool {
        let files = self.files.as_ref();
        files.is_some_and(|f| (f.of.now)() - f.kept >= seconds)
    }

    /// Writes the curve and a checkpoint.
    pub(crate) fn keep(
        &mut self,
        at: &Reached,
        parameters: &Parameters,
        stopping: &Stopping,
    ) -> Result<(), TrainError> {
        let Some(files) = &mut self.files else {
            return Ok(());
        };
        files.curve.add(&files.points)?;
        files.points.clear();
        let checkpoint = Checkpoint {
            run: self.fingerprint.clone(),
            epoch: at.epoch,
            step: at.step,
            best: stopping.best(),
            within: at.within,
        };
        checkpoint.write(&files.checkpoint, parameters, stopping)?;
        files.kept = (files.of.now)();
        Ok(())
    }
}
