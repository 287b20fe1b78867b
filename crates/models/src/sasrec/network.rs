//! The network: item vectors, blocks of causal attention, a state for each place.

use super::SasrecConfig;
use super::sequences::Batch;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use semrec_train::{Dropout, Leaves, Parameters};
use serde::{Deserialize, Serialize};

/// What a block computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Block {
    /// The transformer's: softmax attention, then a layer of its own for each place.
    #[default]
    Transformer,
    /// The transformer's with both parts gated by their input (LiGR).
    Gated,
    /// HSTU's: attention by SiLU without normalisation, gated, and no second layer.
    Hstu,
}

/// Sizes of the network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Shape {
    pub(crate) block: Block,
    pub(crate) items: usize,
    pub(crate) text: usize,
    pub(crate) dim: usize,
    pub(crate) heads: usize,
    pub(crate) blocks: usize,
    pub(crate) length: usize,
    pub(crate) ids: bool,
    /// Above 0, states and item vectors have unit length and scores are divided by it.
    pub(crate) temperature: f32,
}

/// Added to a variance.
const EPS: f32 = 1e-6;

impl Shape {
    /// The network of a configuration, over so many items whose texts have vectors of so many
    /// values (0: none).
    pub(crate) fn of(config: &SasrecConfig, items: usize, text: usize) -> Self {
        Self {
            block: config.block,
            items,
            text,
            dim: config.dim,
            heads: config.heads,
            blocks: config.blocks,
            length: config.length,
            ids: config.ids || text == 0,
            temperature: config.temperature,
        }
    }

    /// The same without what belongs to single items.
    pub(crate) fn without_items(self) -> Self {
        Self {
            ids: false,
            text: 0,
            ..self
        }
    }
}

/// A network on a device: tensors in the order of [`super::layout::arrays`].
#[derive(Debug)]
pub(crate) struct Network<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) names: &'a Parameters,
    pub(crate) leaves: &'a Leaves,
    pub(crate) device: &'a Device,
}

impl Network<'_> {
    fn get(&self, name: &str) -> Tensor<2> {
        let place = self.names.arrays().iter().position(|p| p.name == name);
        self.leaves.matrix(place.expect("the names of the layout"))
    }

    /// The vector of each item, `[items, dim]`: `ids` weighs the part that is the item's own,
    /// `text` are the whitened vectors of the texts, `[items, text]`.
    pub(crate) fn table(&self, ids: Option<Tensor<2>>, text: Option<&Tensor<2>>) -> Tensor<2> {
        let own = self.shape.ids.then(|| {
            let items = self.get("items");
            match ids {
                Some(weights) => items * weights,
                None => items,
            }
        });
        let read = text.map(|t| t.clone().matmul(self.get("text")));
        let table = match (own, read) {
            (Some(own), Some(read)) => own + read,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => unreachable!("checked when configured"),
        };
        if self.shape.temperature > 0.0 {
            unit(table)
        } else {
            table
        }
    }

    /// The state of each of the batch's `places`, `[places, dim]`.
    pub(crate) fn states(
        &self,
        table: &Tensor<2>,
        batch: &Batch,
        dropout: &mut Dropout,
    ) -> Tensor<2> {
        let (rows, length, d) = (batch.rows, batch.length, self.shape.dim);
        let h = self.shape.heads;
        let mask: Tensor<4> = Tensor::from_data(
            TensorData::new(batch.mask.clone(), [rows, 1, length, length]),
            self.device,
        );
        let input = table.clone().select(0, self.indices(&batch.items));
        let scale = if self.shape.temperature > 0.0 {
            1.0
        } else {
            (d as f32).sqrt()
        };
        let positions = self
            .get("positions")
            .select(0, self.indices(&batch.positions));
        let mut x = dropout.apply(input * scale + positions);
        for b in 0..self.shape.blocks {
            let name = |part: &str| format!("block{b}.{part}");
            let normed = self.norm(x.clone(), &name("norm1"));
            let bias = self.distances(&name("distance"), length);
            let fused = normed.clone().matmul(self.get(&name("qkv"))) + self.get(&name("qkv.bias"));
            let fused = if self.shape.block == Block::Hstu {
                activation::silu(fused)
            } else {
                fused
            };
            let part = |k: usize| -> Tensor<4> {
                fused
                    .clone()
                    .slice([0..rows * length, k * d..(k + 1) * d])
                    .reshape([rows, length, h, d / h])
                    .swap_dims(1, 2)
            };
            let (q, k, v) = (part(0), part(1), part(2));
            let scores = q.matmul(k.swap_dims(2, 3)) * (h as f32 / d as f32).sqrt() + bias;
            let weights = if self.shape.block == Block::Hstu {
                let seen = mask.clone().greater_equal_elem(-1.0).float();
                activation::silu(scores) * seen / self.shape.length as f32
            } else {
                activation::softmax(scores + mask.clone(), 3)
            };
            let mixed = weights
                .matmul(v)
                .swap_dims(1, 2)
                .reshape([rows * length, d]);
            if self.shape.block == Block::Hstu {
                let gate = fused.slice([0..rows * length, 3 * d..4 * d]);
                let mixed = self.norm(mixed, &name("norm2")) * gate;
                x = x + dropout.apply(mixed).matmul(self.get(&name("out")));
                continue;
            }
            let mut mixed = mixed.matmul(self.get(&name("out")));
            if self.shape.block == Block::Gated {
                mixed = mixed * activation::sigmoid(normed.matmul(self.get(&name("gate1"))));
            }
            x = x + dropout.apply(mixed);
            let normed = self.norm(x.clone(), &name("norm2"));
            let inner = normed.clone().matmul(self.get(&name("up"))) + self.get(&name("up.bias"));
            let mut outer = dropout
                .apply(activation::gelu(inner))
                .matmul(self.get(&name("down")))
                + self.get(&name("down.bias"));
            if self.shape.block == Block::Gated {
                outer = outer * activation::sigmoid(normed.matmul(self.get(&name("gate2"))));
            }
            x = x + dropout.apply(outer);
        }
        let x = x.select(0, self.indices(&batch.places));
        let x = self.norm(x, "norm");
        if self.shape.temperature > 0.0 {
            unit(x) / self.shape.temperature
        } else {
            x
        }
    }

    /// A learned number for each distance between two places, `[1, heads, length, length]`.
    fn distances(&self, name: &str, length: usize) -> Tensor<4> {
        let (h, most) = (self.shape.heads, self.shape.length);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (length_u32, last) = (count(length), count(most - 1));
        let places: Vec<u32> = (0..length_u32)
            .flat_map(|i| (0..length_u32).map(move |j| i.saturating_sub(j).min(last)))
            .collect();
        self.get(name)
            .select(1, self.indices(&places))
            .reshape([1, h, length, length])
    }

    fn norm(&self, x: Tensor<2>, name: &str) -> Tensor<2> {
        let gain = self.get(&format!("{name}.gain"));
        let bias = self.get(&format!("{name}.bias"));
        let centred = x.clone() - x.mean_dim(1);
        let variance = centred.clone().square().mean_dim(1);
        centred / (variance + EPS).sqrt() * gain + bias
    }

    fn indices(&self, of: &[u32]) -> Tensor<1, Int> {
        let values: Vec<i32> = of
            .iter()
            .map(|&i| i32::try_from(i).unwrap_or(i32::MAX))
            .collect();
        Tensor::from_data(TensorData::new(values, [of.len()]), self.device)
    }
}

/// Rows of unit length.
fn unit(x: Tensor<2>) -> Tensor<2> {
    let length = (x.clone().square().sum_dim(1) + 1e-12).sqrt();
    x / length
}
