//! Fits a model on the training part of an imported data set and prints its quality on the
//! validation part, one JSON line for each point of a grid: how the defaults were chosen.
//!
//! ```text
//! semrec embed DATASET --out vectors.npy
//! cargo run --release -p semrec-models --example validation -- DATASET MODEL \
//!     [vectors=vectors.npy] [split=leave-one-out] [part=test] [seed=42] [dump=FILE] [each=FILE] [key=value,value …]
//! ```
//!
//! Every other key is a parameter of the model, several values separated by commas make a grid.
//! Printed are ndcg@10 and recall@10 over all held-out items, over those with fewer than five
//! training events (`tail`), and over never-clicked items ranked among themselves (`cold`).
//! `dump` writes the part as JSON for other tools, `each` the ndcg@10 of each case that has such
//! items (`{"all": […], "tail": […], "cold": […]}`), so that two models can be compared pair by pair.

use semrec_data::{Case, Cases, Dataset, Split, split, top_k};
use semrec_models::{Query, Recommender, Training, fit};
use semrec_text::Vectors;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

const BATCH: usize = 256;
/// Items with fewer training events are the tail, as in `evaluate`.
const TAIL: u32 = 5;

struct Options {
    vectors: Option<Vectors>,
    split: Split,
    test: bool,
    seed: u64,
    dump: Option<String>,
    each: Option<String>,
    grid: Vec<toml::Table>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [directory, model, options @ ..] = args.as_slice() else {
        return Err("usage: validation DATASET MODEL [key=value …]".into());
    };
    let options = read_options(options)?;
    let data = Dataset::load(Path::new(directory))?;
    let parts = split(&data.interactions, options.split, options.seed)?;
    let (log, cases) = if options.test {
        (&parts.full, &parts.test)
    } else {
        (&parts.train, &parts.validation)
    };
    if let Some(file) = &options.dump {
        let pairs: Vec<(u32, u32, i64)> = log
            .rows()
            .map(|r| (r.user, r.event.item, r.event.time))
            .collect();
        let asked: Vec<(Vec<u32>, &[u32])> = cases
            .iter()
            .map(|c| (c.history.iter().map(|e| e.item).collect(), c.held_out))
            .collect();
        let dump = serde_json::json!({"users": log.n_users(), "items": log.n_items(), "pairs": pairs, "cases": asked});
        std::fs::write(file, dump.to_string())?;
    }
    for params in &options.grid {
        let training = Training {
            interactions: log,
            item_vectors: options.vectors.as_ref(),
            user_vectors: None,
            seed: options.seed,
            run: None,
            progress: &|_, _, _| {},
        };
        let began = Instant::now();
        let fitted = fit(model, params, &training)?;
        let fit_seconds = began.elapsed().as_secs_f64();
        let counts = log.item_counts();
        let [all, tail] = figures(
            fitted.as_ref(),
            cases,
            [&|_| true, &|i| counts[i as usize] < TAIL],
            &|_| true,
        );
        let cold = |i: u32| counts[i as usize] == 0;
        let [cold, _] = figures(fitted.as_ref(), cases, [&cold, &|_| false], &cold);
        if let Some(file) = &options.each {
            let ndcg = |figures: &[[f64; 2]]| figures.iter().map(|f| f[0]).collect::<Vec<_>>();
            let each =
                serde_json::json!({"all": ndcg(&all), "tail": ndcg(&tail), "cold": ndcg(&cold)});
            std::fs::write(file, each.to_string())?;
        }
        let [all, tail, cold] = [all, tail, cold].map(|figures| mean(&figures));
        let line = serde_json::json!({
            "model": model, "params": params, "fit_seconds": (fit_seconds * 10.0).round() / 10.0,
            "all": all, "tail": tail, "cold": cold, "notes": fitted.notes(),
        });
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}

fn read_options(options: &[String]) -> Result<Options, Box<dyn Error>> {
    let mut read = Options {
        vectors: None,
        split: Split::LeaveOneOut,
        test: false,
        seed: 42,
        dump: None,
        each: None,
        grid: vec![toml::Table::new()],
    };
    for option in options {
        let (key, values) = option.split_once('=').ok_or("expected key=value")?;
        match key {
            "vectors" => read.vectors = Some(npy(Path::new(values))?),
            "split" => read.split = values.parse()?,
            "part" => read.test = values == "test",
            "seed" => read.seed = values.parse()?,
            "each" => read.each = Some(values.to_owned()),
            "dump" => read.dump = Some(values.to_owned()),
            _ => {
                let values = if values.starts_with('[') {
                    vec![values]
                } else {
                    values.split(',').collect()
                };
                let with = |table: &toml::Table, value: &str| {
                    let mut table = table.clone();
                    table.insert(key.to_owned(), toml_value(value));
                    table
                };
                read.grid = values
                    .iter()
                    .flat_map(|value| read.grid.iter().map(move |table| with(table, value)))
                    .collect();
            }
        }
    }
    Ok(read)
}

fn toml_value(text: &str) -> toml::Value {
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

/// The f32 matrix that `semrec embed --out FILE.npy` wrote.
fn npy(path: &Path) -> Result<Vectors, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let header = 10 + usize::from(*bytes.get(8).ok_or("short")?) + 256 * usize::from(bytes[9]);
    let text = std::str::from_utf8(&bytes[10..header])?;
    let shape = text
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .ok_or("no shape")?
        .0;
    let dim: usize = shape
        .split(',')
        .nth(1)
        .ok_or("not a matrix")?
        .trim()
        .parse()?;
    let values = bytes[header..].as_chunks::<4>().0;
    Ok(Vectors::new(
        dim,
        values.iter().map(|b| f32::from_le_bytes(*b)).collect(),
    ))
}

/// `[ndcg@10, recall@10]` of each case with any such item, for two choices of held-out items.
fn figures(
    model: &dyn Recommender,
    cases: &Cases,
    wanted: [&dyn Fn(u32) -> bool; 2],
    allowed: &dyn Fn(u32) -> bool,
) -> [Vec<[f64; 2]>; 2] {
    let n = model.n_items();
    let mut figures = [const { Vec::new() }; 2];
    let all: Vec<Case<'_>> = cases
        .iter()
        .filter(|c| c.held_out.iter().any(|&i| wanted[0](i) || wanted[1](i)))
        .collect();
    let mut scores = vec![0.0f32; BATCH * n];
    for batch in all.chunks(BATCH) {
        let queries: Vec<Query<'_>> = batch
            .iter()
            .map(|case| Query {
                history: case.history,
                text: None,
            })
            .collect();
        let scores = &mut scores[..batch.len() * n];
        model.score(&queries, scores);
        for (row, case) in scores.chunks_exact_mut(n).zip(batch) {
            for event in case.history {
                row[event.item as usize] = f32::NEG_INFINITY;
            }
            for (item, score) in (0u32..).zip(row.iter_mut()) {
                if !allowed(item) {
                    *score = f32::NEG_INFINITY;
                }
            }
            let best: Vec<u32> = top_k(row, 10).iter().map(|r| r.item).collect();
            for (figures, wanted) in figures.iter_mut().zip(wanted) {
                let held_out: Vec<u32> = case
                    .held_out
                    .iter()
                    .copied()
                    .filter(|&i| wanted(i))
                    .collect();
                if !held_out.is_empty() {
                    figures.push(ndcg_and_recall(&best, &held_out));
                }
            }
        }
    }
    figures
}

/// `[cases, mean ndcg@10, mean recall@10]`.
fn mean(figures: &[[f64; 2]]) -> [f64; 3] {
    let n = figures.len() as f64;
    let of = |at: usize| figures.iter().map(|f| f[at]).sum::<f64>() / n.max(1.0);
    [n, round(of(0)), round(of(1))]
}

fn round(x: f64) -> f64 {
    (x * 1e5).round() / 1e5
}

fn ndcg_and_recall(ranking: &[u32], held_out: &[u32]) -> [f64; 2] {
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let hits: Vec<usize> = (0..ranking.len())
        .filter(|&place| held_out.contains(&ranking[place]))
        .collect();
    let ideal: f64 = (0..held_out.len().min(10)).map(gain).sum();
    [
        hits.iter().map(|&p| gain(p)).sum::<f64>() / ideal,
        hits.len() as f64 / held_out.len() as f64,
    ]
}
