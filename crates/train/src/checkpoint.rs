//! A run on disk, from which it goes on to the bit: values, moments, the values of the best epoch,
//! how far it is. Written to a temporary name, flushed and renamed; one file, safetensors.

use crate::{Parameters, Stopping, TrainError, Within};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;

/// Key of the metadata entry that holds the state.
const STATE: &str = "semrec";

/// Where a run stands, besides its arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What run it is: a fingerprint of everything that decides its course. Another run's
    /// checkpoint is not taken up.
    pub run: String,
    /// Epochs done.
    pub epoch: u64,
    /// Optimiser steps done.
    pub step: u64,
    /// The best epoch and its measure, if any was measured.
    pub best: Option<(u64, f64)>,
    /// How far it is in the epoch that has begun, if one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
}

impl Checkpoint {
    /// Writes the state of a run to a file.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn write(
        &self,
        path: &Path,
        parameters: &Parameters,
        stopping: &Stopping,
    ) -> Result<(), TrainError> {
        let io = |source| TrainError::Io {
            path: path.to_owned(),
            source,
        };
        let mut arrays: Vec<(String, Vec<u8>, usize)> = Vec::new();
        for (place, p) in parameters.arrays().iter().enumerate() {
            let mut put = |kind: &str, values: &[f32]| {
                let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                arrays.push((format!("{kind}.{}", p.name), bytes, values.len()));
            };
            put("value", &p.values);
            put("first", &p.first);
            put("second", &p.second);
            if let Some(best) = stopping.values.get(place) {
                put("best", best);
            }
        }
        let bad = |problem: String| TrainError::Checkpoint {
            path: path.to_owned(),
            problem,
        };
        let views: Vec<(&str, TensorView<'_>)> = arrays
            .iter()
            .map(|(name, bytes, n)| {
                let view = TensorView::new(Dtype::F32, vec![*n], bytes);
                Ok((name.as_str(), view.map_err(|e| bad(e.to_string()))?))
            })
            .collect::<Result<_, TrainError>>()?;
        let state = serde_json::to_string(self).map_err(|e| bad(e.to_string()))?;
        let metadata = HashMap::from([(STATE.to_owned(), state)]);
        let bytes = serialize(views, Some(metadata)).map_err(|e| bad(e.to_string()))?;
        let dir = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir).map_err(io)?;
        let mut file = tempfile::NamedTempFile::new_in(dir).map_err(io)?;
        file.write_all(&bytes).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        file.persist(path).map_err(|e| io(e.error))?;
        Ok(())
    }

    /// Takes up the run of a file; `None` if there is no file, or it is of another run.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if the file is damaged, [`TrainError::Io`].
    pub fn read(
        path: &Path,
        run: &str,
        parameters: &mut Parameters,
        stopping: &mut Stopping,
    ) -> Result<Option<Self>, TrainError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(TrainError::Io {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let bad = |problem: String| TrainError::Checkpoint {
            path: path.to_owned(),
            problem: format!("{problem}; remove the file to train from the start"),
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| bad(e.to_string()))?;
        let state = header
            .metadata()
            .as_ref()
            .and_then(|m| m.get(STATE))
            .ok_or_else(|| bad("is no checkpoint".to_owned()))?;
        let state: Self = serde_json::from_str(state).map_err(|e| bad(e.to_string()))?;
        if state.run != run {
            return Ok(None);
        }
        let file = SafeTensors::deserialize(&bytes).map_err(|e| bad(e.to_string()))?;
        let read = |kind: &str, name: &str, n: usize| -> Result<Vec<f32>, TrainError> {
            let name = format!("{kind}.{name}");
            let view = file
                .tensor(&name)
                .map_err(|e| bad(format!("{name}: {e}")))?;
            let (values, _) = view.data().as_chunks::<4>();
            if view.dtype() != Dtype::F32 || values.len() != n {
                return Err(bad(format!("{name} does not hold {n} f32")));
            }
            Ok(values.iter().map(|&b| f32::from_le_bytes(b)).collect())
        };
        let mut found = parameters.clone();
        let mut best = Vec::new();
        for p in found.arrays_mut() {
            let n = p.values.len();
            p.values = read("value", &p.name, n)?;
            p.first = read("first", &p.name, n)?;
            p.second = read("second", &p.name, n)?;
            if state.best.is_some() {
                best.push(read("best", &p.name, n)?);
            }
        }
        *parameters = found;
        stopping.best = state.best;
        stopping.values = best;
        Ok(Some(state))
    }
}
