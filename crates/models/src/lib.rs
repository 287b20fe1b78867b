//! Recommenders: one file per model, one trait.
//!
//! Every model reads the same: a `Config` with documented defaults that are the tuned ones, `fit`
//! ([`Model`]), an immutable fitted model that scores a *history* and says where a score comes
//! from ([`Recommender`]), and a stored form ([`Tensors`]). [`fit`] and [`load`] find a model by
//! its name.

mod error;
mod popularity;
mod recommender;
mod registry;
mod tensors;

pub use error::ModelError;
pub use popularity::{Popularity, PopularityConfig};
pub use recommender::{Cause, Contribution, Query, Recommender, Training};
pub use registry::{Model, fit, load, names, needs_text, params_of};
pub use tensors::Tensors;
