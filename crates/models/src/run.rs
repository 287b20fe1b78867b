//! The files of a training run: its curve as it grows, and a checkpoint from which a killed run
//! goes on to the bit.

use crate::{ModelError, Training};
use semrec_train::{Checkpoint, Curve, Parameters, Point, Stopping, TrainError, Verdict};
use serde::Serialize;
use std::path::{Path, PathBuf};

const CHECKPOINT: &str = "checkpoint.safetensors";

/// Where a training run may write, and what time it is.
#[derive(Clone, Copy)]
pub struct RunFiles<'a> {
    /// A directory; each model writes into one of its own in it.
    pub dir: &'a Path,
    /// Seconds since 1970.
    pub now: &'a (dyn Fn() -> f64 + Sync),
    /// Epochs between two checkpoints.
    pub every: u64,
}

impl std::fmt::Debug for RunFiles<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunFiles")
            .field("dir", &self.dir)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

/// The files of one model's run; does nothing where there is no place for them.
pub(crate) struct Run<'a> {
    files: Option<(RunFiles<'a>, PathBuf, Curve)>,
    fingerprint: String,
}

impl<'a> Run<'a> {
    /// Opens the files of a run that `of` and the seed decide.
    pub(crate) fn open(
        training: &Training<'a>,
        model: &'static str,
        of: &impl Serialize,
    ) -> Result<Self, ModelError> {
        let fail = |problem: String| ModelError::Training { model, problem };
        let Some(files) = training.run else {
            return Ok(Self {
                files: None,
                fingerprint: String::new(),
            });
        };
        let dir = files.dir.join(model);
        let fingerprint =
            semrec_train::fingerprint(&(training.seed, of)).map_err(|e| fail(e.to_string()))?;
        let curve = Curve::open(&dir, (files.now)()).map_err(|e| fail(e.to_string()))?;
        Ok(Self {
            files: Some((files, dir.join(CHECKPOINT), curve)),
            fingerprint,
        })
    }

    /// Takes up the run where its checkpoint left it; returns epochs and steps done.
    pub(crate) fn resume(
        &self,
        parameters: &mut Parameters,
        stopping: &mut Stopping,
    ) -> Result<(u64, u64), TrainError> {
        let Some((_, path, _)) = &self.files else {
            return Ok((0, 0));
        };
        let found = Checkpoint::read(path, &self.fingerprint, parameters, stopping)?;
        Ok(found.map_or((0, 0), |c| (c.epoch, c.step)))
    }

    /// Adds values to the curve.
    pub(crate) fn note(
        &mut self,
        (epoch, step): (u64, u64),
        values: &[(&str, f64)],
    ) -> Result<(), TrainError> {
        let Some((files, _, curve)) = &mut self.files else {
            return Ok(());
        };
        let time = (files.now)();
        let points: Vec<Point> = values
            .iter()
            .map(|&(name, value)| Point {
                step,
                epoch,
                name: name.to_owned(),
                value,
                time,
            })
            .collect();
        curve.add(&points)
    }

    /// Whether a checkpoint should be written after this epoch.
    pub(crate) fn is_due(&self, epoch: u64, verdict: Verdict) -> bool {
        self.files.as_ref().is_some_and(|(files, _, _)| {
            verdict == Verdict::Stop || epoch.is_multiple_of(files.every.max(1))
        })
    }

    /// Writes a checkpoint.
    pub(crate) fn keep(
        &self,
        (epoch, step): (u64, u64),
        parameters: &Parameters,
        stopping: &Stopping,
    ) -> Result<(), TrainError> {
        let Some((_, path, _)) = &self.files else {
            return Ok(());
        };
        let checkpoint = Checkpoint {
            run: self.fingerprint.clone(),
            epoch,
            step,
            best: stopping.best(),
        };
        checkpoint.write(path, parameters, stopping)
    }
}
