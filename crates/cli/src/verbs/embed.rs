//! `semrec embed`: the texts of a data set, or of a file of any length, as vectors.

use crate::args::EmbedArgs;
use crate::context::Context;
use crate::pace::{Pace, Reached};
use crate::{interrupt, texts};
use anyhow::bail;
use semrec_data::{DataError, Dataset, TextOptions, TextRow, TextSource};
use semrec_text::{EmbedEvent, Encoder, Origin, Role, TextItem, VectorFile, embed_rows};

pub(crate) fn run(context: &Context, args: &EmbedArgs) -> anyhow::Result<()> {
    let out = match &args.out {
        Some(path) => Some(VectorFile::new(path, args.half)?),
        None => None,
    };
    if args.input.as_os_str() == "-" {
        bail!(
            "standard input cannot be embedded: the input is read twice, and again to go on after a stop; write it to a file first"
        );
    }
    if args.input.is_dir() {
        dataset(context, args, out.as_ref())
    } else {
        file(context, args, out.as_ref())
    }
}

/// Vectors of the items, through the cache.
fn dataset(context: &Context, args: &EmbedArgs, out: Option<&VectorFile>) -> anyhow::Result<()> {
    if args.id.is_some() || !args.text.is_empty() {
        bail!(
            "{} is a directory: --id and --text are for files; the columns of a data set are chosen by import --roles",
            args.input.display()
        );
    }
    if args.query {
        bail!(
            "{} is a data set, whose items are what is searched: --query is for files",
            args.input.display()
        );
    }
    let dataset = Dataset::load(&args.input)?;
    let Some(texts) = texts::embed(context, &dataset, &args.encoder.encoder)? else {
        bail!("nothing to encode: the items have no text, or the encoder is 'none'");
    };
    let Some(out) = out else {
        context.console.line(format!(
            "{} vectors of {} values are in the cache",
            texts.items.len(),
            texts.items.dim()
        ));
        return Ok(());
    };
    let origin = Origin {
        encoder: texts.encoder.name,
        fingerprint: texts.encoder.fingerprint,
        role: Role::Passage,
    };
    out.write(&origin, dataset.items.ids.iter(), &texts.items)?;
    wrote(context, texts.items.len() as u64, texts.items.dim(), out);
    Ok(())
}

/// Vectors of the rows, from the reader to the output.
fn file(context: &Context, args: &EmbedArgs, out: Option<&VectorFile>) -> anyhow::Result<()> {
    let console = &context.console;
    let source = TextSource::open(&TextOptions {
        id: args.id.clone(),
        text: args.text.clone(),
        format: args.format,
        ..TextOptions::new(&args.input)
    })?;
    let Some(out) = out else {
        bail!(
            "{} is a file: say where its vectors are to go, as in --out vectors.parquet",
            args.input.display()
        );
    };
    if args.encoder.encoder == "none" {
        bail!("nothing to encode with: the encoder is 'none'");
    }
    let fields: Vec<&str> = source.fields().collect();
    console.note(format!(
        "{}, {}: text from {}, ids from {}",
        args.input.display(),
        source.layout(),
        fields.join(", "),
        source.id().unwrap_or("the numbers of the rows")
    ));
    let encoder = Encoder::load(&context.models().resolve(&args.encoder.encoder)?)?;
    let rows = source.rows()?;
    let pace = Pace::new(console, rows.total());
    interrupt::leaves(Some(format!(
        "finished parts are kept beside {}, and the same command goes on from there",
        out.path().display()
    )));
    let role = if args.query {
        Role::Query
    } else {
        Role::Passage
    };
    let result = embed_rows(&encoder, role, rows.map(item), out, &|event| {
        show(context, &pace, event);
    });
    interrupt::leaves(None);
    let (encoded, seconds) = pace.finish();
    if result.is_err() && encoded > 0 {
        console.note(
            "what is encoded is kept in finished parts, and the same command goes on from there",
        );
    }
    let done = result?;
    if done.encoded < done.rows {
        let kept = done.rows - done.encoded;
        console.note(format!("{kept} texts had been encoded before"));
    }
    if encoded > 0 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = encoded as f64 / seconds.max(1e-3);
        console.note(format!(
            "{encoded} texts encoded in {seconds:.1} s, {rate:.0} texts/s"
        ));
    }
    wrote(context, done.rows, encoder.dim(), out);
    Ok(())
}

fn item(row: Result<TextRow, DataError>) -> anyhow::Result<TextItem> {
    let TextRow { id, text, position } = row?;
    Ok(TextItem { id, text, position })
}

fn show(context: &Context, pace: &Pace, event: EmbedEvent) {
    match event {
        EmbedEvent::Found { parts } => pace.note(
            &context.console,
            &format!("an earlier run was stopped: going on from its {parts} finished parts"),
        ),
        EmbedEvent::Changed { row } => pace.note(
            &context.console,
            &format!(
                "the rows, their columns, --query or the encoder have changed since, first after row {row}: what has changed is encoded again"
            ),
        ),
        EmbedEvent::Encoding {
            rows,
            encoded,
            position,
        } => pace.tell(Reached {
            texts: rows,
            encoded,
            position,
        }),
        EmbedEvent::Assembling { parts, of } => {
            let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            let console = &context.console;
            console.progress("assemble", count(parts), count(of));
        }
    }
}

fn wrote(context: &Context, rows: u64, dim: usize, out: &VectorFile) {
    context.console.line(format!(
        "wrote {rows} vectors of {dim} values to {}",
        out.path().display()
    ));
}
