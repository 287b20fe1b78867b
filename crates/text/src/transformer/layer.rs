//! The weights of one layer.

use super::bottleneck::Bottleneck;
use super::names::Qkv;
use super::norm::Norm;
use super::reader::{Linear as Unpacked, Reader};
use crate::TextError;
use crate::compute::{Attention, Kernels, Linear};
use crate::settings::Shape;
use pulp::Arch;

/// A loaded layer.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) attention_norm: Norm,
    pub(super) qkv: Linear,
    pub(super) query_key_norms: Option<QueryKeyNorms>,
    pub(super) output: Linear,
    pub(super) norm: Norm,
    pub(super) gate: Option<Linear>,
    pub(super) up: Linear,
    pub(super) down: Linear,
    /// Behind attention, and behind feed-forward.
    pub(super) bottlenecks: Option<[Bottleneck; 2]>,
}

/// Normalisations of each head's queries and keys.
#[derive(Debug)]
pub(super) struct QueryKeyNorms {
    query: Norm,
    key: Norm,
}

impl Layer {
    /// Reads and packs layer number `i`.
    pub(super) fn load(
        reader: &Reader<'_>,
        shape: &Shape,
        i: usize,
        kernels: Kernels,
    ) -> Result<Self, TextError> {
        let (hidden, wide) = (shape.hidden, shape.intermediate);
        let names = reader.names;
        let at = |name: &str| format!("{}.{i}.{name}", names.layers);
        let linear = |name: &str, sizes: [usize; 2], bias: bool| {
            Ok::<_, TextError>(reader.linear(&at(name), sizes, bias)?.pack(kernels))
        };
        let attended = shape.heads * shape.head_dim;
        let factor = 1.0 / (shape.head_dim as f32).sqrt();
        let mut qkv = qkv(reader, shape, at)?;
        let query_key_norms = match names.query_key_norms {
            Some([query, key]) => {
                let mut query = reader.norm(&at(query), shape.head_dim)?;
                query.weight.iter_mut().for_each(|x| *x *= factor);
                let key = reader.norm(&at(key), shape.head_dim)?;
                Some(QueryKeyNorms { query, key })
            }
            None => {
                qkv.scale(attended, factor);
                None
            }
        };
        let biased = shape.biases.feed_forward;
        Ok(Self {
            attention_norm: reader.norm(&at(names.attention_norm), hidden)?,
            qkv: qkv.pack(kernels),
            query_key_norms,
            output: linear(names.output, [attended, hidden], shape.biases.output)?,
            norm: reader.norm(&at(names.norm), hidden)?,
            gate: match names.gate {
                Some(name) => Some(linear(name, [hidden, wide], biased)?),
                None => None,
            },
            up: linear(names.up, [hidden, wide], biased)?,
            down: linear(names.down, [wide, hidden], biased)?,
            bottlenecks: None,
        })
    }

    /// Values a token that the layer's wide buffer holds at most, where attention needs `qkv`.
    pub(super) fn width(&self, qkv: usize) -> usize {
        let both = self.bottlenecks.as_ref().map_or(0, |[one, other]| {
            self.output.outputs() + one.width().max(other.width())
        });
        qkv.max(self.up.outputs()).max(both)
    }
}

/// Query, key and value as one linear layer.
fn qkv(
    reader: &Reader<'_>,
    shape: &Shape,
    at: impl Fn(&str) -> String,
) -> Result<Unpacked, TextError> {
    let attended = shape.heads * shape.head_dim;
    let shared = shape.kv_heads * shape.head_dim;
    let read = |name: &str, outputs: usize| {
        reader.linear(&at(name), [shape.hidden, outputs], shape.biases.qkv)
    };
    match reader.names.qkv {
        Qkv::Fused(name) => read(name, attended + 2 * shared),
        Qkv::Apart([query, key, value]) => {
            let query = read(query, attended)?;
            Ok(query
                .append(read(key, shared)?)
                .append(read(value, shared)?))
        }
    }
}

impl QueryKeyNorms {
    /// Normalises the queries and keys in the rows of the fused projection, head by head.
    pub(super) fn apply(&self, arch: Arch, attention: &Attention, qkv: &mut [f32]) {
        let queries = attention.heads * attention.dim;
        let keys = attention.kv_heads * attention.dim;
        for row in qkv.chunks_exact_mut(attention.width()) {
            self.query.apply(arch, &mut row[..queries]);
            self.key.apply(arch, &mut row[queries..queries + keys]);
        }
    }
}
