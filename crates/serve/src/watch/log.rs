//! A line a request: as JSON for machines, or as text.
//!
//! The route is the pattern that matched and not the path, which would hold ids of people; of a key
//! its name is told, never the key.

use super::Watch;
use jiff::Timestamp;
use serde_json::json;

/// How requests are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Not at all.
    #[default]
    Off,
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// What is told of a request.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    pub(crate) status: u16,
    pub(crate) ms: f64,
    /// Of the answer's body, where its length is known beforehand.
    pub(crate) bytes: Option<u64>,
    /// What the key is called.
    pub(crate) key: Option<&'a str>,
    pub(crate) trace_id: Option<&'a str>,
}

/// Where lines go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    format: LogFormat,
    write: fn(&str),
    nanos: fn() -> u64,
}

impl Log {
    pub(crate) fn new(watch: &Watch) -> Self {
        Self {
            format: watch.log,
            write: watch.write,
            nanos: watch.nanos,
        }
    }

    /// Now, as `2026-01-31T12:00:00.123Z`.
    fn now(&self) -> String {
        let nanos = i128::from((self.nanos)());
        let now = Timestamp::from_nanosecond(nanos).unwrap_or_default();
        format!("{now:.3}")
    }

    /// Tells of a request.
    pub(crate) fn request(&self, line: &Line<'_>) {
        let Line {
            request_id,
            method,
            route,
            status,
            ms,
            bytes,
            key,
            trace_id,
        } = line;
        let ms = (ms * 1e3).round() / 1e3;
        match self.format {
            LogFormat::Off => {}
            LogFormat::Text => {
                let bytes = bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
                let key = key.unwrap_or("-");
                let now = self.now();
                (self.write)(&format!(
                    "{now} {status} {method} {route} {ms} ms {bytes} B {key} {request_id}"
                ));
            }
            LogFormat::Json => {
                let line = json!({
                    "time": self.now(),
                    "level": if *status < 500 { "info" } else { "error" },
                    "request_id": request_id,
                    "method": method,
                    "route": route,
                    "status": status,
                    "ms": ms,
                    "bytes": bytes,
                    "key": key,
                    "trace_id": trace_id,
                });
                (self.write)(&line.to_string());
            }
        }
    }

    /// Tells of something else.
    pub(crate) fn note(&self, level: &str, message: &str) {
        match self.format {
            LogFormat::Off => {}
            LogFormat::Text => (self.write)(&format!("{} {level} {message}", self.now())),
            LogFormat::Json => {
                let line = json!({"time": self.now(), "level": level, "message": message});
                (self.write)(&line.to_string());
            }
        }
    }
}
