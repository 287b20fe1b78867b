//! Texts in, vectors out: tokenizer, transformer encoder, pooling, whitening, embedding cache.

mod error;
mod vectors;
mod whitening;

pub use error::TextError;
pub use vectors::Vectors;
pub use whitening::{Whitening, WhiteningConfig};
