//! The files of a training run: its curve as it grows, and a checkpoint from which a killed run
//! goes on to the bit.

use crate::Training;
use semrec_train::{Checkpoint, Curve, Parameters, Point, Stopping, TrainError};
use serde::Serialize;
use std::path::{Path, PathBuf};

const CHECKPOINT: &str = "checkpoint.safetensors";

/// Where a training run may write, and what time it is.
#[derive(Clone, Copy)]
pub struct RunFiles<'a> {
    /// A directory; each run writes into one of its own in it, named by the model and what
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

/// The files of one model's run; does nothing where there is no place for them.
pub(crate) struct Run<'a> {
    files: Option<(RunFiles<'a>, PathBuf, Curve)>,
    fingerprint: String,
}

impl<'a> Run<'a> {
    /// Opens the files of a run that the seed, `of` and these numbers decide.
    pub(crate) fn open(
        training: &Training<'a>,
        model: &'static str,
        of: &impl Serialize,
        numbers: &[f32],
    ) -> Result<Self, TrainError> {
        let Some(files) = training.run else {
            return Ok(Self {
                files: None,
                fingerprint: String::new(),
            });
        };
        let fingerprint = semrec_train::fingerprint(&(training.seed, of), numbers)?;
        let dir = files.dir.join(format!("{model}-{}", &fingerprint[..8]));
        let curve = Curve::open(&dir, (files.now)())?;
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
