//! The command line: verbs, flags, their help and their environment names.

mod finetune;
mod mine;
mod model;
mod serve;
mod tune;

pub(crate) use finetune::{
    CandidatesName, DecoderName, FinetuneArgs, LabelSource, LearnedArgs, MethodName, ObjectiveName,
    OptimiserName, PaceArgs, ParameterArgs, ScheduleName, SourceKind, TemperatureArg, TowerName,
};
pub(crate) use mine::MineArgs;
pub(crate) use model::{
    CompareArgs, ConvertArgs, DistilArgs, LayersKept, MeasureArgs, ModelVerb, PrecisionName,
};
pub(crate) use serve::{
    KeyArgs, KeyVerb, LogArg, PrivacyArgs, RefitArgs, ServeArgs, StoreVerb, WatchArgs,
};
pub(crate) use tune::TuneArgs;

use clap::{Args, Parser, Subcommand, ValueEnum};
use semrec_data::{FactSource, Format, Roles, Split};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A recommender that reads: encodes what items say, learns from what people do, measures both.
#[derive(Debug, Parser)]
#[command(name = "semrec", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags every verb has.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Seed of every random draw.
    #[arg(long, global = true, env = "SEMREC_SEED", default_value_t = 42)]
    pub(crate) seed: u64,
    /// Number of threads; 0 for one per core.
    #[arg(long, global = true, env = "SEMREC_THREADS", default_value_t = 0)]
    pub(crate) threads: usize,
    /// Where pretrained models and cached vectors are kept [default: ~/.cache/semrec].
    #[arg(long, global = true, env = "SEMREC_HOME", value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// A file of settings; flags and SEMREC_… variables beat it [default: semrec.toml, if there].
    #[arg(long, global = true, env = "SEMREC_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say only what was asked for: no progress.
    #[arg(long, short, global = true, env = "SEMREC_QUIET")]
    pub(crate) quiet: bool,
}

/// What `embed --help` ends with.
const EMBED_HELP: &str = "\
Examples:
  semrec embed shop --out vectors.parquet
  semrec embed items.csv --id sku --text title,description --out vectors.npy

A file is read, encoded and written in parts. After Ctrl-C, a crash or a kill, the same command
goes on from the last finished part; parts whose rows or encoder have changed are made again. The
result does not depend on where it was stopped, nor on the number of threads.

Memory does not depend on the length of the file: beside the encoder (its weights and about 10 MiB
a thread), 4 MiB of texts, 48 MiB of vectors of 384 values, and what the reader holds (1 MiB of
buffers; of Parquet, about 16 MiB of rows). A row with more than 1 MiB of text is an error. Disk:
the output, and as much again for the parts until it is complete.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Read a catalogue and a log of interactions into a data set.
    #[command(
        after_help = "Example:\n  semrec import --items items.csv --interactions events.csv --out shop"
    )]
    Import(ImportArgs),
    /// Check a data set: PASS, WARN or FAIL for each thing that can be wrong with it.
    #[command(after_help = "Example:\n  semrec validate shop")]
    Validate(ValidateArgs),
    /// Encode the texts of a data set, or of a file of any length.
    #[command(after_help = EMBED_HELP)]
    Embed(EmbedArgs),
    /// Fit a model on all of a data set and save it as a bundle that serves.
    #[command(after_help = "Example:\n  semrec train shop --model hybrid --out bundle")]
    Train(TrainArgs),
    /// Tune an encoder on what people do, and say whether it helped.
    #[command(after_help = finetune::FINETUNE_HELP)]
    Finetune(FinetuneArgs),
    /// Search the parameters of models that are best on the validation part of a data set.
    #[command(after_help = tune::TUNE_HELP)]
    Tune(TuneArgs),
    /// Measure models on a data set: full catalogue, intervals, paired tests.
    #[command(
        after_help = "Example:\n  semrec evaluate shop --models popularity,ease,content,hybrid --split leave-one-out -k 10,20 --report report.html"
    )]
    Evaluate(EvaluateArgs),
    /// Recommend items to a user, for a history, or for a sentence.
    #[command(
        after_help = "Examples:\n  semrec recommend bundle --user u42 --explain\n  semrec recommend bundle --text \"noise-cancelling headphones for flights\""
    )]
    Recommend(RecommendArgs),
    /// Items that go with an item.
    #[command(after_help = "Example:\n  semrec similar bundle --item B004756YJA")]
    Similar(SimilarArgs),
    /// Items whose text is nearest to the words.
    #[command(after_help = "Example:\n  semrec search bundle \"waterproof mascara\"")]
    Search(SearchArgs),
    /// Recommendations, search and similar items over HTTP, with items and events as they come.
    #[command(
        after_help = "Example:\n  semrec serve bundle\n  curl -s localhost:8080/v1/recommend -d '{\"text\": \"waterproof mascara\", \"k\": 3}'"
    )]
    Serve(ServeArgs),
    /// Keys of those who may ask a service.
    #[command(subcommand)]
    Key(KeyVerb),
    /// The store of a service as Parquet files, and back.
    #[command(subcommand)]
    Store(StoreVerb),
    /// See what is in a catalogue, and what people come for: tables, a page and a map.
    #[command(after_help = mine::MINE_HELP)]
    Mine(MineArgs),
    /// The whole main job: import, embed, evaluate, train, a report to send to a colleague, and the
    /// service with its dashboard.
    #[command(after_help = "Example:\n  semrec up items.csv events.csv --out shop")]
    Up(UpArgs),
    /// Pretrained encoders: pull, list, info; smaller ones: convert, distil, compare.
    #[command(subcommand)]
    Model(ModelVerb),
}

/// How to read sources.
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// File of users, with their own texts.
    #[arg(long, env = "SEMREC_USERS", value_name = "FILE")]
    pub(crate) users: Option<PathBuf>,
    /// A second file of interactions, held out for testing (split `given`).
    #[arg(long, env = "SEMREC_TEST_INTERACTIONS", value_name = "FILE")]
    pub(crate) test_interactions: Option<PathBuf>,
    /// File of facts, each with a head, a relation and a tail: a knowledge graph of the items.
    #[arg(long, env = "SEMREC_KG", value_name = "FILE")]
    pub(crate) kg: Option<PathBuf>,
    /// File that says which item is which entity of the facts; without it entities with the id of
    /// an item are that item.
    #[arg(long, env = "SEMREC_LINK", value_name = "FILE")]
    pub(crate) link: Option<PathBuf>,
    /// auto, csv, jsonl, parquet, recbole, movielens, mind, gorse or adjacency.
    #[arg(long, env = "SEMREC_FORMAT", default_value = "auto")]
    pub(crate) format: Format,
    /// What columns are for, where it would be guessed wrongly:
    /// user=uid,item=sku,text=title+body,items.ignore=position.
    #[arg(long, env = "SEMREC_ROLES", default_value = "")]
    pub(crate) roles: Roles,
    /// Fail if more than this share of a file's rows is rejected.
    #[arg(
        long,
        env = "SEMREC_MAX_REJECTED",
        default_value_t = 0.05,
        value_name = "SHARE"
    )]
    pub(crate) max_rejected: f64,
    /// Name of the data set [default: that of the folder of the interactions].
    #[arg(long, env = "SEMREC_NAME")]
    pub(crate) name: Option<String>,
}

/// `semrec import`
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// File of items; without it the ids in the interactions are the catalogue.
    #[arg(long, env = "SEMREC_ITEMS", value_name = "FILE")]
    pub(crate) items: Option<PathBuf>,
    /// File of interactions, or the directory of a known data set; without it the items are a
    /// catalogue to mine, embed and search, from which nothing about people is learned.
    #[arg(
        long,
        env = "SEMREC_INTERACTIONS",
        value_name = "FILE",
        required_unless_present = "items"
    )]
    pub(crate) interactions: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// Directory of the data set to make.
    #[arg(long, env = "SEMREC_OUT", value_name = "DATASET")]
    pub(crate) out: PathBuf,
}

/// `semrec validate`
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Directory of the data set.
    pub(crate) dataset: PathBuf,
    /// Print JSON.
    #[arg(long, env = "SEMREC_JSON")]
    pub(crate) json: bool,
}

/// Which encoder reads the texts.
#[derive(Debug, Args)]
pub(crate) struct EncoderArgs {
    /// Name of a pulled encoder, a directory, or `none`.
    #[arg(
        long,
        env = "SEMREC_ENCODER",
        default_value = "minilm",
        value_name = "NAME|DIR"
    )]
    pub(crate) encoder: String,
}

/// What models read of the items besides their texts.
#[derive(Debug, Args)]
pub(crate) struct FactArgs {
    /// Facts that models read beside the texts: fields (labels and whole numbers of the items),
    /// graph (the knowledge graph), both or none. Their share is the parameter `facts` of a model.
    #[arg(
        long,
        env = "SEMREC_FACTS",
        default_value = "none",
        value_name = "SOURCE"
    )]
    pub(crate) facts: FactSource,
}

/// `semrec embed`
#[derive(Debug, Args)]
pub(crate) struct EmbedArgs {
    /// Directory of a data set, or a file with a text a row: CSV, JSON lines, Parquet, ….
    pub(crate) input: PathBuf,
    #[command(flatten)]
    pub(crate) encoder: EncoderArgs,
    /// Write ids and vectors to this file, named *.parquet or *.npy. Needed for a file; the vectors
    /// of a data set are cached in any case.
    #[arg(long, env = "SEMREC_OUT", value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Of a file: column of the ids [default: by its name; without one, rows are numbered from 0].
    #[arg(long, env = "SEMREC_ID", value_name = "COLUMN")]
    pub(crate) id: Option<String>,
    /// Of a file: columns of the text, in the order they are read [default: as an import infers].
    #[arg(
        long,
        env = "SEMREC_TEXT",
        value_delimiter = ',',
        value_name = "COLUMN,…"
    )]
    pub(crate) text: Vec<String>,
    /// Of a file: auto, csv, jsonl, parquet, recbole, movielens, mind or gorse.
    #[arg(long, env = "SEMREC_FORMAT", default_value = "auto")]
    pub(crate) format: Format,
    /// Of a file: its texts are queries, not what is searched; models with a prompt for queries
    /// put it before each.
    #[arg(long, env = "SEMREC_EMBED_QUERY")]
    pub(crate) query: bool,
    /// Write 16-bit numbers: half the size, about three digits.
    #[arg(long, env = "SEMREC_HALF")]
    pub(crate) half: bool,
}

/// `semrec train`
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Directory of the data set.
    pub(crate) dataset: PathBuf,
    /// Name of the model.
    #[arg(long, env = "SEMREC_MODEL", default_value = "hybrid")]
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) encoder: EncoderArgs,
    #[command(flatten)]
    pub(crate) facts: FactArgs,
    /// A TOML file of parameters, with a section for the model, as `tune` writes it; --set beats it.
    #[arg(long, env = "SEMREC_PARAMS", value_name = "FILE")]
    pub(crate) params: Option<PathBuf>,
    /// A parameter of the model, as in lambda=500; can be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Directory of the bundle to make.
    #[arg(long, env = "SEMREC_OUT", value_name = "BUNDLE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Where the files of a training by epochs go.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Keep curve (CSV and TensorBoard) and checkpoint of a model that is trained by epochs in
    /// this directory; a run that was killed goes on from its checkpoint.
    #[arg(long, env = "SEMREC_RUN", value_name = "DIR")]
    pub(crate) run: Option<PathBuf>,
}

/// What is ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CandidateSet {
    /// The full catalogue.
    Full,
    /// The items without any training event.
    Cold,
}

/// What a query holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueryKind {
    /// The history alone.
    History,
    /// The person's own text alone.
    Text,
    /// Both, where there are both.
    Both,
}

impl QueryKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Text => "text",
            Self::Both => "both",
        }
    }
}

/// `semrec evaluate`
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// Directory of the data set.
    pub(crate) dataset: PathBuf,
    /// Models to measure.
    #[arg(
        long,
        env = "SEMREC_MODELS",
        value_delimiter = ',',
        default_value = "popularity,recent-popularity,item-knn,ease,als,content,hybrid"
    )]
    pub(crate) models: Vec<String>,
    /// leave-one-out, temporal:0.8, ratio:0.8, given, cold-items:0.1 or cold-users:0.1.
    #[arg(long, env = "SEMREC_SPLIT", default_value = "leave-one-out")]
    pub(crate) split: Split,
    /// Cut-offs; models are compared at the first one.
    #[arg(
        short,
        long,
        env = "SEMREC_K",
        value_delimiter = ',',
        default_value = "10,20"
    )]
    pub(crate) k: Vec<usize>,
    /// Which items are ranked.
    #[arg(long, env = "SEMREC_CANDIDATES", default_value = "full")]
    pub(crate) candidates: CandidateSet,
    /// Rank items of the history too.
    #[arg(long, env = "SEMREC_INCLUDE_SEEN")]
    pub(crate) include_seen: bool,
    #[command(flatten)]
    pub(crate) encoder: EncoderArgs,
    #[command(flatten)]
    pub(crate) facts: FactArgs,
    /// A TOML file of parameters, with a section for each model, as `tune` writes it; --set beats
    /// it.
    #[arg(long, env = "SEMREC_PARAMS", value_name = "FILE")]
    pub(crate) params: Option<PathBuf>,
    /// A parameter of a model, as in ease.lambda=500; can be repeated.
    #[arg(long, value_name = "MODEL.KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// What is known of the people: what they did, what they wrote of themselves, or both. With
    /// `text` every item they touched is asked for.
    #[arg(long, env = "SEMREC_QUERY", default_value = "both")]
    pub(crate) query: QueryKind,
    /// Write the figures to this JSON file.
    #[arg(long, env = "SEMREC_JSON", value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the figures of each person to this CSV file, a line for each model and person: what a
    /// paired test of two runs needs.
    #[arg(long, env = "SEMREC_CASES", value_name = "FILE")]
    pub(crate) cases: Option<PathBuf>,
    /// Write the report to this HTML file (adds the classification report, which fits twice).
    #[arg(long, env = "SEMREC_REPORT", value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// `semrec recommend`
#[derive(Debug, Args)]
pub(crate) struct RecommendArgs {
    /// Directory of the bundle.
    pub(crate) bundle: PathBuf,
    /// A user of the data set.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Item ids, oldest first, joined by commas.
    #[arg(long, value_delimiter = ',')]
    pub(crate) history: Vec<String>,
    /// What the person says of themselves or looks for.
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Items that are not wanted, nor what reads like them, joined by commas.
    #[arg(long, value_delimiter = ',')]
    pub(crate) negative: Vec<String>,
    /// What the items must be, e.g. 'genres = Comedy and price < 20 and in_stock'.
    #[arg(long)]
    pub(crate) filter: Option<String>,
    /// From 0, the best items in their order, to 1, items as unlike each other as can be.
    #[arg(long, env = "SEMREC_DIVERSITY", default_value_t = 0.0)]
    pub(crate) diversity: f32,
    /// Recommend items of the history too.
    #[arg(long, env = "SEMREC_INCLUDE_SEEN")]
    pub(crate) include_seen: bool,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
    /// Say why.
    #[arg(long, env = "SEMREC_EXPLAIN")]
    pub(crate) explain: bool,
}

/// How to answer.
#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// How many items.
    #[arg(short, env = "SEMREC_K", default_value_t = 10)]
    pub(crate) k: usize,
    /// Print JSON.
    #[arg(long, env = "SEMREC_JSON")]
    pub(crate) json: bool,
}

/// `semrec similar`
#[derive(Debug, Args)]
pub(crate) struct SimilarArgs {
    /// Directory of the bundle.
    pub(crate) bundle: PathBuf,
    /// The item's id.
    #[arg(long)]
    pub(crate) item: String,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
    /// Say why.
    #[arg(long, env = "SEMREC_EXPLAIN")]
    pub(crate) explain: bool,
}

/// `semrec search`
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Directory of the bundle.
    pub(crate) bundle: PathBuf,
    /// What to look for.
    pub(crate) words: String,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

/// `semrec up`
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// File of items.
    pub(crate) items: PathBuf,
    /// File of interactions.
    pub(crate) interactions: PathBuf,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) encoder: EncoderArgs,
    #[command(flatten)]
    pub(crate) facts: FactArgs,
    /// Models to measure.
    #[arg(
        long,
        env = "SEMREC_MODELS",
        value_delimiter = ',',
        default_value = "popularity,recent-popularity,item-knn,ease,als,content,hybrid"
    )]
    pub(crate) models: Vec<String>,
    /// How to divide the events [default: given where the data has it, temporal:0.8 where there
    /// are timestamps, else leave-one-out].
    #[arg(long, env = "SEMREC_SPLIT")]
    pub(crate) split: Option<Split>,
    /// Directory for all that is made: dataset, bundle, report.html, results.json.
    #[arg(
        long,
        env = "SEMREC_OUT",
        default_value = "semrec-out",
        value_name = "DIR"
    )]
    pub(crate) out: PathBuf,
    /// Address and port of the service that it ends in; where the port is taken, a free one is.
    #[arg(long, env = "SEMREC_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// End when all is made, without the service.
    #[arg(long, env = "SEMREC_NO_SERVE")]
    pub(crate) no_serve: bool,
}
