//! What is told of the service while it runs: a line a request, traces, and figures of what it
//! recommends. None of it holds the id of a person, a path, or what somebody wrote.

mod exposure;
mod given;
mod log;
mod otlp;
pub(crate) mod trace;

pub(crate) use exposure::Exposure;
pub(crate) use given::Given;
pub use log::LogFormat;
pub(crate) use log::{Line, Log};
pub use otlp::Otlp;
pub(crate) use otlp::{Exporter, TraceId, Traced};

/// What is told, and to whom.
#[derive(Clone, Debug)]
pub struct Watch {
    /// How a request is told.
    pub log: LogFormat,
    /// Writes a line of the log.
    pub write: fn(&str),
    /// The time now, nanoseconds since 1970.
    pub nanos: fn() -> u64,
    /// Where traces are sent.
    pub otlp: Option<Otlp>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            log: LogFormat::Off,
            write: |_| {},
            nanos: || 0,
            otlp: None,
        }
    }
}
