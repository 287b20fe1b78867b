//! Texts in, vectors out: tokenizer, transformer encoder, pooling, whitening, clusters, embedding cache.

mod cache;
mod changes;
mod clusters;
mod compute;
mod convert;
mod distil;
mod eigen;
mod encoder;
mod error;
mod fingerprint;
mod head;
mod mapped;
mod model_files;
mod output;
mod parts;
mod pooling;
mod role;
mod settings;
mod staging;
mod static_tokens;
mod store;
mod table;
mod tokenizer;
mod tower;
mod transformer;
mod vectors;
mod weights;
mod whitening;

pub use cache::{Cache, CacheStats};
pub use changes::merge;
pub use clusters::{
    Clusters, Codebooks, KMeans, Nearest, Quantised, dot, for_each_row, mean_rows, members, nearest,
};
pub use compute::{Kernels, activate_with_slopes, exp_shifted, relative_bucket, silu_tangent};
pub use convert::{Conversion, Precision, choose_layers, convert, even_layers};
pub use distil::{DistilOptions, Distilled, distil};
pub use eigen::symmetric_eigen;
pub use encoder::Encoder;
pub use error::TextError;
pub use model_files::{copy_model, model_bytes};
pub use output::{EmbedEvent, EmbedSummary, Origin, TextItem, VectorFile, embed_rows};
pub use parts::{Array, HeadPart, LayerParts, Pair, PairTokens, Parts, Sizes, save_arrays};
pub use pooling::Pooling;
pub use role::Role;
pub use settings::{Activate, Activation};
pub use store::{ModelInfo, ModelStore, PullOptions};
pub use tower::{Prior, Tower};
pub use vectors::Vectors;
pub use whitening::{Whitening, WhiteningConfig};
