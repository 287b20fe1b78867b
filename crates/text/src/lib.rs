//! Texts in, vectors out: tokenizer, transformer encoder, pooling, whitening, embedding cache.

mod vectors;

pub use vectors::Vectors;
