//! `semrec embed`: the texts of a data set as vectors.

use crate::args::EmbedArgs;
use crate::context::Context;
use crate::texts;
use anyhow::bail;
use semrec_data::Dataset;

pub(crate) fn run(context: &Context, args: &EmbedArgs) -> anyhow::Result<()> {
    let dataset = Dataset::load(&args.dataset)?;
    let Some(texts) = texts::embed(context, &dataset, &args.encoder.encoder)? else {
        bail!("nothing to encode: the items have no text, or the encoder is 'none'");
    };
    match &args.out {
        Some(out) => {
            semrec_text::write_vectors(out, dataset.items.ids.iter(), &texts.items)?;
            context.console.line(format!(
                "wrote {} vectors of {} values to {}",
                texts.items.len(),
                texts.items.dim(),
                out.display()
            ));
        }
        None => context.console.line(format!(
            "{} vectors of {} values are in the cache",
            texts.items.len(),
            texts.items.dim()
        )),
    }
    Ok(())
}
