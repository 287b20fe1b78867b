//! `semrec model convert`: a smaller encoder out of a given one, and what it lost.

use super::compare::{check_text, compare, mib};
use super::place;
use crate::args::{ConvertArgs, LayersKept, PrecisionName};
use crate::context::Context;
use crate::texts;
use anyhow::{Context as _, bail};
use semrec_data::Dataset;
use semrec_text::{
    Conversion, Encoder, Precision, choose_layers, convert, even_layers, model_bytes,
};
use std::path::Path;

/// Texts that the layers are chosen by, at most.
const TEXTS: usize = 256;

pub(super) fn run(context: &Context, args: &ConvertArgs) -> anyhow::Result<()> {
    if args.precision.is_none()
        && args.layers.is_none()
        && args.dimensions.is_none()
        && args.max_tokens.is_none()
    {
        bail!(
            "nothing is to become smaller; name --precision, --layers, --dimensions or --max-tokens"
        );
    }
    let source = context.models().resolve(&args.source)?;
    let target = place(context, &args.out)?;
    let dataset = args.dataset.as_deref().map(Dataset::load).transpose()?;
    if let Some(dataset) = &dataset {
        check_text(dataset)?;
    }
    let layers = match &args.layers {
        None => None,
        Some(LayersKept::These(layers)) => Some(layers.clone()),
        Some(LayersKept::Count(count)) => Some(kept(context, &source, *count, dataset.as_ref())?),
    };
    let conversion = Conversion {
        precision: args.precision.map(|name| match name {
            PrecisionName::F32 => Precision::Single,
            PrecisionName::F16 => Precision::Half,
            PrecisionName::Int8 => Precision::Int8,
        }),
        layers,
        dimensions: args.dimensions,
        max_tokens: args.max_tokens,
    };
    convert(&source, &target, &conversion)?;
    let (before, after) = (Encoder::load(&source)?, Encoder::load(&target)?);
    let change = |what: &str, before: usize, after: usize| {
        if before == after {
            format!("{after} {what}")
        } else {
            format!("{before} {what} become {after}")
        }
    };
    context.console.line(format!(
        "{} is in {}: {} become {}, {}, {}, {}",
        args.out,
        target.display(),
        mib(model_bytes(&source)?),
        mib(model_bytes(&target)?),
        change("layers", before.layers(), after.layers()),
        change("values a vector", before.dim(), after.dim()),
        change("tokens a text", before.max_tokens(), after.max_tokens()),
    ));
    drop((before, after));
    let Some(dataset) = dataset else {
        return Ok(());
    };
    let encoders = [args.source.clone(), args.out.clone()];
    compare(context, &dataset, &encoders, &args.measure)
        .with_context(|| format!("{} is made, comparing it failed", args.out))
}

/// Which layers stay, of how many.
fn kept(
    context: &Context,
    source: &Path,
    count: usize,
    dataset: Option<&Dataset>,
) -> anyhow::Result<Vec<usize>> {
    let there = Encoder::load(source)?.layers();
    if count > there {
        bail!(
            "--layers: {} has {there} layers; expected 1 to that, got {count}",
            source.display()
        );
    }
    let Some(dataset) = dataset else {
        return Ok(even_layers(there, count));
    };
    let texts = texts::of_rows(&dataset.items);
    let sample = texts::sample(&texts, TEXTS);
    let progress = |done, total| context.console.progress("choose layers", done, total);
    let (layers, cosine) = choose_layers(source, count, &sample, &progress)?;
    let numbers: Vec<String> = layers.iter().map(usize::to_string).collect();
    context.console.line(format!(
        "layers {} stay: mean cosine {cosine:.4} on {} texts",
        numbers.join(", "),
        sample.len()
    ));
    Ok(layers)
}
