//! `semrec import`: two files in, a data set out, and what was understood of them.

use crate::args::{ImportArgs, ReadArgs};
use crate::context::Context;
use semrec_data::{Dataset, ImportOptions, ImportReport};
use std::path::{Path, PathBuf};

pub(crate) fn run(context: &Context, args: &ImportArgs) -> anyhow::Result<()> {
    let sources = Sources {
        items: args.items.clone(),
        interactions: args.interactions.clone(),
        read: &args.read,
    };
    import(context, &sources, &args.out)?;
    let next = if args.interactions.is_some() {
        "validate"
    } else {
        let alone = "no interactions: mine, embed and train --model content need none; every other model, tune and evaluate need --interactions";
        context.console.line(alone);
        "mine"
    };
    context.console.line(format!(
        "wrote {}; next: semrec {next} {0}",
        args.out.display()
    ));
    Ok(())
}

/// What to read.
pub(crate) struct Sources<'a> {
    pub(crate) items: Option<PathBuf>,
    pub(crate) interactions: Option<PathBuf>,
    pub(crate) read: &'a ReadArgs,
}

/// Imports into `out` and prints what was read.
pub(crate) fn import(
    context: &Context,
    sources: &Sources<'_>,
    out: &Path,
) -> anyhow::Result<(Dataset, ImportReport)> {
    let read = sources.read;
    let options = ImportOptions {
        interactions: sources.interactions.clone(),
        items: sources.items.clone(),
        users: read.users.clone(),
        test_interactions: read.test_interactions.clone(),
        knowledge: read.kg.clone(),
        links: read.link.clone(),
        format: read.format,
        roles: read.roles.clone(),
        max_rejected_share: read.max_rejected,
        name: read.name.clone(),
        now: Some(context.now),
        rejected: Some(out.with_extension("rejected.jsonl")),
        ..ImportOptions::default()
    };
    let console = &context.console;
    let imported = semrec_data::import(&options, &|label, done, total| {
        let number = |n| usize::try_from(n).unwrap_or(usize::MAX);
        console.progress(&format!("read {label}"), number(done), number(total));
    })?;
    imported.save(out)?;
    console.line(imported.report.to_string().trim_end());
    let data = &imported.dataset;
    console.line(format!(
        "{}: {} users, {} items, {} interactions",
        data.name,
        data.users.len(),
        data.items.len(),
        data.interactions.len()
    ));
    Ok((imported.dataset, imported.report))
}
