//! Flags of `semrec finetune`.

use super::EncoderArgs;
use clap::{Args, ValueEnum};
use semrec_data::Split;
use semrec_finetune::{PriorWeight, Target};
use std::path::PathBuf;

/// What `finetune --help` ends with.
pub(super) const FINETUNE_HELP: &str = "\
Examples:
  semrec finetune shop --method full --objective contrastive --out shop-encoder
  semrec finetune shop --method lora --rank 8 --objective contrastive --temperature learned \\
      --out ./tuned --report tuned.html
  semrec finetune shop --method full --objective bce --out shop-ranker
  semrec evaluate shop --models content,hybrid --encoder shop-encoder

The encoder learns from the training part of the split alone; its validation part tells when to end
(the best epoch is kept), and its test part is what the frozen and the tuned encoder are compared
on at the end. What was held out as cold items is never trained on. Tuning does not always help:
the last lines say whether it did.

Curve (CSV and TensorBoard) and checkpoint are kept in a directory, OUT.run. After Ctrl-C, a crash
or a kill the same command goes on from there and ends with the same encoder. The result is a
directory that sentence-transformers loads, and every verb takes with --encoder.";

/// Which parameters of the encoder are trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodName {
    /// All.
    Full,
    /// The top layers; what is below is computed once.
    TopLayers,
    /// Low-rank changes beside linear layers.
    Lora,
    /// Low-rank changes within a budget of ranks.
    Adalora,
    /// Bottlenecks behind attention and feed-forward layer.
    Adapter,
    /// Layers behind the pooling; the encoder stays as it is.
    Head,
}

/// What the encoder is tuned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectiveName {
    /// Pairs of texts and a label through the encoder, with a head: a re-ranker.
    Bce,
    /// A person's vector should be nearer to what came next than to the rest of the batch.
    Contrastive,
    /// People's rows over the items should be told from the items' similarity.
    Elsa,
    /// Words that are masked, from the texts alone.
    Mlm,
    /// A text read twice with other dropout is the same text.
    Simcse,
    /// A text with words deleted gives the whole one back.
    Tsdae,
    /// The vectors of another encoder, on the data set's texts (`--teacher`).
    Distil,
}

/// How the learning rate goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScheduleName {
    /// Not at all.
    Constant,
    /// In a straight line to 0.
    Linear,
    /// Along half a cosine to 0.
    Cosine,
}

/// The rule of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OptimiserName {
    /// Adaptive moments, decoupled weight decay.
    Adamw,
    /// With momentum 0.9, decoupled weight decay.
    Sgd,
}

/// What a person is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TowerName {
    /// All items of the history alike.
    Mean,
    /// Newer items weigh more, by a power.
    Recency,
    /// Learned weights.
    Attention,
    /// What the person wrote, read by the same encoder.
    Text,
}

/// Where examples come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceKind {
    /// A history, and what came next.
    History,
    /// Two items that are touched together.
    Pairs,
}

/// What a target is told from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CandidatesName {
    /// The texts of the batch.
    Batch,
    /// All texts, by vectors that are remembered from earlier steps; a batch is of texts then.
    Catalogue,
}

/// What tells a text again from its vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecoderName {
    /// The encoder's own layers, reading one way, word by word, as published.
    Transformer,
    /// One linear layer, as a bag of words.
    Words,
}

/// Where labels come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LabelSource {
    /// What was touched is a 1, sampled items are 0s.
    Sampled,
    /// The values of the events, 0 or 1.
    Given,
}

/// A linear layer that has a low-rank change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TargetName {
    /// Query of attention.
    Query,
    /// Key of attention.
    Key,
    /// Value of attention.
    Value,
    /// Output of attention.
    Output,
    /// First layer of the feed-forward part.
    Up,
    /// Second layer of the feed-forward part.
    Down,
}

impl From<TargetName> for Target {
    fn from(name: TargetName) -> Self {
        match name {
            TargetName::Query => Self::Query,
            TargetName::Key => Self::Key,
            TargetName::Value => Self::Value,
            TargetName::Output => Self::Output,
            TargetName::Up => Self::Up,
            TargetName::Down => Self::Down,
        }
    }
}

/// `learned`, or a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TemperatureArg {
    /// Learned.
    Learned,
    /// As it is.
    Fixed(f32),
}

impl TemperatureArg {
    fn parse(text: &str) -> Result<Self, String> {
        let read = word_or_number(text, ("learned", Self::Learned), Self::Fixed, |x| x > 0.0);
        read.ok_or_else(|| "expected 'learned' or a number above 0, as in 0.05".to_owned())
    }
}

/// `--prior`
fn prior(text: &str) -> Result<PriorWeight, String> {
    let auto = ("auto", PriorWeight::Validated);
    let read = word_or_number(text, auto, PriorWeight::Fixed, |x| {
        x >= 0.0 && x.is_finite()
    });
    read.ok_or_else(|| "expected 'auto' or a number of at least 0, as in 0.15".to_owned())
}

/// What a word stands for, or a number that fits.
fn word_or_number<T>(
    text: &str,
    (word, meant): (&str, T),
    of: impl Fn(f32) -> T,
    fits: impl Fn(f32) -> bool,
) -> Option<T> {
    if text == word {
        return Some(meant);
    }
    text.parse().ok().filter(|&x| fits(x)).map(of)
}

/// `semrec finetune`
#[derive(Debug, Args)]
pub(crate) struct FinetuneArgs {
    /// Directory of the data set.
    pub(crate) dataset: PathBuf,
    /// Which parameters are trained.
    #[arg(long, env = "SEMREC_METHOD")]
    pub(crate) method: MethodName,
    /// What the encoder is tuned for.
    #[arg(long, env = "SEMREC_OBJECTIVE")]
    pub(crate) objective: ObjectiveName,
    #[command(flatten)]
    pub(crate) encoder: EncoderArgs,
    /// Name of the new encoder, or a path: a directory to make.
    #[arg(long, env = "SEMREC_OUT", value_name = "NAME|DIR")]
    pub(crate) out: String,
    /// leave-one-out, temporal:0.8, ratio:0.8, given, cold-items:0.1 or cold-users:0.1.
    #[arg(long, env = "SEMREC_SPLIT", default_value = "leave-one-out")]
    pub(crate) split: Split,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    #[command(flatten)]
    pub(crate) parameters: ParameterArgs,
    #[command(flatten)]
    pub(crate) learned: LearnedArgs,
    /// Keep curve and checkpoint in this directory [default: OUT.run].
    #[arg(long, env = "SEMREC_RUN", value_name = "DIR")]
    pub(crate) run: Option<PathBuf>,
    /// Compare both with these encoders too, e.g. with the general one where --encoder was tuned on
    /// other data.
    #[arg(
        long,
        env = "SEMREC_BESIDE",
        value_name = "NAME|DIR,…",
        value_delimiter = ','
    )]
    pub(crate) beside: Vec<String>,
    /// Do not compare the frozen and the tuned encoder at the end.
    #[arg(long, env = "SEMREC_NO_EVALUATE")]
    pub(crate) no_evaluate: bool,
    /// Write figures and curve to this JSON file.
    #[arg(long, env = "SEMREC_JSON", value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write curve and comparison to this HTML file.
    #[arg(long, env = "SEMREC_REPORT", value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// How long, how fast, and by what rule.
#[derive(Debug, Args)]
pub(crate) struct PaceArgs {
    /// Most passes over the data.
    #[arg(long, env = "SEMREC_EPOCHS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) epochs: u64,
    /// Epochs without a better validation after which training ends.
    #[arg(long, env = "SEMREC_PATIENCE", default_value_t = 2)]
    pub(crate) patience: u64,
    /// Learn from the validation part too, as models that are reported do, and with --no-evaluate from
    /// the test part as well, as models that serve do: all epochs are made, and the last is kept. For
    /// when the settings have been chosen.
    #[arg(long, env = "SEMREC_FINAL", conflicts_with = "patience")]
    pub(crate) r#final: bool,
    /// Examples that go through the encoder at once [default: 16 for bce, 64 without labels, 256
    /// for contrastive (of texts, against the catalogue: 64 where the vectors go ahead, 128 for a
    /// wide head) and, of people, for elsa].
    #[arg(long, env = "SEMREC_BATCH")]
    pub(crate) batch: Option<usize>,
    /// Batches whose gradients are added up to one step.
    #[arg(long, env = "SEMREC_ACCUMULATE", default_value_t = 1)]
    pub(crate) accumulate: usize,
    /// Highest learning rate [default: 2e-5 for full and top-layers (1e-4 against the
    /// catalogue), 5e-4 for lora, adalora and adapter, 1e-3 for head (1e-4 for a wide one)].
    #[arg(long, env = "SEMREC_LEARNING_RATE")]
    pub(crate) learning_rate: Option<f32>,
    /// Share of the steps in which the rate goes up.
    #[arg(
        long,
        env = "SEMREC_WARMUP",
        default_value_t = 0.1,
        value_name = "SHARE"
    )]
    pub(crate) warmup: f32,
    /// How the rate goes down.
    #[arg(long, env = "SEMREC_SCHEDULE", default_value = "linear")]
    pub(crate) schedule: ScheduleName,
    /// The rule of a step.
    #[arg(long, env = "SEMREC_OPTIMISER", default_value = "adamw")]
    pub(crate) optimiser: OptimiserName,
    /// Decoupled weight decay.
    #[arg(long, env = "SEMREC_WEIGHT_DECAY", default_value_t = 0.01)]
    pub(crate) weight_decay: f32,
    /// Longest gradient; 0 for any length.
    #[arg(long, env = "SEMREC_CLIP", default_value_t = 1.0)]
    pub(crate) clip: f32,
    /// Share of hidden states and attention weights that is dropped while training [default: 0.1; 0
    /// where the vectors go ahead].
    #[arg(long, env = "SEMREC_DROPOUT", value_name = "SHARE")]
    pub(crate) dropout: Option<f32>,
    /// Move the words' vectors this far against the loss in a second pass of each step (FGM); 0
    /// for no second pass, which takes half the time.
    #[arg(long, env = "SEMREC_FGM", default_value_t = 0.0, value_name = "EPS")]
    pub(crate) fgm: f32,
    /// Tokens a text is cut at while training [default: 128; as many as the encoder reads where it
    /// stays as it is, for head].
    #[arg(long, env = "SEMREC_MAX_LENGTH")]
    pub(crate) max_length: Option<usize>,
}

/// Of which parameters.
#[derive(Debug, Args)]
pub(crate) struct ParameterArgs {
    /// Of top-layers: how many.
    #[arg(long, env = "SEMREC_LAYERS", default_value_t = 2)]
    pub(crate) layers: usize,
    /// Of lora and adalora: rank of a change [default: 16; 12 to begin with for adalora].
    #[arg(long, env = "SEMREC_RANK")]
    pub(crate) rank: Option<usize>,
    /// Of adalora: mean rank at the end.
    #[arg(long, env = "SEMREC_TARGET_RANK", default_value_t = 8)]
    pub(crate) target_rank: usize,
    /// Of lora and adalora: a change is multiplied by this over its rank [default: twice the
    /// rank].
    #[arg(long, env = "SEMREC_ALPHA")]
    pub(crate) alpha: Option<f32>,
    /// Of lora and adalora: which linear layers have a change.
    #[arg(
        long,
        env = "SEMREC_TARGETS",
        value_delimiter = ',',
        default_value = "query,value",
        value_name = "NAME,…"
    )]
    pub(crate) targets: Vec<TargetName>,
    /// Of adapter: values of a bottleneck [default: 64]. Of head: rectified units between two linear
    /// layers, at least two for each value of a vector, 0 for one linear layer [default: 8192 where
    /// the vectors go ahead, else 0].
    #[arg(long, env = "SEMREC_WIDTH")]
    pub(crate) width: Option<usize>,
}

/// What is learned from, and the loss.
#[derive(Debug, Args)]
pub(crate) struct LearnedArgs {
    /// Of contrastive: where examples come from.
    #[arg(long, env = "SEMREC_SOURCE", default_value = "history")]
    pub(crate) source: SourceKind,
    /// How far the vectors are whitened to begin with, from 0, not at all, to 1, by a linear layer
    /// that is trained with the rest [default: 1 for contrastive and elsa, else 0].
    #[arg(long, env = "SEMREC_WHITEN", value_name = "POWER")]
    pub(crate) whiten: Option<f32>,
    /// Of distil: name or directory of the encoder to learn from.
    #[arg(long, env = "SEMREC_TEACHER", value_name = "NAME|DIR")]
    pub(crate) teacher: Option<String>,
    /// Of tsdae: what tells the whole text from the vector.
    #[arg(long, env = "SEMREC_DECODER", default_value = "transformer")]
    pub(crate) decoder: DecoderName,
    /// Of contrastive: what the target is told from [default: the catalogue, but with a learned
    /// temperature, hard negatives or a user tower of texts, which only a batch has].
    #[arg(long, env = "SEMREC_CANDIDATES")]
    pub(crate) candidates: Option<CandidatesName>,
    /// Against the catalogue: the vectors alone are trained first, for at most so many passes over the
    /// examples, and the encoder learns to give them; 0 trains the encoder by the loss itself
    /// [default: 3; 0 with a learned user tower, and where items are held out].
    #[arg(long, env = "SEMREC_AHEAD", value_name = "PASSES")]
    pub(crate) ahead: Option<u32>,
    /// Where vectors go ahead: they learn how many people touch an item, too, and each person is drawn
    /// to what everybody touches, by this much (a cosine) for e times as many; `auto` for what is best
    /// on the validation part. Better where the same sells again, worse for rare and new items.
    #[arg(
        long,
        env = "SEMREC_PRIOR",
        default_value = "0",
        value_parser = prior,
        value_name = "WEIGHT|auto"
    )]
    pub(crate) prior: PriorWeight,
    /// Of contrastive and elsa: what a person is made of.
    #[arg(long, env = "SEMREC_USER_TOWER", default_value = "recency")]
    pub(crate) user_tower: TowerName,
    /// Of contrastive and simcse: what similarities are divided by, or `learned`.
    #[arg(
        long,
        env = "SEMREC_TEMPERATURE",
        default_value = "0.05",
        value_parser = TemperatureArg::parse,
        value_name = "N|learned"
    )]
    pub(crate) temperature: TemperatureArg,
    /// Of contrastive and bce: most targets of a person in an epoch [default: 4, and all against
    /// the catalogue].
    #[arg(long, env = "SEMREC_PER_PERSON")]
    pub(crate) per_person: Option<usize>,
    /// Most items of a history that are read, the newest.
    #[arg(long, env = "SEMREC_HISTORY", default_value_t = 20)]
    pub(crate) history: usize,
    /// Of contrastive: items near a person that they never touched, so many for each example, join
    /// the batch; they are looked for anew in each epoch.
    #[arg(
        long,
        env = "SEMREC_HARD_NEGATIVES",
        default_value_t = 0,
        value_name = "N"
    )]
    pub(crate) hard_negatives: usize,
    /// Of contrastive: an item whose cosine with the target is above 1 less this is no hard
    /// negative.
    #[arg(long, env = "SEMREC_MARGIN", default_value_t = 0.05)]
    pub(crate) margin: f32,
    /// Of bce: where labels come from.
    #[arg(long, env = "SEMREC_LABELS", default_value = "sampled")]
    pub(crate) labels: LabelSource,
    /// Of bce: sampled items for each that was touched.
    #[arg(long, env = "SEMREC_NEGATIVES", default_value_t = 4)]
    pub(crate) negatives: usize,
}
