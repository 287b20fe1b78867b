//! `semrec model compare`: what encoders cost, and what each is worth to recommendations.
//!
//! Size, memory and speed of an encoder alone (`measure`); and of the model `content`, which
//! ranks by the encoder's vectors and by nothing else, recall and ndcg as `semrec evaluate` has
//! them. Every encoder is held against the first: the mean cosine of their vectors of the same
//! texts where they are of the same length, the ndcg lost in percent, and the p-value of a paired
//! sign-flip test of the ndcg, corrected for the number of encoders (Holm).

use super::measure::{Measured, measure};
use crate::args::{CompareArgs, MeasureArgs, QueryKind};
use crate::console::Console;
use crate::context::Context;
use crate::experiment::{self, Outcome, Plan};
use crate::texts::{self, Texts};
use crate::verbs::evaluate::{print_protocol, write_json};
use anyhow::{Context as _, bail};
use semrec_data::{Dataset, FactSource};
use semrec_eval::{DatasetFacts, Evaluation, Figures, Protocol, Results, holm};
use semrec_text::{Vectors, model_bytes};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Texts that speed and memory are measured on, at most.
const TEXTS: usize = 2_000;
/// The model that ranks by what the encoder says alone.
const MODEL: &str = "content";

/// What `--json` writes.
#[derive(Debug, Serialize)]
struct Comparison {
    dataset: DatasetFacts,
    protocol: Protocol,
    /// The model whose figures stand under `metrics`.
    model: &'static str,
    /// Texts that speed and memory were measured on.
    texts_measured: usize,
    encoders: Vec<Row>,
}

/// One encoder.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    bytes: u64,
    #[serde(flatten)]
    measured: Measured,
    /// Mean cosine of the items' vectors to those of the first encoder.
    cosine: Option<f64>,
    metrics: Figures,
    ci95: Figures<[f64; 2]>,
    /// Percent of the first encoder's ndcg that is lost; negative where it is more.
    ndcg_lost_percent: Option<f64>,
    p_value: Option<f64>,
    p_holm: Option<f64>,
}

pub(super) fn run(context: &Context, args: &CompareArgs) -> anyhow::Result<()> {
    let dataset = Dataset::load(&args.dataset)?;
    compare(context, &dataset, &args.encoders, &args.measure)
}

/// Measures, prints the table, and writes the JSON that was asked for.
pub(super) fn compare(
    context: &Context,
    dataset: &Dataset,
    encoders: &[String],
    args: &MeasureArgs,
) -> anyhow::Result<()> {
    if args.k == 0 {
        bail!("-k: expected a whole number from 1 on, got 0");
    }
    check_text(dataset)?;
    let store = context.models();
    let dirs = encoders
        .iter()
        .map(|name| store.resolve(name))
        .collect::<Result<Vec<PathBuf>, _>>()?;
    let item_texts = texts::of_rows(&dataset.items);
    let sample = texts::sample(&item_texts, TEXTS);
    let mut first: Option<First> = None;
    let mut rows = Vec::new();
    let mut facts = None;
    for (name, dir) in encoders.iter().zip(&dirs) {
        context.console.note(format!("{name}:"));
        let measured = measure(context, dir, &sample)?;
        let (texts, outcome) = evaluate(context, dataset, name, args)?;
        let row = Row::new(name, dir, measured, outcome.results.models.first())?;
        let evaluation = outcome.evaluations.into_iter().next();
        let evaluation = evaluation.with_context(|| format!("{MODEL} was not evaluated"))?;
        rows.push(match &first {
            None => row,
            Some(first) => first.hold_against(row, &texts.items, &evaluation, context.seed)?,
        });
        if first.is_none() {
            first = Some(First {
                metric: format!("ndcg@{}", args.k),
                vectors: texts.items,
                evaluation,
            });
            facts = Some(outcome.results);
        }
    }
    let results = facts.context("no encoder was named")?;
    correct(&mut rows);
    print(&context.console, &results, &rows, sample.len(), args.k);
    if let Some(path) = &args.json {
        let comparison = Comparison {
            dataset: results.dataset,
            protocol: results.protocol,
            model: MODEL,
            texts_measured: sample.len(),
            encoders: rows,
        };
        write_json(path, &comparison)?;
        context.console.line(format!("wrote {}", path.display()));
    }
    Ok(())
}

/// Refuses a data set that no encoder can read.
pub(super) fn check_text(dataset: &Dataset) -> anyhow::Result<()> {
    if dataset.items.has_text() {
        return Ok(());
    }
    bail!(
        "the items of {} have no text; encoders are compared on one whose items have",
        dataset.name
    )
}

fn evaluate(
    context: &Context,
    dataset: &Dataset,
    encoder: &str,
    args: &MeasureArgs,
) -> anyhow::Result<(Texts, Outcome)> {
    let Some(texts) = texts::embed(context, dataset, encoder)? else {
        bail!("'{encoder}' reads nothing; expected the name or the directory of an encoder");
    };
    let plan = Plan {
        models: vec![MODEL.to_owned()],
        params: toml::Table::new(),
        split: args.split,
        ks: vec![args.k],
        cold_only: false,
        exclude_seen: true,
        query: QueryKind::Both,
        facts: FactSource::None,
        classify: false,
        run: None,
    };
    let outcome = experiment::run(context, dataset, Some(&texts), &plan)?;
    Ok((texts, outcome))
}

/// What the others are held against.
struct First {
    metric: String,
    vectors: Vectors,
    evaluation: Evaluation,
}

impl First {
    fn hold_against(
        &self,
        mut row: Row,
        vectors: &Vectors,
        evaluation: &Evaluation,
        seed: u64,
    ) -> anyhow::Result<Row> {
        row.cosine = self.vectors.mean_cosine(vectors);
        let of = |e: &Evaluation| e.metrics.get(&self.metric).copied();
        if let (Some(before), Some(after)) = (of(&self.evaluation), of(evaluation)) {
            row.ndcg_lost_percent = lost_percent(before, after);
        }
        let pair = [("first", &self.evaluation), ("this", evaluation)];
        let tests = semrec_eval::compare(&pair, &self.metric, seed)?;
        row.p_value = tests.first().map(|test| test.p_value);
        Ok(row)
    }
}

impl Row {
    fn new(
        name: &str,
        dir: &Path,
        measured: Measured,
        result: Option<&semrec_eval::ModelResult>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            bytes: model_bytes(dir)?,
            measured,
            cosine: None,
            metrics: result.map(|r| r.metrics.clone()).unwrap_or_default(),
            ci95: result.map(|r| r.ci95.clone()).unwrap_or_default(),
            ndcg_lost_percent: None,
            p_value: None,
            p_holm: None,
        })
    }
}

/// Percent of `before` that is gone.
fn lost_percent(before: f64, after: f64) -> Option<f64> {
    (before > 0.0).then(|| 100.0 * (before - after) / before)
}

/// Fills in the p-values corrected for all encoders.
fn correct(rows: &mut [Row]) {
    let p_values: Vec<f64> = rows.iter().filter_map(|row| row.p_value).collect();
    let tested = rows.iter_mut().filter(|row| row.p_value.is_some());
    for (row, p) in tested.zip(holm(&p_values)) {
        row.p_holm = Some(p);
    }
}

fn print(console: &Console, results: &Results, rows: &[Row], texts: usize, k: usize) {
    print_protocol(console, results);
    console.line(format!(
        "memory: the most that a process holds more when it loads the encoder and encodes {texts} \
         texts; speed: texts per second of one thread, tokenising included; recall and ndcg: of \
         {MODEL}; cosine, lost ndcg and p (paired sign flips, Holm): against the first"
    ));
    let header = [
        "encoder".to_owned(),
        "layers".to_owned(),
        "values".to_owned(),
        "on disk".to_owned(),
        "memory".to_owned(),
        "texts/s".to_owned(),
        "cosine".to_owned(),
        format!("recall@{k}"),
        format!("ndcg@{k}"),
        "lost".to_owned(),
        "p".to_owned(),
    ];
    let optional = |value: Option<f64>, show: &dyn Fn(f64) -> String| {
        value.map_or_else(|| "–".to_owned(), show)
    };
    let cells = rows.iter().map(|row| {
        let metric = |name: &str| {
            let value = row.metrics.get(&format!("{name}@{k}"));
            optional(value.copied(), &|x| format!("{x:.4}"))
        };
        vec![
            row.name.clone(),
            row.measured.layers.to_string(),
            row.measured.dimensions.to_string(),
            mib(row.bytes),
            row.measured
                .memory_kib
                .map_or_else(|| "–".to_owned(), |kib| mib(kib << 10)),
            optional(row.measured.texts_per_cpu_second, &|x| format!("{x:.0}")),
            optional(row.cosine, &|x| format!("{x:.4}")),
            metric("recall"),
            metric("ndcg"),
            optional(row.ndcg_lost_percent, &|x| format!("{x:.1} %")),
            optional(row.p_holm, &|x| format!("{x:.4}")),
        ]
    });
    console.table(header, cells, 1);
}

/// `12.3 MiB`
pub(super) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_a_share_of_the_first() {
        // (1/2 − 3/8) / (1/2) = 1/4, and a gain is a negative loss.
        assert_eq!(lost_percent(0.5, 0.375), Some(25.0));
        assert_eq!(lost_percent(0.5, 0.75), Some(-50.0));
        assert_eq!(lost_percent(0.0, 0.1), None);
    }
}
