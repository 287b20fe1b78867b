//! The page of a fine-tuning, in the style of the report: one HTML file, no script, no network.

mod curve;

use super::format::{count, figure, p_value, seconds};
use crate::{BeforeAfter, EvalError, Finetuned, ModelResult, Verdict};
use askama::Template;
use curve::Curve;

/// Metrics in the table of before and after.
const SHOWN: [&str; 6] = [
    "ndcg@10",
    "recall@10",
    "mrr@10",
    "coverage@10",
    "ndcg@20",
    "recall@20",
];

/// The page of a fine-tuning as HTML.
///
/// # Errors
/// [`EvalError`] if the page cannot be put together.
pub fn render_finetuning(finetuned: &Finetuned) -> Result<String, EvalError> {
    Ok(Page::new(finetuned)?.render()?)
}

#[derive(Debug, Template)]
#[template(path = "finetune.html")]
struct Page {
    title: String,
    headline: Vec<String>,
    facts: Vec<(String, &'static str)>,
    protocol: String,
    charts: Vec<Chart>,
    metrics: Vec<Row>,
    slices: Vec<Row>,
    pairs: Option<Pairs>,
    settings: Vec<(String, String)>,
    fingerprint: String,
}

#[derive(Debug)]
struct Chart {
    title: String,
    note: String,
    svg: String,
}

/// A figure before and after.
#[derive(Debug)]
struct Row {
    name: String,
    cases: String,
    before: String,
    after: String,
    change: String,
    p: String,
    better: bool,
}

/// The figures of a classifier.
#[derive(Debug)]
struct Pairs {
    labels: Vec<[String; 5]>,
    summary: String,
    bins: Vec<[String; 3]>,
}

impl Page {
    fn new(of: &Finetuned) -> Result<Self, EvalError> {
        let mut headline = vec![match &of.compared {
            Some(compared) => compared.sentence(),
            None => "The tuned encoder was not compared with the frozen one.".to_owned(),
        }];
        if let Some(compared) = &of.compared {
            headline.extend(compared.beside.iter().map(|b| b.sentence(compared)));
        }
        if of.kept_epoch == Some(0) {
            headline.push(
                "No epoch was better than none on the validation part: the encoder is what it was."
                    .to_owned(),
            );
        }
        let share = 100.0 * ratio(of.trained, of.parameters);
        Ok(Self {
            title: of.dataset.name.clone(),
            headline,
            facts: vec![
                (count(of.trained), "values trained"),
                (format!("{share:.1} %"), "of the encoder's"),
                (
                    of.kept_epoch
                        .map_or_else(|| "–".to_owned(), |e| e.to_string()),
                    "epoch kept",
                ),
                (seconds(of.seconds), "of training"),
            ],
            protocol: protocol(of),
            charts: charts(of)?,
            metrics: of.compared.as_ref().map_or_else(Vec::new, metrics),
            slices: of.compared.as_ref().map_or_else(Vec::new, slices),
            pairs: of.pairs.as_ref().map(pairs),
            settings: [&of.objective, &of.settings]
                .into_iter()
                .flat_map(|value| flat("", value))
                .collect(),
            fingerprint: format!("Data fingerprint {}", of.dataset.fingerprint),
        })
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let share = part as f64 / whole.max(1) as f64;
    share
}

/// Whether the validation part was learned from: no patience ends such a training.
fn is_final(of: &Finetuned) -> bool {
    of.settings
        .get("patience")
        .is_some_and(serde_json::Value::is_null)
}

fn protocol(of: &Finetuned) -> String {
    let began = format!("Began with the encoder {}.", of.encoder);
    match &of.protocol {
        None => began,
        Some(p) => format!(
            "{began} Protocol: split {}; {}, measured on its test part: {} people, {} candidates, seed {}. The model is content, in which nothing else is learned.",
            p.split,
            if is_final(of) {
                "tuned on its training and validation parts, the last epoch kept"
            } else {
                "tuned on its training part, ended by its validation part"
            },
            count(p.users_evaluated),
            p.candidates,
            p.seed
        ),
    }
}

fn charts(of: &Finetuned) -> Result<Vec<Chart>, EvalError> {
    let mut charts = Vec::new();
    let steps = Curve::new(of, &["train/step-loss", "train/loss"], "loss");
    if let Some(curve) = steps {
        charts.push(Chart {
            title: "Training loss".to_owned(),
            note: "over the steps; the large points are means of an epoch".to_owned(),
            svg: curve.render()?,
        });
    }
    let name = format!("validation/{}", of.measure);
    if let Some(curve) = Curve::new(of, &[&name], &of.measure) {
        charts.push(Chart {
            title: format!("Validation {}", of.measure),
            note: if is_final(of) {
                "on events that were learned from too, so no measure of what is new; the dashed line is \
                 the encoder before training"
            } else {
                "after each epoch; the dashed line is the encoder before training"
            }
            .to_owned(),
            svg: curve.render()?,
        });
    }
    Ok(charts)
}

fn row(name: &str, (before, after): (f64, f64), verdict: Option<Verdict>) -> Row {
    let change = if before > 0.0 {
        format!("{:+.1} %", 100.0 * (after - before) / before)
    } else {
        "–".to_owned()
    };
    Row {
        name: name.to_owned(),
        cases: String::new(),
        before: figure(name, before),
        after: figure(name, after),
        change,
        p: String::new(),
        better: verdict == Some(Verdict::Helped),
    }
}

fn metrics(compared: &BeforeAfter) -> Vec<Row> {
    let value = |m: &ModelResult, name: &str| m.metrics.get(name).copied();
    let rows = SHOWN.iter().filter_map(|name| {
        let values = (
            value(&compared.before, name)?,
            value(&compared.after, name)?,
        );
        if *name != compared.comparison.metric {
            return Some(row(name, values, None));
        }
        Some(Row {
            p: p_value(compared.comparison.p_value),
            ..row(name, values, Some(compared.verdict()))
        })
    });
    rows.collect()
}

fn slices(compared: &BeforeAfter) -> Vec<Row> {
    let metric = &compared.comparison.metric;
    let slices = compared.before.slices.iter().zip(&compared.after.slices);
    let with_cases = slices.filter(|(before, _)| before.cases > 0);
    let rows = with_cases.filter_map(|(before, after)| {
        let value = |s: &crate::Slice| s.metrics.get(metric).copied();
        let values = (value(before)?, value(after)?);
        let mut tests = compared.slice_comparisons.iter();
        let test = tests.find(|t| t.slice == before.name)?;
        Some(Row {
            name: before.name.clone(),
            cases: count(before.cases),
            p: p_value(test.comparison.p_value),
            ..row(metric, values, Some(compared.verdict_of(&test.comparison)))
        })
    });
    rows.collect()
}

fn pairs(of: &crate::PairFigures) -> Pairs {
    Pairs {
        labels: (of.labels.iter())
            .map(|l| {
                [
                    l.label.to_string(),
                    format!("{:.4}", l.precision),
                    format!("{:.4}", l.recall),
                    format!("{:.4}", l.f1),
                    count(l.support),
                ]
            })
            .collect(),
        summary: format!(
            "accuracy {:.4}, AUC {:.4}, log-loss {:.4}, expected calibration error {:.4}",
            of.accuracy, of.auc, of.log_loss, of.ece
        ),
        bins: (of.reliability.iter())
            .map(|b| {
                [
                    format!("{:.3}", b.probability),
                    format!("{:.3}", b.share),
                    count(b.count),
                ]
            })
            .collect(),
    }
}

/// `optimiser.clip`, `1.0` for each value of a tree.
fn flat(path: &str, value: &serde_json::Value) -> Vec<(String, String)> {
    let Some(map) = value.as_object() else {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        return vec![(path.to_owned(), text)];
    };
    let below = map.iter().flat_map(|(key, value)| {
        let path = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        flat(&path, value)
    });
    below.collect()
}
