//! Where a model directory is put together: hidden, beside its place, until it is whole.
//!
//! The process that works there holds a lock; a directory whose lock nobody holds was left by one
//! that was killed, and the next to work beside it removes it.

use crate::model_files::sync_model;
use crate::{Encoder, TextError};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// How the names of these directories begin.
const PREFIX: &str = ".model-";
const LOCK: &str = "lock";

/// A directory to work in, removed when the value goes.
#[derive(Debug)]
pub(crate) struct Staging {
    dir: TempDir,
    /// Held while the value lives, where the file system has locks.
    _lock: File,
}

impl Staging {
    /// Makes one in `parent`, which is made too, and removes those that were left there.
    pub(crate) fn new(parent: &Path) -> Result<Self, TextError> {
        let io = |e| TextError::io(parent, e);
        std::fs::create_dir_all(parent).map_err(io)?;
        for entry in std::fs::read_dir(parent).map_err(io)? {
            let entry = entry.map_err(io)?;
            let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
            if ours && is_left(&entry.path().join(LOCK)) {
                std::fs::remove_dir_all(entry.path()).map_err(io)?;
            }
        }
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(parent)
            .map_err(io)?;
        let lock = File::create(dir.path().join(LOCK)).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => {}
            // Somebody who cleans up looks at it just now, and will find it empty but for the lock.
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => return Err(io(e)),
        }
        Ok(Self { dir, _lock: lock })
    }

    /// A directory of its own in it, empty.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, TextError> {
        let folder = self.dir.path().join(name);
        std::fs::create_dir(&folder).map_err(|e| TextError::io(&folder, e))?;
        Ok(folder)
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Loads the model in a folder to see that it works, flushes it, and moves it to its place,
    /// out of which goes what was there.
    pub(crate) fn install(&self, folder: &Path, target: &Path) -> Result<(), TextError> {
        let io = |e| TextError::io(target, e);
        Encoder::load(folder)?;
        sync_model(folder)?;
        if target.exists() {
            std::fs::rename(target, self.dir.path().join("old")).map_err(io)?;
        }
        std::fs::rename(folder, target).map_err(io)
    }
}

/// Whether there is a lock that nobody holds.
fn is_left(lock: &Path) -> bool {
    File::open(lock).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(dir: &Path) -> usize {
        std::fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn what_was_left_goes_and_what_is_in_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join(".model-left");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(LOCK), "").unwrap();
        std::fs::write(left.join("config.json"), "{}").unwrap();
        // Not ours: no lock of this kind, another name.
        std::fs::create_dir(parent.path().join("model")).unwrap();
        let one = Staging::new(parent.path()).unwrap();
        assert!(!left.exists());
        let two = Staging::new(parent.path()).unwrap();
        assert!(one.path().exists() && two.path().exists());
        drop((one, two));
        assert_eq!(entries(parent.path()), 1);
    }
}
