//! The fast tier: a vector for each token, and the text's is their mean.
//!
//! No transformer runs; a text costs its tokenising and len·dim additions. The directory is as
//! model2vec writes it (`config.json` with `model_type` "model2vec", `embeddings` `[vocabulary,
//! dim]` in `model.safetensors`, `tokenizer.json`), so its models load here and ours there. The
//! weights of the tokens are in their vectors' lengths. [`distil`](crate::distil) makes one out of
//! an encoder. Left out: the separate `weights` and `mapping` of newer
//! model2vec files.

use crate::TextError;
use crate::table::Table;
use crate::vectors::to_unit_length;
use crate::weights::Weights;
use serde::Deserialize;
use std::path::Path;

/// What `config.json` calls them.
pub(crate) const MODEL_TYPE: &str = "model2vec";
/// Name of the tensor with the vectors.
pub(crate) const TENSOR: &str = "embeddings";

/// The table of token vectors.
#[derive(Debug)]
pub(crate) struct StaticTokens {
    table: Table,
    rows: usize,
    /// Length of a row.
    width: usize,
    /// Values the text's vector is cut at.
    cut: usize,
}

#[derive(Deserialize)]
struct ModelType {
    model_type: Option<String>,
}

impl StaticTokens {
    /// Whether a model directory holds one.
    pub(crate) fn is_here(dir: &Path) -> bool {
        std::fs::read(dir.join("config.json"))
            .ok()
            .and_then(|text| serde_json::from_slice::<ModelType>(&text).ok())
            .is_some_and(|config| config.model_type.as_deref() == Some(MODEL_TYPE))
    }

    /// Finds the table in the weights.
    pub(crate) fn load(weights: &Weights, truncate: Option<usize>) -> Result<Self, TextError> {
        let shape = weights.shape(TENSOR)?;
        let &[rows, dim] = shape else {
            return Err(weights.error(
                TENSOR,
                format!("has the shape {shape:?}; expected tokens by dimensions"),
            ));
        };
        if dim == 0 || rows == 0 {
            return Err(weights.error(TENSOR, format!("has the shape {shape:?}; it is empty")));
        }
        for name in ["weights", "mapping"] {
            if weights.contains(name) {
                return Err(weights.error(
                    name,
                    "is not supported; fold it into the rows of 'embeddings'",
                ));
            }
        }
        Ok(Self {
            table: weights.table(TENSOR, [rows, dim])?,
            rows,
            width: dim,
            cut: truncate.map_or(dim, |cut| cut.min(dim)),
        })
    }

    /// Number of tokens that have a vector.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Length of the vectors.
    pub(crate) fn dim(&self) -> usize {
        self.cut
    }

    /// Number of weights.
    pub(crate) fn parameters(&self) -> usize {
        self.rows * self.width
    }

    /// Writes the unit vector of a text to `out`, `[dim]`; zero where no token says anything.
    pub(crate) fn pool(&self, tokens: &[u32], row: &mut Vec<f32>, out: &mut [f32]) {
        row.resize(self.width, 0.0);
        out.fill(0.0);
        for &token in tokens {
            self.table.read(token as usize, row);
            out.iter_mut().zip(&*row).for_each(|(sum, x)| *sum += x);
        }
        // The length of the sum is as good as that of the mean.
        to_unit_length(out);
    }
}
