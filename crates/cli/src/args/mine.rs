//! Flags of `semrec mine`.

use super::EncoderArgs;
use clap::Args;
use std::path::PathBuf;

/// What `mine --help` ends with.
pub(super) const MINE_HELP: &str = "\
Examples:
  semrec mine shop --out shop-mined
  semrec mine news --encoder multilingual --topics 80 --out news-mined
  semrec mine texts.csv --out mined

OUT gets mine.html, one page with all of it, map.svg and map.png; mine.json, the figures; and as
Parquet and CSV the tables items (topic, place on the map, keywords, semantic id, language and more for
each), topics, groups, alike (duplicates and variants), contradictions where there are labels, and
interests where there are interactions. A data set of items alone (import --items without
--interactions) and a file of texts, as embed reads it, can be mined too: what needs interactions
is left out.

The result follows from the data and the seed, whatever the number of threads.";

/// `semrec mine`
#[derive(Debug, Args)]
pub(crate) struct MineArgs {
    /// Directory of a data set, or a file with a text a row.
    pub(crate) dataset: PathBuf,
    #[command(flatten)]
    pub(crate) encoder: EncoderArgs,
    /// Number of topics [default: chosen from the data].
    #[arg(long, env = "SEMREC_TOPICS", value_name = "N")]
    pub(crate) topics: Option<usize>,
    /// Largest share of items that may be called outliers.
    #[arg(
        long,
        env = "SEMREC_OUTLIERS",
        default_value_t = 0.25,
        value_name = "SHARE"
    )]
    pub(crate) outliers: f64,
    /// Keywords of an item, at most.
    #[arg(long, env = "SEMREC_KEYWORDS", default_value_t = 5, value_name = "N")]
    pub(crate) keywords: usize,
    /// Cosine of whitened vectors from which on two items can be variants of each other.
    #[arg(
        long,
        env = "SEMREC_VARIANTS",
        default_value_t = 0.8,
        value_name = "COSINE"
    )]
    pub(crate) variants: f32,
    /// Tokens of a semantic id, without the one that tells equal ones apart.
    #[arg(long, env = "SEMREC_ID_LEVELS", default_value_t = 3, value_name = "N")]
    pub(crate) id_levels: usize,
    /// Values of a token; a tenth of the number of items if that is less.
    #[arg(
        long,
        env = "SEMREC_ID_TOKENS",
        default_value_t = 256,
        value_name = "N"
    )]
    pub(crate) id_tokens: usize,
    /// Directory for page, map, figures and tables.
    #[arg(
        long,
        env = "SEMREC_OUT",
        default_value = "semrec-mine",
        value_name = "DIR"
    )]
    pub(crate) out: PathBuf,
}
