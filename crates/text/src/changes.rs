//! Low-rank changes of another encoder: files as peft writes them, beside everything of an encoder
//! but its weights.
//!
//! ```text
//! W' = W + s · B·diag(e)·A     s = α/r (LoRA, Hu et al. 2021; e = 1), AdaLoRA's α/(r + 1e-5)
//! ```
//!
//! Such a directory is an encoder of a megabyte. Its base is the `model.safetensors` beside the
//! changes, or, where there is none, that of the directory that `adapter_base.json` names, which
//! several of them share. Changes that were made for another base are refused: by the checksum,
//! where it is known, else by names and shapes.

use crate::TextError;
use crate::convert::stage;
use crate::fingerprint::{file_hash, hex};
use crate::model_files::copy_companions;
use crate::parts::rewrite;
use crate::weights::Weights;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The changes, as peft calls them.
pub(crate) const CHANGES: &str = "adapter_model.safetensors";
/// What they are, as peft calls it.
pub(crate) const CONFIG: &str = "adapter_config.json";
/// Whose they are.
pub(crate) const BASE: &str = "adapter_base.json";
/// How peft begins the names of a model's modules.
const PREFIX: &str = "base_model.model.";
/// What peft adds to the rank of AdaLoRA.
const RANK_EPS: f32 = 1e-5;

/// The encoder that changes were made for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Base {
    /// Its directory, as seen from that of the changes if it is no absolute path.
    path: PathBuf,
    /// SHA-256 of its weights.
    sha256: String,
}

/// What peft says of changes.
#[derive(Clone, Debug, Deserialize)]
struct Config {
    peft_type: String,
    r: usize,
    lora_alpha: f32,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    fan_in_fan_out: bool,
    #[serde(default)]
    rank_pattern: Value,
    #[serde(default)]
    alpha_pattern: Value,
    #[serde(default)]
    base_model_name_or_path: Option<PathBuf>,
}

/// Whether a directory holds changes.
pub(crate) fn are_here(dir: &Path) -> bool {
    dir.join(CHANGES).is_file()
}

/// Writes down whose changes a directory holds: those of the encoder in `base`.
///
/// # Errors
/// [`TextError`] if its weights cannot be read, or the file cannot be written.
pub(crate) fn name_base(dir: &Path, base: &Path) -> Result<(), TextError> {
    let weights = base.join("model.safetensors");
    let io = |path: &Path| {
        let path = path.to_owned();
        move |e| TextError::io(path, e)
    };
    let hash = file_hash(&weights).map_err(io(&weights))?;
    let path = std::path::absolute(base).map_err(io(base))?;
    let said = Base {
        path,
        sha256: hex(&hash),
    };
    let file = dir.join(BASE);
    let text = serde_json::to_string_pretty(&said)
        .map_err(|e| TextError::format(&file, format!("cannot be written: {e}")))?;
    std::fs::write(&file, text + "\n").map_err(io(&file))
}

/// The weights of an encoder, changed where there are changes.
pub(crate) fn open(dir: &Path) -> Result<Weights, TextError> {
    if !are_here(dir) {
        return Weights::open(&dir.join("model.safetensors"));
    }
    let config: Config = read(&dir.join(CONFIG))?;
    let scale = config.scale(&dir.join(CONFIG))?;
    let mut weights = Weights::open(&base_of(dir, &config)?)?;
    let changes = Weights::open(&dir.join(CHANGES))?;
    for module in modules(&changes)? {
        let (name, values) = module.merged(&weights, &changes, scale)?;
        weights.change(name, values);
    }
    Ok(weights)
}

/// The file of an encoder's weights, or of those that are changed.
pub(crate) fn weights_of(dir: &Path) -> Result<PathBuf, TextError> {
    if !are_here(dir) {
        return Ok(dir.join("model.safetensors"));
    }
    base_of(dir, &read(&dir.join(CONFIG))?)
}

/// Makes one encoder of changes and the weights they belong to, in a new directory.
///
/// # Errors
/// [`TextError`] if there are no changes, they do not load, the target exists, or a file cannot be
/// written.
pub fn merge(source: &Path, target: &Path) -> Result<(), TextError> {
    if !are_here(source) {
        return Err(TextError::format(
            source,
            format!("holds no {CHANGES} to be merged"),
        ));
    }
    let weights = open(source)?;
    stage(target, |staged| {
        copy_companions(source, staged)?;
        rewrite((source, staged), &weights, |name| weights.changed(name))
    })
}

/// Refuses a directory of changes where only an encoder of its own will do.
pub(crate) fn refuse(dir: &Path, why: &str) -> Result<(), TextError> {
    if !are_here(dir) {
        return Ok(());
    }
    Err(TextError::format(
        dir.join(CHANGES),
        format!(
            "holds changes of another encoder, which {why}; make one encoder of both first: semrec \
             model merge {} --out NAME",
            dir.display()
        ),
    ))
}

impl Config {
    fn scale(&self, path: &Path) -> Result<f32, TextError> {
        let rank = self.r as f32;
        let empty = |value: &Value| value.as_object().is_none_or(serde_json::Map::is_empty);
        let plain = !self.fan_in_fan_out && empty(&self.alpha_pattern);
        match self.peft_type.as_str() {
            "LORA" if plain && empty(&self.rank_pattern) && self.r > 0 => Ok(if self.use_rslora {
                self.lora_alpha / rank.sqrt()
            } else {
                self.lora_alpha / rank
            }),
            "ADALORA" if plain && self.r > 0 => Ok(self.lora_alpha / (rank + RANK_EPS)),
            kind => Err(TextError::format(
                path,
                format!(
                    "describes changes of type {kind} with rank {}; expected LORA or ADALORA with \
                     one rank and one alpha for all layers, and matrices that are not transposed",
                    self.r
                ),
            )),
        }
    }
}

/// The weights that changes belong to, which must be those they were made for.
fn base_of(dir: &Path, config: &Config) -> Result<PathBuf, TextError> {
    let file = dir.join(BASE);
    let said: Option<Base> = file.is_file().then(|| read(&file)).transpose()?;
    let beside = dir.join("model.safetensors");
    let weights = if beside.is_file() {
        beside
    } else {
        let named = said.as_ref().map(|b| &b.path);
        let named = named.or(config.base_model_name_or_path.as_ref());
        let path = named.map(|path| dir.join(path).join("model.safetensors"));
        path.filter(|path| path.is_file()).ok_or_else(|| {
            let name = named.map_or_else(|| "no encoder".into(), |p| p.display().to_string());
            TextError::format(
                dir.join(CONFIG),
                format!(
                    "names {name} as what it changes, and there are no weights; put the \
                     model.safetensors of the encoder it was made for into {}",
                    dir.display()
                ),
            )
        })?
    };
    if let Some(said) = said {
        let hash = file_hash(&weights).map_err(|e| TextError::io(&weights, e))?;
        let got = hex(&hash);
        if got != said.sha256 {
            return Err(TextError::format(
                dir.join(CHANGES),
                format!(
                    "was made for another encoder: that has weights of the SHA-256 {}, {} has {got}",
                    said.sha256,
                    weights.display()
                ),
            ));
        }
    }
    Ok(weights)
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, TextError> {
    let text = std::fs::read_to_string(path).map_err(|e| TextError::io(path, e))?;
    serde_json::from_str(&text)
        .map_err(|e| TextError::format(path, format!("does not describe changes: {e}")))
}

/// A layer that is changed.
struct Module {
    /// Its name without peft's beginning.
    name: String,
    /// Names of `A` and `B`, and of `e` if there is one.
    a: String,
    b: String,
    e: Option<String>,
}

/// The layers that are changed; a tensor that is no part of one is refused.
fn modules(changes: &Weights) -> Result<Vec<Module>, TextError> {
    let mut modules = Vec::new();
    for (tensor, _) in changes.entries() {
        // AdaLoRA's are parameters, LoRA's the weights of modules.
        let part = tensor.strip_suffix(".weight").unwrap_or(tensor);
        let ending = &tensor[part.len()..];
        let Some((module, part)) = part.rsplit_once(".lora_") else {
            return Err(changes.error(tensor, "is no lora_A, lora_B or lora_E of a layer"));
        };
        if part != "A" {
            continue;
        }
        let of = |part: &str| format!("{module}.lora_{part}{ending}");
        let name = module.strip_prefix(PREFIX).unwrap_or(module).to_owned();
        modules.push(Module {
            name,
            a: tensor.to_owned(),
            b: of("B"),
            e: Some(of("E")).filter(|e| changes.contains(e)),
        });
    }
    Ok(modules)
}

impl Module {
    /// The name of the changed matrix in the base, and its values.
    fn merged(
        &self,
        base: &Weights,
        changes: &Weights,
        scale: f32,
    ) -> Result<(String, Vec<f32>), TextError> {
        let [a, b] = [&self.a, &self.b].map(|name| changes.shape(name));
        let (&[rank, inputs], &[outputs, again]) = (a?, b?) else {
            return Err(changes.error(&self.a, "and its lora_B are not both matrices"));
        };
        let other = |problem: String| {
            changes.error(
                &self.a,
                format!("{problem}; was it made for another encoder?"),
            )
        };
        let wanted = format!("{}.weight", self.name);
        let below = format!(".{wanted}");
        let mut names = base.entries().map(|(name, _)| name);
        let Some(name) = names.find(|name| *name == wanted || name.ends_with(&below)) else {
            return Err(other(format!(
                "changes {wanted}, which its base does not have"
            )));
        };
        let shape = base.shape(name)?;
        if shape != [outputs, inputs] || again != rank {
            return Err(other(format!(
                "and its lora_B make a change of [{outputs}, {inputs}], where {wanted} is {shape:?}"
            )));
        }
        let mut values = base.tensor(name, &[outputs, inputs])?;
        let a = changes.tensor(&self.a, &[rank, inputs])?;
        let b = changes.tensor(&self.b, &[outputs, rank])?;
        let e = match &self.e {
            Some(e) => changes.tensor(e, &[rank, 1])?,
            None => vec![1.0; rank],
        };
        for (row, b) in values
            .chunks_exact_mut(inputs.max(1))
            .zip(b.chunks(rank.max(1)))
        {
            for ((b, e), a) in b.iter().zip(&e).zip(a.chunks_exact(inputs.max(1))) {
                let times = scale * b * e;
                row.iter_mut().zip(a).for_each(|(w, a)| *w += times * a);
            }
        }
        Ok((name.to_owned(), values))
    }
}
