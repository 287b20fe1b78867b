//! What the tensors of each family are called in a checkpoint.
//!
//! Names are those of `transformers`, below a prefix where the checkpoint has a head beside the
//! model (`bert.`, `model.` …). Those of a layer follow `<layers>.<number>.`.

use crate::settings::{Family, Shape};
use crate::weights::Weights;

/// Query, key and value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Qkv {
    /// A tensor each.
    Apart([&'static str; 3]),
    /// One tensor for all.
    Fused(&'static str),
}

/// Names of the tensors of a family; those it lacks are absent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) prefix: &'static str,
    pub(super) words: &'static str,
    pub(super) positions: Option<&'static str>,
    pub(super) types: Option<&'static str>,
    pub(super) embedding_norm: Option<&'static str>,
    pub(super) relative_bias: Option<&'static str>,
    pub(super) layers: &'static str,
    pub(super) qkv: Qkv,
    pub(super) query_key_norms: Option<[&'static str; 2]>,
    pub(super) output: &'static str,
    pub(super) attention_norm: &'static str,
    pub(super) gate: Option<&'static str>,
    pub(super) up: &'static str,
    pub(super) down: &'static str,
    pub(super) norm: &'static str,
    pub(super) last_norm: Option<&'static str>,
    /// Whether normalisations have weights only: RMS norms.
    pub(super) rms: bool,
    /// Whether weights are stored as `[inputs, outputs]`.
    pub(super) transposed: bool,
}

/// Where the layers of a family are in the names of tensors.
#[derive(Debug)]
pub(crate) struct LayerNames(Names);

/// The layer names of a family.
pub(crate) fn layer_names(family: Family) -> LayerNames {
    LayerNames(Names::of(family))
}

impl LayerNames {
    /// The number of the layer a tensor belongs to, and where its digits are in the name.
    pub(crate) fn layer_of(&self, name: &str) -> Option<(usize, std::ops::Range<usize>)> {
        let prefix = format!("{}.", self.0.layers);
        let start = name.find(&prefix)? + prefix.len();
        let end = start + name[start..].find('.')?;
        Some((name[start..end].parse().ok()?, start..end))
    }

    /// Whether a tensor is small and looked up by place: positions, token types, distances.
    pub(crate) fn kept_whole(&self, name: &str) -> bool {
        let small = [self.0.positions, self.0.types, self.0.relative_bias];
        small.into_iter().flatten().any(|end| name.ends_with(end))
    }
}

const BERT: Names = Names {
    prefix: "bert.",
    words: "embeddings.word_embeddings.weight",
    positions: Some("embeddings.position_embeddings.weight"),
    types: Some("embeddings.token_type_embeddings.weight"),
    embedding_norm: Some("embeddings.LayerNorm"),
    relative_bias: None,
    layers: "encoder.layer",
    qkv: Qkv::Apart([
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
    ]),
    query_key_norms: None,
    output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    gate: None,
    up: "intermediate.dense",
    down: "output.dense",
    norm: "output.LayerNorm",
    last_norm: None,
    rms: false,
    transposed: false,
};

const ROBERTA: Names = Names {
    prefix: "roberta.",
    ..BERT
};

const MPNET: Names = Names {
    prefix: "mpnet.",
    types: None,
    relative_bias: Some("encoder.relative_attention_bias.weight"),
    qkv: Qkv::Apart(["attention.attn.q", "attention.attn.k", "attention.attn.v"]),
    output: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    ..BERT
};

const DISTILBERT: Names = Names {
    prefix: "distilbert.",
    types: None,
    layers: "transformer.layer",
    qkv: Qkv::Apart(["attention.q_lin", "attention.k_lin", "attention.v_lin"]),
    output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    norm: "output_layer_norm",
    ..BERT
};

const GPT2: Names = Names {
    prefix: "transformer.",
    words: "wte.weight",
    positions: Some("wpe.weight"),
    types: None,
    embedding_norm: None,
    relative_bias: None,
    layers: "h",
    qkv: Qkv::Fused("attn.c_attn"),
    query_key_norms: None,
    output: "attn.c_proj",
    attention_norm: "ln_1",
    gate: None,
    up: "mlp.c_fc",
    down: "mlp.c_proj",
    norm: "ln_2",
    last_norm: Some("ln_f"),
    rms: false,
    transposed: true,
};

const LLAMA: Names = Names {
    prefix: "model.",
    words: "embed_tokens.weight",
    positions: None,
    types: None,
    embedding_norm: None,
    relative_bias: None,
    layers: "layers",
    qkv: Qkv::Apart(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
    query_key_norms: None,
    output: "self_attn.o_proj",
    attention_norm: "input_layernorm",
    gate: Some("mlp.gate_proj"),
    up: "mlp.up_proj",
    down: "mlp.down_proj",
    norm: "post_attention_layernorm",
    last_norm: Some("norm"),
    rms: true,
    transposed: false,
};

const QWEN3: Names = Names {
    query_key_norms: Some(["self_attn.q_norm", "self_attn.k_norm"]),
    ..LLAMA
};

impl Names {
    /// The names of a family.
    pub(super) fn of(family: Family) -> Self {
        match family {
            Family::Bert => BERT,
            Family::Roberta | Family::XlmRoberta => ROBERTA,
            Family::DistilBert => DISTILBERT,
            Family::Mpnet => MPNET,
            Family::Gpt2 => GPT2,
            Family::Llama | Family::Qwen2 => LLAMA,
            Family::Qwen3 => QWEN3,
        }
    }

    /// The prefix, where a checkpoint has it: one of a model with a head keeps the model itself
    /// under a name.
    pub(super) fn prefix_in(&self, weights: &Weights) -> &'static str {
        if weights.contains(&format!("{}{}", self.prefix, self.words)) {
            self.prefix
        } else {
            ""
        }
    }
}

/// The tensors of a model that reads both ways, by their full names in a checkpoint: weight and
/// bias each.
#[derive(Debug)]
pub(crate) struct TrainedNames {
    /// What they begin with.
    pub(crate) prefix: &'static str,
    pub(crate) words: String,
    pub(crate) positions: String,
    pub(crate) types: Option<String>,
    pub(crate) embedding_norm: [String; 2],
    pub(crate) relative_bias: Option<String>,
    pub(crate) layers: Vec<TrainedLayerNames>,
}

/// The tensors of one of its layers.
#[derive(Debug)]
pub(crate) struct TrainedLayerNames {
    pub(crate) query_key_value: [[String; 2]; 3],
    pub(crate) output: [String; 2],
    pub(crate) attention_norm: [String; 2],
    pub(crate) up: [String; 2],
    pub(crate) down: [String; 2],
    pub(crate) norm: [String; 2],
}

/// The names of the tensors in a checkpoint of a shape that has positions, a normalisation of the
/// embedding, and query, key and value apart.
pub(crate) fn trained_names(weights: &Weights, shape: &Shape) -> TrainedNames {
    let names = Names::of(shape.family);
    let prefix = names.prefix_in(weights);
    let full = |name: &str| format!("{prefix}{name}");
    let linear = |name: &str| {
        [
            full(&format!("{name}.weight")),
            full(&format!("{name}.bias")),
        ]
    };
    let norm = |name: &str| {
        let greek = full(&format!("{name}.gamma"));
        if weights.contains(&greek) {
            [greek, full(&format!("{name}.beta"))]
        } else {
            linear(name)
        }
    };
    let layer = |i: usize| {
        let at = |name: &str| format!("{}.{i}.{name}", names.layers);
        let parts = match names.qkv {
            Qkv::Apart(parts) => parts,
            Qkv::Fused(name) => [name; 3],
        };
        TrainedLayerNames {
            query_key_value: parts.map(|name| linear(&at(name))),
            output: linear(&at(names.output)),
            attention_norm: norm(&at(names.attention_norm)),
            up: linear(&at(names.up)),
            down: linear(&at(names.down)),
            norm: norm(&at(names.norm)),
        }
    };
    TrainedNames {
        prefix,
        words: full(names.words),
        positions: full(names.positions.unwrap_or_default()),
        types: names.types.map(full),
        embedding_norm: norm(names.embedding_norm.unwrap_or_default()),
        relative_bias: names.relative_bias.map(full),
        // The configuration may say any number; one more than there are is enough to be missed.
        layers: (0..shape.layers)
            .map(layer)
            .scan(true, |there, names: TrainedLayerNames| {
                let go_on = *there;
                *there = weights.contains(&names.output[0]);
                go_on.then_some(names)
            })
            .collect(),
    }
}
