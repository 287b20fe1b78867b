//! A saved bundle put to work: encode, retrieve, fuse, filter, explain.
//!
//! [`save`] writes everything that serves into one directory, [`Engine::open`] reads it, and
//! [`Engine::recommend`], [`Engine::similar`] and [`Engine::search`] answer. Rankings come out of
//! [`semrec_models::rank`], the very function that `evaluate` measures. An engine does not change:
//! [`Engine::changed`] makes one that knows what was written since, and shares the rest.

mod answer;
mod bundle;
mod catalogue;
mod encoding;
mod engine;
mod error;
mod filter;
mod item_index;
mod reason;
mod reply;
mod request;
mod rerank;
mod shared_facts;
mod survey;
mod words;

pub use bundle::{
    BundleInfo, Contents, EncoderInfo, erase, is_bundle, read_info, save, write_results,
};
pub use catalogue::Change;
pub use engine::Engine;
pub use error::EngineError;
pub use filter::Filter;
pub use reason::for_itself;
pub use reply::{Reason, Recommendation, Reply, WordShare};
pub use request::Request;
pub use survey::Survey;
