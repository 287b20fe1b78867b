//! `semrec model`: pretrained encoders, and smaller ones made of them.

mod compare;
mod convert;
mod distil;
mod measure;

use crate::args::ModelVerb;
use crate::context::Context;
use semrec_text::{Encoder, PullOptions, merge};
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

pub(crate) fn run(context: &Context, verb: &ModelVerb) -> anyhow::Result<()> {
    match verb {
        ModelVerb::Pull {
            name,
            again,
            hub_endpoint,
            hub_token,
        } => {
            let options = PullOptions {
                again: *again,
                hub_endpoint: hub_endpoint.clone(),
                hub_token: hub_token.clone(),
                ..PullOptions::default()
            };
            pull(context, name, &options)
        }
        ModelVerb::List => list(context),
        ModelVerb::Info { name } => info(context, name),
        ModelVerb::Convert(args) => convert::run(context, args),
        ModelVerb::Distil(args) => distil::run(context, args),
        ModelVerb::Merge { source, out } => merge_changes(context, source, out),
        ModelVerb::Compare(args) => compare::run(context, args),
        ModelVerb::Measure { dir } => measure::run(context, dir),
    }
}

fn pull(context: &Context, name: &str, options: &PullOptions) -> anyhow::Result<()> {
    let console = &context.console;
    let path = context.models().pull(name, options, &|what, done, total| {
        let number = |n| usize::try_from(n).unwrap_or(usize::MAX);
        console.progress(what, number(done), number(total));
    })?;
    console.line(format!("{name} is in {}", path.display()));
    Ok(())
}

/// Pulls an encoder that is asked for by name and not there yet.
pub(crate) fn pull_if_missing(context: &Context, name: &str) -> anyhow::Result<()> {
    if Path::new(name).is_dir() || context.models().resolve(name).is_ok() {
        return Ok(());
    }
    context
        .console
        .note(format!("{name} is not on this machine; pulling it"));
    pull(context, name, &PullOptions::default())
}

/// Where a new encoder goes: what has a separator in it is a path, else it is a name.
pub(super) fn place(context: &Context, out: &str) -> anyhow::Result<PathBuf> {
    if out.contains(['/', MAIN_SEPARATOR]) {
        return Ok(PathBuf::from(out));
    }
    Ok(context.models().vacant(out)?)
}

fn merge_changes(context: &Context, source: &str, out: &str) -> anyhow::Result<()> {
    let target = place(context, out)?;
    merge(&context.models().resolve(source)?, &target)?;
    let line = format!("{source}, merged, is in {}", target.display());
    context.console.line(line);
    Ok(())
}

fn list(context: &Context) -> anyhow::Result<()> {
    let models = context.models().list()?;
    let header = ["name", "what", "licence", "on this machine"].map(str::to_owned);
    let rows = models.into_iter().map(|m| {
        let here = m
            .path
            .map_or_else(|| "no".to_owned(), |_| format!("{} MiB", m.bytes >> 20));
        vec![m.name, m.about, m.licence, here]
    });
    context.console.table(header, rows, 3);
    Ok(())
}

fn info(context: &Context, name: &str) -> anyhow::Result<()> {
    let store = context.models();
    let lines = |lines: &[(&str, String)]| {
        for (what, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
            context.console.line(format!("{what:14} {value}"));
        }
    };
    // A directory outside the store has no entry there, and a model that is only known no encoder.
    if let Ok(model) = store.info(name) {
        lines(&[("what", model.about), ("licence", model.licence)]);
    }
    let path = store.resolve(name)?;
    let encoder = Encoder::load(&path)?;
    let prompt = |prompt: &str| match prompt {
        "" => "none".to_owned(),
        prompt => format!("{prompt:?}"),
    };
    lines(&[
        ("name", encoder.name().to_owned()),
        ("directory", path.display().to_string()),
        ("architecture", encoder.architecture().to_owned()),
        ("layers", encoder.layers().to_string()),
        ("parameters", encoder.parameters().to_string()),
        ("dimensions", encoder.dim().to_string()),
        ("reads at most", format!("{} tokens", encoder.max_tokens())),
        ("query prompt", prompt(encoder.query_prompt())),
        ("item prompt", prompt(encoder.passage_prompt())),
        ("fingerprint", encoder.fingerprint().to_owned()),
    ]);
    Ok(())
}
