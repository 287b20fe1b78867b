//! An encoder taken apart for training, and put together again.
//!
//! Tensors come as f32, whatever they are stored in, under the names they have in the file, so
//! that what was trained can be written back: [`Parts::write`] makes a directory that
//! `transformers`, `sentence-transformers` and [`Encoder`](crate::Encoder) load. Only encoders
//! that read both ways are taken apart (BERT, RoBERTa, XLM-R, DistilBERT, MPNet).

mod write;

pub(crate) use write::rewrite;
pub use write::save_arrays;

use crate::model_files::ADAPTER;
use crate::pooling::Pooling;
use crate::settings::{Activate, Activation, Positions, Settings, Step};
use crate::transformer::trained_names;
use crate::weights::Weights;
use crate::{Role, TextError, changes, tokenizer};
use rayon::prelude::*;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

/// A tensor by its name in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// Weight, `[outputs, inputs]`, and bias of a linear layer; or gain and bias of a normalisation.
pub type Pair = [Array; 2];

/// The tensors of a layer.
#[derive(Clone, Debug)]
pub struct LayerParts {
    /// Query, key and value, `[hidden, hidden]` each.
    pub query_key_value: [Pair; 3],
    /// Output of attention, `[hidden, hidden]`.
    pub output: Pair,
    /// Normalisation behind attention.
    pub attention_norm: Pair,
    /// First layer of the feed-forward part, `[intermediate, hidden]`.
    pub up: Pair,
    /// Second layer of the feed-forward part, `[hidden, intermediate]`.
    pub down: Pair,
    /// Normalisation behind it.
    pub norm: Pair,
}

/// Sizes of a transformer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// Length of a token's state.
    pub hidden: usize,
    /// Heads of attention.
    pub heads: usize,
    /// Length of the inner state of the feed-forward part.
    pub intermediate: usize,
    /// Number of tokens.
    pub vocabulary: usize,
    /// The padding token, where positions count from the one after its number.
    pub padding: Option<u32>,
    /// Added to the variance of a normalisation.
    pub eps: f32,
    /// The activation of the feed-forward part.
    pub activation: Activation,
}

/// Two texts as one sequence of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairTokens {
    /// Numbers of the tokens, special ones included.
    pub tokens: Vec<u32>,
    /// The type of each token: 1 for those of the second text, where the encoder has types.
    pub types: Vec<u8>,
}

/// What follows the pooling.
#[derive(Clone, Debug)]
pub enum HeadPart {
    /// A linear layer and its activation.
    Dense {
        /// Its folder's place in `modules.json`, and its tensors.
        tensors: Pair,
        /// What its outputs go through.
        activation: Activate,
    },
    /// Scaling to length 1.
    Normalize,
}

/// An encoder in its parts.
#[derive(Debug)]
pub struct Parts {
    dir: PathBuf,
    tokenizer: Tokenizer,
    settings: Settings,
    /// What the names of the tensors begin with.
    prefix: &'static str,
    /// Sizes of the transformer.
    pub sizes: Sizes,
    /// `[vocabulary, hidden]`.
    pub words: Array,
    /// `[positions, hidden]`.
    pub positions: Array,
    /// `[types, hidden]`, where tokens have types.
    pub types: Option<Array>,
    /// Normalisation of what stands for a token.
    pub embedding_norm: Pair,
    /// `[buckets, heads]`: biases of attention by distance, where there are any.
    pub relative_bias: Option<Array>,
    /// The layers, lowest first.
    pub layers: Vec<LayerParts>,
    /// How the states of the tokens become a vector.
    pub pooling: Pooling,
    /// What follows.
    pub head: Vec<HeadPart>,
    /// Length of a vector.
    pub dim: usize,
}

impl Parts {
    /// Takes an encoder directory apart.
    ///
    /// # Errors
    /// [`TextError`] if it does not load, or is of an architecture that is not trained.
    pub fn open(dir: &Path) -> Result<Self, TextError> {
        changes::refuse(dir, "cannot be trained")?;
        let settings = Settings::read(dir)?;
        let beside = dir.join(ADAPTER);
        if beside.is_file() {
            return Err(TextError::format(
                beside,
                "holds bottlenecks that cannot be merged; fine-tune the encoder they were made for",
            ));
        }
        let shape = &settings.shape;
        let Positions::Learned { padding, .. } = shape.positions else {
            return Err(untrained(dir, shape.family.name()));
        };
        if shape.norm_first() || shape.causal {
            return Err(untrained(dir, shape.family.name()));
        }
        let (tokenizer, _) = tokenizer::load(dir, shape.vocabulary, settings.reading.max_tokens)?;
        let weights = Weights::open(&dir.join("model.safetensors"))?;
        let names = trained_names(&weights, shape);
        let array = |name: &str| -> Result<Array, TextError> {
            let shape = weights.shape(name)?.to_vec();
            let values = weights.tensor(name, &shape)?;
            let name = name.to_owned();
            Ok(Array {
                name,
                shape,
                values,
            })
        };
        let pair = |[weight, bias]: &[String; 2]| Ok([array(weight)?, array(bias)?]);
        let layers = names.layers.iter().map(|layer| {
            let [query, key, value] = &layer.query_key_value;
            Ok(LayerParts {
                query_key_value: [pair(query)?, pair(key)?, pair(value)?],
                output: pair(&layer.output)?,
                attention_norm: pair(&layer.attention_norm)?,
                up: pair(&layer.up)?,
                down: pair(&layer.down)?,
                norm: pair(&layer.norm)?,
            })
        });
        let layers = layers.collect::<Result<Vec<_>, TextError>>()?;
        let optional = |name: &Option<String>| name.as_deref().map(array).transpose();
        let parts = Self {
            sizes: Sizes {
                hidden: shape.hidden,
                heads: shape.heads,
                intermediate: shape.intermediate,
                vocabulary: shape.vocabulary,
                padding,
                eps: shape.eps,
                activation: shape.activation,
            },
            words: array(&names.words)?,
            positions: array(&names.positions)?,
            types: optional(&names.types)?,
            embedding_norm: pair(&names.embedding_norm)?,
            relative_bias: optional(&names.relative_bias)?,
            layers,
            pooling: settings.pooling,
            head: head(&settings)?,
            dim: settings
                .reading
                .truncate
                .unwrap_or(settings.width())
                .min(settings.width()),
            dir: dir.to_owned(),
            tokenizer,
            prefix: names.prefix,
            settings,
        };
        parts.check()?;
        Ok(parts)
    }

    /// Holds the tensors against the sizes that `config.json` names.
    fn check(&self) -> Result<(), TextError> {
        let Sizes {
            hidden,
            intermediate,
            vocabulary,
            heads,
            ..
        } = self.sizes;
        let square = vec![hidden, hidden];
        let mut wanted = vec![
            (&self.words, vec![vocabulary, hidden]),
            (
                &self.positions,
                vec![self.positions.shape.first().copied().unwrap_or(0), hidden],
            ),
        ];
        if let Some(types) = &self.types {
            wanted.push((types, vec![self.settings.shape.types, hidden]));
        }
        if let Some(bias) = &self.relative_bias {
            wanted.push((bias, vec![self.settings.shape.buckets, heads]));
        }
        let mut norms = vec![&self.embedding_norm];
        for layer in &self.layers {
            let linear = layer.query_key_value.iter().chain([&layer.output]);
            for pair in linear {
                wanted.push((&pair[0], square.clone()));
                wanted.push((&pair[1], vec![hidden]));
            }
            wanted.push((&layer.up[0], vec![intermediate, hidden]));
            wanted.push((&layer.up[1], vec![intermediate]));
            wanted.push((&layer.down[0], vec![hidden, intermediate]));
            wanted.push((&layer.down[1], vec![hidden]));
            norms.extend([&layer.attention_norm, &layer.norm]);
        }
        for norm in norms {
            wanted.extend(norm.iter().map(|array| (array, vec![hidden])));
        }
        for (array, shape) in wanted {
            if array.shape != shape {
                return Err(TextError::Weights {
                    path: self.dir.join("model.safetensors"),
                    tensor: array.name.clone(),
                    problem: format!(
                        "has the shape {:?}; config.json makes it {shape:?}",
                        array.shape
                    ),
                });
            }
        }
        Ok(())
    }

    /// All tensors, those of the linear layers behind the pooling included.
    pub fn arrays(&self) -> impl Iterator<Item = &Array> {
        let tables = [&self.words, &self.positions].into_iter();
        let tables = tables.chain(&self.types).chain(&self.relative_bias);
        let layers = self.layers.iter().flat_map(|layer| {
            let pairs = layer.query_key_value.iter();
            pairs.chain([
                &layer.output,
                &layer.attention_norm,
                &layer.up,
                &layer.down,
                &layer.norm,
            ])
        });
        let head = self.head.iter().filter_map(|part| match part {
            HeadPart::Dense { tensors, .. } => Some(tensors),
            HeadPart::Normalize => None,
        });
        let pairs = [&self.embedding_norm].into_iter().chain(layers).chain(head);
        tables.chain(pairs.flatten())
    }

    /// The name of a tensor without the prefix that a checkpoint with a head has.
    #[must_use]
    pub fn bare<'a>(&self, name: &'a str) -> &'a str {
        name.strip_prefix(self.prefix).unwrap_or(name)
    }

    /// The directory it was opened from.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Tokens a text is cut at, the special ones included.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.settings.reading.max_tokens
    }

    /// The number of a token, such as `[MASK]`.
    #[must_use]
    pub fn token(&self, name: &str) -> Option<u32> {
        self.tokenizer.token_to_id(name)
    }

    /// The token that stands for one that is to be guessed, if there is one.
    #[must_use]
    pub fn mask_token(&self) -> Option<u32> {
        ["[MASK]", "<mask>"]
            .iter()
            .find_map(|name| self.token(name))
    }

    /// Texts as tokens, as the encoder reads them in this role, cut at `longest` tokens at most.
    ///
    /// # Errors
    /// [`TextError::Tokenize`].
    pub fn tokens<S: AsRef<str> + Sync>(
        &self,
        texts: &[S],
        role: Role,
        longest: usize,
    ) -> Result<Vec<Vec<u32>>, TextError> {
        let tokenizer = self.limited(longest)?;
        let prompts = &self.settings.reading.prompts;
        let prompt = match role {
            Role::Passage => &prompts.passage,
            Role::Query => &prompts.query,
        };
        let tokens = texts.par_iter().map(|text| {
            let text = self.lowered(format!("{prompt}{}", text.as_ref()));
            let encoding = tokenizer.encode_fast(text, true);
            Ok(encoding.map_err(|e| self.refused(&e))?.get_ids().to_vec())
        });
        tokens.collect()
    }

    /// Pairs of texts as tokens with their types; the longer text of a pair is cut first.
    ///
    /// # Errors
    /// [`TextError::Tokenize`].
    pub fn pairs<S: AsRef<str> + Sync>(
        &self,
        pairs: &[(S, S)],
        longest: usize,
    ) -> Result<Vec<PairTokens>, TextError> {
        let tokenizer = self.limited(longest)?;
        let types = self.settings.shape.types;
        let tokens = pairs.par_iter().map(|(one, other)| {
            let one = self.lowered(one.as_ref().to_owned());
            let other = self.lowered(other.as_ref().to_owned());
            let encoding = tokenizer.encode_fast((one, other), true);
            let encoding = encoding.map_err(|e| self.refused(&e))?;
            let of = |&kind: &u32| u8::from(kind > 0 && types > 1);
            Ok(PairTokens {
                types: encoding.get_type_ids().iter().map(of).collect(),
                tokens: encoding.get_ids().to_vec(),
            })
        });
        tokens.collect()
    }

    fn lowered(&self, text: String) -> String {
        if self.settings.reading.lowercase {
            text.to_lowercase()
        } else {
            text
        }
    }

    fn refused(&self, problem: &tokenizers::Error) -> TextError {
        TextError::Tokenize {
            model: self.dir.display().to_string(),
            problem: problem.to_string(),
        }
    }

    /// The tokenizer, cutting at so many tokens where they are fewer than its own limit.
    fn limited(&self, longest: usize) -> Result<Cow<'_, Tokenizer>, TextError> {
        let own = self.tokenizer.get_truncation();
        let Some(own) = own.filter(|own| longest < own.max_length) else {
            return Ok(Cow::Borrowed(&self.tokenizer));
        };
        let mut params = own.clone();
        params.max_length = longest;
        let mut limited = self.tokenizer.clone();
        limited
            .with_truncation(Some(params))
            .map_err(|e| self.refused(&e))?;
        Ok(Cow::Owned(limited))
    }
}

/// How the tensors of the linear layer at a place behind the pooling are named among the parts.
fn dense_prefix(place: usize) -> String {
    format!("head.{place}.")
}

fn head(settings: &Settings) -> Result<Vec<HeadPart>, TextError> {
    let parts = settings.steps.iter().enumerate().map(|(i, step)| {
        let Step::Dense(dense) = step else {
            return Ok(HeadPart::Normalize);
        };
        let weights = Weights::open(&dense.file)?;
        let shape = vec![dense.outputs, dense.inputs];
        let array = |name: &str, shape: Vec<usize>, values| Array {
            name: format!("{}{name}", dense_prefix(i)),
            shape,
            values,
        };
        let weight = weights.tensor("linear.weight", &shape)?;
        let bias = if dense.bias {
            weights.tensor("linear.bias", &[dense.outputs])?
        } else {
            return Err(TextError::format(
                &dense.file,
                "is a linear layer without bias, which is not trained",
            ));
        };
        Ok(HeadPart::Dense {
            tensors: [
                array("linear.weight", shape, weight),
                array("linear.bias", vec![dense.outputs], bias),
            ],
            activation: dense.activation,
        })
    });
    parts.collect()
}

fn untrained(dir: &Path, family: &str) -> TextError {
    TextError::format(
        dir.join("config.json"),
        format!(
            "model_type '{family}' can be used but not fine-tuned; expected bert, roberta, \
             xlm-roberta, distilbert or mpnet, reading both ways"
        ),
    )
}
