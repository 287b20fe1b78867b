//! `semrec evaluate`: models measured on a data set.

use crate::args::{CandidateSet, EvaluateArgs};
use crate::console::{Console, duration};
use crate::context::Context;
use crate::experiment::{self, Outcome, Plan};
use crate::params;
use crate::texts;
use anyhow::{Context as _, bail};
use semrec_data::{Dataset, ImportReport, write_whole};
use semrec_eval::{Report, Results, render};
use serde::Serialize;
use std::path::Path;

pub(crate) fn run(context: &Context, args: &EvaluateArgs) -> anyhow::Result<()> {
    if args.k.is_empty() || args.k.contains(&0) {
        bail!("-k: cut-offs are whole numbers from 1 on, as in -k 10,20");
    }
    let plan = Plan {
        models: args.models.clone(),
        params: params::with_file(
            args.params.as_deref(),
            &params::by_model(&args.set, &args.models)?,
        )?,
        split: args.split,
        ks: args.k.clone(),
        cold_only: args.candidates == CandidateSet::Cold,
        exclude_seen: !args.include_seen,
        query: args.query,
        facts: args.facts.facts,
        classify: args.report.is_some(),
        run: args.run.run.clone(),
    };
    let dataset = Dataset::load(&args.dataset)?;
    dataset.interactions.required()?;
    let imported = ImportReport::load(&args.dataset)?;
    let texts = texts::embed(context, &dataset, &args.encoder.encoder)?;
    let outcome = experiment::run(context, &dataset, texts.as_ref(), &plan)?;
    print(&context.console, &outcome);
    if let Some(path) = &args.json {
        write_json(path, &outcome.results)?;
        context.console.line(format!("wrote {}", path.display()));
    }
    if let Some(path) = &args.cases {
        write(path, &cases(&dataset, &outcome)?)?;
        context.console.line(format!("wrote {}", path.display()));
    }
    if let Some(path) = &args.report {
        write_report(path, outcome, &imported)?;
        context.console.line(format!("wrote {}", path.display()));
    }
    Ok(())
}

/// The figures as a table.
pub(crate) fn print(console: &Console, outcome: &Outcome) {
    let results = &outcome.results;
    print_protocol(console, results);
    // The JSON and the report have them all; a terminal is narrow.
    let names = columns(results);
    let header = ["model".to_owned()]
        .into_iter()
        .chain(names.iter().cloned())
        .chain(["fit".to_owned(), "evaluate".to_owned()]);
    let rows = results.models.iter().map(|model| {
        let figures = names.iter().map(|name| {
            model
                .metrics
                .get(name)
                .map_or_else(|| "–".to_owned(), |x| format!("{x:.4}"))
        });
        [model.name.clone()]
            .into_iter()
            .chain(figures)
            .chain([
                duration(model.fit_seconds),
                duration(model.evaluate_seconds),
            ])
            .collect()
    });
    console.table(header, rows, 1);
    for c in &results.comparisons {
        let better = if c.p_holm < 0.05 {
            "is better than"
        } else {
            "is not surely better than"
        };
        console.line(format!(
            "{} {better} {}: {} by {:+.4}, Holm-corrected p = {:.4}",
            c.a, c.b, c.metric, c.difference, c.p_holm
        ));
    }
    print_slices(console, results);
    for (model, notes) in &outcome.notes {
        for note in notes {
            console.note(format!("{model}: {note}"));
        }
    }
}

/// The first metric that models are compared by on each slice, and which of them the slice's best
/// model surely beats.
fn print_slices(console: &Console, results: &Results) {
    let (Some(first), Some(compared)) = (results.models.first(), results.comparisons.first())
    else {
        return;
    };
    let header = ["slice", "cases"].map(str::to_owned).into_iter();
    let header = header.chain(results.models.iter().map(|m| m.name.clone()));
    let header = header.chain(["surely better (Holm-corrected p < 0.05)".to_owned()]);
    let of_cases = first.slices.iter().filter(|s| s.cases > 0);
    let rows = of_cases.map(|slice| {
        let figures = results.models.iter().map(|model| {
            let slice = model.slices.iter().find(|s| s.name == slice.name);
            let figure = slice.and_then(|s| s.metrics.get(&compared.metric));
            figure.map_or_else(|| "–".to_owned(), |x| format!("{x:.4}"))
        });
        let tested = results.slice_comparisons.iter();
        let sure: Vec<_> = tested
            .filter(|t| t.slice == slice.name && t.comparison.p_holm < 0.05)
            .map(|t| &t.comparison)
            .collect();
        let verdict = match sure.first() {
            None => "–".to_owned(),
            Some(best) if sure.len() + 1 == results.models.len() => format!("{}, than all", best.a),
            Some(best) => {
                let than: Vec<&str> = sure.iter().map(|c| c.b.as_str()).collect();
                format!("{}, than {}", best.a, than.join(", "))
            }
        };
        [slice.name.clone(), slice.cases.to_string()]
            .into_iter()
            .chain(figures)
            .chain([verdict])
            .collect()
    });
    console.line(format!("{} by slice:", compared.metric));
    console.table(header, rows, 1);
}

/// On what, and how; with what weakens the figures.
pub(crate) fn print_protocol(console: &Console, results: &Results) {
    let protocol = &results.protocol;
    console.line(format!(
        "{}: {} users, {} items, {} interactions; split {}, {} users evaluated, candidates {}, {}, seed {}",
        results.dataset.name,
        results.dataset.users,
        results.dataset.items,
        results.dataset.interactions,
        protocol.split,
        protocol.users_evaluated,
        protocol.candidates,
        if protocol.exclude_seen { "seen items left out" } else { "seen items ranked too" },
        protocol.seed
    ));
    if protocol.facts != "none" {
        console.line(format!("models that read have facts: {}", protocol.facts));
    }
    for warning in &protocol.warnings {
        console.line(format!("warning: {warning}"));
    }
}

/// The metrics of the table: accuracy and coverage at the first cut-off, accuracy at the others.
fn columns(results: &Results) -> Vec<String> {
    let all: Vec<&str> = results.models.first().map_or_else(Vec::new, |m| {
        m.metrics.iter().map(|(name, _)| name).collect()
    });
    let first = all
        .first()
        .and_then(|name| name.split_once('@'))
        .map(|(_, k)| k);
    all.into_iter()
        .filter(|name| match name.split_once('@') {
            Some(("recall" | "ndcg", _)) => true,
            Some(("mrr" | "coverage", k)) => Some(k) == first,
            _ => false,
        })
        .map(str::to_owned)
        .collect()
}

/// The figures of each model and person, as CSV.
fn cases(dataset: &Dataset, outcome: &Outcome) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let models = || outcome.results.models.iter().zip(&outcome.evaluations);
    for (at, (model, evaluation)) in models().enumerate() {
        let cases = &evaluation.per_case;
        if at == 0 {
            let names = cases.names().iter().map(String::as_str);
            writer.write_record(["model", "user"].into_iter().chain(names))?;
        }
        for (&user, figures) in outcome.users.iter().zip(cases.rows()) {
            let figures = figures.iter().map(f32::to_string);
            let who = [model.name.clone(), dataset.users.ids.name(user).to_owned()];
            writer.write_record(who.into_iter().chain(figures))?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Writes the JSON of the results, whole or not at all.
pub(crate) fn write_json(path: &Path, results: &impl Serialize) -> anyhow::Result<()> {
    write(path, &(serde_json::to_string_pretty(results)? + "\n"))
}

/// Writes the HTML page, whole or not at all.
pub(crate) fn write_report(
    path: &Path,
    outcome: Outcome,
    imported: &ImportReport,
) -> anyhow::Result<()> {
    let page = render(&Report {
        results: &outcome.results,
        imported: imported.to_string().lines().map(str::to_owned).collect(),
        examples: outcome.examples,
    })?;
    write(path, &page)
}

/// Writes a text or bytes, whole or not at all.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
    write_whole(path, content).with_context(|| format!("{} cannot be written", path.display()))
}
