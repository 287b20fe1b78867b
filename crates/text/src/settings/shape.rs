//! The shape of a transformer, from `config.json`.
//!
//! | `model_type` | attention | normalisation | positions | feed-forward |
//! |---|---|---|---|---|
//! | `bert` | both ways | layer norm after | learned | plain |
//! | `roberta`, `xlm-roberta` | both ways | layer norm after | learned, after the padding's | plain |
//! | `distilbert` | both ways | layer norm after | learned | plain |
//! | `mpnet` | both ways, biased by distance | layer norm after | learned, after the padding's | plain |
//! | `gpt2` | causal | layer norm before | learned | plain |
//! | `llama`, `qwen2`, `qwen3` | causal, grouped | RMS norm before | rotary | gated |
//!
//! The last three read both ways where the configuration says `"is_causal": false`, as
//! `transformers` does. Whatever else would change the vectors and has no code here is an error.

use super::raw::Raw;
use super::rotary::RotaryConfig;

/// What `model_type` may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Bert,
    Roberta,
    XlmRoberta,
    DistilBert,
    Mpnet,
    Gpt2,
    Llama,
    Qwen2,
    Qwen3,
}

/// All of them.
const FAMILIES: [Family; 9] = [
    Family::Bert,
    Family::Roberta,
    Family::XlmRoberta,
    Family::DistilBert,
    Family::Mpnet,
    Family::Gpt2,
    Family::Llama,
    Family::Qwen2,
    Family::Qwen3,
];

impl Family {
    /// The name in `config.json`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Roberta => "roberta",
            Self::XlmRoberta => "xlm-roberta",
            Self::DistilBert => "distilbert",
            Self::Mpnet => "mpnet",
            Self::Gpt2 => "gpt2",
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
        }
    }

    /// What `config.json` calls the number of layers.
    pub(crate) fn layers_key(self) -> &'static str {
        match self {
            Self::DistilBert => DISTILBERT.layers,
            Self::Gpt2 => GPT2.layers,
            Self::Bert
            | Self::Roberta
            | Self::XlmRoberta
            | Self::Mpnet
            | Self::Llama
            | Self::Qwen2
            | Self::Qwen3 => COMMON.layers,
        }
    }
}

/// Where a token's place enters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Positions {
    /// A learned vector for each place.
    Learned {
        /// Rows of the table.
        rows: usize,
        /// The padding token, where places count from the one after its number and it has none.
        padding: Option<u32>,
    },
    /// Queries and keys are turned by their place; there is no last one.
    Rotary {
        config: RotaryConfig,
        /// The longest texts it was trained with.
        trained: usize,
    },
}

/// Which linear layers have a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Biases {
    pub(crate) qkv: bool,
    pub(crate) output: bool,
    pub(crate) feed_forward: bool,
}

/// The activation of the feed-forward layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x·Φ(x).
    Gelu,
    /// Its approximation by tanh.
    GeluTanh,
    /// max(x, 0).
    Relu,
    /// x/(1 + e^-x).
    Silu,
}

/// Shape of a transformer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) family: Family,
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    /// Heads of keys and values.
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) intermediate: usize,
    pub(crate) vocabulary: usize,
    pub(crate) positions: Positions,
    /// Rows of token types, 0 without.
    pub(crate) types: usize,
    /// Buckets of the bias by distance, 0 without.
    pub(crate) buckets: usize,
    pub(crate) activation: Activation,
    pub(crate) biases: Biases,
    pub(crate) eps: f32,
    pub(crate) causal: bool,
    /// Tokens that some layer looks back, where that is bounded.
    pub(crate) window: Option<usize>,
}

/// Names of the sizes in `config.json`.
struct Names {
    hidden: &'static str,
    layers: &'static str,
    heads: &'static str,
    intermediate: &'static str,
    positions: &'static str,
    activation: &'static str,
}

const COMMON: Names = Names {
    hidden: "hidden_size",
    layers: "num_hidden_layers",
    heads: "num_attention_heads",
    intermediate: "intermediate_size",
    positions: "max_position_embeddings",
    activation: "hidden_act",
};

const DISTILBERT: Names = Names {
    hidden: "dim",
    layers: "n_layers",
    heads: "n_heads",
    intermediate: "hidden_dim",
    positions: "max_position_embeddings",
    activation: "activation",
};

const GPT2: Names = Names {
    hidden: "n_embd",
    layers: "n_layer",
    heads: "n_head",
    intermediate: "n_inner",
    positions: "n_positions",
    activation: "activation_function",
};

impl Shape {
    /// Reads the shape out of `config.json`; the error is for people, without the path.
    pub(super) fn read(raw: &Raw) -> Result<Self, String> {
        let model_type = raw.text("model_type")?;
        let family = FAMILIES.iter().find(|f| Some(f.name()) == model_type);
        let Some(&family) = family else {
            return Err(format!(
                "model_type is {}; expected one of {}",
                model_type.map_or("missing".into(), |t| format!("'{t}'")),
                FAMILIES.map(Family::name).join(", ")
            ));
        };
        match family {
            Family::Bert | Family::Roberta | Family::XlmRoberta | Family::Mpnet => {
                Self::both_ways(raw, family, &COMMON)
            }
            Family::DistilBert => Self::both_ways(raw, family, &DISTILBERT),
            Family::Gpt2 => Self::gpt2(raw),
            Family::Llama | Family::Qwen2 | Family::Qwen3 => Self::rotary(raw, family),
        }
    }

    /// What all have in common, as the plainest of them, BERT, has the rest.
    fn plain(raw: &Raw, family: Family, names: &Names) -> Result<Self, String> {
        let hidden = raw.required(names.hidden)?;
        let heads = raw.required(names.heads)?;
        // Where heads may have a width of their own, they need not divide that of the model.
        let own_width = match family {
            Family::Llama | Family::Qwen2 => raw.get("head_dim").is_some(),
            Family::Qwen3 => true,
            Family::Bert
            | Family::Roberta
            | Family::XlmRoberta
            | Family::DistilBert
            | Family::Mpnet
            | Family::Gpt2 => false,
        };
        if !own_width && !hidden.is_multiple_of(heads) {
            return Err(format!(
                "{} {hidden} is no multiple of {} {heads}",
                names.hidden, names.heads
            ));
        }
        raw.must_be("add_cross_attention", false)?;
        Ok(Self {
            family,
            hidden,
            layers: raw.required(names.layers)?,
            heads,
            kv_heads: heads,
            head_dim: hidden / heads,
            intermediate: match raw.size(names.intermediate)? {
                None if family == Family::Gpt2 => 4 * hidden,
                None => return Err(format!("{} is missing", names.intermediate)),
                Some(size) => size,
            },
            vocabulary: raw.required("vocab_size")?,
            positions: Positions::Learned {
                rows: raw.required(names.positions)?,
                padding: None,
            },
            types: 0,
            buckets: 0,
            activation: activation(raw, names.activation, family)?,
            biases: Biases {
                qkv: true,
                output: true,
                feed_forward: true,
            },
            eps: 0.0,
            causal: false,
            window: None,
        })
    }

    fn both_ways(raw: &Raw, family: Family, names: &Names) -> Result<Self, String> {
        raw.must_be("is_decoder", false)?;
        let mut shape = Self::plain(raw, family, names)?;
        if let Some(other) = raw.text("position_embedding_type")?
            && other != "absolute"
        {
            return Err(format!(
                "position_embedding_type is '{other}'; only 'absolute' is supported"
            ));
        }
        if let Some(size) = raw.size("embedding_size")?
            && size != shape.hidden
        {
            return Err(format!(
                "embedding_size is {size}; only that of hidden_size, {}, is supported",
                shape.hidden
            ));
        }
        shape.eps = raw.eps("layer_norm_eps", 1e-12)?;
        if matches!(family, Family::Bert | Family::Roberta | Family::XlmRoberta) {
            shape.types = raw.size("type_vocab_size")?.unwrap_or(2);
        }
        if family == Family::Mpnet {
            shape.buckets = raw.size("relative_attention_num_buckets")?.unwrap_or(32);
            if shape.buckets < 4 || !shape.buckets.is_multiple_of(2) {
                return Err(format!(
                    "relative_attention_num_buckets is {}; expected an even number from 4 on",
                    shape.buckets
                ));
            }
        }
        if matches!(family, Family::Roberta | Family::XlmRoberta | Family::Mpnet)
            && let Positions::Learned { rows, padding } = &mut shape.positions
        {
            // MPNet's is 1 whatever the configuration says.
            let token = match raw.get("pad_token_id") {
                Some(id) if family != Family::Mpnet => id.as_u64(),
                _ => Some(1),
            };
            let token = token.and_then(|id| u32::try_from(id).ok());
            let Some(token) = token.filter(|&id| (id as usize) + 3 < *rows) else {
                return Err(format!(
                    "pad_token_id leaves none of the {rows} positions of {}",
                    names.positions
                ));
            };
            *padding = Some(token);
        }
        Ok(shape)
    }

    fn gpt2(raw: &Raw) -> Result<Self, String> {
        raw.must_be("is_causal", true)?;
        raw.must_be("scale_attn_weights", true)?;
        raw.must_be("scale_attn_by_inverse_layer_idx", false)?;
        Ok(Self {
            eps: raw.eps("layer_norm_epsilon", 1e-5)?,
            causal: true,
            ..Self::plain(raw, Family::Gpt2, &GPT2)?
        })
    }

    fn rotary(raw: &Raw, family: Family) -> Result<Self, String> {
        let plain = Self::plain(raw, family, &COMMON)?;
        let (heads, hidden) = (plain.heads, plain.hidden);
        let kv_heads = raw.size("num_key_value_heads")?.unwrap_or(heads);
        if !heads.is_multiple_of(kv_heads) {
            return Err(format!(
                "num_attention_heads {heads} is no multiple of num_key_value_heads {kv_heads}"
            ));
        }
        let head_dim = match raw.size("head_dim")? {
            Some(size) => size,
            None if family == Family::Qwen3 => 128,
            None => hidden / heads,
        };
        if !head_dim.is_multiple_of(2) {
            return Err(format!(
                "head_dim is {head_dim}; rotary positions need an even one"
            ));
        }
        let attention_bias = raw.flag("attention_bias", false)?;
        let biases = if family == Family::Qwen2 {
            Biases {
                qkv: true,
                output: false,
                feed_forward: false,
            }
        } else {
            Biases {
                qkv: attention_bias,
                output: attention_bias,
                feed_forward: family == Family::Llama && raw.flag("mlp_bias", false)?,
            }
        };
        Ok(Self {
            kv_heads,
            head_dim,
            positions: Positions::Rotary {
                config: RotaryConfig::read(raw)?,
                trained: raw.required("max_position_embeddings")?,
            },
            biases,
            eps: raw.eps("rms_norm_eps", 1e-6)?,
            causal: raw.flag("is_causal", true)?,
            window: window(raw, family, plain.layers)?,
            ..plain
        })
    }

    /// Whether the normalisation stands before attention and feed-forward, on a way of its own.
    pub(crate) fn norm_first(&self) -> bool {
        matches!(
            self.family,
            Family::Gpt2 | Family::Llama | Family::Qwen2 | Family::Qwen3
        )
    }

    /// The most tokens of a text there is a position for, if there is a limit.
    pub(crate) fn longest(&self) -> Option<usize> {
        match self.positions {
            Positions::Learned { rows, padding } => {
                Some(rows - padding.map_or(0, |token| token as usize + 1))
            }
            Positions::Rotary { .. } => None,
        }
    }

    /// The most tokens of a text it was trained with.
    pub(crate) fn trained(&self) -> usize {
        match self.positions {
            Positions::Learned { rows, .. } => self.longest().unwrap_or(rows),
            Positions::Rotary { trained, .. } => trained,
        }
    }
}

fn activation(raw: &Raw, name: &str, family: Family) -> Result<Activation, String> {
    let default = match family {
        Family::Gpt2 => "gelu_new",
        Family::Llama | Family::Qwen2 | Family::Qwen3 => "silu",
        Family::Bert
        | Family::Roberta
        | Family::XlmRoberta
        | Family::DistilBert
        | Family::Mpnet => "gelu",
    };
    match raw.text(name)?.unwrap_or(default) {
        "gelu" | "gelu_python" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        "silu" | "swish" => Ok(Activation::Silu),
        other => Err(format!(
            "{name} is '{other}'; expected gelu, gelu_new, gelu_pytorch_tanh, relu or silu"
        )),
    }
}

/// The length of a sliding window, if any layer has one.
fn window(raw: &Raw, family: Family, layers: usize) -> Result<Option<usize>, String> {
    if family == Family::Llama || !raw.flag("use_sliding_window", false)? {
        return Ok(None);
    }
    let slides = match raw.get("layer_types").and_then(|types| types.as_array()) {
        Some(types) => types.iter().any(|t| t.as_str() != Some("full_attention")),
        // The first layers look back without a limit.
        None => raw.number("max_window_layers")?.unwrap_or(28.0) < layers as f64,
    };
    if slides {
        raw.size("sliding_window")
    } else {
        Ok(None)
    }
}
