//! The network: item vectors, blocks of causal attention, a state for each place.

use super::sequences::Batch;
use super::{LONG, SasrecConfig};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use semrec_train::{Dropout, Leaves, Parameters, TrainError, silu};
use serde::{Deserialize, Serialize};

/// What a block computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Block {
    /// [`Block::Hstu`] where 100 events or more of a history are read, else [`Block::Frequency`].
    #[default]
    Auto,
    /// The transformer's: softmax attention, then a layer of its own for each place.
    Transformer,
    /// The transformer's with both parts gated by their input (LiGR).
    Gated,
    /// HSTU's: attention by SiLU without normalisation, gated, and no second layer.
    Hstu,
    /// The transformer's with a filter of frequencies beside its attention (BSARec).
    Frequency,
}

impl Block {
    /// This block, or where nothing was asked for the one for histories of which so many events
    /// are read.
    pub(super) fn or_for(self, length: usize) -> Self {
        match self {
            Self::Auto if length < LONG => Self::Frequency,
            Self::Auto => Self::Hstu,
            Self::Transformer | Self::Gated | Self::Hstu | Self::Frequency => self,
        }
    }
}

/// Sizes of the network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Shape {
    pub(crate) block: Block,
    pub(crate) items: usize,
    pub(crate) text: usize,
    /// Units of semantic ids that have a vector; 0: none.
    pub(crate) units: usize,
    pub(crate) dim: usize,
    pub(crate) heads: usize,
    pub(crate) blocks: usize,
    pub(crate) length: usize,
    pub(crate) ids: bool,
    /// Above 0, states and item vectors have unit length and scores are divided by it.
    pub(crate) temperature: f32,
}

/// Frequencies that the filter lets pass: none, once and twice over a sequence.
const FREQUENCIES: usize = 3;
/// Added to a variance.
const EPS: f32 = 1e-6;

impl Shape {
    /// The network of a configuration, over so many items whose texts have vectors of so many
    /// values (0: none) and whose semantic ids have so many units.
    pub(crate) fn of(config: &SasrecConfig, items: usize, (text, units): (usize, usize)) -> Self {
        Self {
            block: config.block,
            items,
            text,
            units,
            dim: config.dim,
            heads: config.heads,
            blocks: config.blocks,
            length: config.length,
            ids: config.ids || (text == 0 && units == 0),
            temperature: config.temperature,
        }
    }

    /// The same without what belongs to single items.
    pub(crate) fn without_items(self) -> Self {
        Self {
            ids: false,
            text: 0,
            units: 0,
            ..self
        }
    }
}

/// What the items say, where the network is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// `[items, text]`: the whitened vectors of the texts.
    pub(crate) text: Option<Tensor<2>>,
    /// `[items * levels]`: the units of each item's semantic id; [`Shape::units`] for none.
    pub(crate) units: Option<Tensor<1, Int>>,
}

impl Said {
    /// Of values on a device.
    pub(crate) fn on(
        device: &Device,
        text: Option<(&[f32], usize)>,
        units: Option<&[u32]>,
    ) -> Self {
        Self {
            text: text.map(|(values, columns)| matrix(values, columns, device)),
            units: units.map(|units| indices(units, device)),
        }
    }
}

/// Which places of a batch see which, and from how far.
struct Sight {
    rows: usize,
    length: usize,
    /// `[rows, 1, length, length]`: added to the scores of attention, or, of HSTU, multiplied with
    /// the weights, which it divides by the length.
    mask: Tensor<4>,
    /// `[length * length]`.
    distances: Tensor<1, Int>,
    /// `[rows, length, length]`: the low-pass filter, where blocks have one.
    low: Option<Tensor<3>>,
}

/// A network on a device: tensors in the order of [`super::layout::arrays`].
#[derive(Debug)]
pub(crate) struct Network<'a> {
    pub(crate) shape: &'a Shape,
    names: &'a Parameters,
    leaves: &'a Leaves,
    device: &'a Device,
}

impl<'a> Network<'a> {
    /// A network of these arrays.
    pub(crate) fn new(
        shape: &'a Shape,
        names: &'a Parameters,
        leaves: &'a Leaves,
        device: &'a Device,
    ) -> Self {
        Self {
            shape,
            names,
            leaves,
            device,
        }
    }

    fn get(&self, name: &str) -> Tensor<2> {
        let place = self.names.arrays().iter().position(|p| p.name == name);
        self.leaves.matrix(place.expect("the names of the layout"))
    }

    /// The vector of each item, `[items, dim]`: `ids` weighs the part that is the item's own.
    pub(crate) fn table(&self, ids: Option<Tensor<2>>, said: &Said) -> Tensor<2> {
        let own = self.shape.ids.then(|| {
            let items = self.get("items");
            match ids {
                Some(weights) => items * weights,
                None => items,
            }
        });
        let read = said.text.as_ref();
        let read = read.map(|t| t.clone().matmul(self.get("text")));
        let meant = said.units.as_ref().map(|units| self.meant(units));
        let parts = [own, read, meant].into_iter().flatten();
        let table = parts.reduce(|sum, part| sum + part);
        let table = table.expect("an item has one of them: checked when configured");
        if self.shape.temperature > 0.0 {
            unit(table)
        } else {
            table
        }
    }

    /// The sum of the vectors of each item's units, `[items, dim]`.
    fn meant(&self, units: &Tensor<1, Int>) -> Tensor<2> {
        let (n, d) = (self.shape.items, self.shape.dim);
        let none = Tensor::zeros([1, d], self.device);
        let table = Tensor::cat(vec![self.get("semantic"), none], 0);
        let levels = units.dims()[0] / n;
        let each = table.select(0, units.clone()).reshape([n, levels, d]);
        each.sum_dim(1).reshape([n, d])
    }

    /// The state of each of the batch's `places`, `[places, dim]`, of the items' vectors at all of
    /// them, `[rows * length, dim]`.
    pub(crate) fn states(
        &self,
        input: Tensor<2>,
        batch: &Batch,
        dropout: &mut Dropout,
    ) -> Result<Tensor<2>, TrainError> {
        let scale = if self.shape.temperature > 0.0 {
            1.0
        } else {
            (self.shape.dim as f32).sqrt()
        };
        let positions = self
            .get("positions")
            .select(0, self.indices(&batch.positions));
        let sight = self.sight(batch);
        let mut x = dropout.apply(input * scale + positions);
        for b in 0..self.shape.blocks {
            x = self.block(b, x, &sight, dropout)?;
        }
        let x = x.select(0, self.indices(&batch.places));
        let x = self.norm(x, "norm");
        Ok(if self.shape.temperature > 0.0 {
            unit(x) / self.shape.temperature
        } else {
            x
        })
    }

    fn block(
        &self,
        b: usize,
        x: Tensor<2>,
        sight: &Sight,
        dropout: &mut Dropout,
    ) -> Result<Tensor<2>, TrainError> {
        let get = |part: &str| self.get(&format!("block{b}.{part}"));
        let norm = |x: Tensor<2>, part: &str| self.norm(x, &format!("block{b}.{part}"));
        let gated = self.shape.block == Block::Gated;
        let normed = norm(x.clone(), "norm1");
        let fused = normed.clone().matmul(get("qkv")) + get("qkv.bias");
        if self.shape.block == Block::Hstu {
            let fused = silu(fused)?;
            let d = self.shape.dim;
            let gate = fused
                .clone()
                .slice([0..sight.rows * sight.length, 3 * d..4 * d]);
            let mixed = norm(self.attend(b, &fused, sight)?, "norm2") * gate;
            return Ok(x + dropout.apply(mixed).matmul(get("out")));
        }
        let mut mixed = self.attend(b, &fused, sight)?.matmul(get("out"));
        if gated {
            mixed = mixed * activation::sigmoid(normed.matmul(get("gate1")));
        } else if self.shape.block == Block::Frequency {
            let filtered = self.filter(b, normed, sight);
            let share = activation::sigmoid(get("share"));
            mixed = filtered * share.clone() + mixed * (1.0 - share);
        }
        let x = x + dropout.apply(mixed);
        let normed = norm(x.clone(), "norm2");
        let inner = activation::relu(normed.clone().matmul(get("up")) + get("up.bias"));
        let mut outer = dropout.apply(inner).matmul(get("down")) + get("down.bias");
        if gated {
            outer = outer * activation::sigmoid(normed.matmul(get("gate2")));
        }
        Ok(x + dropout.apply(outer))
    }

    /// The values of the places each place sees, weighed, of queries, keys and values side by side.
    fn attend(&self, b: usize, fused: &Tensor<2>, sight: &Sight) -> Result<Tensor<2>, TrainError> {
        let (d, h) = (self.shape.dim, self.shape.heads);
        let (rows, length) = (sight.rows, sight.length);
        let part = |k: usize| -> Tensor<4> {
            fused
                .clone()
                .slice([0..rows * length, k * d..(k + 1) * d])
                .reshape([rows, length, h, d / h])
                .swap_dims(1, 2)
        };
        let (q, k, v) = (part(0), part(1), part(2));
        // A learned number for each distance between two places.
        let bias = self
            .get(&format!("block{b}.distance"))
            .select(1, sight.distances.clone())
            .reshape([1, h, length, length]);
        let scores = q.matmul(k.swap_dims(2, 3)) * (h as f32 / d as f32).sqrt() + bias;
        let mask = sight.mask.clone();
        let weights = if self.shape.block == Block::Hstu {
            silu(scores)? * mask
        } else {
            activation::softmax(scores + mask, 3)
        };
        let values = weights.matmul(v).swap_dims(1, 2);
        Ok(values.reshape([rows * length, d]))
    }

    /// The frequencies below the cut as they are, those above it times the square of a learned
    /// number for each column.
    fn filter(&self, b: usize, x: Tensor<2>, sight: &Sight) -> Tensor<2> {
        let d = self.shape.dim;
        let (rows, length) = (sight.rows, sight.length);
        let low = sight.low.clone().expect("made for this block");
        let low = low.matmul(x.clone().reshape([rows, length, d]));
        let low = low.reshape([rows * length, d]);
        let strength = self.get(&format!("block{b}.high")).square();
        low.clone() + (x - low) * strength
    }

    /// What all blocks see of a batch.
    fn sight(&self, batch: &Batch) -> Sight {
        let (rows, length) = (batch.rows, batch.length);
        let mask = TensorData::new(batch.mask.clone(), [rows, 1, length, length]);
        let mask: Tensor<4> = Tensor::from_data(mask, self.device);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (n, last) = (count(length), count(self.shape.length - 1));
        let distances: Vec<u32> = (0..n)
            .flat_map(|i| (0..n).map(move |j| i.saturating_sub(j).min(last)))
            .collect();
        let low = (self.shape.block == Block::Frequency).then(|| {
            let weights = low_pass(self.shape.length);
            let of = |(&mask, &t): (&f32, &u32)| if mask < 0.0 { 0.0 } else { weights[t as usize] };
            let filter = batch.mask.chunks(length * length);
            let filter: Vec<f32> = filter
                .flat_map(|m| m.iter().zip(&distances).map(of))
                .collect();
            Tensor::from_data(TensorData::new(filter, [rows, length, length]), self.device)
        });
        Sight {
            low,
            rows,
            length,
            mask: if self.shape.block == Block::Hstu {
                mask.greater_equal_elem(-1.0).float() / self.shape.length as f32
            } else {
                mask
            },
            distances: self.indices(&distances),
        }
    }

    fn norm(&self, x: Tensor<2>, name: &str) -> Tensor<2> {
        let gain = self.get(&format!("{name}.gain"));
        let bias = self.get(&format!("{name}.bias"));
        let centred = x.clone() - x.mean_dim(1);
        let variance = centred.clone().square().mean_dim(1);
        centred / (variance + EPS).sqrt() * gain + bias
    }

    fn indices(&self, of: &[u32]) -> Tensor<1, Int> {
        indices(of, self.device)
    }
}

fn indices(of: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = of
        .iter()
        .map(|&i| i32::try_from(i).unwrap_or(i32::MAX))
        .collect();
    Tensor::from_data(TensorData::new(values, [of.len()]), device)
}

/// Values as a matrix of so many columns.
pub(crate) fn matrix(values: &[f32], columns: usize, device: &Device) -> Tensor<2> {
    let dims = [values.len() / columns, columns];
    Tensor::from_data(TensorData::new(values.to_vec(), dims), device)
}

/// The weight of an event so many places back in the sum of the [`FREQUENCIES`] lowest of
/// sequences of this length, zero before their start: `1/L Σ_f cos(2πft/L)` over `|f|` below.
fn low_pass(length: usize) -> Vec<f32> {
    let turn = std::f32::consts::TAU / length as f32;
    let weight = |t: usize| {
        let of = |f: usize| 2.0 * (turn * ((f * t) % length) as f32).cos();
        (1.0 + (1..FREQUENCIES).map(of).sum::<f32>()) / length as f32
    };
    (0..length).map(weight).collect()
}

/// Rows of unit length.
fn unit(x: Tensor<2>) -> Tensor<2> {
    let length = (x.clone().square().sum_dim(1) + 1e-12).sqrt();
    x / length
}
