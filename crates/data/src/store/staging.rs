//! Directories that appear whole or not at all.
//!
//! A [`Staging`] is a hidden sibling of the directory to be made: `.name.<process>-<n>.stage`.
//! What is written there is invisible until [`Staging::commit`] has flushed every file and moved
//! the directory into place in one step: `rename` where nothing was there, `renameat2` with
//! `RENAME_EXCHANGE` where an older one is replaced. Where the system has no exchange, the older
//! one is moved aside first, and moved back if the second step fails.
//!
//! A stage that is dropped, or discarded by [`discard_stages`] from a Ctrl-C handler, is deleted.
//! One left behind by a process that was killed is deleted by the next stage for the same target:
//! a living process holds a lock on its stage's directory.

use crate::DataError;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Stages of this process that are neither in place nor deleted.
static OPEN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

const SUFFIX: &str = ".stage";

fn open_stages() -> MutexGuard<'static, Vec<PathBuf>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Deletes every unfinished stage of this process; what they were to replace stays as it was.
///
/// For a Ctrl-C handler: a `commit` that runs meanwhile either happened before or fails.
pub fn discard_stages() {
    let mut open = open_stages();
    for stage in open.drain(..) {
        // Another thread may still be adding files; a few rounds outlast it.
        for _ in 0..5 {
            if fs::remove_dir_all(&stage).is_ok() || !stage.exists() {
                break;
            }
        }
    }
}

/// A directory being written, to be moved into place in one step.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    stage: PathBuf,
    marker: &'static str,
    lock: Option<File>,
}

impl Staging {
    /// Opens a stage for `target`. `marker` names the file that says a directory is one of ours
    /// (`dataset.toml`): only a directory that holds it, or an empty one, is ever replaced.
    ///
    /// # Errors
    /// [`DataError::Io`] if the stage cannot be made, [`DataError::Format`] if `target` is
    /// something else than a directory of ours.
    pub fn new(target: &Path, marker: &'static str) -> Result<Self, DataError> {
        let target = resolve(target)?;
        check_replaceable(&target, marker)?;
        let (parent, name) = parent_and_name(&target)?;
        fs::create_dir_all(&parent).map_err(|e| DataError::io(&parent, e))?;
        sweep(&parent, &name);
        let stage = parent.join(format!(
            ".{name}.{}-{}{SUFFIX}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir(&stage).map_err(|e| DataError::io(&stage, e))?;
        // A directory cannot be opened as a file everywhere; there, nothing is swept either.
        let lock = File::open(&stage).ok();
        if let Some(lock) = &lock {
            lock.try_lock().ok();
        }
        open_stages().push(stage.clone());
        Ok(Self {
            target,
            stage,
            marker,
            lock,
        })
    }

    /// Where to write.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.stage
    }

    /// Where it will be.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Flushes everything to the disk and moves it into place.
    ///
    /// # Errors
    /// [`DataError::Io`] if the disk refuses, [`DataError::Unusable`] if the stage was discarded
    /// meanwhile; an older directory at the target is then still there, unchanged.
    pub fn commit(self) -> Result<(), DataError> {
        if !self.stage.join(self.marker).is_file() {
            return Err(DataError::format(
                &self.stage,
                format!("'{}' was not written", self.marker),
            ));
        }
        sync_tree(&self.stage)?;
        let mut open = open_stages();
        let Some(at) = open.iter().position(|s| *s == self.stage) else {
            return Err(DataError::Unusable(format!(
                "writing {} was interrupted; nothing was changed",
                self.target.display()
            )));
        };
        check_replaceable(&self.target, self.marker)?;
        put_in_place(&self.stage, &self.target)?;
        open.swap_remove(at);
        drop(open);
        if let Some(parent) = self.target.parent().filter(|p| !p.as_os_str().is_empty()) {
            // The move has happened; that it is also on the disk is as good as can be said.
            File::open(parent).and_then(|d| d.sync_all()).ok();
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.lock = None;
        let mut open = open_stages();
        if let Some(at) = open.iter().position(|s| *s == self.stage) {
            open.swap_remove(at);
            fs::remove_dir_all(&self.stage).ok();
        }
    }
}

/// Follows a link, so that what it points to is replaced and not the link.
fn resolve(target: &Path) -> Result<PathBuf, DataError> {
    if target.is_symlink() && target.exists() {
        return target.canonicalize().map_err(|e| DataError::io(target, e));
    }
    Ok(target.components().collect())
}

fn parent_and_name(target: &Path) -> Result<(PathBuf, String), DataError> {
    let name = target.file_name().ok_or_else(|| {
        DataError::format(
            target,
            "cannot be written to; expected the name of a directory to make, as in 'data/shop'",
        )
    })?;
    let parent = match target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    };
    Ok((parent, name.to_string_lossy().into_owned()))
}

fn check_replaceable(target: &Path, marker: &str) -> Result<(), DataError> {
    if !target.exists() {
        return Ok(());
    }
    if !target.is_dir() {
        return Err(DataError::format(
            target,
            "is a file; expected the name of a directory to make",
        ));
    }
    let mut entries = fs::read_dir(target).map_err(|e| DataError::io(target, e))?;
    if target.join(marker).is_file() || entries.next().is_none() {
        return Ok(());
    }
    Err(DataError::format(
        target,
        format!(
            "holds other files and no '{marker}', so it is not replaced; name another directory, or empty this one"
        ),
    ))
}

/// Deletes stages for `name` whose process is gone.
fn sweep(parent: &Path, name: &str) {
    let prefix = format!(".{name}.");
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let found = entry.file_name().to_string_lossy().into_owned();
        let numbered = found
            .strip_prefix(&prefix)
            .and_then(|rest| rest.strip_suffix(SUFFIX))
            .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit() || b == b'-'));
        if !numbered || open_stages().contains(&entry.path()) {
            continue;
        }
        if let Ok(dir) = File::open(entry.path())
            && dir.try_lock().is_ok()
        {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

fn sync_tree(dir: &Path) -> Result<(), DataError> {
    for entry in fs::read_dir(dir).map_err(|e| DataError::io(dir, e))? {
        let path = entry.map_err(|e| DataError::io(dir, e))?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            let file = File::open(&path).map_err(|e| DataError::io(&path, e))?;
            file.sync_all().map_err(|e| DataError::io(&path, e))?;
        }
    }
    if cfg!(unix) {
        let opened = File::open(dir).map_err(|e| DataError::io(dir, e))?;
        opened.sync_all().map_err(|e| DataError::io(dir, e))?;
    }
    Ok(())
}

/// Writes a file, whole or not at all, and onto the disk; one that is there is replaced.
///
/// # Errors
/// What the system says; what was there is then unchanged.
pub fn write_whole(path: &Path, content: impl AsRef<[u8]>) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.tmp"));
    let written = File::create(&beside)
        .and_then(|mut file| {
            file.write_all(content.as_ref())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        fs::remove_file(&beside).ok();
    }
    written
}

fn put_in_place(stage: &Path, target: &Path) -> Result<(), DataError> {
    let empty = || fs::read_dir(target).is_ok_and(|mut d| d.next().is_none());
    if !target.exists() || empty() {
        if target.exists() {
            fs::remove_dir(target).map_err(|e| DataError::io(target, e))?;
        }
        return fs::rename(stage, target).map_err(|e| DataError::io(target, e));
    }
    if exchange(stage, target) {
        fs::remove_dir_all(stage).ok();
        return Ok(());
    }
    let aside = stage.with_extension("old");
    fs::rename(target, &aside).map_err(|e| DataError::io(target, e))?;
    if let Err(e) = fs::rename(stage, target) {
        fs::rename(&aside, target).ok();
        return Err(DataError::io(target, e));
    }
    fs::remove_dir_all(&aside).ok();
    Ok(())
}

/// Swaps two directories in one step, where the system can.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn exchange(a: &Path, b: &Path) -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).is_ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn exchange(_: &Path, _: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: &str = "dataset.toml";

    fn write(stage: &Staging, text: &str) {
        fs::write(stage.path().join(MARKER), text).unwrap();
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn commit_makes_then_replaces_and_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("shop");
        for text in ["one", "two"] {
            let stage = Staging::new(&target, MARKER).unwrap();
            write(&stage, text);
            stage.commit().unwrap();
            assert_eq!(fs::read_to_string(target.join(MARKER)).unwrap(), text);
            assert_eq!(names(dir.path()), ["shop"]);
        }
    }

    #[test]
    fn a_dropped_stage_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("shop");
        let stage = Staging::new(&target, MARKER).unwrap();
        write(&stage, "one");
        drop(stage);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_stage_without_its_marker_is_not_moved() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("shop");
        let stage = Staging::new(&target, MARKER).unwrap();
        assert!(stage.commit().is_err());
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn what_is_not_ours_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("photos")).unwrap();
        fs::write(dir.path().join("photos/a.jpg"), "x").unwrap();
        fs::write(dir.path().join("letter"), "x").unwrap();
        for (name, expected) in [("photos", "not replaced"), ("letter", "is a file")] {
            let error = Staging::new(&dir.path().join(name), MARKER)
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(Staging::new(Path::new("/"), MARKER).is_err());
        // An empty directory is fine.
        fs::create_dir(dir.path().join("new")).unwrap();
        let stage = Staging::new(&dir.path().join("new"), MARKER).unwrap();
        write(&stage, "x");
        stage.commit().unwrap();
    }

    #[test]
    fn stages_of_the_dead_are_swept_those_of_the_living_kept() {
        let dir = tempfile::tempdir().unwrap();
        let dead = dir.path().join(".shop.1-0.stage");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("items.parquet"), "half").unwrap();
        let target = dir.path().join("shop");
        let first = Staging::new(&target, MARKER).unwrap();
        assert!(!dead.exists());
        let second = Staging::new(&target, MARKER).unwrap();
        assert!(first.path().exists() && second.path().exists());
    }
}
