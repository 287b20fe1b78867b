//! Texts in, vectors out: tokenizer, transformer encoder, pooling, whitening, embedding cache.

mod cache;
mod compute;
mod encoder;
mod error;
mod head;
mod parquet;
mod pooling;
mod settings;
mod store;
mod tokenizer;
mod transformer;
mod vectors;
mod weights;
mod whitening;

pub use cache::{Cache, CacheStats};
pub use encoder::Encoder;
pub use error::TextError;
pub use parquet::write_vectors;
pub use store::{ModelInfo, ModelStore, PullOptions};
pub use vectors::Vectors;
pub use whitening::{Whitening, WhiteningConfig};
