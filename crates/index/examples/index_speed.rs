//! Build, memory, times and recall of an index, one line of JSON a measurement.
//!
//! usage: index_speed exact|graph DIR f32|f16|int8 [EF]
//!
//! DIR is as `recipes/index-peers.py data` writes it. `exact` scans; `graph` builds, saves, opens
//! and searches, and filters. One thread. Times of searches are those of the processor.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement, not a library"
)]

use semrec_index::{Config, Precision, VectorIndex};
use std::path::Path;
use std::time::Instant;

const DIM: usize = 384;
const KEPT: usize = 100;

struct Data {
    vectors: Vec<f32>,
    queries: Vec<f32>,
    truth: Vec<u32>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, folder, precision, rest @ ..] = args.as_slice() else {
        panic!("usage: index_speed exact|graph DIR f32|f16|int8 [EF]");
    };
    let precision_of = |name: &str| match name {
        "f32" => Precision::F32,
        "f16" => Precision::F16,
        "int8" => Precision::Int8,
        other => panic!("'{other}' is no precision; expected f32, f16 or int8"),
    };
    let folder = Path::new(folder);
    let floats = |name: &str| words(&folder.join(name), f32::from_le_bytes);
    let data = Data {
        vectors: floats("vectors.f32"),
        queries: floats("queries.f32"),
        truth: words(&folder.join("truth.u32"), u32::from_le_bytes),
    };
    let config = Config {
        precision: precision_of(precision),
        ef_search: rest.first().map_or(128, |ef| ef.parse().unwrap()),
        ..Config::default()
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build_global()
        .unwrap();
    match kind.as_str() {
        "exact" => exact(data, precision, config),
        "graph" => graph(
            data,
            precision,
            config,
            &folder.join(format!("index.{precision}")),
        ),
        other => panic!("'{other}' is neither exact nor graph"),
    }
}

fn exact(data: Data, precision: &str, config: Config) {
    let n = data.vectors.len() / DIM;
    let config = Config {
        exact_below: usize::MAX,
        keep_full: false,
        ..config
    };
    let bytes = n * config.precision.bytes(DIM);
    let index = VectorIndex::build(DIM, data.vectors, config).unwrap();
    let (p50, p99, recall) = asked(&data.queries, &data.truth, 10, |query| {
        index.search_exact(query, 10, |_| true).unwrap()
    });
    let speed = bytes as f64 / 1e6 / p50;
    println!(
        r#"{{"semrec": "scan", "precision": "{precision}", "n": {n}, "p50_ms": {p50:.3}, "p99_ms": {p99:.3}, "gb_per_second": {speed:.1}, "recall@10": {recall:.4}}}"#
    );
}

fn graph(data: Data, precision: &str, config: Config, path: &Path) {
    let n = data.vectors.len() / DIM;
    let ef = config.ef_search;
    let built = if path.exists() {
        "null".to_owned()
    } else {
        let (started, cpu) = (Instant::now(), cpu_seconds());
        let index = VectorIndex::build(DIM, data.vectors, config).unwrap();
        let built = format!(
            "[{:.1}, {:.1}]",
            started.elapsed().as_secs_f64(),
            cpu_seconds() - cpu
        );
        index.save(path).unwrap();
        built
    };
    drop(data.truth.len());
    let file = std::fs::metadata(path).unwrap().len() >> 20;
    println!(
        r#"{{"semrec": "graph", "precision": "{precision}", "n": {n}, "ef": {ef}, "build_wall_and_cpu_seconds": {built}, "file_mib": {file}}}"#
    );
}

/// Median and 99th percentile of milliseconds, and recall of the first `k`.
fn asked(
    queries: &[f32],
    truth: &[u32],
    k: usize,
    search: impl Fn(&[f32]) -> Vec<semrec_index::Neighbour>,
) -> (f64, f64, f64) {
    let (mut times, mut hits) = (Vec::new(), 0);
    for (query, truth) in queries.chunks(DIM).zip(truth.chunks(KEPT)) {
        let started = cpu_seconds();
        let found = search(query);
        times.push((cpu_seconds() - started) * 1e3);
        hits += found
            .iter()
            .filter(|n| truth[..k].contains(&n.item))
            .count();
    }
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    (at(50), at(99), hits as f64 / (k * times.len()) as f64)
}

fn words<T>(path: &Path, of: fn([u8; 4]) -> T) -> Vec<T> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    bytes.as_chunks::<4>().0.iter().map(|&b| of(b)).collect()
}

/// Processor seconds of all threads of this process.
fn cpu_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let paths = tasks.map(|task| task.unwrap().path().join("schedstat"));
    let times = paths.map(|path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.split(' ')
            .next()
            .and_then(|n| n.parse::<u64>().ok())
            .unwrap_or(0)
    });
    times.sum::<u64>() as f64 / 1e9
}
