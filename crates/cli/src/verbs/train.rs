//! `semrec train`: a model fitted on everything, saved as a bundle.

use crate::args::TrainArgs;
use crate::context::Context;
use crate::experiment::json;
use crate::params;
use crate::texts::{self, Texts};
use anyhow::{Context as _, bail};
use semrec_data::{Dataset, FactSource, Facts, ImportReport};
use semrec_engine::{Contents, save};
use semrec_models::{Horizon, RunFiles, Training, fit, needs_events, params_of};
use std::path::Path;
use toml::Table;

pub(crate) fn run(context: &Context, args: &TrainArgs) -> anyhow::Result<()> {
    let params = params_of(&args.model, &given(args)?)?;
    let dataset = Dataset::load(&args.dataset)?;
    if needs_events(&args.model)? && dataset.interactions.is_empty() {
        bail!(
            "{} learns from interactions, and {} has none: import it with --interactions, or take --model content, which reads items alone",
            args.model,
            args.dataset.display()
        );
    }
    let imported = ImportReport::load(&args.dataset)?;
    let texts = texts::embed(context, &dataset, &args.encoder.encoder)?;
    let task = Task {
        dataset: &dataset,
        imported: &imported,
        texts: texts.as_ref(),
        facts: args.facts.facts,
        model: &args.model,
        params: &params,
        run: args.run.run.as_deref(),
    };
    train(context, &task, &args.out)?;
    context.console.line(format!(
        "wrote {}; next: semrec recommend {0} --text \"…\" --explain",
        args.out.display()
    ));
    Ok(())
}

/// The parameters of the file, if there is one, and those of the flags.
fn given(args: &TrainArgs) -> anyhow::Result<Table> {
    let mut own = Table::new();
    own.insert(args.model.clone(), params::table(&args.set)?.into());
    let all = params::with_file(args.params.as_deref(), &own)?;
    Ok(params::of(&all, &args.model))
}

/// What to train on what.
pub(crate) struct Task<'a> {
    pub(crate) dataset: &'a Dataset,
    pub(crate) imported: &'a ImportReport,
    pub(crate) texts: Option<&'a Texts>,
    pub(crate) facts: FactSource,
    pub(crate) model: &'a str,
    pub(crate) params: &'a Table,
    /// Where the files of a training by epochs go, if they are kept.
    pub(crate) run: Option<&'a Path>,
}

/// Fits and writes the bundle.
pub(crate) fn train(context: &Context, task: &Task<'_>, out: &Path) -> anyhow::Result<()> {
    texts::check_origin(task.params, task.texts)?;
    let console = &context.console;
    let clock = || context.clock();
    let facts = Facts::of(task.dataset, task.facts)?;
    let training = Training {
        interactions: &task.dataset.interactions,
        item_vectors: task.texts.map(|t| &t.items),
        item_facts: facts.as_ref(),
        user_vectors: task.texts.and_then(|t| t.users.as_ref()),
        tower: task.texts.and_then(|t| t.tower),
        horizon: Horizon::Later,
        seed: context.seed,
        run: task.run.map(|dir| RunFiles { dir, now: &clock }),
        progress: &|label, done, total| {
            console.progress(&format!("train {}: {label}", task.model), done, total);
        },
    };
    let model = fit(task.model, task.params, &training)
        .with_context(|| format!("fitting {}", task.model))?;
    console.finish();
    for note in model.notes() {
        console.note(format!("  {note}"));
    }
    let contents = Contents {
        dataset: task.dataset,
        imported: task.imported,
        model: &*model,
        params: json(task.params)?.into(),
        text: task
            .texts
            .map(|t| (&t.items, t.encoder.clone(), t.dir.as_path())),
        facts: task.facts,
        created: context.now,
    };
    save(out, &contents)?;
    Ok(())
}
