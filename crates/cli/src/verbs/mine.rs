//! `semrec mine`: what is in a catalogue, as tables, one page and a map.

use crate::args::MineArgs;
use crate::console::duration;
use crate::context::Context;
use crate::memory;
use crate::texts;
use crate::verbs::evaluate::{write, write_json};
use anyhow::bail;
use semrec_data::{
    Clock, Dataset, Field, Ids, Interactions, Staging, Table, TextOptions, TextSource, Values,
};
use semrec_mine::{Config, Input, Mined, map_png, map_svg, mine, render, tables};
use semrec_text::Encoder;
use std::path::Path;

/// The file by which a directory of ours is known.
const MARKER: &str = "mine.json";
/// Topics in the table on the terminal.
const SHOWN: usize = 12;

pub(crate) fn run(context: &Context, args: &MineArgs) -> anyhow::Result<()> {
    let dataset = if args.dataset.is_file() {
        of_file(&args.dataset)?
    } else {
        Dataset::load(&args.dataset)?
    };
    // Refused now rather than after minutes of work.
    let stage = Staging::new(&args.out, MARKER)?;
    let began = context.clock();
    let Some(texts) = texts::embed(context, &dataset, &args.encoder.encoder)? else {
        bail!(
            "nothing to mine: the items of {} have no text, or the encoder is 'none'",
            args.dataset.display()
        );
    };
    let embedded = context.clock();
    let cut = Encoder::load(&texts.dir)?.cuts(&texts::of_rows(&dataset.items))?;
    let config = Config {
        topics: args.topics,
        outliers: args.outliers,
        keywords: args.keywords,
        variants: args.variants,
        id_levels: args.id_levels,
        id_tokens: args.id_tokens,
        seed: context.seed,
        ..Config::default()
    };
    let input = Input {
        dataset: &dataset,
        vectors: &texts.items,
        encoder: &texts.encoder.name,
        cut: Some(&cut),
    };
    let console = &context.console;
    let progress = |what: &str, done, of| console.progress(what, done, of);
    let mined = mine(&input, &config, &progress)?;
    console.progress("tables", 0, 1);
    for table in tables(&mined, &dataset) {
        table.write(stage.path())?;
    }
    write(&stage.path().join("mine.html"), &render(&mined, &dataset)?)?;
    write(&stage.path().join("map.svg"), &map_svg(&mined, &dataset)?)?;
    write(&stage.path().join("map.png"), map_png(&mined)?)?;
    write_json(&stage.path().join(MARKER), &mined.figures)?;
    stage.commit()?;
    console.note(format!(
        "mined in {}, vectors in {} before; peak memory {} MiB",
        duration(context.clock() - embedded),
        duration(embedded - began),
        memory::peak_mib()
    ));
    print(context, &mined);
    console.line(format!(
        "\nwrote {0}/mine.html, map.svg, map.png, mine.json and the tables; open {0}/mine.html in a browser",
        args.out.display()
    ));
    Ok(())
}

/// A catalogue of the texts of a file, as `embed` reads it, without people.
fn of_file(path: &Path) -> anyhow::Result<Dataset> {
    let (mut ids, mut texts) = (Ids::default(), Vec::new());
    for row in TextSource::open(&TextOptions::new(path))?.rows()? {
        let row = row?;
        if ids.intern(&row.id) as usize == texts.len() {
            texts.push(row.text);
        } else {
            bail!("{}: the id '{}' stands twice", path.display(), row.id);
        }
    }
    let items = Table {
        ids,
        fields: vec![Field {
            name: "text".to_owned(),
            values: Values::Text(texts),
        }],
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let log = Interactions::from_rows(&[], 0, items.len(), Clock::None);
    let users = Table::default();
    Ok(Dataset::new(
        name.into_owned(),
        items,
        users,
        log,
        Vec::new(),
    ))
}

/// The largest topics and the figures of the whole.
fn print(context: &Context, mined: &Mined) {
    let f = &mined.figures;
    let console = &context.console;
    console.line(format!(
        "{}: {} items, {} with text, in {} topics of {} groups; {:.1} % fit nowhere",
        f.dataset,
        f.items,
        f.with_text,
        mined.topics.len(),
        mined.groups.len(),
        100.0 * f.outliers
    ));
    let mut topics: Vec<usize> = (0..mined.topics.len()).collect();
    topics.sort_by_key(|&t| std::cmp::Reverse(mined.topics[t].items));
    let header = ["topic", "items", "coherence", "demand"].map(str::to_owned);
    let rows = topics.iter().take(SHOWN).map(|&t| {
        let topic = &mined.topics[t];
        let demand = topic.demand.as_ref();
        vec![
            topic.label.clone(),
            topic.items.to_string(),
            format!("{:.2}", topic.coherence),
            demand.map_or_else(|| "–".to_owned(), |d| format!("{:.2}", d.demand)),
        ]
    });
    console.table(header, rows, 1);
    let thin = mined
        .topics
        .iter()
        .filter(|t| t.demand.as_ref().is_some_and(|d| d.thin));
    let near = mined.items.iter().filter(|i| i.near_mean.is_some()).count();
    console.line(format!(
        "coherence {:.3}, silhouette {:.3} ({:.3} with outliers); {} topics sought but thinly supplied; {} groups of duplicates and variants; {} texts that say little; semantic ids {:.1} % unique",
        f.coherence,
        f.silhouette,
        f.silhouette_of_all,
        thin.count(),
        mined.alike.len(),
        near,
        100.0 * f.semantic_ids.unique
    ));
    if f.events == 0 {
        console.line("no interactions: popularity, trends, interests and demand are left out");
    } else if f.stretches.is_empty() {
        console.line("no comparable times: trends are left out");
    }
}
