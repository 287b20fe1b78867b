//! HTTP over an engine and a store: recommendations, search and similar items that know what was
//! written and done a moment ago.
//!
//! [`Service::start`] opens the live state: the bundle, the store (filled with the bundle's data
//! when it is new), and what the store knows beyond the bundle. [`router`] is the service as an axum
//! router, [`run`] serves it on a listener until it is told to end, and then answers what is open.
//!
//! What is in memory follows the store: whatever was written after a place is taken over in its
//! order, by the request that wrote it before it is answered, and by other services on the same store
//! within a fraction of a second. An item is stored, then encoded and put into the index and the
//! model; the reply to its `PUT` comes after both. An event is stored, then added to the history of
//! the person; the next request sees it. Requests that arrive together are ranked together
//! ([`Service`] has a queue for each kind of work, of bounded length, and what finds it full is told
//! to come again).
//!
//! The dashboard at `/` lies in the binary and asks what everybody can ask.
//!
//! Memory beyond that of the bundle: of a user with events, at most [`Config::history`] events of 16
//! bytes and their id; of an item that is new or changed, its text and fields, and 8 bytes a value
//! of its vector; of requests, what the queues hold; of connections, their number is bounded
//! ([`Net`]); what is counted of people and items has a fixed size.

mod atlas;
mod auth;
mod batcher;
mod body;
mod config;
mod drift;
mod early;
mod eraser;
mod error;
mod examples;
mod follower;
mod gorse;
mod keys;
mod live;
mod meters;
mod net;
mod origin;
mod people;
mod privacy;
mod problem;
mod refit;
mod regular;
mod routes;
mod served;
mod service;
mod watch;

pub use auth::{Scope, hash_of_key};
pub use config::{Config, Net, Rate};
pub use error::ServeError;
pub use net::{Tls, run};
pub use privacy::{Privacy, Pseudonyms, masked};
pub use refit::{Refit, Task, Trainer};
pub use routes::{openapi, router};
pub use service::Service;
pub use watch::{LogFormat, Otlp, Watch};
