//! What a service may be told.

use crate::net::Tls;
use crate::privacy::Privacy;
use crate::refit::Refit;
use crate::watch::Watch;
use std::num::NonZeroU32;
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
    /// Types of Gorse's feedback that are acknowledged and not kept: what was merely shown.
    pub gorse_ignore: Vec<String>,
    /// What connections may take.
    pub net: Net,
    /// How many requests a key or an address may send; any number if absent.
    pub rate: Option<Rate>,
    /// What is told of each request, to whom.
    pub watch: Watch,
    /// What is done to ids and texts of people before anything else sees them.
    pub privacy: Privacy,
    /// How the service learns on; not at all if absent.
    pub refit: Option<Refit>,
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
            gorse_ignore: Vec::new(),
            net: Net::default(),
            rate: None,
            watch: Watch::default(),
            privacy: Privacy::default(),
            refit: None,
        }
    }
}

/// What connections may take.
#[derive(Clone, Debug)]
pub struct Net {
    /// Connections that may be open at once; others wait.
    pub connections: usize,
    /// Longest time without a whole head of a request: of a slow client, and of an idle connection.
    pub head: Duration,
    /// Longest time for the body of a request.
    pub body: Duration,
    /// Longest time in which a client takes nothing of its answer.
    pub stalled: Duration,
    /// The certificate; plain HTTP without.
    pub tls: Option<Tls>,
}

impl Default for Net {
    fn default() -> Self {
        Self {
            connections: 1024,
            head: Duration::from_secs(30),
            body: Duration::from_secs(20),
            stalled: Duration::from_secs(20),
            tls: None,
        }
    }
}

/// How many requests one may send.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Requests a second, in the long run.
    pub a_second: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}
