//! What a search leaves: tables on the terminal, and `best.toml`, `trials.csv`, `tune.json` and
//! `tune.html`.

use crate::console::{Console, duration};
use crate::verbs::evaluate::{write, write_json};
use anyhow::Context as _;
use semrec_eval::render_tuning;
use semrec_tune::{Influence, Study, Trial, Tuned};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::{Table, Value};

/// Trials in the table of a model.
const SHOWN: usize = 5;

/// `lambda=120.5 recency=0.6`
pub(super) fn settings(values: &BTreeMap<String, Value>) -> String {
    let each = values
        .iter()
        .map(|(key, value)| format!("{key}={}", text(value)));
    each.collect::<Vec<_>>().join(" ")
}

/// A value without quotes.
fn text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}

/// The best trials of each model, how its parameters mattered, and what was found.
pub(super) fn print(console: &Console, study: &Study) {
    console.line(format!(
        "{}: split {}, fitted on {} training events, measured on {} people of the validation part; test events were not touched; candidates {}, seed {}",
        study.dataset, study.split, study.fitted_on, study.people, study.candidates, study.seed
    ));
    for tuned in &study.models {
        let failed = tuned.trials.iter().filter(|t| t.value.is_none()).count();
        let mut head = format!(
            "\n{}: {} trials by {}",
            tuned.model,
            tuned.trials.len(),
            tuned.method
        );
        if failed > 0 {
            head.push_str(&format!(", {failed} of them failed"));
        }
        if let Some(why) = &tuned.ended_early {
            head.push_str(&format!(", {why}"));
        }
        console.line(head);
        print_trials(console, study, tuned);
        print_influences(console, &tuned.influences);
        console.line(verdict(study, tuned));
    }
}

fn print_trials(console: &Console, study: &Study, tuned: &Tuned) {
    let mut best: Vec<&Trial> = tuned
        .trials
        .iter()
        .filter(|t| t.is_full() && t.value.is_some())
        .collect();
    best.sort_by(|a, b| {
        b.value
            .partial_cmp(&a.value)
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let own = best.iter().position(|t| t.setting == 0);
    let shown = best
        .iter()
        .enumerate()
        .filter(|(i, _)| *i < SHOWN || Some(*i) == own)
        .map(|(_, trial)| trial);
    let names: Vec<&String> = tuned.influences.iter().map(|i| &i.parameter).collect();
    let header = ["trial".to_owned(), format!("{} ± s.e.", study.metric)]
        .into_iter()
        .chain(names.iter().map(|n| (*n).clone()))
        .chain(["fit".to_owned(), "evaluate".to_owned()]);
    let rows = shown.map(|trial| {
        let number = if trial.setting == 0 {
            format!("{} (as it is)", trial.number)
        } else {
            trial.number.to_string()
        };
        let value = trial.value.map_or_else(String::new, |v| {
            format!("{v:.4} ± {:.4}", trial.standard_error)
        });
        let settings = names
            .iter()
            .map(|n| trial.values.get(*n).map_or_else(String::new, text));
        [number, value]
            .into_iter()
            .chain(settings)
            .chain([
                duration(trial.fit_seconds),
                duration(trial.evaluate_seconds),
            ])
            .collect()
    });
    console.table(header, rows, 1);
}

/// What was best in each part of each range, of how many trials, and which way was better.
fn print_influences(console: &Console, influences: &[Influence]) {
    if influences.is_empty() {
        console.line("it has no parameters to search");
        return;
    }
    let parts = influences.iter().map(|i| i.parts.len()).max().unwrap_or(0);
    let header = ["parameter".to_owned(), "rank correlation".to_owned()]
        .into_iter()
        .chain((0..parts).map(|part| match part {
            0 => "best by part".to_owned(),
            _ => String::new(),
        }));
    let rows = influences.iter().map(|influence| {
        let parts = influence.parts.iter().map(|part| match part.best {
            Some(best) => format!("{}\n{best:.4} ({})", part.name, part.trials),
            None => format!("{}\n– (0)", part.name),
        });
        let correlation = influence.rank_correlation;
        [
            influence.parameter.clone(),
            correlation.map_or_else(|| "–".to_owned(), |r| format!("{r:+.2}")),
        ]
        .into_iter()
        .chain(parts)
        .collect()
    });
    console.table(header, rows, 1);
}

/// What was found, in a sentence.
fn verdict(study: &Study, tuned: &Tuned) -> String {
    let (Some(best), Some(own)) = (tuned.best_trial(), tuned.own) else {
        return match tuned.best_trial() {
            Some(best) => format!(
                "best: trial {}, {} {:.4}, with {}",
                best.number,
                study.metric,
                best.value.unwrap_or(0.0),
                settings(&best.values)
            ),
            None => "no trial was measured in full".to_owned(),
        };
    };
    if best.setting == 0 {
        return format!("best: the model as it is, {} {own:.4}", study.metric);
    }
    format!(
        "best: trial {}, {} {:.4} against {own:.4} as it is, with {}",
        best.number,
        study.metric,
        best.value.unwrap_or(0.0),
        settings(&best.values)
    )
}

/// Writes all files; their names.
pub(super) fn write_all(dir: &Path, study: &Study) -> anyhow::Result<()> {
    write(&dir.join("best.toml"), best(study))?;
    write(&dir.join("trials.csv"), &trials(study)?)?;
    write_json(&dir.join("tune.json"), study)?;
    write(&dir.join("tune.html"), &render_tuning(study)?)
}

/// A section for each model that was measured.
fn best(study: &Study) -> String {
    let mut out = format!(
        "# What `semrec tune` found on the validation part of {} (split {}, seed {}).\n\
         # For `semrec evaluate --params FILE` and `semrec train --params FILE`.\n",
        study.dataset, study.split, study.seed
    );
    for tuned in &study.models {
        let Some(trial) = tuned.best_trial() else {
            continue;
        };
        out.push_str(&format!(
            "\n# {} {:.4}, trial {} of {}{}\n",
            study.metric,
            trial.value.unwrap_or(0.0),
            trial.number,
            tuned.trials.len(),
            tuned
                .own
                .map_or_else(String::new, |own| format!("; {own:.4} as it is"))
        ));
        let mut section = Table::new();
        section.insert(tuned.model.clone(), tuned.params(trial).into());
        out.push_str(&section.to_string());
    }
    out
}

/// A row for each trial of each model, a column for each parameter and metric.
fn trials(study: &Study) -> anyhow::Result<String> {
    let all = || study.models.iter().flat_map(|m| m.trials.iter());
    let metrics: BTreeSet<&String> = all().flat_map(|t| t.metrics.keys()).collect();
    let names = study.models.iter().flat_map(|m| &m.influences);
    let mut parameters: Vec<&str> = Vec::new();
    for influence in names {
        if !parameters.contains(&influence.parameter.as_str()) {
            parameters.push(&influence.parameter);
        }
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fixed = [
        "model",
        "trial",
        "setting",
        "share",
        "value",
        "standard_error",
        "error",
        "fit_seconds",
        "evaluate_seconds",
    ];
    let header = fixed
        .into_iter()
        .chain(parameters.iter().copied())
        .chain(metrics.iter().map(|m| m.as_str()));
    writer.write_record(header)?;
    for tuned in &study.models {
        for trial in &tuned.trials {
            let known = [
                tuned.model.clone(),
                trial.number.to_string(),
                trial.setting.to_string(),
                trial.share.to_string(),
                trial.value.map_or_else(String::new, |v| v.to_string()),
                trial.standard_error.to_string(),
                trial.error.clone().unwrap_or_default(),
                trial.fit_seconds.to_string(),
                trial.evaluate_seconds.to_string(),
            ];
            let settings = parameters
                .iter()
                .map(|p| trial.values.get(*p).map_or_else(String::new, text));
            let figures = metrics.iter().map(|m| {
                trial
                    .metrics
                    .get(*m)
                    .map_or_else(String::new, f64::to_string)
            });
            writer.write_record(known.into_iter().chain(settings).chain(figures))?;
        }
    }
    let bytes = writer.into_inner().context("the table of trials")?;
    String::from_utf8(bytes).context("the table of trials")
}
