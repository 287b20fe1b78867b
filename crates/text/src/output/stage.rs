//! The hidden directory beside an output, `.vectors.parquet.parts` for `vectors.parquet`: finished
//! parts, and the output itself while it is being assembled.
//!
//! It outlives the process, so that the next one goes on from the finished parts. A process holds
//! a lock on it as long as it works there; a second one for the same output is refused.

use crate::TextError;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

const LOCK: &str = "lock";

/// The directory, locked.
#[derive(Debug)]
pub(super) struct Stage {
    output: PathBuf,
    dir: PathBuf,
    /// Held while the value lives, where the file system has locks.
    _lock: File,
}

impl Stage {
    /// Makes or finds the directory and locks it.
    pub(super) fn open(output: &Path) -> Result<Self, TextError> {
        let Some(name) = output.file_name() else {
            return Err(TextError::format(output, "names no file"));
        };
        if output.is_dir() {
            return Err(TextError::format(
                output,
                "is a directory; expected the name of a file to make",
            ));
        }
        let name = format!(".{}.parts", name.to_string_lossy());
        let dir = output.with_file_name(name);
        loop {
            std::fs::create_dir_all(&dir).map_err(|e| TextError::io(&dir, e))?;
            let path = dir.join(LOCK);
            let opened = File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path);
            let lock = match opened {
                Ok(lock) => lock,
                // A process that has just finished may have removed the directory in between.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => return Err(TextError::io(&path, e)),
            };
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(TextError::format(
                        output,
                        "is being written by another process; wait for it, or name another file",
                    ));
                }
                Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(e)) => return Err(TextError::io(&path, e)),
            }
            if is_still(&lock, &path) {
                return Ok(Self {
                    output: output.to_path_buf(),
                    dir,
                    _lock: lock,
                });
            }
        }
    }

    /// A file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The place of a finished part.
    pub(super) fn part(&self, number: u64) -> PathBuf {
        self.dir.join(format!("part-{number:08}.parquet"))
    }

    /// How many finished parts there are from the first on.
    pub(super) fn parts(&self) -> u64 {
        (0..)
            .take_while(|&number| self.part(number).is_file())
            .count() as u64
    }

    /// Asks the disk to keep the names in the directory, where a directory can be asked.
    pub(super) fn sync(&self) -> Result<(), TextError> {
        sync_dir(&self.dir)
    }

    /// The same for the directory the output is in.
    pub(super) fn sync_parent(&self) -> Result<(), TextError> {
        match self.output.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
            _ => sync_dir(Path::new(".")),
        }
    }

    /// Deletes it with all that is in it.
    pub(super) fn remove(self) -> Result<(), TextError> {
        std::fs::remove_dir_all(&self.dir).map_err(|e| TextError::io(&self.dir, e))
    }
}

fn sync_dir(dir: &Path) -> Result<(), TextError> {
    if cfg!(unix) {
        let opened = File::open(dir).map_err(|e| TextError::io(dir, e))?;
        opened.sync_all().map_err(|e| TextError::io(dir, e))?;
    }
    Ok(())
}

/// Whether the file that was locked is the one that has the name now.
#[cfg(unix)]
fn is_still(lock: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (lock.metadata(), std::fs::metadata(path)) {
        (Ok(held), Ok(named)) => of(held) == of(named),
        _ => false,
    }
}

/// Elsewhere a file that is open cannot be removed.
#[cfg(not(unix))]
fn is_still(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_an_output() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("vectors.npy");
        let first = Stage::open(&output).unwrap();
        let error = Stage::open(&output).unwrap_err().to_string();
        assert!(
            error.contains("is being written by another process"),
            "{error}"
        );
        Stage::open(&dir.path().join("others.npy")).unwrap();
        drop(first);
        Stage::open(&output).unwrap().remove().unwrap();
        assert!(!dir.path().join(".vectors.npy.parts").exists());
    }

    #[test]
    fn parts_are_counted_up_to_the_first_gap() {
        let dir = tempfile::tempdir().unwrap();
        let stage = Stage::open(&dir.path().join("vectors.npy")).unwrap();
        for number in [0, 1, 3] {
            std::fs::write(stage.part(number), "").unwrap();
        }
        assert_eq!(stage.parts(), 2);
    }

    #[test]
    fn a_directory_is_no_file_to_write() {
        let dir = tempfile::tempdir().unwrap();
        let error = Stage::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("is a directory"), "{error}");
    }
}
