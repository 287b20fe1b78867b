//! Fits a model on a collaborative-filtering data set and prints its quality as one JSON line.
//!
//! ```text
//! cargo run --release -p semrec-models --example cf -- DIRECTORY MODEL [key=value …]
//! ```
//!
//! The directory holds `train.txt` and `test.txt` (lines of `user item item …`: a given split),
//! `interactions.csv` with `user_id,item_id,position` (leave-one-out), or `ratings.csv` with
//! `userId,movieId,rating,timestamp` (temporal:0.8); `split=ratio:0.8` and the like divide it
//! otherwise, always by the same seed; `seed=1,2,3` are those the model is fitted with.
//! `part=validation` fits on the training part
//! alone and reports on the validation part; every other key is a parameter of the model, several
//! values separated by commas make a grid, several joined by `+` a list (`sources=ease+als`). Recall divides by the number of held-out items, ndcg's
//! ideal has min(k, held-out) hits, items of the history are not ranked.

use rayon::prelude::*;
use semrec_data::{Case, Cases, Clock, Event, Ids, Interactions, Part, Row, Split, split, top_k};
use semrec_models::{Horizon, Query, Recommender, Training, fit};
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

const SEED: u64 = 42;
const BATCH: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [directory, model, options @ ..] = args.as_slice() else {
        return Err("usage: cf DIRECTORY MODEL [part=validation] [split=…] [key=value …]".into());
    };
    let mut grid = vec![toml::Table::new()];
    let mut validate = false;
    let mut how = None;
    let mut seeds = vec![SEED];
    for option in options {
        let (key, values) = option.split_once('=').ok_or("expected key=value")?;
        if key == "part" {
            validate = values == "validation";
            continue;
        }
        if key == "split" {
            how = Some(values.parse()?);
            continue;
        }
        if key == "seed" {
            seeds = values
                .split(',')
                .map(str::parse)
                .collect::<Result<_, _>>()?;
            continue;
        }
        grid = values
            .split(',')
            .flat_map(|value| {
                grid.iter().map(move |table| {
                    let mut table = table.clone();
                    table.insert(key.to_owned(), number_or_text(value));
                    table
                })
            })
            .collect();
    }
    let (log, default) = read(Path::new(directory))?;
    let how = how.unwrap_or(default);
    let parts = split(&log, how, SEED)?;
    let (log, cases) = if validate {
        (&parts.train, &parts.validation)
    } else {
        (&parts.full, &parts.test)
    };
    for params in &grid {
        for &seed in &seeds {
            report(model, (params, seed), (log, how.into()), cases)?;
        }
    }
    Ok(())
}

fn number_or_text(value: &str) -> toml::Value {
    if value.contains('+') {
        return value
            .split('+')
            .map(number_or_text)
            .collect::<Vec<_>>()
            .into();
    }
    value
        .parse::<i64>()
        .map(toml::Value::Integer)
        .or_else(|_| value.parse::<f64>().map(toml::Value::Float))
        .unwrap_or_else(|_| toml::Value::String(value.to_owned()))
}

fn read(directory: &Path) -> Result<(Interactions, Split), Box<dyn Error>> {
    let mut rows = Vec::new();
    let (mut users, mut items) = (Ids::default(), Ids::default());
    let mut add = |user: &str, item: &str, time: i64, part: Part| {
        rows.push(Row {
            user: users.intern(user),
            event: Event {
                item: items.intern(item),
                value: 1.0,
                time,
            },
            kind: 0,
            part,
        });
    };
    let (clock, how) = if directory.join("train.txt").exists() {
        for (file, part) in [("train.txt", Part::Train), ("test.txt", Part::Test)] {
            for line in fs::read_to_string(directory.join(file))?.lines() {
                let mut words = line.split_whitespace();
                if let Some(user) = words.next() {
                    words.for_each(|item| add(user, item, 0, part));
                }
            }
        }
        (Clock::None, Split::Given)
    } else {
        let (file, time_column, clock, how) = if directory.join("ratings.csv").exists() {
            ("ratings.csv", 3, Clock::Seconds, Split::Temporal(0.8))
        } else {
            ("interactions.csv", 2, Clock::Position, Split::LeaveOneOut)
        };
        for record in csv::Reader::from_path(directory.join(file))?.records() {
            let record = record?;
            add(
                &record[0],
                &record[1],
                record[time_column].parse()?,
                Part::Train,
            );
        }
        (clock, how)
    };
    let log = Interactions::from_rows(&rows, users.len(), items.len(), clock);
    Ok((log, how))
}

fn report(
    model: &str,
    (params, seed): (&toml::Table, u64),
    (log, horizon): (&Interactions, Horizon),
    cases: &Cases,
) -> Result<(), Box<dyn Error>> {
    let steps = Mutex::new(Vec::new());
    let note = |_: &str, _, _| {
        if let Ok(mut steps) = steps.lock() {
            steps.push(Instant::now());
        }
    };
    let training = Training {
        interactions: log,
        item_vectors: None,
        item_facts: None,
        user_vectors: None,
        tower: None,
        horizon,
        seed,
        run: None,
        progress: &note,
    };
    let began = Instant::now();
    let fitted = fit(model, params, &training)?;
    let fit_seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let figures = evaluate(fitted.as_ref(), cases);
    let line = serde_json::json!({
        "model": model,
        "params": params,
        "seed": seed,
        "cases": cases.len(),
        "fit_seconds": round(fit_seconds),
        "step_seconds": median_gap(&steps.into_inner().unwrap_or_default()),
        "evaluate_seconds": round(began.elapsed().as_secs_f64()),
        "recall@10": round(figures[0]),
        "ndcg@10": round(figures[1]),
        "recall@20": round(figures[2]),
        "ndcg@20": round(figures[3]),
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Median time between two notes of progress, in seconds: for `als`, a sweep.
fn median_gap(notes: &[Instant]) -> Option<f64> {
    let mut gaps: Vec<f64> = notes
        .windows(2)
        .map(|w| w[1].duration_since(w[0]).as_secs_f64())
        .collect();
    gaps.sort_by(f64::total_cmp);
    gaps.get(gaps.len() / 2).copied()
}

fn round(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}

/// Mean recall@10, ndcg@10, recall@20, ndcg@20.
fn evaluate(model: &dyn Recommender, cases: &Cases) -> [f64; 4] {
    let n = model.n_items();
    let mut scores = vec![0.0f32; BATCH * n];
    let mut sums = [0.0; 4];
    let all: Vec<Case<'_>> = cases.iter().collect();
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
        let figures: Vec<[f64; 4]> = scores
            .par_chunks_mut(n)
            .zip(batch)
            .map(|(row, case)| {
                for event in case.history {
                    row[event.item as usize] = f32::NEG_INFINITY;
                }
                let best: Vec<u32> = top_k(row, 20).iter().map(|r| r.item).collect();
                let [a, b] = [10, 20].map(|k| recall_and_ndcg(&best, case.held_out, k));
                [a.0, a.1, b.0, b.1]
            })
            .collect();
        for figure in figures {
            sums.iter_mut().zip(figure).for_each(|(sum, x)| *sum += x);
        }
    }
    sums.map(|sum| sum / cases.len().max(1) as f64)
}

fn recall_and_ndcg(ranking: &[u32], held_out: &[u32], k: usize) -> (f64, f64) {
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let hits: Vec<usize> = (0..ranking.len().min(k))
        .filter(|&place| held_out.contains(&ranking[place]))
        .collect();
    let ideal: f64 = (0..k.min(held_out.len())).map(gain).sum();
    let recall = hits.len() as f64 / held_out.len() as f64;
    (recall, hits.iter().map(|&p| gain(p)).sum::<f64>() / ideal)
}
