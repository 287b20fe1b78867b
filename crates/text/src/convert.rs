//! Smaller encoders out of a given one: fewer bits, fewer layers, fewer dimensions, shorter texts.
//!
//! The result is a model directory like any other, so what reads encoders needs to know nothing of
//! it. Precision:
//!
//! - [`Precision::Half`]: f16 matrices; biases and normalisations stay in f32.
//! - [`Precision::Int8`]: signed bytes with one scale for each output, `NAME.weight` and
//!   `NAME.weight_scale` as compressed-tensors names them. The scale is not the row's largest
//!   magnitude over 127 but, of that and some smaller ones, the one with the least squared error
//!   of the row: a clipped outlier costs less than a coarse grid.
//!
//! Layers are kept evenly spaced, or, where texts are at hand, by [`choose_layers`]: one after the
//! other leaves whose absence changes the vectors least (greedy, as Men et al., "ShortGPT", 2024,
//! with the cosine of the whole vector for block influence). Left out: training what is left
//! (distillation).

use crate::compute::to_f16;
use crate::model_files::{ADAPTER, copy_companions};
use crate::settings::Settings;
use crate::staging::Staging;
use crate::transformer::{LayerNames, layer_names};
use crate::weights::Weights;
use crate::{Encoder, TextError, changes};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Shares of a row's largest magnitude that are tried as its limit.
const LIMITS: [f32; 6] = [1.0, 0.97, 0.94, 0.91, 0.88, 0.85];

/// The types of weights; others (numbers of positions and the like) are read by no forward pass.
const NUMBERS: [Dtype; 4] = [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::I8];

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// f32.
    Single,
    /// f16.
    Half,
    /// Signed bytes with a scale for each output.
    Int8,
}

/// What is to become smaller; absent is left as it is.
#[derive(Clone, Debug, Default)]
pub struct Conversion {
    /// How the weights are stored.
    pub precision: Option<Precision>,
    /// The layers that stay, by number from 0, ascending.
    pub layers: Option<Vec<usize>>,
    /// Values a vector is cut at, before it is scaled to length 1 (Matryoshka).
    pub dimensions: Option<usize>,
    /// Tokens a text is cut at, the special ones included.
    pub max_tokens: Option<usize>,
}

/// Writes a smaller encoder to a directory that does not exist yet.
///
/// It is staged beside its place, loaded once to see that it works, and moved there in one step.
///
/// # Errors
/// [`TextError`] if the source does not load, the conversion asks for what it does not have, the
/// target exists, or a file cannot be written.
pub fn convert(source: &Path, target: &Path, conversion: &Conversion) -> Result<(), TextError> {
    changes::refuse(source, "cannot be converted")?;
    let settings = Settings::read(source)?;
    if conversion.layers.is_some() && source.join(ADAPTER).is_file() {
        return Err(TextError::format(
            source.join(ADAPTER),
            "belongs to all layers; layers can be taken from a model without it only",
        ));
    }
    conversion
        .check(&settings)
        .map_err(|problem| TextError::format(source, problem))?;
    stage(target, |staged| {
        copy_companions(source, staged)?;
        write_weights(source, staged, &settings, conversion)?;
        write_configs(source, staged, &settings, conversion)
    })
}

/// Has a model directory written beside its place, loads it once, and moves it there.
pub(crate) fn stage<T>(
    target: &Path,
    write: impl FnOnce(&Path) -> Result<T, TextError>,
) -> Result<T, TextError> {
    if target.exists() {
        return Err(TextError::format(
            target,
            "is there already; remove it, or choose another name",
        ));
    }
    let parent = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let staging = Staging::new(parent)?;
    let staged = staging.folder("model")?;
    let result = write(&staged)?;
    staging.install(&staged, target)?;
    Ok(result)
}

impl Conversion {
    fn check(&self, settings: &Settings) -> Result<(), String> {
        let there = settings.shape.layers;
        if let Some(layers) = &self.layers {
            let ascending = layers.is_sorted_by(|a, b| a < b);
            if layers.is_empty() || !ascending || layers.iter().any(|&layer| layer >= there) {
                return Err(format!(
                    "has layers 0 to {}; expected some of them in ascending order, got {layers:?}",
                    there - 1
                ));
            }
        }
        if let Some(tokens) = self.max_tokens
            && (tokens < 3 || tokens > settings.reading.max_tokens)
        {
            return Err(format!(
                "reads up to {} tokens; expected a limit from 3 to that, got {tokens}",
                settings.reading.max_tokens
            ));
        }
        let width = settings.width();
        match self.dimensions {
            Some(cut) if cut == 0 || cut > width => Err(format!(
                "has vectors of {width} values; expected a cut from 1 to that, got {cut}"
            )),
            _ => Ok(()),
        }
    }
}

/// `count` of `layers` layers, evenly spaced, the first and the last among them.
#[must_use]
pub fn even_layers(layers: usize, count: usize) -> Vec<usize> {
    let count = count.min(layers);
    let gaps = count.saturating_sub(1).max(1);
    (0..count)
        .map(|i| (i * (layers - 1) + gaps / 2) / gaps)
        .collect()
}

/// The `count` layers that are left when one after the other goes whose absence changes the
/// vectors of the texts least (mean cosine to those of the whole encoder), and that cosine.
///
/// Costs about layers²/2 passes over the texts; some hundred are plenty.
///
/// # Errors
/// As [`Encoder::load`] and [`Encoder::encode`].
pub fn choose_layers<S: AsRef<str> + Sync>(
    source: &Path,
    count: usize,
    texts: &[S],
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<(Vec<usize>, f64), TextError> {
    let mut encoder = Encoder::load(source)?;
    let whole = encoder.encode(texts, &|_, _| {})?;
    let mut kept: Vec<usize> = (0..encoder.layers()).collect();
    let passes = (count + 1..=kept.len()).sum();
    let mut cosine = 1.0;
    let mut done = 0;
    while kept.len() > count.max(1) {
        let mut best: Option<(f64, usize)> = None;
        for at in 0..kept.len() {
            let mut rest = kept.clone();
            rest.remove(at);
            encoder.keep_layers(rest);
            let vectors = encoder.encode(texts, &|_, _| {})?;
            let mean = whole.mean_cosine(&vectors).unwrap_or(0.0);
            if best.is_none_or(|(most, _)| mean > most) {
                best = Some((mean, at));
            }
            done += 1;
            progress(done, passes);
        }
        if let Some((mean, at)) = best {
            cosine = mean;
            kept.remove(at);
        }
    }
    Ok((kept, cosine))
}

/// A tensor on its way to a file.
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Stored {
    pub(crate) fn single(name: String, shape: Vec<usize>, values: &[f32]) -> Self {
        Self {
            name,
            dtype: Dtype::F32,
            shape,
            bytes: values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

fn write_weights(
    source: &Path,
    staged: &Path,
    settings: &Settings,
    conversion: &Conversion,
) -> Result<(), TextError> {
    let weights = Weights::open(&source.join("model.safetensors"))?;
    let names = layer_names(settings.shape.family);
    let mut stored = Vec::new();
    for (name, info) in weights.entries() {
        let Some(new_name) = renamed(name, &names, conversion.layers.as_deref()) else {
            continue;
        };
        // Bytes that are widened leave their scales behind.
        let bytes = name.strip_suffix("_scale");
        let widens = conversion.precision.is_some_and(|p| p != Precision::Int8);
        if widens && bytes.is_some_and(|bytes| weights.contains(bytes)) {
            continue;
        }
        let asked = conversion.precision.filter(|&asked| {
            NUMBERS.contains(&info.dtype) && precision_of(info.dtype) != Some(asked)
        });
        let Some(precision) = asked else {
            stored.push(Stored {
                name: new_name,
                dtype: info.dtype,
                shape: info.shape.clone(),
                bytes: weights.bytes(info).to_vec(),
            });
            continue;
        };
        let values = weights.tensor(name, &info.shape)?;
        let matrix = info.shape.len() == 2 && name.ends_with(".weight");
        match precision {
            Precision::Int8 if matrix && !names.kept_whole(name) => {
                let (bytes, scales) = quantise(&values, info.shape[1]);
                let rows = vec![info.shape[0], 1];
                stored.push(Stored::single(format!("{new_name}_scale"), rows, &scales));
                stored.push(Stored {
                    name: new_name,
                    dtype: Dtype::I8,
                    shape: info.shape.clone(),
                    bytes,
                });
            }
            Precision::Half | Precision::Int8 if matrix => {
                let halves = values.iter().flat_map(|&x| to_f16(x).to_le_bytes());
                stored.push(Stored {
                    name: new_name,
                    dtype: Dtype::F16,
                    shape: info.shape.clone(),
                    bytes: halves.collect(),
                });
            }
            Precision::Single | Precision::Half | Precision::Int8 => {
                stored.push(Stored::single(new_name, info.shape.clone(), &values));
            }
        }
    }
    let path = staged.join("model.safetensors");
    save(&path, &stored)
}

/// The precision of a type of value; bf16 is none that is written.
fn precision_of(dtype: Dtype) -> Option<Precision> {
    if dtype == Dtype::I8 {
        Some(Precision::Int8)
    } else if dtype == Dtype::F16 {
        Some(Precision::Half)
    } else {
        (dtype == Dtype::F32).then_some(Precision::Single)
    }
}

/// Writes tensors as a safetensors file.
pub(crate) fn save(path: &Path, tensors: &[Stored]) -> Result<(), TextError> {
    let views = tensors
        .iter()
        .map(|t| {
            let view = TensorView::new(t.dtype, t.shape.clone(), &t.bytes);
            view.map(|view| (&t.name[..], view))
                .map_err(|e| TextError::format(path, e.to_string()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    safetensors::serialize_to_file(views, Some(metadata), path)
        .map_err(|e| TextError::io(path, std::io::Error::other(e)))
}

/// The name a tensor has among the layers that stay; nothing if its layer goes.
fn renamed(name: &str, names: &LayerNames, layers: Option<&[usize]>) -> Option<String> {
    match (names.layer_of(name), layers) {
        (Some((layer, digits)), Some(layers)) => {
            let at = layers.iter().position(|&kept| kept == layer)?;
            let mut renamed = name.to_owned();
            renamed.replace_range(digits, &at.to_string());
            Some(renamed)
        }
        _ => Some(name.to_owned()),
    }
}

/// Rows of `k` values as bytes, and the scale of each.
fn quantise(values: &[f32], k: usize) -> (Vec<u8>, Vec<f32>) {
    let mut bytes = Vec::with_capacity(values.len());
    let mut scales = Vec::with_capacity(values.len() / k);
    for row in values.chunks_exact(k) {
        let largest = row.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let error = |scale: f32| -> f64 {
            let errors = row
                .iter()
                .map(|&x| f64::from(x - f32::from(byte(x, scale)) * scale));
            errors.map(|e| e * e).sum()
        };
        let tried = LIMITS.map(|share| share * largest / 127.0);
        let errors = tried.map(|scale| (scale, error(scale)));
        let best = errors.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let best = best.map(|(scale, _)| scale);
        let scale = best.filter(|&scale| scale > 0.0).unwrap_or(1.0);
        bytes.extend(row.iter().map(|&x| byte(x, scale).cast_unsigned()));
        scales.push(scale);
    }
    (bytes, scales)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "cut to the range of a byte"
)]
fn byte(x: f32, scale: f32) -> i8 {
    if scale > 0.0 {
        (x / scale).round_ties_even().clamp(-127.0, 127.0) as i8
    } else {
        0
    }
}

fn write_configs(
    source: &Path,
    staged: &Path,
    settings: &Settings,
    conversion: &Conversion,
) -> Result<(), TextError> {
    edit(
        &source.join("config.json"),
        &staged.join("config.json"),
        |config| {
            if let Some(layers) = &conversion.layers {
                let count = settings.shape.family.layers_key();
                config.insert(count.into(), layers.len().into());
                if let Some(Value::Array(kinds)) = config.get_mut("layer_types") {
                    let all = std::mem::take(kinds);
                    *kinds = layers.iter().filter_map(|&i| all.get(i).cloned()).collect();
                }
            }
            match conversion.precision {
                Some(Precision::Int8) => {
                    config.insert("quantization_config".into(), int8_config());
                }
                Some(Precision::Single | Precision::Half) => {
                    config.remove("quantization_config");
                }
                None => {}
            }
        },
    )?;
    if let Some(cut) = conversion.dimensions {
        let name = "config_sentence_transformers.json";
        edit(&source.join(name), &staged.join(name), |config| {
            config.insert("truncate_dim".into(), cut.into());
        })?;
    }
    if let Some(tokens) = conversion.max_tokens {
        let name = "sentence_bert_config.json";
        edit(&source.join(name), &staged.join(name), |config| {
            config.insert("max_seq_length".into(), tokens.into());
        })?;
    }
    Ok(())
}

/// Symmetric bytes, a scale for each output, activations quantised token by token.
fn int8_config() -> Value {
    let bytes = |strategy: &str, dynamic: bool| {
        json!({"num_bits": 8, "type": "int", "symmetric": true, "strategy": strategy,
               "dynamic": dynamic})
    };
    json!({
        "quant_method": "compressed-tensors",
        "format": "int-quantized",
        "quantization_status": "compressed",
        "config_groups": {"group_0": {
            "targets": ["Linear", "Embedding"],
            "weights": bytes("channel", false),
            "input_activations": bytes("token", true),
        }},
    })
}

/// Writes a JSON object with changes, an empty one where there is none.
pub(crate) fn edit(
    from: &Path,
    to: &Path,
    change: impl FnOnce(&mut Map<String, Value>),
) -> Result<(), TextError> {
    let mut object: Map<String, Value> = match std::fs::read(from) {
        Ok(text) => {
            serde_json::from_slice(&text).map_err(|e| TextError::format(from, e.to_string()))?
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Map::new(),
        Err(e) => return Err(TextError::io(from, e)),
    };
    change(&mut object);
    let text =
        serde_json::to_vec_pretty(&object).map_err(|e| TextError::format(to, e.to_string()))?;
    std::fs::write(to, text).map_err(|e| TextError::io(to, e))
}
