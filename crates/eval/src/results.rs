//! The figures as JSON: what `semrec evaluate --json` writes, and what the page is made of.

use crate::{ClassificationReport, Comparison, Evaluation, Figures, Slice, SliceComparison};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// Everything measured in one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Results {
    /// What was evaluated on.
    pub dataset: DatasetFacts,
    /// How.
    pub protocol: Protocol,
    /// One entry for each model, in the order asked for.
    pub models: Vec<ModelResult>,
    /// The best model against each other one.
    pub comparisons: Vec<Comparison>,
    /// On each slice, its best model against each other one.
    pub slice_comparisons: Vec<SliceComparison>,
}

/// Counts of a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DatasetFacts {
    /// Its name.
    pub name: String,
    /// Number of users.
    pub users: usize,
    /// Number of items.
    pub items: usize,
    /// Number of interactions.
    pub interactions: usize,
    /// SHA-256 over ids, texts and events.
    pub fingerprint: String,
}

/// What must be said beside every figure.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Protocol {
    /// The split by name, as in `leave-one-out`.
    pub split: String,
    /// What was ranked: `full` or `cold`.
    pub candidates: String,
    /// Whether items of the history were left out of the rankings.
    pub exclude_seen: bool,
    /// Seed of every random draw.
    pub seed: u64,
    /// Number of test cases.
    pub users_evaluated: usize,
    /// What was known of the people: `history`, their own `text`, or `both`.
    pub query: String,
    /// Facts that models read beside the texts: `none`, `fields`, `graph` or `both`.
    pub facts: String,
    /// Events the reported models were fitted on.
    pub fitted_on: usize,
    /// Held-out events not asked for because the history holds the item.
    pub repeats: usize,
    /// Sentences on what weakens the figures.
    pub warnings: Vec<String>,
}

/// The figures of one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ModelResult {
    /// The name `--models` takes.
    pub name: String,
    /// Its parameters: as given, and the defaults of the rest.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Seconds to fit.
    pub fit_seconds: f64,
    /// Seconds to rank and measure all test cases.
    pub evaluate_seconds: f64,
    /// The largest resident memory of the process up to here, in MiB.
    pub peak_memory_mib: u64,
    /// All metrics, in the order of reporting.
    pub metrics: Figures,
    /// 95% bootstrap intervals of the metrics that are means over cases.
    pub ci95: Figures<[f64; 2]>,
    /// Accuracy on parts of the cases, with their number under `cases`.
    #[serde(serialize_with = "slices_by_name")]
    pub slices: Vec<Slice>,
    /// Accuracy by training users of the held-out item.
    #[serde(serialize_with = "slices_by_name")]
    pub by_item_popularity: Vec<Slice>,
    /// Accuracy by length of the history.
    #[serde(serialize_with = "slices_by_name")]
    pub by_history_length: Vec<Slice>,
    /// Cases for which the model knew no item.
    pub cases_without_ranking: usize,
    /// "Recommended or not" at a threshold chosen on validation data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification: Option<ClassificationReport>,
}

impl ModelResult {
    /// The figures of `evaluation` with intervals from `resamples`; times and parameters are the
    /// caller's to fill in.
    #[must_use]
    pub fn new(name: &str, evaluation: &Evaluation, resamples: usize, seed: u64) -> Self {
        Self {
            name: name.to_owned(),
            metrics: evaluation.metrics.clone(),
            ci95: evaluation.per_case.intervals(resamples, seed),
            slices: evaluation.slices.clone(),
            by_item_popularity: evaluation.by_item_popularity.clone(),
            by_history_length: evaluation.by_history_length.clone(),
            cases_without_ranking: evaluation.cases_without_ranking,
            ..Self::default()
        }
    }
}

/// `{"cold-items": {"cases": 12, "recall@10": 0.1, …}, …}`
fn slices_by_name<S: Serializer>(slices: &[Slice], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(slices.iter().map(|slice| (&slice.name, Flat(slice))))
}

struct Flat<'a>(&'a Slice);

impl Serialize for Flat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("cases", &self.0.cases)?;
        for (name, value) in self.0.metrics.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
