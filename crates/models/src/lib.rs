//! Recommenders: one file per model, one trait.
//!
//! Every model reads the same: a `Config` with documented defaults that are the tuned ones, `fit`
//! ([`Model`]), an immutable fitted model that scores a *history* and says where a score comes
//! from ([`Recommender`]), and a stored form ([`Tensors`]). [`fit`] and [`load`] find a model by
//! its name.

mod alpharec;
mod als;
mod content;
mod ease;
mod error;
mod facts;
mod feature_als;
mod gf_cf;
mod graph;
mod history;
mod hybrid;
mod inverse;
mod item_knn;
mod item_matrix;
mod kernels;
mod l3ae;
mod lightgcn;
mod neighbours;
mod padded;
mod popularity;
mod probe;
mod propagation;
mod random;
mod rank;
mod recent_popularity;
mod recommender;
mod registry;
mod ridge;
mod rp3beta;
mod sasrec;
mod setting;
mod slim;
mod sparse;
mod spectrum;
mod subspace;
mod tensors;
mod texts;

pub use alpharec::{AlphaRec, AlphaRecConfig};
pub use als::{Als, AlsConfig};
pub use content::{Content, ContentConfig};
pub use ease::{Ease, EaseConfig};
pub use error::ModelError;
pub use feature_als::{FeatureAls, FeatureAlsConfig};
pub use gf_cf::{GfCf, GfCfConfig};
pub use hybrid::{Hybrid, HybridConfig};
pub use item_knn::{ItemKnn, ItemKnnConfig, Similarity};
pub use l3ae::{L3ae, L3aeConfig};
pub use lightgcn::{LightGcn, LightGcnConfig};
pub use padded::renew;
pub use popularity::{Popularity, PopularityConfig};
pub use random::{Random, RandomConfig};
pub use rank::{Asked, Candidates, rank, rank_each};
pub use recent_popularity::{RecentPopularity, RecentPopularityConfig};
pub use recommender::{Cause, Contribution, Horizon, Query, Recommender, Training};
pub use registry::{Model, fit, load, names, needs_events, needs_text, params_of, space_of};
pub use rp3beta::{Rp3Beta, Rp3BetaConfig};
pub use sasrec::{Block, Sasrec, SasrecConfig, Semantic};
pub use semrec_train::RunFiles;
pub use setting::Setting;
pub use slim::{Slim, SlimConfig};
pub use tensors::Tensors;
