//! The flags of `semrec model`.

use clap::{Args, Subcommand, ValueEnum};
use semrec_data::Split;
use std::path::PathBuf;
use std::str::FromStr;

/// `semrec model`
#[derive(Debug, Subcommand)]
pub(crate) enum ModelVerb {
    /// Get a pretrained encoder: a known name, a hub id (org/name) or a directory.
    #[command(after_help = "Example:\n  semrec model pull minilm")]
    Pull {
        /// minilm, multilingual, a hub id, or a directory.
        name: String,
        /// Fetch it again even if it is there.
        #[arg(long)]
        again: bool,
        /// Address of another Hugging Face hub.
        #[arg(long, env = "HF_ENDPOINT", value_name = "URL")]
        hub_endpoint: Option<String>,
        /// Access token for the hub.
        #[arg(long, env = "HF_TOKEN", hide_env_values = true, value_name = "TOKEN")]
        hub_token: Option<String>,
    },
    /// What was pulled, and what can be.
    List,
    /// What is known of one encoder.
    Info {
        /// Name of a pulled encoder, or a directory.
        name: String,
    },
    /// Make a smaller encoder: fewer bits, fewer layers, fewer dimensions, shorter texts.
    #[command(
        after_help = "Examples:\n  semrec model convert minilm --out minilm-int8 --precision int8 --dataset shop\n  semrec model convert minilm --out minilm-3 --layers 3 --dataset shop"
    )]
    Convert(ConvertArgs),
    /// Make the fast tier of an encoder: one vector a token, fitted to the texts of a data set.
    #[command(after_help = "Example:\n  semrec model distil minilm shop --out minilm-fast")]
    Distil(DistilArgs),
    /// Make one encoder of low-rank changes (an adapter) and the encoder they change.
    #[command(after_help = "Example:\n  semrec model merge ./shop-encoder/peft --out shop-merged")]
    Merge {
        /// Directory of the changes, as `semrec finetune --method lora` writes it: OUT/peft.
        source: String,
        /// Name of the new encoder, or a path: a directory to make.
        #[arg(long, value_name = "NAME|DIR")]
        out: String,
    },
    /// Encoders side by side: size, memory, speed, and what each is worth to recommendations.
    #[command(after_help = "Example:\n  semrec model compare shop minilm minilm-int8 minilm-fast")]
    Compare(CompareArgs),
    /// Measure one encoder in a process of its own; reads a JSON list of texts. What `compare`
    /// starts.
    #[command(hide = true)]
    Measure {
        /// Directory of the encoder.
        dir: PathBuf,
    },
}

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionName {
    /// 32 bits.
    F32,
    /// 16 bits.
    F16,
    /// 8 bits, and a scale for each output.
    Int8,
}

/// Which layers stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LayersKept {
    /// As many.
    Count(usize),
    /// Those of these numbers, from 0.
    These(Vec<usize>),
}

impl FromStr for LayersKept {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| {
            part.trim().parse::<usize>().map_err(|_| {
                format!(
                    "'{part}' is no number; expected how many layers stay, as in 3, or which, as \
                     in 0,2,5"
                )
            })
        };
        match text.trim_end_matches(',') {
            // One layer by its number: `4,`.
            list if list.contains(',') || list != text => {
                let numbers = list.split(',').map(number);
                numbers.collect::<Result<_, _>>().map(Self::These)
            }
            count => match number(count)? {
                0 => Err("no layer would be left; expected 1 or more".to_owned()),
                count => Ok(Self::Count(count)),
            },
        }
    }
}

/// How encoders are compared.
#[derive(Clone, Debug, Args)]
pub(crate) struct MeasureArgs {
    /// How the events are divided: leave-one-out, temporal:0.8, ratio:0.8, given, cold-items:0.1
    /// or cold-users:0.1.
    #[arg(long, env = "SEMREC_SPLIT", default_value = "leave-one-out")]
    pub(crate) split: Split,
    /// The cut-off of recall and ndcg.
    #[arg(short, default_value_t = 10)]
    pub(crate) k: usize,
    /// Write the figures to this JSON file.
    #[arg(long, env = "SEMREC_JSON", value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// `semrec model convert`
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Name of a pulled encoder, or a directory.
    pub(crate) source: String,
    /// Name of the new encoder, or a path: a directory to make.
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) out: String,
    /// How its weights are stored [default: as they are].
    #[arg(long)]
    pub(crate) precision: Option<PrecisionName>,
    /// How many layers stay, as in 3, or which, as in 0,2,5. How many: with --dataset those whose
    /// absence would change the vectors of its texts most, else evenly spaced.
    #[arg(long, value_name = "K|LIST")]
    pub(crate) layers: Option<LayersKept>,
    /// Values of a vector; for encoders that were trained to be cut (Matryoshka).
    #[arg(long)]
    pub(crate) dimensions: Option<usize>,
    /// Tokens a text is cut at, the special ones included.
    #[arg(long)]
    pub(crate) max_tokens: Option<usize>,
    /// A data set whose texts the layers are chosen by, and on which both encoders are compared.
    #[arg(long, value_name = "DATASET")]
    pub(crate) dataset: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

/// `semrec model distil`
#[derive(Debug, Args)]
pub(crate) struct DistilArgs {
    /// Name of a pulled encoder, or a directory.
    pub(crate) source: String,
    /// The data set whose texts it is fitted to.
    pub(crate) dataset: PathBuf,
    /// Name of the new encoder, or a path: a directory to make.
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) out: String,
    /// Values of a vector [default: as many as the encoder's].
    #[arg(long)]
    pub(crate) dimensions: Option<usize>,
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

/// `semrec model compare`
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Directory of the data set.
    pub(crate) dataset: PathBuf,
    /// Names of encoders, or directories; the others are held against the first.
    #[arg(required = true, value_name = "ENCODER")]
    pub(crate) encoders: Vec<String>,
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

#[cfg(test)]
mod tests {
    use super::LayersKept::{Count, These};
    use super::*;

    #[test]
    fn layers_by_number_or_by_name() {
        for (text, want) in [
            ("3", Count(3)),
            ("0,2,5", These(vec![0, 2, 5])),
            ("4,", These(vec![4])),
        ] {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
        for text in ["", "0", "x", "-1", "1,x", ",1", ","] {
            assert!(text.parse::<LayersKept>().is_err(), "{text}");
        }
    }
}
