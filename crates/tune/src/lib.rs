//! Spaces of parameters, and the search over them: random, by trees of Parzen estimators, by
//! successive halving.
//!
//! A model declares its [`Space`]; a [`Search`] is asked for the next settings and told how they
//! did. It reads no clock, touches no file, and what it asks next follows from its plan and from
//! the trials it was told of, so a search that is told the trials of an earlier run goes on as
//! that run would have.
//!
//! ```
//! use semrec_tune::{Method, Plan, Range, Search, Space, Trial};
//!
//! // The largest value of 1 - (x - 0.3)² lies at 0.3.
//! let space = Space::default().with("x", Range::uniform(0.0, 1.0)?);
//! let plan = Plan { space, method: Method::Tpe, trials: 40, seed: 42, start: toml::Table::new() };
//! let mut search = Search::new(plan);
//! while let Some(question) = search.ask() {
//!     let x = question.values.get("x").and_then(toml::Value::as_float).unwrap_or(0.0);
//!     search.tell(Trial::measured(question, 1.0 - (x - 0.3).powi(2)));
//! }
//! let best = search.best().and_then(|t| t.values["x"].as_float());
//! assert!((best.unwrap_or(0.0) - 0.3).abs() < 0.05);
//! # Ok::<(), semrec_tune::TuneError>(())
//! ```
//!
//! Left out: what is measured and how, and anything that knows a model.

mod error;
mod halving;
mod influence;
mod normal;
mod parzen;
mod range;
mod search;
mod space;
mod study;
mod tpe;
mod trial;

pub use error::TuneError;
pub use halving::{part_of, share_of};
pub use influence::{Influence, PartOf, influences, rank_correlation};
pub use range::Range;
pub use search::{Method, Plan, Search};
pub use space::{Parameter, Space, value_at};
pub use study::{Study, Tuned, with_values};
pub use trial::{Question, Trial};
