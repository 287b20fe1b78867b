//! The forward pass of BERT over sequences laid end to end, without padding.
//!
//! Devlin et al. 2019, post-layer-norm: per layer x ← norm(x + attention(x)), then
//! x ← norm(x + gelu(x·up)·down). Query, key and value are one product; the query's weights carry
//! the factor 1/√head_dim, the positions the embedding of token type 0 (texts come singly). Bias,
//! GELU and residual are finished inside the products. Left out: dropout, the pooler, decoding.
//!
//! A token costs 2·(4·hidden² + 2·hidden·intermediate) operations a layer, and attention
//! 4·len·hidden. Scratch: (2·hidden + max(3·hidden, intermediate)) values a token.

use crate::TextError;
use crate::compute::{Aligned, Attention, AttentionScratch, Finish, Panels, RowScratch, layer_norm, multiply};
use crate::settings::BertConfig;
use crate::weights::Weights;
use pulp::Arch;

/// A loaded BERT.
#[derive(Debug)]
pub(crate) struct Bert {
    arch: Arch,
    attention: Attention,
    words: Vec<f32>,
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

#[derive(Debug)]
struct Layer {
    qkv: Panels,
    output: Panels,
    attention_norm: Norm,
    up: Panels,
    down: Panels,
    norm: Norm,
}

/// Buffers of one forward pass, reused between batches.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    x: Aligned,
    context: Aligned,
    wide: Aligned,
    attention: AttentionScratch,
    rows: RowScratch,
}

impl Bert {
    /// Reads and packs the weights.
    pub(crate) fn load(weights: &Weights, config: &BertConfig) -> Result<Self, TextError> {
        // A checkpoint of a model with a head keeps the encoder under `bert.`.
        let bare = weights.contains("embeddings.word_embeddings.weight");
        let prefix = if bare { "" } else { "bert." };
        let reader = Reader {
            weights,
            prefix,
            eps: config.eps,
        };
        let hidden = config.hidden;
        let types = reader.tensor(
            "embeddings.token_type_embeddings.weight",
            &[config.types, hidden],
        )?;
        let mut positions = reader.tensor(
            "embeddings.position_embeddings.weight",
            &[config.positions, hidden],
        )?;
        for row in positions.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&types).for_each(|(p, t)| *p += t);
        }
        Ok(Self {
            arch: Arch::new(),
            attention: Attention {
                hidden,
                heads: config.heads,
            },
            words: reader.tensor(
                "embeddings.word_embeddings.weight",
                &[config.vocabulary, hidden],
            )?,
            positions,
            norm: reader.norm("embeddings.LayerNorm", hidden)?,
            layers: (0..config.layers)
                .map(|i| Layer::load(&reader, config, &format!("encoder.layer.{i}")))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Length of a token's vector.
    pub(crate) fn hidden(&self) -> usize {
        self.attention.hidden
    }

    /// The last layer's vectors of the tokens of several sequences, `[Σ len, hidden]`.
    pub(crate) fn forward<'s>(&self, sequences: &[&[u32]], scratch: &'s mut Scratch) -> &'s [f32] {
        let hidden = self.hidden();
        let tokens = sequences.iter().map(|s| s.len()).sum::<usize>();
        let x = scratch.x.at_least(tokens * hidden);
        let context = scratch.context.at_least(tokens * hidden);
        self.embed(sequences, x);
        for layer in &self.layers {
            let width = layer.qkv.n();
            let qkv = scratch.wide.at_least(tokens * width.max(layer.up.n()));
            let rows = &mut scratch.rows;
            let out = (&mut qkv[..tokens * width], Finish::Store);
            multiply(self.arch, x, &layer.qkv, out, rows);
            let mut first = 0;
            for sequence in sequences {
                let rows = first..first + sequence.len();
                self.attention.run(
                    self.arch,
                    &qkv[rows.start * width..rows.end * width],
                    &mut context[rows.start * hidden..rows.end * hidden],
                    &mut scratch.attention,
                );
                first = rows.end;
            }
            multiply(self.arch, context, &layer.output, (&mut *x, Finish::Add), rows);
            layer.attention_norm.apply(self.arch, x);
            let wide = &mut qkv[..tokens * layer.up.n()];
            multiply(self.arch, x, &layer.up, (&mut *wide, Finish::Gelu), rows);
            multiply(self.arch, wide, &layer.down, (&mut *x, Finish::Add), rows);
            layer.norm.apply(self.arch, x);
        }
        x
    }

    fn embed(&self, sequences: &[&[u32]], x: &mut [f32]) {
        let hidden = self.hidden();
        let tokens = sequences.iter().flat_map(|s| s.iter().enumerate());
        for ((place, &token), x) in tokens.zip(x.chunks_exact_mut(hidden)) {
            let word = &self.words[token as usize * hidden..][..hidden];
            let position = &self.positions[place * hidden..][..hidden];
            for ((x, w), p) in x.iter_mut().zip(word).zip(position) {
                *x = w + p;
            }
        }
        self.norm.apply(self.arch, x);
    }
}

impl Norm {
    fn apply(&self, arch: Arch, x: &mut [f32]) {
        layer_norm(arch, x, &self.weight, &self.bias, self.eps);
    }
}

impl Layer {
    fn load(reader: &Reader<'_>, config: &BertConfig, at: &str) -> Result<Self, TextError> {
        let (hidden, wide) = (config.hidden, config.intermediate);
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for part in ["query", "key", "value"] {
            let name = format!("{at}.attention.self.{part}");
            weight.extend(reader.tensor(&format!("{name}.weight"), &[hidden, hidden])?);
            bias.extend(reader.tensor(&format!("{name}.bias"), &[hidden])?);
            if part == "query" {
                let factor = 1.0 / ((hidden / config.heads) as f32).sqrt();
                weight
                    .iter_mut()
                    .chain(&mut bias)
                    .for_each(|x| *x *= factor);
            }
        }
        let linear = |name: &str, inputs: usize, outputs: usize| {
            let weight = reader.tensor(&format!("{at}.{name}.weight"), &[outputs, inputs])?;
            let bias = reader.tensor(&format!("{at}.{name}.bias"), &[outputs])?;
            Ok::<_, TextError>(Panels::from_linear(&weight, bias))
        };
        Ok(Self {
            qkv: Panels::from_linear(&weight, bias),
            output: linear("attention.output.dense", hidden, hidden)?,
            attention_norm: reader.norm(&format!("{at}.attention.output.LayerNorm"), hidden)?,
            up: linear("intermediate.dense", hidden, wide)?,
            down: linear("output.dense", wide, hidden)?,
            norm: reader.norm(&format!("{at}.output.LayerNorm"), hidden)?,
        })
    }
}

/// The tensors of one checkpoint, under its prefix.
struct Reader<'a> {
    weights: &'a Weights,
    prefix: &'static str,
    eps: f32,
}

impl Reader<'_> {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TextError> {
        self.weights
            .tensor(&format!("{}{name}", self.prefix), shape)
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, TextError> {
        Ok(Norm {
            weight: self.tensor(&format!("{name}.weight"), &[width])?,
            bias: self.tensor(&format!("{name}.bias"), &[width])?,
            eps: self.eps,
        })
    }
}
