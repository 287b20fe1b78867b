//! What the template says, in words and figures ready to be written.

use super::bars::Bars;
use super::format::{count, p_value, seconds};
use super::headline::headline;
use super::lines::Lines;
use super::scatter::Scatter;
use super::series::{Series, best_first};
use super::tables::{self, Table};
use super::{Example, Report};
use crate::{Comparison, EvalError, ModelResult, Results, Slice};
use askama::Template;

/// The whole page.
#[derive(Debug, Template)]
#[template(path = "report.html")]
pub(super) struct Page<'a> {
    title: String,
    headline: Vec<String>,
    facts: Vec<Fact>,
    protocol: String,
    warnings: Vec<String>,
    bars: Vec<Chart>,
    legend: Vec<Key>,
    /// Models too many for the line charts.
    without_line: usize,
    coldness: Vec<Chart>,
    heat: Vec<Table>,
    scatters: Vec<Chart>,
    metrics: Vec<Table>,
    slices: Vec<Table>,
    comparisons: Vec<Verdict>,
    slice_comparisons: Vec<SliceVerdict>,
    classification: Vec<Classified>,
    examples: &'a [Example],
    costs: Vec<Cost>,
    imported: &'a [String],
    fingerprint: String,
}

#[derive(Debug)]
struct Fact {
    name: &'static str,
    value: String,
}

#[derive(Debug)]
struct Chart {
    title: String,
    note: String,
    svg: String,
}

#[derive(Debug)]
struct Key {
    name: String,
    colour: usize,
    mark: &'static str,
}

#[derive(Debug)]
struct Verdict {
    a: String,
    b: String,
    metric: String,
    difference: String,
    p: String,
    p_holm: String,
    better: bool,
}

/// A verdict about a part of the cases.
#[derive(Debug)]
struct SliceVerdict {
    slice: String,
    cases: String,
    verdict: Verdict,
}

#[derive(Debug)]
struct Classified {
    model: String,
    threshold: String,
    precision: String,
    recall: String,
    f1: String,
    support: String,
    accuracy: String,
    text: String,
}

#[derive(Debug)]
struct Cost {
    model: String,
    fit: String,
    evaluate: String,
    memory: String,
    params: String,
}

impl<'a> Page<'a> {
    pub(super) fn new(report: &'a Report<'_>) -> Result<Self, EvalError> {
        let results = report.results;
        let ks = cut_offs(&results.models);
        let k = ks.first().map_or("10", String::as_str);
        let (ndcg, recall) = (format!("ndcg@{k}"), format!("recall@{k}"));
        let series = best_first(&results.models, &ndcg);
        let coldness = coldness(&series, &ndcg)?;
        let heat = if coldness.is_empty() {
            Vec::new()
        } else {
            heat(&series, &ndcg)
        };
        let mut warnings = results.protocol.warnings.clone();
        warnings.extend(silent(results));
        let slices = [&ndcg, &recall].map(|metric| {
            let mut table = tables::slices(&series, metric, |m| &m.slices);
            table.title.clone_from(metric);
            table
        });
        Ok(Self {
            title: results.dataset.name.clone(),
            headline: headline(results, &series, &ndcg),
            facts: facts(results),
            protocol: protocol(results),
            warnings,
            bars: vec![
                chart(
                    &ndcg,
                    "hits near the top count more",
                    &Bars::new(&series, &ndcg),
                )?,
                chart(
                    &recall,
                    "share of held-out items found",
                    &Bars::new(&series, &recall),
                )?,
            ],
            legend: legend(&series),
            without_line: series.iter().filter(|s| !s.coloured()).count(),
            coldness,
            heat,
            scatters: scatters(&series, k, &ndcg)?,
            metrics: ks.iter().map(|k| tables::metrics(&series, k)).collect(),
            slices: slices.into(),
            comparisons: results.comparisons.iter().map(verdict).collect(),
            slice_comparisons: slice_comparisons(results),
            classification: classification(&series),
            examples: &report.examples,
            costs: results.models.iter().map(cost).collect(),
            imported: &report.imported,
            fingerprint: format!("Data fingerprint {}", results.dataset.fingerprint),
        })
    }
}

/// The cut-offs that were measured, in order.
fn cut_offs(models: &[ModelResult]) -> Vec<String> {
    let mut ks: Vec<String> = Vec::new();
    let names = models.first().into_iter().flat_map(|m| m.metrics.iter());
    for (name, _) in names {
        if let Some((_, k)) = name.split_once('@')
            && !ks.iter().any(|known| known == k)
        {
            ks.push(k.to_owned());
        }
    }
    ks
}

fn facts(results: &Results) -> Vec<Fact> {
    let fact = |name, n| Fact {
        name,
        value: count(n),
    };
    vec![
        fact("users", results.dataset.users),
        fact("items", results.dataset.items),
        fact("interactions", results.dataset.interactions),
        fact("test cases", results.protocol.users_evaluated),
        fact("models", results.models.len()),
    ]
}

fn protocol(results: &Results) -> String {
    let p = &results.protocol;
    let candidates = match p.candidates.as_str() {
        "full" => "the whole catalogue ranked",
        "cold" => "only items without training events ranked",
        other => other,
    };
    let seen = if p.exclude_seen {
        "seen items left out"
    } else {
        "seen items ranked too"
    };
    format!(
        "Protocol: split {}, {candidates}, {seen}, fitted on {} events, seed {}.",
        p.split,
        count(p.fitted_on),
        p.seed
    )
}

/// A sentence for each model that had nothing to say to some people.
fn silent(results: &Results) -> impl Iterator<Item = String> {
    let models = results.models.iter();
    let models = models.filter(|m| m.cases_without_ranking > 0);
    models.map(|m| {
        format!(
            "{} had no recommendation at all for {} of {} cases; they count as misses.",
            m.name,
            count(m.cases_without_ranking),
            count(results.protocol.users_evaluated)
        )
    })
}

fn chart(title: &str, note: &str, svg: &impl Template) -> Result<Chart, EvalError> {
    Ok(Chart {
        title: title.to_owned(),
        note: note.to_owned(),
        svg: svg.render()?,
    })
}

fn legend(series: &[Series<'_>]) -> Vec<Key> {
    let coloured = series.iter().filter(|s| s.coloured());
    coloured
        .map(|s| Key {
            name: s.model.name.clone(),
            colour: s.colour,
            mark: s.mark(),
        })
        .collect()
}

type Buckets = fn(&ModelResult) -> &[Slice];

/// The two ways to be cold: what they count, and where a model keeps them.
const COLDNESS: [(&str, &str, &str, Buckets); 2] = [
    (
        "By popularity of the item",
        "training users of the held-out item",
        "training users",
        |m| &m.by_item_popularity,
    ),
    (
        "By length of the history",
        "events in the person's history",
        "history events",
        |m| &m.by_history_length,
    ),
];

fn coldness(series: &[Series<'_>], metric: &str) -> Result<Vec<Chart>, EvalError> {
    let mut charts = Vec::new();
    for (title, note, what, buckets) in COLDNESS {
        if let Some(lines) = Lines::new(series, metric, what, buckets) {
            charts.push(chart(title, &format!("{metric} by {note}"), &lines)?);
        }
    }
    Ok(charts)
}

fn heat(series: &[Series<'_>], metric: &str) -> Vec<Table> {
    COLDNESS
        .into_iter()
        .map(|(title, note, _, buckets)| {
            let mut table = tables::slices(series, metric, buckets);
            table.title = title.to_owned();
            table.note = format!("{metric} by {note}; a stronger shade is better within a column");
            table
        })
        .collect()
}

fn scatters(series: &[Series<'_>], k: &str, up: &str) -> Result<Vec<Chart>, EvalError> {
    let of = |title: &str, note: &str, across: String| {
        chart(title, note, &Scatter::new(series, &across, up))
    };
    Ok(vec![
        of(
            "Coverage against accuracy",
            "up and to the right: accurate, and most of the catalogue is shown",
            format!("coverage@{k}"),
        )?,
        of(
            "Popularity against accuracy",
            "up and to the left: accurate without leaning on best-sellers",
            format!("popularity@{k}"),
        )?,
    ])
}

fn verdict(c: &Comparison) -> Verdict {
    Verdict {
        a: c.a.clone(),
        b: c.b.clone(),
        metric: c.metric.clone(),
        difference: format!("{:+.4}", c.difference),
        p: p_value(c.p_value),
        p_holm: p_value(c.p_holm),
        better: c.p_holm < 0.05,
    }
}

fn slice_comparisons(results: &Results) -> Vec<SliceVerdict> {
    let written = results.slice_comparisons.iter().map(|s| SliceVerdict {
        slice: s.slice.clone(),
        cases: count(s.cases),
        verdict: verdict(&s.comparison),
    });
    written.collect()
}

fn classification(series: &[Series<'_>]) -> Vec<Classified> {
    let reports = series.iter().filter_map(|s| {
        let report = s.model.classification.as_ref()?;
        let class = &report.recommended;
        Some(Classified {
            model: s.model.name.clone(),
            threshold: report.threshold.map_or("–".into(), |t| format!("{t:.4}")),
            precision: format!("{:.4}", class.precision),
            recall: format!("{:.4}", class.recall),
            f1: format!("{:.4}", class.f1),
            support: count(class.support),
            accuracy: format!("{:.4}", report.accuracy),
            text: report.to_string(),
        })
    });
    reports.collect()
}

fn cost(model: &ModelResult) -> Cost {
    let params: Vec<String> = model
        .params
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    Cost {
        model: model.name.clone(),
        fit: seconds(model.fit_seconds),
        evaluate: seconds(model.evaluate_seconds),
        memory: match model.peak_memory_mib {
            0 => "–".into(),
            mib => format!("{} MiB", count(usize::try_from(mib).unwrap_or(usize::MAX))),
        },
        params: params.join(", "),
    }
}
