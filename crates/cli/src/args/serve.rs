//! Flags of `semrec serve` and `semrec key`.

use clap::{Args, Command, FromArgMatches, Subcommand};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// `semrec serve`
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Directory of the bundle.
    pub(crate) bundle: PathBuf,
    /// Address and port. Beyond this machine, keys are needed: see 'semrec key add'.
    #[arg(long, env = "SEMREC_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where items and events are kept, as sqlite:FILE [default: sqlite:BUNDLE.db]
    #[arg(long, env = "SEMREC_STORE")]
    pub(crate) store: Option<StorePlace>,
    /// Newest events of a person that recommendations see.
    #[arg(long, env = "SEMREC_HISTORY", default_value_t = 200)]
    pub(crate) history: usize,
    /// Requests of each kind that may wait before others are told to come again (429).
    #[arg(long, env = "SEMREC_QUEUE", default_value_t = 1024)]
    pub(crate) queue: usize,
}

impl ServeArgs {
    /// What `semrec serve BUNDLE --listen ADDRESS` is told.
    pub(crate) fn of(bundle: &Path, listen: SocketAddr) -> Result<Self, clap::Error> {
        let words = [
            OsString::from("serve"),
            OsString::from("--listen"),
            listen.to_string().into(),
            OsString::from("--"),
            bundle.into(),
        ];
        let command = Self::augment_args(Command::new("serve"));
        Self::from_arg_matches(&command.try_get_matches_from(words)?)
    }
}

/// `semrec key`
#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// Make a key and print it; it is not kept, and cannot be printed again.
    #[command(
        after_help = "Example:\n  semrec key add shop --scope write --store sqlite:bundle.db"
    )]
    Add(KeyArgs),
    /// Take a key back, at once and without a restart.
    Remove(KeyArgs),
    /// Names and scopes of all keys.
    List(KeyListArgs),
}

/// Which key, of which store.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// What it is called.
    pub(crate) name: String,
    /// What it may do: read (ask), write (and send items and events), admin (and list and
    /// map items, see what a person did, forget people, read the counters).
    #[arg(long, value_parser = ["read", "write", "admin"], default_value = "read")]
    pub(crate) scope: String,
    #[command(flatten)]
    pub(crate) at: KeyListArgs,
}

/// Which store.
#[derive(Debug, Args)]
pub(crate) struct KeyListArgs {
    /// The store of the service, as sqlite:FILE
    #[arg(long, env = "SEMREC_STORE")]
    pub(crate) store: StorePlace,
}

/// `sqlite:FILE`
#[derive(Clone, Debug)]
pub(crate) struct StorePlace(pub(crate) PathBuf);

impl std::str::FromStr for StorePlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self(file.into())),
            _ => Err(format!("'{text}' is no store; expected sqlite:FILE")),
        }
    }
}
