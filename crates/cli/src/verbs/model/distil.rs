//! `semrec model distil`: the fast tier of an encoder, and what it lost.

use super::compare::{check_text, compare};
use super::place;
use crate::args::DistilArgs;
use crate::context::Context;
use crate::texts;
use anyhow::Context as _;
use semrec_data::Dataset;
use semrec_text::{DistilOptions, distil};

pub(super) fn run(context: &Context, args: &DistilArgs) -> anyhow::Result<()> {
    let source = context.models().resolve(&args.source)?;
    let target = place(context, &args.out)?;
    let dataset = Dataset::load(&args.dataset)?;
    check_text(&dataset)?;
    let texts = texts::of_rows(&dataset.items);
    let options = DistilOptions {
        dimensions: args.dimensions,
    };
    let console = &context.console;
    let progress = |what: &str, done, total| {
        console.progress(&format!("distil: {what}"), done, total);
    };
    let made = distil(&source, &target, &texts, &options, &progress)?;
    console.line(format!(
        "{} is in {}: {} token vectors fitted to {} texts; mean cosine to {} on texts held out {:.4}, \
         {:.4} before the fit",
        args.out,
        target.display(),
        made.tokens,
        made.texts,
        args.source,
        made.cosine,
        made.cosine_before
    ));
    let encoders = [args.source.clone(), args.out.clone()];
    compare(context, &dataset, &encoders, &args.measure)
        .with_context(|| format!("{} is made, comparing it failed", args.out))
}
