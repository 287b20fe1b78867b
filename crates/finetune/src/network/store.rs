//! A trained network as an encoder directory, and low-rank changes as files of peft.

use super::Network;
use super::head::Stage;
use super::linear::Linear;
use super::slot::Slot;
use crate::{FinetuneError, Method};
use semrec_text::{Array, HeadPart, save_arrays};
use semrec_train::Parameters;
use serde_json::json;
use std::path::Path;

/// How peft begins the names of a model's modules.
const PEFT: &str = "base_model.model.";

/// The array of a place.
fn copy(parameters: &Parameters, place: usize) -> Array {
    let array = &parameters.arrays()[place];
    Array {
        name: array.name.clone(),
        shape: array.shape.clone(),
        values: array.values.clone(),
    }
}

impl Network {
    /// Writes an encoder directory, which must not be there yet, with what was trained merged in:
    /// `transformers`, sentence-transformers and [`semrec_text::Encoder`] load it as any other.
    /// Bottlenecks, which cannot be merged, go to `adapter.safetensors`, which only
    /// [`semrec_text::Encoder`] reads.
    ///
    /// # Errors
    /// [`FinetuneError::Text`] if the directory is there already or cannot be written.
    pub fn write(&self, parameters: &Parameters, target: &Path) -> Result<(), FinetuneError> {
        let copy = |place: usize| copy(parameters, place);
        let (mut changed, mut bottlenecks): (Vec<Array>, Vec<Array>) = (Vec::new(), Vec::new());
        for (place, array) in parameters.arrays().iter().enumerate() {
            if self.parts.arrays().any(|own| own.name == array.name) {
                changed.push(copy(place));
            } else if array.name.starts_with("adapter.") {
                bottlenecks.push(copy(place));
            }
        }
        for (linear, weight) in self.linears() {
            if linear.change.is_some() {
                changed.push(Array {
                    name: weight.name.clone(),
                    shape: vec![linear.outputs, linear.inputs],
                    values: linear.merged(parameters),
                });
            }
        }
        let added = self.added(parameters);
        let beside = (&added[..], &bottlenecks[..]);
        Ok(self.parts.write(target, &changed, beside)?)
    }

    /// What was trained of the encoder's own head.
    fn head_arrays(&self, parameters: &Parameters) -> Vec<Array> {
        let own = parameters.arrays().iter().enumerate();
        let own = own.filter(|(_, array)| self.parts.arrays().any(|own| own.name == array.name));
        own.map(|(place, _)| copy(parameters, place)).collect()
    }

    /// The stages that were put behind the encoder's own.
    fn added(&self, parameters: &Parameters) -> Vec<HeadPart> {
        let array = |slot: &Slot, name: &str, shape: Vec<usize>| Array {
            name: name.to_owned(),
            shape,
            values: slot.values(parameters).to_vec(),
        };
        let stages = self.head.stages[self.parts.head.len()..].iter();
        let mut added: Vec<HeadPart> = stages
            .map(|stage| match stage {
                Stage::Dense { layer, activation } => HeadPart::Dense {
                    tensors: [
                        array(
                            &layer.weight,
                            "linear.weight",
                            vec![layer.outputs, layer.inputs],
                        ),
                        array(&layer.bias, "linear.bias", vec![layer.outputs]),
                    ],
                    activation: *activation,
                },
                Stage::Normalize => HeadPart::Normalize,
            })
            .collect();
        if !added.is_empty() {
            added.push(HeadPart::Normalize);
        }
        added
    }

    /// The linear layers of all layers, with the weights' names.
    fn linears(&self) -> impl Iterator<Item = (&Linear, &Array)> {
        let layers = self.layers.iter().zip(&self.parts.layers);
        layers.flat_map(|(layer, parts)| {
            let linears = layer.qkv.iter();
            let linears = linears.chain([&layer.output, &layer.up, &layer.down]);
            let pairs = parts.query_key_value.iter();
            let pairs = pairs.chain([&parts.output, &parts.up, &parts.down]);
            linears.zip(pairs.map(|[weight, _]| weight))
        })
    }

    /// Writes the low-rank changes alone as peft reads them, `adapter_model.safetensors` and
    /// `adapter_config.json`, into a directory, and all of the encoder beside them but its weights,
    /// so that [`semrec_text::Encoder`] loads it; does nothing for other methods. `base` is what the
    /// configuration calls the encoder they belong to.
    ///
    /// # Errors
    /// [`FinetuneError::Text`] if the files cannot be written.
    pub fn write_changes(
        &self,
        parameters: &Parameters,
        method: &Method,
        base: &str,
        dir: &Path,
    ) -> Result<(), FinetuneError> {
        let (lora, ada) = match method {
            Method::Lora(lora) => (lora, None),
            Method::AdaLora(ada) => (&ada.lora, Some(ada)),
            Method::Full
            | Method::TopLayers { .. }
            | Method::Adapter { .. }
            | Method::Head { .. } => {
                return Ok(());
            }
        };
        let mut arrays = Vec::new();
        let mut modules = Vec::new();
        for (linear, weight) in self.linears() {
            let Some(change) = &linear.change else {
                continue;
            };
            let name = self.parts.bare(&weight.name);
            let module = name.strip_suffix(".weight").unwrap_or(name);
            modules.push(module.to_owned());
            // AdaLoRA's are parameters, LoRA's the weights of modules.
            let ending = if ada.is_some() { "" } else { ".weight" };
            let mut add = |part: &str, place: usize, shape: Vec<usize>| {
                arrays.push(Array {
                    name: format!("{PEFT}{module}.{part}{ending}"),
                    shape,
                    values: parameters.arrays()[place].values.clone(),
                });
            };
            add("lora_A", change.a, vec![change.rank, linear.inputs]);
            add("lora_B", change.b, vec![linear.outputs, change.rank]);
            if let Some(e) = change.e {
                add("lora_E", e, vec![change.rank, 1]);
            }
        }
        let mut config = json!({
            "peft_type": "LORA",
            "task_type": "FEATURE_EXTRACTION",
            "base_model_name_or_path": base,
            "inference_mode": true,
            "r": lora.rank,
            "lora_alpha": lora.alpha,
            "lora_dropout": lora.dropout,
            "target_modules": modules,
            "bias": "none",
            "fan_in_fan_out": false,
        });
        if let Some(ada) = ada {
            config["peft_type"] = "ADALORA".into();
            config["init_r"] = lora.rank.into();
            config["target_r"] = ada.target_rank.into();
            // peft asks for it though nothing is trained any more.
            config["total_step"] = 1.into();
            config["tinit"] = 0.into();
            config["tfinal"] = 0.into();
        }
        let (head, added) = (self.head_arrays(parameters), self.added(parameters));
        self.parts.write_around_changes(dir, &head, &added)?;
        save_arrays(&dir.join("adapter_model.safetensors"), &arrays)?;
        let path = dir.join("adapter_config.json");
        std::fs::write(&path, format!("{config:#}\n"))
            .map_err(|source| semrec_text::TextError::Io { path, source })?;
        Ok(())
    }
}
