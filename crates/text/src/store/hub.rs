//! Fetching a model from the Hugging Face hub.
//!
//! The `hf-hub` client has no time limits of its own, so it works on a thread that reports every
//! piece it gets; when it has been silent for the limit it is given up and left to its fate. What
//! it writes lies in the staging directory of the pull.

use super::Fetch;
use crate::model_files::{OF_A_MODULE, OPTIONAL, REQUIRED};
use crate::settings::module_folders;
use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Where the hub is and who asks.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    /// Base address; the public hub by default.
    pub(crate) endpoint: Option<String>,
    /// Access token for private or gated models.
    pub(crate) token: Option<String>,
    /// Silence after which it counts as unreachable.
    pub(crate) timeout: Duration,
}

enum Message {
    Started(String, usize),
    Received(usize),
    Done(Result<Vec<(String, PathBuf)>, String>),
}

/// Downloads the files of a repository into `into`: those named, or if none are, the required
/// ones, and of the optional ones and those of the modules in `modules.json` what there is.
pub(crate) fn fetch(
    hub: &Hub,
    repository: &str,
    files: &[&str],
    into: &Path,
    fetch: &Fetch<'_>,
) -> Result<(), String> {
    let (sender, receiver) = channel();
    let download = Download {
        hub: hub.clone(),
        repository: repository.to_owned(),
        files: files.iter().map(|&f| f.to_owned()).collect(),
        cache: into.join(".hub"),
        sender,
    };
    std::thread::spawn(move || {
        let result = download.run();
        // The other side may have given up already.
        let _ = download.sender.send(Message::Done(result));
    });
    let (mut file, mut done, mut total) = (String::new(), 0, 0);
    loop {
        match receiver.recv_timeout(hub.timeout) {
            Ok(Message::Started(name, size)) => (file, done, total) = (name, 0, size),
            Ok(Message::Received(bytes)) => {
                done += bytes;
                (fetch.progress)(&file, done as u64, total as u64);
            }
            Ok(Message::Done(result)) => {
                for (name, path) in result? {
                    super::place(&path, into, &name).map_err(|e| e.to_string())?;
                }
                return std::fs::remove_dir_all(into.join(".hub")).map_err(|e| e.to_string());
            }
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!(
                    "it did not answer within {} seconds",
                    hub.timeout.as_secs()
                ));
            }
            Err(RecvTimeoutError::Disconnected) => return Err("the download broke off".into()),
        }
    }
}

struct Download {
    hub: Hub,
    repository: String,
    files: Vec<String>,
    cache: PathBuf,
    sender: Sender<Message>,
}

impl Download {
    fn run(&self) -> Result<Vec<(String, PathBuf)>, String> {
        let mut builder = ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_progress(false)
            .with_token(self.hub.token.clone());
        if let Some(endpoint) = &self.hub.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        let api = builder.build().map_err(|e| e.to_string())?;
        let repo = api.repo(Repo::new(self.repository.clone(), RepoType::Model));
        let mut got = Vec::new();
        if self.files.is_empty() {
            for name in REQUIRED {
                got.push(self.file(&repo, name)?);
            }
            for name in OPTIONAL {
                got.extend(self.optional(&repo, name)?);
            }
            for name in of_modules(&got)? {
                got.extend(self.optional(&repo, &name)?);
            }
        } else {
            for name in &self.files {
                got.push(self.file(&repo, name)?);
            }
        }
        Ok(got)
    }

    fn file(&self, repo: &ApiRepo, name: &str) -> Result<(String, PathBuf), String> {
        self.optional(repo, name)?
            .ok_or_else(|| format!("'{}' has no file {name}", self.repository))
    }

    fn optional(&self, repo: &ApiRepo, name: &str) -> Result<Option<(String, PathBuf)>, String> {
        match repo.download_with_progress(name, Reporter(self.sender.clone())) {
            Ok(path) => Ok(Some((name.to_owned(), path))),
            Err(ApiError::RequestError(e)) if e.to_string().contains("status: 404") => Ok(None),
            Err(e) => Err(e.to_string()),
        }
    }
}

/// The files that the modules may have, by what has been downloaded so far.
fn of_modules(got: &[(String, PathBuf)]) -> Result<Vec<String>, String> {
    // All files of a repository are downloaded below one folder.
    let Some(dir) = got.first().and_then(|(_, path)| path.parent()) else {
        return Ok(Vec::new());
    };
    let folders = module_folders(dir).map_err(|e| e.to_string())?;
    let of_one = |folder: PathBuf| {
        // A repository has slashes in its names, whatever the machine has.
        let parts: Vec<_> = folder.iter().map(|part| part.to_string_lossy()).collect();
        OF_A_MODULE.map(|name| format!("{}/{name}", parts.join("/")))
    };
    Ok(folders.into_iter().flat_map(of_one).collect())
}

struct Reporter(Sender<Message>);

impl hf_hub::api::Progress for Reporter {
    fn init(&mut self, size: usize, file: &str) {
        let _ = self.0.send(Message::Started(file.to_owned(), size));
    }

    fn update(&mut self, size: usize) {
        let _ = self.0.send(Message::Received(size));
    }

    fn finish(&mut self) {}
}
