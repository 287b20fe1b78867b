//! Texts in, vectors out: tokenizer, transformer encoder, pooling, whitening, embedding cache.

mod cache;
mod compute;
mod convert;
mod distil;
mod encoder;
mod error;
mod fingerprint;
mod head;
mod mapped;
mod model_files;
mod output;
mod pooling;
mod role;
mod settings;
mod staging;
mod static_tokens;
mod store;
mod table;
mod tokenizer;
mod transformer;
mod vectors;
mod weights;
mod whitening;

pub use cache::{Cache, CacheStats};
pub use compute::{Kernels, exp_shifted};
pub use convert::{Conversion, Precision, choose_layers, convert, even_layers};
pub use distil::{DistilOptions, Distilled, distil};
pub use encoder::Encoder;
pub use error::TextError;
pub use model_files::{copy_model, model_bytes};
pub use output::{EmbedEvent, EmbedSummary, Origin, TextItem, VectorFile, embed_rows};
pub use role::Role;
pub use store::{ModelInfo, ModelStore, PullOptions};
pub use vectors::Vectors;
pub use whitening::{Whitening, WhiteningConfig};
