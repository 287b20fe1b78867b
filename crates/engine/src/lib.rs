//! A saved bundle put to work: encode, retrieve, fuse, filter, explain.
//!
//! [`save`] writes everything that serves into one directory, [`Engine::open`] reads it, and
//! [`Engine::recommend`], [`Engine::similar`] and [`Engine::search`] answer. Rankings come out of
//! [`semrec_models::rank`], the very function that `evaluate` measures.

mod bundle;
mod engine;
mod error;
mod item_index;
mod reason;
mod reply;
mod shared_facts;
mod words;

pub use bundle::{BundleInfo, Contents, EncoderInfo, read_info, save};
pub use engine::{Engine, Request};
pub use error::EngineError;
pub use reply::{Reason, Recommendation, Reply, WordShare};
