//! Flags of `semrec serve` and `semrec key`.

use clap::{Args, Command, FromArgMatches, Subcommand, ValueEnum};
use semrec_store::Place;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `semrec serve`
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Directory of the bundle.
    pub(crate) bundle: PathBuf,
    /// Address and port. Beyond this machine, keys are needed: see 'semrec key add'.
    #[arg(long, env = "SEMREC_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where items and events are kept: sqlite:FILE, or postgres://USER@HOST/DATABASE, which several
    /// services may share; its password may be in PGPASSWORD [default: sqlite:BUNDLE.db]
    #[arg(long, env = "SEMREC_STORE", hide_env_values = true)]
    pub(crate) store: Option<Place>,
    /// Newest events of a person that recommendations see.
    #[arg(long, env = "SEMREC_HISTORY", default_value_t = 200)]
    pub(crate) history: usize,
    /// Requests of each kind that may wait before others are told to come again (429).
    #[arg(long, env = "SEMREC_QUEUE", default_value_t = 1024)]
    pub(crate) queue: usize,
    /// Types of Gorse's feedback that are acknowledged and not kept, e.g. read: what was merely shown
    /// is no interest.
    #[arg(
        long,
        env = "SEMREC_GORSE_IGNORE",
        value_name = "TYPES",
        value_delimiter = ','
    )]
    pub(crate) gorse_ignore: Vec<String>,
    #[command(flatten)]
    pub(crate) net: NetArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) privacy: PrivacyArgs,
    #[command(flatten)]
    pub(crate) refit: RefitArgs,
}

/// What connections and keys may take.
#[derive(Debug, Args)]
pub(crate) struct NetArgs {
    /// Chain of certificates in PEM, for HTTPS; read again when it changes.
    #[arg(
        long,
        env = "SEMREC_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM.
    #[arg(
        long,
        env = "SEMREC_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub(crate) tls_key: Option<PathBuf>,
    /// Requests a second that each key, and each address without one, may send [default: any number]
    #[arg(long, env = "SEMREC_RATE")]
    pub(crate) rate: Option<NonZeroU32>,
    /// Requests that may come at once after a pause [default: twice the rate]
    #[arg(long, env = "SEMREC_BURST", requires = "rate")]
    pub(crate) burst: Option<NonZeroU32>,
    /// Connections that may be open at once; others wait.
    #[arg(long, env = "SEMREC_CONNECTIONS", default_value_t = 1024)]
    pub(crate) connections: usize,
}

/// What is told of requests.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// A line a request on standard error, without ids of people.
    #[arg(long, env = "SEMREC_LOG", value_enum, default_value_t = LogArg::Off)]
    pub(crate) log: LogArg,
    /// An OpenTelemetry collector to send traces to, e.g. http://localhost:4318
    #[arg(long, env = "SEMREC_OTLP", value_name = "URL", value_parser = collector)]
    pub(crate) otlp: Option<String>,
    /// Share of requests that are traced of those without a 'traceparent', 0 to 1.
    #[arg(long, env = "SEMREC_OTLP_SHARE", default_value_t = 1.0, value_parser = share)]
    pub(crate) otlp_share: f64,
}

/// What is done to ids and texts before they are stored.
#[derive(Debug, Args)]
pub(crate) struct PrivacyArgs {
    /// File with a secret of 32 bytes or more: ids of people are kept as keyed hashes only.
    #[arg(long, env = "SEMREC_PSEUDONYMS", value_name = "FILE")]
    pub(crate) pseudonyms: Option<PathBuf>,
    /// Mask e-mail addresses, telephone and card numbers in items and in what is searched for.
    #[arg(long, env = "SEMREC_MASK")]
    pub(crate) mask: bool,
}

/// How the service learns on. Bundles that it makes lie in STORE.bundles, over PostgreSQL in
/// BUNDLE.bundles.
#[derive(Debug, Args)]
pub(crate) struct RefitArgs {
    /// Train anew so often on what came in, e.g. 24h or 90m; the new bundle enters service if it is
    /// not worse on the newest events [default: only when asked, by POST /v1/refit]
    #[arg(long, env = "SEMREC_REFIT", value_name = "TIME")]
    pub(crate) refit: Option<Every>,
    /// With --refit: train before, when the mix of events or scores is further from that of training
    /// (population stability index).
    #[arg(long, env = "SEMREC_REFIT_DRIFT", default_value_t = 0.25, value_parser = positive)]
    pub(crate) refit_drift: f64,
    /// Share of the cores that a training may use, 0 to 1; one core at least.
    #[arg(long, env = "SEMREC_REFIT_SHARE", default_value_t = 0.5, value_parser = share)]
    pub(crate) refit_share: f64,
    /// Before the model is trained anew, tune the encoder for so many epochs on what came in; the
    /// new one serves in the bundle if that is not worse [default: the encoder stays as it is]
    #[arg(long, env = "SEMREC_REFIT_TUNE", value_name = "EPOCHS")]
    pub(crate) refit_tune: Option<NonZeroUsize>,
}

/// A time between two things, as `24h`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Every(pub(crate) Duration);

impl std::str::FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no time; expected e.g. 90m, 24h or 7d");
        let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
        let unit = units.iter().find_map(|(unit, seconds)| {
            let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
            number.checked_mul(*seconds)
        });
        match unit.ok_or_else(wrong)? {
            0..60 => Err(format!("'{text}' is too often; expected at least 1m")),
            seconds => Ok(Self(Duration::from_secs(seconds))),
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text
        .parse()
        .ok()
        .filter(|x: &f64| *x > 0.0 && x.is_finite());
    number.ok_or_else(|| "expected a number above 0".to_owned())
}

/// How requests are told.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogArg {
    /// Not at all.
    Off,
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

fn collector(text: &str) -> Result<String, String> {
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|s| text.strip_prefix(s));
    match rest {
        Some(host) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err("expected http://HOST:PORT, e.g. http://localhost:4318".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number from 0 to 1")?;
    if (0.0..=1.0).contains(&number) {
        return Ok(number);
    }
    Err("expected a number from 0 to 1".to_owned())
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
    /// The store of the service, as sqlite:FILE or postgres://USER@HOST/DATABASE
    #[arg(long, env = "SEMREC_STORE", hide_env_values = true)]
    pub(crate) store: Place,
}

/// `semrec store`
#[derive(Debug, Subcommand)]
pub(crate) enum StoreVerb {
    /// Write everything but the keys as Parquet files; the service may go on meanwhile.
    #[command(
        after_help = "Example:\n  semrec store export --store sqlite:bundle.db --out archive"
    )]
    Export(ArchiveArgs),
    /// Read what was exported into a store that is not there, or empty.
    #[command(after_help = "Example:\n  semrec store import --store sqlite:new.db --from archive")]
    Import(ImportedArgs),
}

/// Where to.
#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// The directory to make.
    #[arg(long, env = "SEMREC_OUT")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) at: KeyListArgs,
}

/// Where from.
#[derive(Debug, Args)]
pub(crate) struct ImportedArgs {
    /// The directory that was made.
    #[arg(long, env = "SEMREC_FROM")]
    pub(crate) from: PathBuf,
    #[command(flatten)]
    pub(crate) at: KeyListArgs,
}
