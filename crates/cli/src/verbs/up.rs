//! `semrec up`: the whole main job, from two files to a report, a bundle and its service.

use super::evaluate::{print, write_json, write_report};
use super::import::{Sources, import};
use super::recommend;
use super::train::{Task, train};
use crate::args::{QueryKind, UpArgs};
use crate::context::Context;
use crate::experiment::{self, Plan};
use crate::texts::{self, Texts};
use anyhow::Context as _;
use semrec_data::{Clock, Dataset, FactSource, Split};
use semrec_engine::{Engine, Request, write_results};
use semrec_eval::Results;
use semrec_models::{needs_text, params_of};
use toml::Table;

/// `ease` and the like hold items × items; above this many they are left out of `up`.
const MAX_DENSE_ITEMS: usize = 20_000;

pub(crate) fn run(context: &Context, args: &UpArgs) -> anyhow::Result<()> {
    let console = &context.console;
    let out = &args.out;
    std::fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    let sources = Sources {
        items: Some(args.items.clone()),
        interactions: Some(args.interactions.clone()),
        read: &args.read,
    };
    let (dataset, imported) = import(context, &sources, &out.join("dataset"))?;
    if dataset.items.has_text() && args.encoder.encoder != "none" {
        super::model::pull_if_missing(context, &args.encoder.encoder)?;
    }
    let texts = texts::embed(context, &dataset, &args.encoder.encoder)?;
    let plan = Plan {
        models: models(context, args, &dataset, texts.as_ref())?,
        params: Table::new(),
        split: args.split.unwrap_or_else(|| natural_split(&dataset)),
        ks: vec![10, 20],
        cold_only: false,
        exclude_seen: true,
        query: QueryKind::Both,
        facts: args.facts.facts,
        classify: true,
        run: None,
    };
    let outcome = experiment::run(context, &dataset, texts.as_ref(), &plan)?;
    print(console, &outcome);
    write_json(&out.join("results.json"), &outcome.results)?;
    let results = serde_json::to_value(&outcome.results)?;
    let model = chosen(&outcome.results);
    let report = out.join("report.html");
    write_report(&report, outcome, &imported)?;
    let params = params_of(&model, &Table::new())?;
    let task = Task {
        dataset: &dataset,
        imported: &imported,
        texts: texts.as_ref(),
        facts: args.facts.facts,
        model: &model,
        params: &params,
        run: None,
    };
    let bundle = out.join("bundle");
    train(context, &task, &bundle)?;
    write_results(&bundle, &results)?;
    drop(texts);
    show(context, &dataset, &bundle, &model)?;
    drop(dataset);
    console.line(format!("report:    {}", report.display()));
    if args.no_serve {
        let bundle = bundle.display();
        console.line(format!(
            "next:      semrec serve {bundle}, or semrec recommend {bundle} --text \"…\" --explain"
        ));
        return Ok(());
    }
    super::serve::after(context, &bundle, args.listen)
}

/// The models that this data set can have.
fn models(
    context: &Context,
    args: &UpArgs,
    dataset: &Dataset,
    texts: Option<&Texts>,
) -> anyhow::Result<Vec<String>> {
    let mut kept = Vec::new();
    for name in &args.models {
        if needs_text(name)? && texts.is_none() && args.facts.facts == FactSource::None {
            context.console.note(format!(
                "{name} is left out: it reads, and there is no text"
            ));
        } else if name == "ease" && dataset.items.len() > MAX_DENSE_ITEMS {
            context.console.note(format!(
                "ease is left out: its matrix of {0} × {0} items would take {1} GiB",
                dataset.items.len(),
                (dataset.items.len() * dataset.items.len() * 4) >> 30
            ));
        } else {
            kept.push(name.clone());
        }
    }
    Ok(kept)
}

/// What the data themselves say, else what tells most about live traffic.
fn natural_split(dataset: &Dataset) -> Split {
    if dataset.interactions.has_parts() {
        return Split::Given;
    }
    match dataset.clock() {
        Clock::Seconds => Split::Temporal(0.8),
        Clock::Position | Clock::None => Split::LeaveOneOut,
    }
}

/// The model to serve: the hybrid, which knows new items and reads what people write; where
/// it was not fitted, the best one.
fn chosen(results: &Results) -> String {
    let best = results
        .comparisons
        .first()
        .map(|c| c.a.as_str())
        .or_else(|| results.models.first().map(|m| m.name.as_str()))
        .unwrap_or_default();
    match results.models.iter().find(|m| m.name == "hybrid") {
        Some(hybrid) => hybrid.name.clone(),
        None => best.to_owned(),
    }
}

/// Recommendations for the person with the longest history, to judge by eye.
fn show(
    context: &Context,
    dataset: &Dataset,
    bundle: &std::path::Path,
    model: &str,
) -> anyhow::Result<()> {
    let events = |u: u32| dataset.interactions.of_user(u).len();
    let Some(user) = (0u32..)
        .take(dataset.users.len())
        .max_by_key(|&u| (events(u).min(50), std::cmp::Reverse(u)))
    else {
        return Ok(());
    };
    let engine = Engine::open(bundle)?;
    let request = Request {
        user: Some(dataset.users.ids.name(user).to_owned()),
        k: 5,
        explain: true,
        ..Request::default()
    };
    let newest: Vec<&str> = dataset
        .interactions
        .of_user(user)
        .iter()
        .rev()
        .take(3)
        .map(|e| dataset.items.title(e.item))
        .collect();
    context.console.line(format!(
        "{model} for user {}, who last chose {}:",
        dataset.users.ids.name(user),
        newest.join("; ")
    ));
    recommend::print(context, &engine.recommend(&request)?);
    Ok(())
}
