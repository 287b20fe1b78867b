//! `semrec tune`: parameters searched on the validation part, trial by trial, resumable.

mod bench;
mod journal;
mod output;
mod progress;
mod spaces;

use crate::args::{CandidateSet, TuneArgs};
use crate::context::Context;
use crate::interrupt;
use crate::texts::{self, Texts};
use anyhow::{Context as _, bail};
use bench::Bench;
use journal::{About, Journal};
use progress::Progress;
use semrec_data::{Dataset, FactSource};
use semrec_models::needs_text;
use semrec_tune::{Method, Plan, Search, Study, Trial, Tuned};
use spaces::Asked;

pub(crate) fn run(context: &Context, args: &TuneArgs) -> anyhow::Result<()> {
    if args.budget.is_some_and(|b| !(b > 0.0 && b.is_finite())) {
        bail!("--budget: expected seconds above 0, as in --budget 600");
    }
    let all = spaces::of(&args.model, &args.space, &args.set, args.method)?;
    let dataset = Dataset::load(&args.dataset)?;
    dataset.interactions.required()?;
    let texts = texts::embed(context, &dataset, &args.encoder.encoder)?;
    for model in &args.model {
        if needs_text(model)? && texts.is_none() {
            bail!(
                "{model} reads the items' texts, and {} has none, or was not embedded",
                dataset.name
            );
        }
    }
    for asked in &all {
        texts::check_origin(&asked.start, texts.as_ref())?;
    }
    let bench = Bench::new(context, &dataset, texts.as_ref(), args)?;
    let out = &args.out;
    std::fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    interrupt::leaves(Some(format!(
        "finished trials are kept in {}, and the same command goes on from there",
        out.display()
    )));
    let mut models = Vec::new();
    for asked in &all {
        let about = about(context, &dataset, texts.as_ref(), args, asked)?;
        models.push(search(context, args, &bench, asked, about)?);
    }
    let study = Study {
        dataset: dataset.name.clone(),
        fingerprint: dataset.fingerprint.clone(),
        split: args.split.to_string(),
        candidates: candidates(args).to_owned(),
        metric: args.metric.to_string(),
        fitted_on: bench.fitted_on(),
        people: bench.people(),
        seed: context.seed,
        models,
    };
    output::print(&context.console, &study);
    output::write_all(out, &study)?;
    interrupt::leaves(None);
    context.console.line(format!(
        "\nwrote {0}/best.toml, trials.csv, tune.json and tune.html; next: semrec evaluate {1} --models {2} --split {3} --params {0}/best.toml",
        out.display(),
        args.dataset.display(),
        args.model.join(","),
        args.split
    ));
    match study.models.iter().find(|m| m.best.is_none()) {
        Some(none) => bail!(
            "no trial of {} was measured: {}",
            none.model,
            first_error(none)
        ),
        None => Ok(()),
    }
}

fn candidates(args: &TuneArgs) -> &'static str {
    match args.candidates {
        CandidateSet::Full => "full",
        CandidateSet::Cold => "cold",
    }
}

fn first_error(tuned: &Tuned) -> &str {
    let errors = tuned.trials.iter().filter_map(|t| t.error.as_deref());
    let why = tuned.ended_early.as_deref().unwrap_or("there was none");
    errors.into_iter().next().unwrap_or(why)
}

/// Everything that the figures of a model's trials depend on.
fn about(
    context: &Context,
    dataset: &Dataset,
    texts: Option<&Texts>,
    args: &TuneArgs,
    asked: &Asked,
) -> anyhow::Result<About> {
    let mut about = About::new();
    let mut put = |name: &str, value: String| about.insert(name.to_owned(), value.into());
    put("model", asked.model.clone());
    put("data fingerprint", dataset.fingerprint.clone());
    put("split", args.split.to_string());
    put("metric", args.metric.to_string());
    put("candidates", candidates(args).to_owned());
    put(
        "ranking of seen items",
        if args.include_seen { "on" } else { "off" }.to_owned(),
    );
    put("query", args.query.name().to_owned());
    put(
        "encoder",
        texts.map_or_else(|| "none".to_owned(), |t| t.encoder.fingerprint.clone()),
    );
    if args.facts.facts != FactSource::None {
        put("facts", args.facts.facts.to_string());
    }
    put("seed", context.seed.to_string());
    put("method", args.method.to_string());
    if args.method == Method::Halving {
        // Its rungs follow from the number of settings.
        put("number of trials", args.trials.to_string());
    }
    let parameters = asked.space.parameters().iter();
    let space: Vec<String> = parameters
        .map(|p| format!("{}={}", p.name, p.range))
        .collect();
    put("space", space.join(" "));
    put("start", serde_json::to_string(&asked.start)?);
    Ok(about)
}

/// All trials of one model, those of earlier runs included.
fn search(
    context: &Context,
    args: &TuneArgs,
    bench: &Bench<'_>,
    asked: &Asked,
    about: About,
) -> anyhow::Result<Tuned> {
    let path = args.out.join(format!("{}.jsonl", asked.model));
    let (mut journal, earlier) = Journal::open(&path, about)?;
    let mut search = Search::new(Plan {
        space: asked.space.clone(),
        method: args.method,
        trials: args.trials as usize,
        seed: context.seed,
        start: asked.start.clone(),
    });
    let held = earlier.len();
    for trial in earlier {
        let Some(question) = search.ask() else {
            break;
        };
        if !trial.answers(&question) {
            bail!(
                "{}: its trial {} is not the one that would be made now; delete the file",
                path.display(),
                question.number
            );
        }
        search.tell(trial);
    }
    let progress = Progress::new(&context.console, &asked.model, &search);
    if held > 0 {
        let what = match search.ask() {
            Some(_) => format!("goes on after the {held} trials"),
            None => format!("has all its trials already, the {held}"),
        };
        progress.note(&format!("  {} {what} of {}", asked.model, path.display()));
    }
    let mut ended_early = None;
    while let Some(question) = search.ask() {
        let spent: f64 = search.trials().iter().map(Trial::seconds).sum();
        if let Some(budget) = args.budget
            && spent >= budget
        {
            let left = search.total() - search.trials().len();
            ended_early = Some(format!(
                "ended after {spent:.0} s of {budget} s, with {left} trials left"
            ));
            break;
        }
        let told = question.clone();
        let trial = bench.trial(asked, question, &|what| progress.doing(&told, what));
        journal.append(&trial)?;
        search.tell(trial);
        progress.told(&search, &args.metric.to_string(), args.budget);
    }
    progress.finish();
    Ok(Tuned::new(
        &asked.model,
        &search,
        asked.fixed.clone(),
        ended_early,
    ))
}
