//! What follows the transformer: pooling and the modules behind it, from `modules.json`.
//!
//! | module | honoured |
//! |---|---|
//! | `Transformer` | where its folder is the model directory itself |
//! | `Pooling` | one mode: mean, cls, last token, weighted mean, mean by √len, max |
//! | `Dense` | linear, with Tanh, Identity or ReLU |
//! | `Normalize` | yes |
//!
//! Without `modules.json` there is pooling only, by `1_Pooling/config.json` or else the mean, of a
//! causal model the last token, which alone has seen the whole text.

use super::{Prompts, Raw, Shape, read as read_json};
use crate::TextError;
use crate::pooling::Pooling;
use serde::Deserialize;
use std::path::{Component, Path, PathBuf};

/// The activation of a linear layer behind the pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activate {
    /// None.
    Identity,
    /// tanh.
    Tanh,
    /// max(x, 0).
    Relu,
}

/// A linear layer behind the pooling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DenseConfig {
    /// Its weights.
    pub(crate) file: PathBuf,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) bias: bool,
    pub(crate) activation: Activate,
}

/// A module behind the pooling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A linear layer.
    Dense(DenseConfig),
    /// Scaling to length 1.
    Normalize,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    r#type: String,
}

/// Name of the file with the modules.
const MODULES: &str = "modules.json";

/// The folders of the modules, relative to the model directory and other than it; `1_Pooling`
/// where there is no `modules.json`.
pub(crate) fn folders(dir: &Path) -> Result<Vec<PathBuf>, TextError> {
    let Some(modules) = read_json::<Vec<Module>>(&dir.join(MODULES))? else {
        return Ok(vec![PathBuf::from("1_Pooling")]);
    };
    let mut folders = Vec::new();
    for module in modules {
        inside(dir, &module.path)?;
        let parts = Path::new(&module.path).components();
        let folder: PathBuf = parts.filter(|part| *part != Component::CurDir).collect();
        if folder != Path::new("") {
            folders.push(folder);
        }
    }
    Ok(folders)
}

/// Pooling and what follows it.
pub(super) fn read(
    dir: &Path,
    shape: &Shape,
    prompts: &Prompts,
) -> Result<(Pooling, Vec<Step>), TextError> {
    let modules_path = dir.join(MODULES);
    let mut steps = Vec::new();
    let mut width = shape.hidden;
    let mut pooled = None;
    for module in read_json::<Vec<Module>>(&modules_path)?.unwrap_or_default() {
        let folder = inside(dir, &module.path)?;
        match module.r#type.rsplit('.').next() {
            Some("Transformer") if module.path.is_empty() => {}
            Some("Pooling") if pooled.is_none() => pooled = Some(folder),
            Some("Normalize") if pooled.is_some() => steps.push(Step::Normalize),
            Some("Dense") if pooled.is_some() => {
                let dense = dense(&folder, width)?;
                width = dense.outputs;
                steps.push(Step::Dense(dense));
            }
            _ => {
                return Err(TextError::format(
                    modules_path,
                    format!(
                        "module '{}' at '{}' is not supported; expected Transformer, one \
                         Pooling, and behind it Dense and Normalize",
                        module.r#type, module.path
                    ),
                ));
            }
        }
    }
    let path = pooled
        .unwrap_or_else(|| dir.join("1_Pooling"))
        .join("config.json");
    Ok((pooling(&path, shape.causal, prompts)?, steps))
}

/// The folder of a module, which must lie in the model directory.
fn inside(dir: &Path, path: &str) -> Result<PathBuf, TextError> {
    let path = Path::new(path);
    let outside = |c| !matches!(c, Component::Normal(_) | Component::CurDir);
    if path.components().any(outside) {
        return Err(TextError::format(
            dir.join(MODULES),
            "a module lies outside the directory",
        ));
    }
    Ok(dir.join(path))
}

fn pooling(path: &Path, causal: bool, prompts: &Prompts) -> Result<Pooling, TextError> {
    let Some(modes) = read_json::<Raw>(path)? else {
        return Ok(if causal { Pooling::Last } else { Pooling::Mean });
    };
    if !prompts.is_empty() {
        // Tokens of the prompt are pooled like those of the text.
        modes
            .must_be("include_prompt", true)
            .map_err(|problem| TextError::format(path, problem))?;
    }
    // Older files hold one flag per mode, newer ones the name of the mode.
    let mut on: Vec<&str> = modes
        .entries()
        .filter(|(_, value)| value.as_bool() == Some(true))
        .filter_map(|(name, _)| name.strip_prefix("pooling_mode_"))
        .collect();
    match modes.get("pooling_mode") {
        Some(serde_json::Value::Array(names)) => {
            on.extend(names.iter().map(|name| name.as_str().unwrap_or("?")));
        }
        Some(name) => on.push(name.as_str().unwrap_or("?")),
        None => {}
    }
    match on.as_slice() {
        ["mean_tokens" | "mean"] => Ok(Pooling::Mean),
        ["mean_sqrt_len_tokens" | "mean_sqrt_len"] => Ok(Pooling::MeanSqrtLen),
        ["weightedmean_tokens" | "weightedmean"] => Ok(Pooling::WeightedMean),
        ["max_tokens" | "max"] => Ok(Pooling::Max),
        ["cls_token" | "cls"] => Ok(Pooling::First),
        ["lasttoken"] => Ok(Pooling::Last),
        _ => Err(TextError::format(
            path,
            format!(
                "pooling is [{}]; expected exactly one of mean_tokens, mean_sqrt_len_tokens, \
                 weightedmean_tokens, max_tokens, cls_token and lasttoken",
                on.join(", ")
            ),
        )),
    }
}

fn dense(folder: &Path, width: usize) -> Result<DenseConfig, TextError> {
    let path = folder.join("config.json");
    let raw: Raw = super::read_present(&path)?;
    let read = || -> Result<DenseConfig, String> {
        for name in ["module_input_name", "module_output_name"] {
            if let Some(other) = raw.text(name)?
                && other != "sentence_embedding"
            {
                return Err(format!(
                    "{name} is '{other}'; only 'sentence_embedding' is supported"
                ));
            }
        }
        raw.must_be("use_residual", false)?;
        let inputs = raw.required("in_features")?;
        if inputs != width {
            return Err(format!(
                "in_features is {inputs}; what comes before has {width}"
            ));
        }
        let activation = raw.text("activation_function")?;
        let activation = match activation.and_then(|name| name.rsplit('.').next()) {
            Some("Tanh") | None => Activate::Tanh,
            Some("Identity") => Activate::Identity,
            Some("ReLU") => Activate::Relu,
            Some(other) => {
                return Err(format!(
                    "activation_function is '{other}'; expected Tanh, Identity or ReLU"
                ));
            }
        };
        Ok(DenseConfig {
            file: folder.join("model.safetensors"),
            inputs,
            outputs: raw.required("out_features")?,
            bias: raw.flag("bias", true)?,
            activation,
        })
    };
    read().map_err(|problem| TextError::format(&path, problem))
}
