//! The page of a search, in the style of the report: one HTML file, no script, no network.

mod axis;
mod history;
mod points;

pub(super) use axis::Axis;

use super::format::{count, seconds};
use crate::EvalError;
use askama::Template;
use history::History;
use points::Points;
use semrec_tune::{Influence, Study, Trial, Tuned};
use toml::Value;

/// The page of a study as HTML.
///
/// # Errors
/// [`EvalError::NoModels`] if nothing was searched.
pub fn render_tuning(study: &Study) -> Result<String, EvalError> {
    if study.models.is_empty() {
        return Err(EvalError::NoModels);
    }
    Ok(Page::new(study)?.render()?)
}

#[derive(Debug, Template)]
#[template(path = "tune.html")]
struct Page {
    title: String,
    metric: String,
    headline: Vec<String>,
    facts: Vec<(String, &'static str)>,
    protocol: String,
    summary: Vec<Found>,
    models: Vec<Section>,
    fingerprint: String,
}

/// A row of the table that opens the page.
#[derive(Debug)]
struct Found {
    model: String,
    own: String,
    best: String,
    gain: String,
    better: bool,
    trials: String,
    time: String,
    settings: String,
}

/// What there is of one model.
#[derive(Debug)]
struct Section {
    model: String,
    note: String,
    history: String,
    charts: Vec<Chart>,
    influences: Vec<Mattered>,
    heads: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Chart {
    title: String,
    note: String,
    svg: String,
}

#[derive(Debug)]
struct Mattered {
    parameter: String,
    correlation: String,
    parts: Vec<(String, String)>,
}

#[derive(Debug)]
struct Row {
    trial: String,
    value: String,
    error: String,
    share: String,
    settings: Vec<String>,
    time: String,
    kind: &'static str,
}

impl Page {
    fn new(study: &Study) -> Result<Self, EvalError> {
        let trials: usize = study.models.iter().map(|m| m.trials.len()).sum();
        let models = study.models.iter().map(|m| section(study, m));
        Ok(Self {
            title: study.dataset.clone(),
            metric: study.metric.clone(),
            headline: headline(study),
            facts: vec![
                (count(study.models.len()), "models"),
                (count(trials), "trials"),
                (count(study.people), "people asked about"),
                (count(study.fitted_on), "training events"),
            ],
            protocol: format!(
                "Protocol: split {}, fitted on its training part, measured on its validation part; test events were not touched. Candidates {}, seed {}.",
                study.split, study.candidates, study.seed
            ),
            summary: study.models.iter().map(found).collect(),
            models: models.collect::<Result<_, _>>()?,
            fingerprint: format!("Data fingerprint {}", study.fingerprint),
        })
    }
}

fn headline(study: &Study) -> Vec<String> {
    let best = study
        .models
        .iter()
        .filter_map(|m| Some((m, m.best_trial()?.value?)));
    let best = best.max_by(|a, b| a.1.total_cmp(&b.1));
    let Some((tuned, value)) = best else {
        return vec!["No trial was measured.".to_owned()];
    };
    let mut first = format!(
        "{} is best on validation: {} of {value:.4}",
        tuned.model, study.metric
    );
    match tuned.own {
        Some(own) if value > own => {
            first.push_str(&format!(", against {own:.4} with its own settings."))
        }
        _ => first.push('.'),
    }
    vec![
        first,
        "The best of many trials looks better than it is: measure it once on test events before you rely on it.".to_owned(),
    ]
}

fn found(tuned: &Tuned) -> Found {
    let figure = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"));
    let best = tuned.best_trial();
    let value = best.and_then(|t| t.value);
    let gain = value.zip(tuned.own).map(|(best, own)| (best - own, own));
    let failed = tuned.trials.iter().filter(|t| t.value.is_none()).count();
    let mut trials = count(tuned.trials.len());
    if failed > 0 {
        trials.push_str(&format!(" ({failed} failed)"));
    }
    Found {
        model: tuned.model.clone(),
        own: figure(tuned.own),
        best: figure(value),
        gain: match gain {
            Some((gain, own)) if own > 0.0 => format!("{:+.1} %", 100.0 * gain / own),
            _ => "–".to_owned(),
        },
        better: gain.is_some_and(|(gain, _)| gain > 0.0),
        trials,
        time: seconds(tuned.trials.iter().map(Trial::seconds).sum()),
        settings: best.map_or_else(String::new, settings),
    }
}

/// `lambda = 120.5, recency = 0.6`
fn settings(trial: &Trial) -> String {
    let each = trial.values.iter();
    let each = each.map(|(key, value)| format!("{key} = {}", text(value)));
    each.collect::<Vec<_>>().join(", ")
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// What a trial is, for those who point at it.
fn detail(study: &Study, tuned: &Tuned, number: usize) -> String {
    let trial = &tuned.trials[number];
    let own = if trial.setting == 0 {
        ", the model's own settings"
    } else {
        ""
    };
    format!(
        "trial {number}{own}: {} {:.4}; {}",
        study.metric,
        trial.value.unwrap_or(0.0),
        settings(trial)
    )
}

/// The class of a trial on the charts.
fn kind(tuned: &Tuned, number: usize) -> &'static str {
    if tuned.best == Some(number) {
        "best"
    } else if tuned.trials[number].setting == 0 {
        "own"
    } else {
        ""
    }
}

/// What was found, for those who hear the charts.
fn summary(study: &Study, tuned: &Tuned) -> String {
    match tuned.best_trial() {
        Some(best) => format!("Best: {}.", detail(study, tuned, best.number)),
        None => "None was measured.".to_owned(),
    }
}

fn section(study: &Study, tuned: &Tuned) -> Result<Section, EvalError> {
    let charts = tuned.influences.iter().map(|influence| {
        Ok(Chart {
            title: influence.parameter.clone(),
            note: format!("searched over {}", influence.range),
            svg: Points::new(study, tuned, influence).render()?,
        })
    });
    let mut order: Vec<&Trial> = tuned.trials.iter().collect();
    let worth = |t: &Trial| (t.share, t.value.unwrap_or(f64::NEG_INFINITY));
    order.sort_by(|a, b| {
        let (a, b) = (worth(a), worth(b));
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    let mut note = format!("{} trials by {}", tuned.trials.len(), tuned.method);
    if let Some(why) = &tuned.ended_early {
        note.push_str(&format!("; {why}"));
    }
    Ok(Section {
        model: tuned.model.clone(),
        note: note + ".",
        history: History::new(study, tuned).render()?,
        charts: charts.collect::<Result<_, EvalError>>()?,
        influences: tuned.influences.iter().map(mattered).collect(),
        heads: tuned
            .influences
            .iter()
            .map(|i| i.parameter.clone())
            .collect(),
        rows: order.into_iter().map(|t| row(tuned, t)).collect(),
    })
}

fn mattered(influence: &Influence) -> Mattered {
    let parts = influence.parts.iter().map(|part| {
        let best = part
            .best
            .map_or_else(|| "–".to_owned(), |b| format!("{b:.4}"));
        (best, format!("{} ({})", part.name, part.trials))
    });
    Mattered {
        parameter: influence.parameter.clone(),
        correlation: influence
            .rank_correlation
            .map_or_else(|| "–".to_owned(), |r| format!("{r:+.2}")),
        parts: parts.collect(),
    }
}

fn row(tuned: &Tuned, trial: &Trial) -> Row {
    let names = tuned.influences.iter().map(|i| &i.parameter);
    let settings = names.map(|n| trial.values.get(n).map_or_else(String::new, text));
    Row {
        trial: if trial.setting == 0 {
            format!("{} (as it is)", trial.number)
        } else {
            trial.number.to_string()
        },
        value: trial.value.map_or_else(
            || "failed".to_owned(),
            |v| format!("{v:.4} ± {:.4}", trial.standard_error),
        ),
        error: trial.error.clone().unwrap_or_default(),
        share: if trial.is_full() {
            String::new()
        } else {
            format!("{:.0} %", 100.0 * trial.share)
        },
        settings: settings.collect(),
        time: seconds(trial.seconds()),
        kind: kind(tuned, trial.number),
    }
}
