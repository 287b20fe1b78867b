//! The forward pass of a transformer over sequences laid end to end, without padding.
//!
//! One pass for all families of [`crate::settings::Shape`]. Normalisation after (Devlin et al.
//! 2019): per layer x ← norm(x + attention(x)), then x ← norm(x + feed(x)). Normalisation before
//! (Radford et al. 2019, Touvron et al. 2023): x ← x + attention(norm(x)), then
//! x ← x + feed(norm(x)), and a last norm. feed(x) = act(x·up)·down, where gated
//! (act(x·gate) ∘ x·up)·down. Query, key and value are one product; the factor 1/√head_dim is in
//! the query's weights. Bias, activation, gate and residual are finished inside the products. Left
//! out: dropout, poolers and heads, decoding.
//!
//! For hidden = heads·head_dim and no gate, a token costs 2·(4·hidden² + 2·hidden·intermediate)
//! operations a layer, and attention 4·len·hidden. Scratch: (2·hidden + max(3·hidden,
//! intermediate)) values a token.

mod bottleneck;
mod embedding;
mod layer;
mod names;
mod norm;
mod reader;
mod rotary;

pub(crate) use names::{LayerNames, layer_names, trained_names};

use crate::TextError;
use crate::compute::{
    Aligned, Attention, AttentionScratch, Finish, Kernels, LinearScratch, RelativeBias,
};
use crate::settings::{Activation, Positions, Shape};
use crate::weights::Weights;
use bottleneck::Bottleneck;
use embedding::Embedding;
use layer::Layer;
use norm::Norm;
use pulp::Arch;
use reader::Reader;
use rotary::{Rotary, Turns};

/// A loaded transformer.
#[derive(Debug)]
pub(crate) struct Transformer {
    arch: Arch,
    /// Length of a token's vector.
    hidden: usize,
    embedding: Embedding,
    attention: Attention,
    rotary: Option<Rotary>,
    layers: Vec<Layer>,
    /// Numbers of the layers that are run.
    active: Vec<usize>,
    norm_first: bool,
    activation: Finish,
    last_norm: Option<Norm>,
    parameters: usize,
}

/// Buffers of one forward pass, reused between batches.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    x: Aligned,
    /// Normalised input, then the result of attention.
    spare: Aligned,
    wide: Aligned,
    attention: AttentionScratch,
    turns: Turns,
    linear: LinearScratch,
}

impl Transformer {
    /// Reads and packs the weights, and the bottlenecks beside them if there are any, for texts of
    /// up to `max_tokens` tokens.
    pub(crate) fn load(
        (weights, bottlenecks): (&Weights, Option<&Weights>),
        shape: &Shape,
        max_tokens: usize,
        kernels: Kernels,
    ) -> Result<Self, TextError> {
        let reader = Reader::new(weights, shape);
        let names = reader.names;
        // First, because the positions in the file bound the size of what follows.
        let embedding = Embedding::load(&reader, shape)?;
        let bias = match names.relative_bias {
            Some(name) => {
                let values = reader.tensor(name, &[shape.buckets, shape.heads])?;
                Some(RelativeBias::new(&values, shape.heads, max_tokens))
            }
            None => None,
        };
        let mut beside = 0;
        // Not with room for as many as the configuration says, which may be anything.
        let mut layers = Vec::new();
        for i in 0..shape.layers {
            let mut layer = Layer::load(&reader, shape, i, kernels)?;
            if let Some(weights) = bottlenecks {
                let (pair, values) = Bottleneck::load(weights, i, shape.hidden, kernels)?;
                layer.bottlenecks = Some(pair);
                beside += values;
            }
            layers.push(layer);
        }
        let last_norm = match names.last_norm {
            Some(name) => Some(reader.norm(name, shape.hidden)?),
            None => None,
        };
        Ok(Self {
            arch: Arch::new(),
            hidden: shape.hidden,
            embedding,
            attention: Attention {
                heads: shape.heads,
                kv_heads: shape.kv_heads,
                dim: shape.head_dim,
                causal: shape.causal,
                bias,
            },
            rotary: match shape.positions {
                Positions::Rotary { config, .. } => Some(Rotary {
                    frequencies: config.frequencies(shape.head_dim),
                }),
                Positions::Learned { .. } => None,
            },
            active: (0..shape.layers).collect(),
            layers,
            norm_first: shape.norm_first(),
            activation: match shape.activation {
                Activation::Gelu => Finish::Gelu,
                Activation::GeluTanh => Finish::GeluTanh,
                Activation::Relu => Finish::Relu,
                Activation::Silu => Finish::Silu,
            },
            last_norm,
            parameters: reader.values() + beside,
        })
    }

    /// Number of layers.
    pub(crate) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Runs only these layers from now on, in this order.
    pub(crate) fn keep_layers(&mut self, layers: Vec<usize>) {
        self.active = layers;
    }

    /// Number of weights.
    pub(crate) fn parameters(&self) -> usize {
        self.parameters
    }

    /// The last layer's vectors of the tokens of several sequences, `[Σ len, hidden]`.
    pub(crate) fn forward<'s>(&self, sequences: &[&[u32]], scratch: &'s mut Scratch) -> &'s [f32] {
        let arch = self.arch;
        let tokens = sequences.iter().map(|s| s.len()).sum::<usize>();
        let (width, attended) = (self.attention.width(), self.attention.out_width());
        let x = scratch.x.at_least(tokens * self.hidden);
        let spare = scratch.spare.at_least(tokens * self.hidden.max(attended));
        let linear = &mut scratch.linear;
        self.embedding.write(arch, sequences, x);
        for layer in self.active.iter().map(|&i| &self.layers[i]) {
            let wide = scratch.wide.at_least(tokens * layer.width(width));
            let qkv = &mut wide[..tokens * width];
            let input = self.input(x, spare, &layer.attention_norm);
            layer.qkv.apply(input, qkv, Finish::Store, linear);
            let context = &mut spare[..tokens * attended];
            let mut first = 0;
            for sequence in sequences {
                let rows = first..first + sequence.len();
                let qkv = &mut qkv[rows.start * width..rows.end * width];
                if let Some(norms) = &layer.query_key_norms {
                    norms.apply(arch, &self.attention, qkv);
                }
                if let Some(rotary) = &self.rotary {
                    rotary.turn(arch, &self.attention, qkv, &mut scratch.turns);
                }
                let out = &mut context[rows.start * attended..rows.end * attended];
                self.attention.run(arch, qkv, out, &mut scratch.attention);
                first = rows.end;
            }
            match &layer.bottlenecks {
                Some([bottleneck, _]) => {
                    // Queries, keys and values are done with.
                    let (out, inner) = wide.split_at_mut(tokens * self.hidden);
                    layer.output.apply(context, out, Finish::Store, linear);
                    bottleneck.add(out, inner, x, linear);
                }
                None => layer.output.apply(context, x, Finish::Add, linear),
            }
            self.close(x, &layer.attention_norm);
            let wide = &mut wide[..tokens * layer.up.outputs()];
            let input = self.input(x, spare, &layer.norm);
            match &layer.gate {
                Some(gate) => {
                    gate.apply(input, wide, self.activation, linear);
                    layer.up.apply(input, wide, Finish::Multiply, linear);
                }
                None => layer.up.apply(input, wide, self.activation, linear),
            }
            match &layer.bottlenecks {
                Some([_, bottleneck]) => {
                    let out = &mut spare[..tokens * self.hidden];
                    layer.down.apply(wide, out, Finish::Store, linear);
                    bottleneck.add(out, wide, x, linear);
                }
                None => layer.down.apply(wide, x, Finish::Add, linear),
            }
            self.close(x, &layer.norm);
        }
        if let Some(norm) = &self.last_norm {
            norm.apply(arch, x);
        }
        x
    }

    /// What attention or feed-forward read: `x`, or where the normalisation stands before them
    /// its values in `spare`.
    fn input<'a>(&self, x: &'a [f32], spare: &'a mut [f32], norm: &Norm) -> &'a [f32] {
        if !self.norm_first {
            return x;
        }
        let normed = &mut spare[..x.len()];
        normed.copy_from_slice(x);
        norm.apply(self.arch, normed);
        normed
    }

    /// Normalises `x` with what was added to it, where the normalisation stands behind.
    fn close(&self, x: &mut [f32], norm: &Norm) {
        if !self.norm_first {
            norm.apply(self.arch, x);
        }
    }
}
