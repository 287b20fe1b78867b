//! What a service may be told.

use std::time::Duration;

/// The settings of a service.
#[derive(Clone, Debug)]
pub struct Config {
    /// Newest events of a user that are kept in memory, and that recommendations see.
    pub history: usize,
    /// Requests of each kind that may wait; a request that finds as many waiting is answered 429.
    pub queue: usize,
    /// Largest body in bytes.
    pub body: usize,
    /// Longest time for a request.
    pub timeout: Duration,
    /// Whether a key is asked for.
    pub keys: bool,
    /// The time now, Unix seconds.
    pub clock: fn() -> i64,
}

impl Config {
    /// The defaults, with a clock.
    #[must_use]
    pub fn new(clock: fn() -> i64) -> Self {
        Self {
            history: 200,
            queue: 1024,
            body: 16 << 20,
            timeout: Duration::from_secs(30),
            keys: false,
            clock,
        }
    }
}
