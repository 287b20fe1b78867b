//! Catalogue, events and keys that survive a crash, in one SQLite file, or in a PostgreSQL data base
//! that several services share.
//!
//! Every write is a transaction of its own that is on the disk when the call returns: what was
//! acknowledged is there after a kill or a power cut. Many rows in one call cost one flush. Each
//! event, and each change of an item or of a person, has a place that grows in the order in which it
//! can be seen: who has read up to a place reads on after it, and misses nothing. The schema has a
//! version, and an older store is brought forward when it is opened; a newer one is refused.
//!
//! ```
//! use semrec_store::{Condition, NewEvent, Store};
//! # fn main() -> Result<(), semrec_store::StoreError> {
//! let store = Store::in_memory()?;
//! let lamp = serde_json::json!({"title": "Lamp"});
//! store.put_items(&[("7", lamp.as_object().unwrap())], Condition::Any, 1_700_000_000)?;
//! let click = NewEvent {
//!     user: "u1".into(),
//!     item: "7".into(),
//!     kind: "click".into(),
//!     value: 1.0,
//!     time: 1_700_000_001,
//!     key: Some("a-click".into()),
//! };
//! assert!(store.add_events(&[click.clone()])?[0].is_new());
//! assert!(!store.add_events(&[click])?[0].is_new());
//! assert_eq!(store.events_of("u1", 10)?[0].item, "7");
//! # Ok(())
//! # }
//! ```

mod archive;
mod changes;
mod error;
mod events;
mod items;
mod keys;
mod place;
mod postgres;
mod schema;
mod seed;
mod snapshot;
mod sql;
mod sqlite;
mod store;
mod users;

pub use changes::{PersonChange, Who, hash_of_person};
pub use error::StoreError;
pub use events::{NewEvent, StoredEvent, Taken};
pub use items::{Condition, Put, StoredItem};
pub use keys::StoredKey;
pub use place::{Place, PostgresPlace};
pub use postgres::Lease;
pub use snapshot::Snapshot;
pub use store::{BUNDLES, Store};
pub use users::{Forgotten, StoredUser};
