//! A bundle: the directory with everything that serves.
//!
//! | path | holds |
//! |---|---|
//! | `bundle.json` | layout version, model and parameters, data set, encoder |
//! | `data/` | the data set, as `import` makes it |
//! | `model.safetensors` | the fitted model |
//! | `items.index` | the index over the encoder's unit vectors of the items; one without text has none |
//! | `encoder/` | the encoder, as the Hugging Face hub has it |
//! | `results.json` | what was measured before it was made; where something was |
//!
//! Index and encoder are absent where there is no text. A bundle is written beside its place and moved
//! in whole; a damaged one is refused when it is opened.

use crate::EngineError;
use crate::item_index::ItemIndex;
use semrec_data::{DataError, Dataset, FactSource, ImportReport, Staging, write_whole};
use semrec_models::{Recommender, Tensors};
use semrec_text::{Vectors, copy_model};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::path::Path;

/// The file that makes a directory a bundle.
pub(crate) const MANIFEST: &str = "bundle.json";
/// The directory of the data set.
pub(crate) const DATA: &str = "data";
/// The index of the item vectors.
pub(crate) const INDEX: &str = "items.index";
/// The directory of the encoder.
pub(crate) const ENCODER: &str = "encoder";
/// What was measured.
const RESULTS: &str = "results.json";
/// Layout version this build reads and writes.
const VERSION: u32 = 2;

/// What `bundle.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BundleInfo {
    /// Layout version.
    pub format: u32,
    /// Name of the model.
    pub model: String,
    /// Its parameters: as given, and the defaults of the rest.
    pub params: serde_json::Value,
    /// Name of the data set.
    pub dataset: String,
    /// Fingerprint of the data set.
    pub fingerprint: String,
    /// Fingerprints of its copy of the data since people were taken out of it ([`erase`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<String>,
    /// The encoder, if there is one.
    pub encoder: Option<EncoderInfo>,
    /// The facts its model has read beside the texts.
    #[serde(default)]
    pub facts: FactSource,
    /// When it was made, Unix seconds.
    pub created: i64,
    /// What the model learned that a person would want to know.
    pub notes: Vec<String>,
}

/// Which encoder a bundle was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderInfo {
    /// Its name.
    pub name: String,
    /// SHA-256 over weights, tokenizer and configuration.
    pub fingerprint: String,
}

/// What a bundle is made of.
#[derive(Debug)]
pub struct Contents<'a> {
    /// The data the model was fitted on; histories and titles are served from it.
    pub dataset: &'a Dataset,
    /// How the data was read.
    pub imported: &'a ImportReport,
    /// The fitted model.
    pub model: &'a dyn Recommender,
    /// Its parameters.
    pub params: serde_json::Value,
    /// The item vectors, the encoder they come from, and its directory; all or none.
    pub text: Option<(&'a Vectors, EncoderInfo, &'a Path)>,
    /// The facts the model has read beside the texts.
    pub facts: FactSource,
    /// Unix seconds.
    pub created: i64,
}

/// Writes a bundle, whole or not at all; one that is there is replaced.
///
/// # Errors
/// [`EngineError`] if the disk refuses or `dir` is something else than a bundle; what was there
/// is then unchanged.
pub fn save(dir: &Path, contents: &Contents<'_>) -> Result<(), EngineError> {
    let stage = Staging::new(dir, MANIFEST)?;
    let path = stage.path();
    contents.dataset.save(&path.join(DATA), contents.imported)?;
    let mut tensors = Tensors::default();
    contents.model.save(&mut tensors)?;
    tensors.write(&path.join("model.safetensors"))?;
    drop(tensors);
    if let Some((vectors, _, encoder)) = &contents.text {
        ItemIndex::write(&path.join(INDEX), vectors)?;
        copy_model(encoder, &path.join(ENCODER))?;
    }
    let info = BundleInfo {
        format: VERSION,
        model: contents.model.name().to_owned(),
        params: contents.params.clone(),
        dataset: contents.dataset.name.clone(),
        fingerprint: contents.dataset.fingerprint.clone(),
        erased: Vec::new(),
        encoder: contents.text.as_ref().map(|(_, info, _)| info.clone()),
        facts: contents.facts,
        created: contents.created,
        notes: contents.model.notes(),
    };
    write_info(path, &info)?;
    Ok(stage.commit()?)
}

/// Puts `bundle.json` into a directory, in place of one that is there.
fn write_info(dir: &Path, info: &BundleInfo) -> Result<(), EngineError> {
    let path = dir.join(MANIFEST);
    let json = serde_json::to_string_pretty(info).map_err(|e| EngineError::Bundle {
        path: path.clone(),
        problem: e.to_string(),
    })?;
    write_whole(&path, json + "\n").map_err(|e| DataError::io(&path, e).into())
}

/// What the bundle in `dir` says of itself, and its data.
///
/// # Errors
/// [`EngineError`] if there is no bundle, one of another layout, or the data are damaged or others
/// than its model was fitted on.
pub(crate) fn read_data(dir: &Path) -> Result<(BundleInfo, Dataset), EngineError> {
    // Not in the middle of `erase`; where there are no locks, a mismatch is told.
    let lock = File::open(dir).ok();
    let _locked = lock.as_ref().map(File::lock_shared);
    let info = read_info(dir)?;
    let mut dataset = Dataset::load(&dir.join(DATA))?;
    if dataset.fingerprint != info.fingerprint && !info.erased.contains(&dataset.fingerprint) {
        return Err(EngineError::Bundle {
            path: dir.to_owned(),
            problem: "its data are not those its model was fitted on; train again".to_owned(),
        });
    }
    // Without some people, it is still the data set that the model was fitted on.
    dataset.fingerprint.clone_from(&info.fingerprint);
    Ok((info, dataset))
}

/// Takes people out of the copy of the data that the bundle in `dir` has: those whose ids `is_meant`
/// names, their events, what is said of them, and examples out of the files they were in. How many
/// they were. Model and index stay as they are. Whoever opens the bundle meanwhile finds the copy
/// as it was, or as it is then.
///
/// # Errors
/// [`EngineError`] if there is no bundle, it is damaged, or the disk refuses; its data are then
/// unchanged.
pub fn erase(dir: &Path, is_meant: &dyn Fn(&str) -> bool) -> Result<usize, EngineError> {
    let lock = File::open(dir).map_err(|e| DataError::io(dir, e))?;
    lock.lock().map_err(|e| DataError::io(dir, e))?;
    let mut info = read_info(dir)?;
    let data = dir.join(DATA);
    let dataset = Dataset::load(&data)?;
    let (people, before) = (dataset.users.len(), dataset.fingerprint.clone());
    let less = dataset.without_people(is_meant);
    let gone = people - less.users.len();
    if gone == 0 {
        return Ok(0);
    }
    let report = ImportReport::load(&data)?.without_examples_of_people();
    // Both are right until the data are in place.
    info.erased = vec![before, less.fingerprint.clone()];
    write_info(dir, &info)?;
    less.save(&data, &report)?;
    info.erased = vec![less.fingerprint.clone()];
    write_info(dir, &info)?;
    Ok(gone)
}

/// Whether a directory says that it is a bundle.
#[must_use]
pub fn is_bundle(dir: &Path) -> bool {
    dir.join(MANIFEST).is_file()
}

/// What the bundle in `dir` says of itself, without opening it.
///
/// # Errors
/// [`EngineError`] if there is no bundle, or one of another layout.
pub fn read_info(dir: &Path) -> Result<BundleInfo, EngineError> {
    let path = dir.join(MANIFEST);
    let fail = |problem: String| EngineError::Bundle {
        path: dir.to_owned(),
        problem,
    };
    if !dir.is_dir() {
        return Err(fail(
            "is no directory; expected a bundle, as 'semrec train' makes it".to_owned(),
        ));
    }
    let text = fs::read_to_string(&path).map_err(|e| {
        fail(format!(
            "is no bundle: {MANIFEST} cannot be read ({e}); 'semrec train' makes one"
        ))
    })?;
    let info: BundleInfo = serde_json::from_str(&text)
        .map_err(|e| fail(format!("{MANIFEST} is damaged: {e}; train again")))?;
    if info.format != VERSION {
        return Err(fail(format!(
            "is a bundle of layout {}; this build reads layout {VERSION}: train again",
            info.format
        )));
    }
    Ok(info)
}

/// Puts what was measured into a bundle, for those who ask it how good it is: an object, as
/// `semrec evaluate --json` writes it.
///
/// # Errors
/// [`EngineError`] if the disk refuses.
pub fn write_results(dir: &Path, results: &serde_json::Value) -> Result<(), EngineError> {
    let path = dir.join(RESULTS);
    write_whole(&path, format!("{results:#}\n")).map_err(|e| DataError::io(&path, e).into())
}

/// What was measured before a bundle was made, if it says so.
///
/// # Errors
/// [`EngineError::Bundle`] if it cannot be read.
pub(crate) fn read_results(dir: &Path) -> Result<Option<serde_json::Value>, EngineError> {
    let fail = |problem: String| EngineError::Bundle {
        path: dir.to_owned(),
        problem: format!("{RESULTS} {problem}; remove it, or make the bundle anew"),
    };
    match fs::read(dir.join(RESULTS)) {
        Ok(bytes) => {
            let read = serde_json::from_slice(&bytes);
            let results = read.map_err(|e| fail(format!("is damaged: {e}")))?;
            Ok(Some(results))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(fail(format!("cannot be read ({e})"))),
    }
}
