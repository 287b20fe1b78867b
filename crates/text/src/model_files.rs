//! The files of a model directory: those it needs, those that go with it, and a copy of them all.
//!
//! Two directories with the same of these files are the same encoder. What a repository holds
//! besides (weights in other forms, training state) is left out.

use crate::settings::module_folders;
use crate::{TextError, changes};
use std::fs::File;
use std::path::Path;

/// Files without which a directory is no encoder.
pub(crate) const REQUIRED: [&str; 3] = [CONFIG, TOKENIZER, WEIGHTS];
const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const WEIGHTS: &str = "model.safetensors";
/// The file in which sentence-transformers keeps a model's prompts.
pub(crate) const PROMPTS: &str = "config_sentence_transformers.json";
/// The file with bottlenecks beside the weights, which fine-tuning writes.
pub(crate) const ADAPTER: &str = "adapter.safetensors";
/// The file that says how people are read beside an encoder, which fine-tuning writes.
pub(crate) const TOWER: &str = "user_tower.json";
/// Files that are kept where a model has them.
pub(crate) const OPTIONAL: [&str; 10] = [
    "modules.json",
    ADAPTER,
    PROMPTS,
    TOWER,
    "sentence_bert_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "README.md",
    "LICENSE",
    "NOTICE",
];
/// Files that are kept of the folder of a module, where it has them.
pub(crate) const OF_A_MODULE: [&str; 2] = [CONFIG, WEIGHTS];

/// Copies an encoder: all that [`Encoder::load`](crate::Encoder::load) reads, and the files that
/// say where it comes from. Folders are made where they are missing; the copy has the same
/// fingerprint.
///
/// # Errors
/// [`TextError`] if a file that is needed is missing, one cannot be read or written, or
/// `modules.json` is damaged or leads out of the directory.
pub fn copy_model(from: &Path, to: &Path) -> Result<(), TextError> {
    copy_config(from, to)?;
    copy(&changes::weights_of(from)?, &to.join(WEIGHTS))?;
    for name in [changes::CHANGES, changes::CONFIG, changes::BASE] {
        if changes::are_here(from) && from.join(name).is_file() {
            copy(&from.join(name), &to.join(name))?;
        }
    }
    copy_companions(from, to)
}

/// Copies `config.json` alone.
pub(crate) fn copy_config(from: &Path, to: &Path) -> Result<(), TextError> {
    copy(&from.join(CONFIG), &to.join(CONFIG))
}

/// Whether a directory has what an encoder needs; low-rank changes stand for the weights.
pub(crate) fn is_model(dir: &Path) -> bool {
    let is_there = |name: &&str| dir.join(name).is_file();
    let weights = is_there(&WEIGHTS) || changes::are_here(dir);
    weights && [CONFIG, TOKENIZER].iter().all(is_there)
}

/// Copies an encoder but for the two files that a conversion writes anew, `config.json` and
/// `model.safetensors`.
pub(crate) fn copy_companions(from: &Path, to: &Path) -> Result<(), TextError> {
    copy(&from.join(TOKENIZER), &to.join(TOKENIZER))?;
    let of_modules = module_folders(from)?
        .into_iter()
        .flat_map(|folder| OF_A_MODULE.map(|name| folder.join(name)));
    for name in OPTIONAL.map(Into::into).into_iter().chain(of_modules) {
        if from.join(&name).is_file() {
            copy(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), TextError> {
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(|e| TextError::io(parent, e))?;
    }
    std::fs::copy(from, to)
        .map(|_| ())
        .map_err(|e| TextError::io(from, e))
}

/// Bytes of the files of a model directory.
///
/// # Errors
/// [`TextError::Io`] if it cannot be read.
pub fn model_bytes(dir: &Path) -> Result<u64, TextError> {
    let mut bytes = 0;
    walk(dir, &mut |path| {
        bytes += path.metadata()?.len();
        Ok(())
    })?;
    Ok(bytes)
}

/// Asks the disk to keep all files of a model directory.
pub(crate) fn sync_model(dir: &Path) -> Result<(), TextError> {
    walk(dir, &mut |path| File::open(path)?.sync_all())
}

fn walk(dir: &Path, visit: &mut dyn FnMut(&Path) -> std::io::Result<()>) -> Result<(), TextError> {
    for entry in std::fs::read_dir(dir).map_err(|e| TextError::io(dir, e))? {
        let path = entry.map_err(|e| TextError::io(dir, e))?.path();
        if path.is_dir() {
            walk(&path, visit)?;
        } else {
            visit(&path).map_err(|e| TextError::io(&path, e))?;
        }
    }
    Ok(())
}
