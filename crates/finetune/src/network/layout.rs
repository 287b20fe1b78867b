//! Which weights a method trains, and where they begin.

use super::adapter::Adapter;
use super::attention::Attention;
use super::embedding::Embedding;
use super::head::{Head, Stage};
use super::layer::Layer;
use super::linear::{Change, Linear};
use super::norm::Norm;
use super::slot::Slot;
use crate::{FinetuneError, Lora, Method, Target};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use semrec_text::{Activate, Array, HeadPart, LayerParts, Pair, Parts, Whitening};
use semrec_train::Parameters;

/// `ε` by which peft divides AdaLoRA's `α/r`.
const RANK_EPS: f32 = 1e-5;
/// Standard deviation of the bottlenecks' first layers at the start.
const ADAPTER_START: f32 = 1e-3;

/// The weights of a network, taken out of the parts of an encoder.
pub(super) struct Laid {
    pub(super) embedding: Embedding,
    pub(super) attention: Attention,
    pub(super) layers: Vec<Layer>,
    pub(super) head: Head,
    pub(super) parameters: Parameters,
    /// The first layer through which gradients flow.
    pub(super) from: usize,
}

struct Layout<'a> {
    method: &'a Method,
    parameters: Parameters,
    rng: ChaCha8Rng,
}

/// Lays out the weights. Values move out of the parts, of which names and sizes stay.
pub(super) fn lay(
    parts: &mut Parts,
    (method, whitening): (&Method, Option<&Whitening>),
    seed: u64,
) -> Result<Laid, FinetuneError> {
    let count = parts.layers.len();
    method.check(count)?;
    let mut layout = Layout {
        method,
        parameters: Parameters::default(),
        rng: ChaCha8Rng::seed_from_u64(seed),
    };
    let sizes = parts.sizes;
    let full = *method == Method::Full;
    let from = match method {
        Method::TopLayers { layers } => count - layers,
        Method::Head { .. } => count,
        Method::Full | Method::Lora(_) | Method::AdaLora(_) | Method::Adapter { .. } => 0,
    };
    let places = parts.positions.shape[0];
    let embedding = Embedding {
        hidden: sizes.hidden,
        words: layout.slot(&mut parts.words, full)?,
        positions: layout.slot(&mut parts.positions, full)?,
        places,
        types: match &mut parts.types {
            Some(types) => {
                let count = types.shape[0];
                Some((layout.slot(types, full)?, count))
            }
            None => None,
        },
        norm: layout.norm(&mut parts.embedding_norm, sizes.eps, full)?,
        padding: sizes.padding,
    };
    let bias = match &mut parts.relative_bias {
        Some(bias) => {
            let buckets = bias.shape[0];
            Some((layout.slot(bias, full)?, buckets))
        }
        None => None,
    };
    let mut layers = Vec::with_capacity(count);
    for (i, layer) in parts.layers.iter_mut().enumerate() {
        let trained = full || (matches!(method, Method::TopLayers { .. }) && i >= from);
        layers.push(layout.layer(layer, (i, sizes.eps, trained), sizes.activation)?);
    }
    let stages = layout.head(parts, whitening)?;
    Ok(Laid {
        embedding,
        attention: Attention {
            heads: sizes.heads,
            hidden: sizes.hidden,
            bias,
        },
        layers,
        head: Head {
            hidden: sizes.hidden,
            pooling: parts.pooling,
            stages,
            dim: parts.dim,
        },
        parameters: layout.parameters,
        from,
    })
}

impl Layout<'_> {
    /// Biases and normalisations do not decay.
    fn slot(&mut self, array: &mut Array, trained: bool) -> Result<Slot, FinetuneError> {
        let values = std::mem::take(&mut array.values);
        if !trained {
            return Ok(Slot::Frozen(values));
        }
        let decay = array.shape.len() > 1;
        let place = self
            .parameters
            .add(&array.name, &array.shape, values, decay)?;
        Ok(Slot::Trained(place))
    }

    fn norm(
        &mut self,
        [gain, bias]: &mut Pair,
        eps: f32,
        trained: bool,
    ) -> Result<Norm, FinetuneError> {
        Ok(Norm {
            gain: self.slot(gain, trained)?,
            bias: self.slot(bias, trained)?,
            eps,
        })
    }

    fn linear(&mut self, pair: &mut Pair, trained: bool) -> Result<Linear, FinetuneError> {
        let [weight, bias] = pair;
        Ok(Linear {
            inputs: weight.shape[1],
            outputs: weight.shape[0],
            weight: self.slot(weight, trained)?,
            bias: self.slot(bias, trained)?,
            change: None,
        })
    }

    fn layer(
        &mut self,
        parts: &mut LayerParts,
        (number, eps, trained): (usize, f32, bool),
        activation: semrec_text::Activation,
    ) -> Result<Layer, FinetuneError> {
        let hidden = parts.output[0].shape[0];
        let LayerParts {
            query_key_value: [query, key, value],
            output,
            attention_norm,
            up,
            down,
            norm,
        } = parts;
        let mut targeted = |pair: &mut Pair, target: Target| {
            let name = pair[0].name.clone();
            let mut linear = self.linear(pair, trained)?;
            self.change(&mut linear, &name, target)?;
            Ok::<_, FinetuneError>(linear)
        };
        let qkv = [
            targeted(query, Target::Query)?,
            targeted(key, Target::Key)?,
            targeted(value, Target::Value)?,
        ];
        let output = targeted(output, Target::Output)?;
        let up = targeted(up, Target::Up)?;
        let down = targeted(down, Target::Down)?;
        Ok(Layer {
            qkv,
            output,
            attention_adapter: self.adapter(&format!("adapter.{number}.attention"), hidden)?,
            attention_norm: self.norm(attention_norm, eps, trained)?,
            up,
            down,
            adapter: self.adapter(&format!("adapter.{number}.feed_forward"), hidden)?,
            norm: self.norm(norm, eps, trained)?,
            activation,
        })
    }

    /// Puts a low-rank change beside a linear layer if it is a target. It begins at zero.
    fn change(
        &mut self,
        linear: &mut Linear,
        name: &str,
        target: Target,
    ) -> Result<(), FinetuneError> {
        let (lora, ada): (&Lora, bool) = match self.method {
            Method::Lora(lora) => (lora, false),
            Method::AdaLora(ada) => (&ada.lora, true),
            Method::Full
            | Method::TopLayers { .. }
            | Method::Adapter { .. }
            | Method::Head { .. } => {
                return Ok(());
            }
        };
        if !lora.targets.contains(&target) {
            return Ok(());
        }
        let base = name.strip_suffix(".weight").unwrap_or(name);
        let (r, inputs, outputs) = (lora.rank, linear.inputs, linear.outputs);
        // As peft begins: A of LoRA by He et al. with a = √5, of AdaLoRA normal.
        let reach = 1.0 / (inputs as f32).sqrt();
        let a = if ada {
            self.normal(r * inputs, 0.02)
        } else {
            self.uniform(r * inputs, reach)
        };
        let b = if ada {
            self.normal(outputs * r, 0.02)
        } else {
            vec![0.0; outputs * r]
        };
        let mut add = |part: &str, shape: &[usize], values| {
            self.parameters
                .add(&format!("{base}.{part}"), shape, values, true)
        };
        let a = add("lora_A", &[r, inputs], a)?;
        let b = add("lora_B", &[outputs, r], b)?;
        let e = ada.then(|| add("lora_E", &[r], vec![0.0; r])).transpose()?;
        linear.change = Some(Change {
            a,
            b,
            e,
            rank: r,
            scale: lora.alpha / (r as f32 + if ada { RANK_EPS } else { 0.0 }),
            dropout: lora.dropout,
            site: target as usize,
        });
        Ok(())
    }

    fn adapter(&mut self, name: &str, hidden: usize) -> Result<Option<Adapter>, FinetuneError> {
        let Method::Adapter { width } = *self.method else {
            return Ok(None);
        };
        let start = self.normal(width * hidden, ADAPTER_START);
        let mut linear = |part: &str, sizes: [usize; 2], weight| {
            let bias = vec![0.0; sizes[0]];
            self.trained(&format!("{name}.{part}"), sizes, (weight, bias))
        };
        Ok(Some(Adapter {
            down: linear("down", [width, hidden], start)?,
            up: linear("up", [hidden, width], vec![0.0; hidden * width])?,
        }))
    }

    /// What follows the pooling; behind it, where vectors are to begin whitened, the whitening as a
    /// linear layer, and of [`Method::Head`] its layers.
    fn head(
        &mut self,
        parts: &mut Parts,
        whitening: Option<&Whitening>,
    ) -> Result<Vec<Stage>, FinetuneError> {
        let full = *self.method == Method::Full;
        let mut stages = Vec::new();
        for part in &mut parts.head {
            stages.push(match part {
                HeadPart::Dense {
                    tensors,
                    activation,
                } => Stage::Dense {
                    layer: self.linear(tensors, full)?,
                    activation: *activation,
                },
                HeadPart::Normalize => Stage::Normalize,
            });
        }
        let dim = parts.dim;
        let wide = if let Method::Head { width } = *self.method {
            width
        } else {
            0
        };
        let first = match whitening {
            Some(whitening) if (whitening.dim_in(), whitening.dim_out()) == (dim, dim) => {
                Some(as_layer(whitening))
            }
            Some(whitening) => {
                let problem = format!(
                    "makes {} values of {}; expected the {dim} of the encoder's vectors",
                    whitening.dim_out(),
                    whitening.dim_in()
                );
                let name = "whitening";
                return Err(FinetuneError::Setting { name, problem });
            }
            None if wide == 0 && matches!(self.method, Method::Head { .. }) => {
                let mut identity = vec![0.0; dim * dim];
                identity.iter_mut().step_by(dim + 1).for_each(|x| *x = 1.0);
                Some((identity, vec![0.0; dim]))
            }
            None => None,
        };
        let unit = |stages: &mut Vec<Stage>| {
            if !matches!(stages.last(), Some(Stage::Normalize)) {
                stages.push(Stage::Normalize);
            }
        };
        if let Some(values) = first {
            unit(&mut stages);
            stages.push(Stage::Dense {
                layer: self.trained("head", [dim, dim], values)?,
                activation: Activate::Identity,
            });
        }
        if wide > 0 {
            unit(&mut stages);
            let [into, out] = self.units(dim, wide)?;
            for (name, sizes, weight, activation) in [
                ("head.wide", [wide, dim], into, Activate::Relu),
                ("head.narrow", [dim, wide], out, Activate::Identity),
            ] {
                let values = (weight, vec![0.0; sizes[0]]);
                let layer = self.trained(name, sizes, values)?;
                stages.push(Stage::Dense { layer, activation });
            }
        }
        Ok(stages)
    }

    /// A linear layer that is trained.
    fn trained(
        &mut self,
        name: &str,
        [outputs, inputs]: [usize; 2],
        (weight, bias): (Vec<f32>, Vec<f32>),
    ) -> Result<Linear, FinetuneError> {
        let parameters = &mut self.parameters;
        let weight = parameters.add(&format!("{name}.weight"), &[outputs, inputs], weight, true)?;
        let bias = parameters.add(&format!("{name}.bias"), &[outputs], bias, false)?;
        Ok(Linear {
            weight: Slot::Trained(weight),
            bias: Slot::Trained(bias),
            inputs,
            outputs,
            change: None,
        })
    }

    /// Weights to and from `wide` rectified units that give back what they get: two for each value,
    /// `x = max(0, x) - max(0, -x)`, and the others at random directions, without a say at first.
    fn units(&mut self, dim: usize, wide: usize) -> Result<[Vec<f32>; 2], FinetuneError> {
        if wide < 2 * dim {
            return Err(FinetuneError::Setting {
                name: "head width",
                problem: format!(
                    "is {wide}; expected 0, for one linear layer, or at least {}, two for each \
                     value of a vector",
                    2 * dim
                ),
            });
        }
        let mut into = vec![0.0; 2 * dim * dim];
        let mut out = vec![0.0; dim * wide];
        for k in 0..dim {
            for (unit, sign) in [(k, 1.0), (dim + k, -1.0)] {
                into[unit * dim + k] = sign;
                out[k * wide + unit] = sign;
            }
        }
        into.extend(self.normal((wide - 2 * dim) * dim, 1.0));
        Ok([into, out])
    }

    fn uniform(&mut self, n: usize, reach: f32) -> Vec<f32> {
        (0..n)
            .map(|_| self.rng.random_range(-reach..reach))
            .collect()
    }

    /// Normal values by Box and Muller.
    fn normal(&mut self, n: usize, deviation: f32) -> Vec<f32> {
        let mut draw = || {
            let (a, b): (f32, f32) = (self.rng.random(), self.rng.random());
            (-2.0 * (1.0 - a).ln()).sqrt() * (std::f32::consts::TAU * b).cos() * deviation
        };
        (0..n).map(|_| draw()).collect()
    }
}

/// A whitening, `(x - m)·M`, as a linear layer: `Mᵀ`, and `-m·M` for the bias.
fn as_layer(whitening: &Whitening) -> (Vec<f32>, Vec<f32>) {
    let (matrix, n) = (whitening.matrix(), whitening.dim_out());
    let columns = (0..n).map(|k| matrix[k..].iter().step_by(n));
    let weight = columns.clone().flatten().copied().collect();
    let along = |column: std::iter::StepBy<std::slice::Iter<'_, f32>>| -> f32 {
        column.zip(whitening.mean()).map(|(x, m)| -x * m).sum()
    };
    (weight, columns.map(along).collect())
}
