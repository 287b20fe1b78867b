//! Texts in, vectors out: tokenizer, transformer encoder, pooling, whitening, embedding cache.

mod bert;
mod compute;
mod encoder;
mod error;
mod settings;
mod vectors;
mod weights;
mod whitening;

pub use encoder::Encoder;
pub use error::TextError;
pub use vectors::Vectors;
pub use whitening::{Whitening, WhiteningConfig};
