//! Flags of `semrec tune`.

use super::{CandidateSet, EncoderArgs, FactArgs, QueryKind};
use clap::Args;
use semrec_data::Split;
use semrec_tune::Method;
use std::fmt;
use std::path::PathBuf;

/// What `tune --help` ends with.
pub(super) const TUNE_HELP: &str = "\
Examples:
  semrec tune shop --model ease --trials 30 --out tuned
  semrec tune shop --model ease,als,item-knn --split temporal:0.8 --metric recall@20 --out tuned
  semrec tune shop --model als --method halving --trials 81 --set factors=64 \\
      --space lambda=log:0.001..0.1 --space steps=2,3,5 --out tuned
  semrec evaluate shop --models ease,als --params tuned/best.toml

Models are fitted on the training part and measured on the validation part; the test part is not
touched, so measure what was found with `evaluate`, once. The first trial is the model as it is.
Each model gets the same number of settings, and with --budget the same time.

Every trial is written to OUT/MODEL.jsonl as it ends. After Ctrl-C, a crash or a kill the same
command goes on from there and ends as it would have; with more --trials it goes further (but for
halving, whose rungs follow from their number).";

/// `semrec tune`
#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    /// Directory of the data set.
    pub(crate) dataset: PathBuf,
    /// Models to tune, joined by commas.
    #[arg(
        long,
        visible_alias = "models",
        env = "SEMREC_MODEL",
        value_delimiter = ',',
        required = true,
        value_name = "NAME,…"
    )]
    pub(crate) model: Vec<String>,
    /// How many different settings of each model to try, its own included.
    #[arg(
        long,
        env = "SEMREC_TRIALS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub(crate) trials: u32,
    /// tpe, random or halving.
    #[arg(long, env = "SEMREC_METHOD", default_value = "tpe")]
    pub(crate) method: Method,
    /// leave-one-out, temporal:0.8, ratio:0.8, given, cold-items:0.1 or cold-users:0.1; its
    /// validation part is measured.
    #[arg(long, env = "SEMREC_SPLIT", default_value = "leave-one-out")]
    pub(crate) split: Split,
    /// What to maximise: ndcg, recall, mrr, hit, precision or map, at a cut-off.
    #[arg(
        long,
        env = "SEMREC_METRIC",
        default_value = "ndcg@10",
        value_parser = Metric::parse
    )]
    pub(crate) metric: Metric,
    /// Seconds a model may take in all, earlier runs included; no trial begins after them.
    #[arg(long, env = "SEMREC_BUDGET", value_name = "SECONDS")]
    pub(crate) budget: Option<f64>,
    /// What to search in place of, or beside, what the model declares: KEY=LO..HI (log:LO..HI,
    /// even:LO..HI) or KEY=A,B,C; MODEL.KEY where there are several models; can be repeated.
    #[arg(long, value_name = "KEY=RANGE")]
    pub(crate) space: Vec<String>,
    /// A parameter that is not searched, as in factors=64; MODEL.KEY where there are several
    /// models; can be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Which items are ranked.
    #[arg(long, env = "SEMREC_CANDIDATES", default_value = "full")]
    pub(crate) candidates: CandidateSet,
    /// Rank items of the history too.
    #[arg(long, env = "SEMREC_INCLUDE_SEEN")]
    pub(crate) include_seen: bool,
    /// What is known of the people: what they did, what they wrote of themselves, or both.
    #[arg(long, env = "SEMREC_QUERY", default_value = "both")]
    pub(crate) query: QueryKind,
    #[command(flatten)]
    pub(crate) encoder: EncoderArgs,
    #[command(flatten)]
    pub(crate) facts: FactArgs,
    /// Directory for trials, best.toml, trials.csv, tune.json and tune.html.
    #[arg(
        long,
        env = "SEMREC_OUT",
        default_value = "semrec-tune",
        value_name = "DIR"
    )]
    pub(crate) out: PathBuf,
}

/// Names a search can maximise: larger is better, and each person has a value.
const MAXIMISED: [&str; 6] = ["ndcg", "recall", "mrr", "hit", "precision", "map"];

/// A metric at a cut-off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    name: &'static str,
    /// The cut-off, at least 1.
    pub(crate) k: usize,
}

impl Metric {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected one of {} at a cut-off, as in ndcg@10",
                MAXIMISED.join(", ")
            )
        };
        let (name, k) = text.split_once('@').ok_or_else(wrong)?;
        let name = MAXIMISED.into_iter().find(|n| *n == name);
        let k = k.parse().ok().filter(|k| *k > 0);
        match (name, k) {
            (Some(name), Some(k)) => Ok(Self { name, k }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.k)
    }
}
