//! Texts in, vectors out: tokenizer, transformer encoder, pooling, whitening, embedding cache.

mod bert;
mod cache;
mod compute;
mod encoder;
mod error;
mod output;
mod settings;
mod store;
mod vectors;
mod weights;
mod whitening;

pub use cache::{Cache, CacheStats};
pub use encoder::Encoder;
pub use error::TextError;
pub use output::{EmbedEvent, EmbedSummary, Origin, TextItem, VectorFile, embed_rows};
pub use store::{ModelInfo, ModelStore, PullOptions};
pub use vectors::Vectors;
pub use whitening::{Whitening, WhiteningConfig};
