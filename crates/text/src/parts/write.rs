//! An encoder put together again: as a directory of its own, or around low-rank changes.

use super::{Array, HeadPart, Pair, Parts, dense_prefix};
use crate::convert::{Stored, edit, save, stage};
use crate::model_files::{ADAPTER, copy_companions, copy_config};
use crate::settings::{Activate, Step, read_value};
use crate::weights::Weights;
use crate::{TextError, changes};
use safetensors::Dtype;
use serde_json::{Value, json};
use std::path::Path;

impl Parts {
    /// Writes an encoder to a directory that does not exist yet: this one with the values of some
    /// tensors changed, stages added behind the pooling, and bottlenecks
    /// (`adapter.LAYER.attention|feed_forward.down|up.weight|bias`) beside the weights.
    ///
    /// # Errors
    /// [`TextError`] if the target exists, or a file cannot be written.
    pub fn write(
        &self,
        target: &Path,
        changed: &[Array],
        (added, bottlenecks): (&[HeadPart], &[Array]),
    ) -> Result<(), TextError> {
        stage(target, |staged| {
            copy_companions(&self.dir, staged)?;
            let weights = Weights::open(&self.dir.join("model.safetensors"))?;
            rewrite((&self.dir, staged), &weights, |name| {
                let array = changed.iter().find(|array| array.name == name);
                array.map(|array| &array.values[..])
            })?;
            self.write_head(staged, changed)?;
            if !bottlenecks.is_empty() {
                save_arrays(&staged.join(ADAPTER), bottlenecks)?;
            }
            self.add_stages(staged, added)
        })
    }

    /// Writes all of the encoder but its weights into a directory that is there, for low-rank
    /// changes to lie in: it is an encoder then that reads the weights where they are now. Arrays of
    /// the head that were trained are among `changed`, stages behind it are `added`.
    ///
    /// # Errors
    /// [`TextError`] if a file cannot be written.
    pub fn write_around_changes(
        &self,
        dir: &Path,
        changed: &[Array],
        added: &[HeadPart],
    ) -> Result<(), TextError> {
        copy_config(&self.dir, dir)?;
        copy_companions(&self.dir, dir)?;
        changes::name_base(dir, &self.dir)?;
        self.write_head(dir, changed)?;
        self.add_stages(dir, added)
    }

    /// Linear layers behind the pooling lie in files of their own.
    fn write_head(&self, staged: &Path, changed: &[Array]) -> Result<(), TextError> {
        for (i, step) in self.settings.steps.iter().enumerate() {
            let Step::Dense(dense) = step else { continue };
            let folder = dense.file.parent().unwrap_or(&self.dir);
            let inside = folder.strip_prefix(&self.dir).unwrap_or(folder);
            let stored: Vec<Stored> = changed
                .iter()
                .filter_map(|a| {
                    let name = a.name.strip_prefix(&dense_prefix(i))?;
                    Some(Stored::single(name.to_owned(), a.shape.clone(), &a.values))
                })
                .collect();
            if !stored.is_empty() {
                save(&staged.join(inside).join("model.safetensors"), &stored)?;
            }
        }
        Ok(())
    }

    /// Adds stages behind all modules, each linear layer in a folder of its own; of two
    /// normalisations one behind the other only one.
    fn add_stages(&self, staged: &Path, added: &[HeadPart]) -> Result<(), TextError> {
        if added.is_empty() {
            return Ok(());
        }
        let io = |path: &Path| {
            let path = path.to_owned();
            move |e| TextError::io(path, e)
        };
        let kind = |name: &str| format!("sentence_transformers.models.{name}");
        let path = staged.join("modules.json");
        let mut modules: Vec<Value> = match read_value(&path)? {
            Some(Value::Array(modules)) => modules,
            _ => {
                let pooling = staged.join("1_Pooling");
                if !pooling.join("config.json").is_file() {
                    std::fs::create_dir_all(&pooling).map_err(io(&pooling))?;
                    let config = json!({
                        "word_embedding_dimension": self.sizes.hidden,
                        "pooling_mode_mean_tokens": true,
                    });
                    let file = pooling.join("config.json");
                    std::fs::write(&file, config.to_string()).map_err(io(&file))?;
                }
                vec![
                    json!({"path": "", "type": kind("Transformer")}),
                    json!({"path": "1_Pooling", "type": kind("Pooling")}),
                ]
            }
        };
        for part in added {
            let name = match part {
                HeadPart::Dense { .. } => "Dense",
                HeadPart::Normalize => "Normalize",
            };
            let last = modules.last().and_then(|m| m["type"].as_str());
            if name == "Normalize" && last.is_some_and(|last| last.ends_with(name)) {
                continue;
            }
            let taken = |path: &str| modules.iter().any(|m| m["path"] == path);
            let path = (modules.len()..)
                .map(|n| format!("{n}_{name}"))
                .find(|path| !taken(path))
                .unwrap_or_default();
            if let HeadPart::Dense {
                tensors,
                activation,
            } = part
            {
                write_dense(&staged.join(&path), tensors, *activation)?;
            }
            modules.push(json!({"path": path, "type": kind(name)}));
        }
        for (i, module) in modules.iter_mut().enumerate() {
            module["idx"] = i.into();
            module["name"] = i.to_string().into();
        }
        let text = Value::Array(modules).to_string();
        std::fs::write(&path, text).map_err(io(&path))
    }
}

/// A linear layer as sentence-transformers keeps it, in a folder that is made.
fn write_dense(
    folder: &Path,
    [weight, bias]: &Pair,
    activation: Activate,
) -> Result<(), TextError> {
    std::fs::create_dir(folder).map_err(|e| TextError::io(folder, e))?;
    let activation = match activation {
        Activate::Identity => "linear.Identity",
        Activate::Tanh => "activation.Tanh",
        Activate::Relu => "activation.ReLU",
    };
    let config = json!({
        "in_features": weight.shape[1],
        "out_features": weight.shape[0],
        "bias": true,
        "activation_function": format!("torch.nn.modules.{activation}"),
    });
    let file = folder.join("config.json");
    std::fs::write(&file, config.to_string()).map_err(|e| TextError::io(&file, e))?;
    let stored = [("linear.weight", weight), ("linear.bias", bias)]
        .map(|(name, a)| Stored::single(name.to_owned(), a.shape.clone(), &a.values));
    save(&folder.join("model.safetensors"), &stored)
}

/// Writes arrays as a safetensors file, into a directory that is made where it is missing.
///
/// # Errors
/// [`TextError::Io`].
pub fn save_arrays(path: &Path, arrays: &[Array]) -> Result<(), TextError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|e| TextError::io(parent, e))?;
    }
    let stored: Vec<Stored> = arrays
        .iter()
        .map(|a| Stored::single(a.name.clone(), a.shape.clone(), &a.values))
        .collect();
    save(path, &stored)
}

/// Writes weights with some of them changed, which are f32 then, and the configuration of them.
pub(crate) fn rewrite<'a>(
    (dir, staged): (&Path, &Path),
    weights: &Weights,
    changed: impl Fn(&str) -> Option<&'a [f32]>,
) -> Result<(), TextError> {
    let mut stored = Vec::new();
    for (name, info) in weights.entries() {
        let single = |values: &[f32]| Stored::single(name.to_owned(), info.shape.clone(), values);
        if let Some(values) = changed(name) {
            stored.push(single(values));
        } else if info.dtype == Dtype::I8 {
            stored.push(single(&weights.tensor(name, &info.shape)?));
        } else if !name
            .strip_suffix("_scale")
            .is_some_and(|bytes| weights.contains(bytes))
        {
            stored.push(Stored {
                name: name.to_owned(),
                dtype: info.dtype,
                shape: info.shape.clone(),
                bytes: weights.bytes(info).to_vec(),
            });
        }
    }
    save(&staged.join("model.safetensors"), &stored)?;
    let config = "config.json";
    edit(&dir.join(config), &staged.join(config), |config| {
        config.remove("quantization_config");
    })
}
