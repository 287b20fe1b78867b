//! Connections: accepted up to a bound, over TLS or plain, each cut off when it keeps the service
//! waiting, and brought to its end when the service ends.

mod connections;
mod rates;
mod tls;

pub(crate) use connections::Peer;
pub use connections::run;
pub(crate) use rates::Rates;
pub use tls::Tls;
