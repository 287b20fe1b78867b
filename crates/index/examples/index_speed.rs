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
/// Fills up a list of too few.
const NOBODY: u32 = u32::MAX;

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
    let (n, ef) = (data.vectors.len() / DIM, config.ef_search);
    let head = format!(r#"{{"semrec": "graph", "precision": "{precision}", "n": {n}, "ef": {ef}"#);
    let Data {
        vectors,
        queries,
        truth,
    } = data;
    if !path.exists() {
        let (started, cpu) = (Instant::now(), cpu_seconds());
        let index = VectorIndex::build(DIM, vectors, config).unwrap();
        let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        let started = Instant::now();
        index.save(path).unwrap();
        let saved = started.elapsed().as_secs_f64();
        println!(
            r#"{head}, "build_seconds": {wall:.1}, "build_cpu_seconds": {cpu:.1}, "save_seconds": {saved:.1}}}"#
        );
    } else {
        drop(vectors);
    }
    let file = std::fs::metadata(path).unwrap().len() >> 20;
    let (before, started) = (resident_mib(), Instant::now());
    let index = VectorIndex::open(path).unwrap();
    let opened = started.elapsed().as_secs_f64() * 1e3;
    println!(
        r#"{head}, "file_mib": {file}, "open_ms": {opened:.2}, {}}}"#,
        grown(before)
    );
    let started = Instant::now();
    index.search(&queries[..DIM], 10, |_| true).unwrap();
    let first = started.elapsed().as_secs_f64() * 1e3;
    println!(
        r#"{head}, "first_search_ms": {first:.1}, {}}}"#,
        grown(before)
    );
    for k in [10, 100] {
        let (p50, p99, recall) = asked(&queries, &truth, k, |query| {
            index.search(query, k, |_| true).unwrap()
        });
        println!(
            r#"{head}, "k": {k}, "p50_ms": {p50:.3}, "p99_ms": {p99:.3}, "recall": {recall:.4}, {}}}"#,
            grown(before)
        );
    }
    filters(&index, &head, &queries);
    changes(&index, &head, &queries);
}

/// What filters cost, and how much of what a scan finds is found under them.
fn filters(index: &VectorIndex, head: &str, queries: &[f32]) {
    for one_in in [2, 10, 100, 10_000] {
        let allowed = |item: u32| (item.wrapping_mul(2_654_435_761) >> 8).is_multiple_of(one_in);
        let scanned = queries.chunks(DIM).flat_map(|query| {
            let found = index.search_exact(query, 10, allowed).unwrap();
            let mut items: Vec<u32> = found.iter().map(|n| n.item).collect();
            items.resize(KEPT, NOBODY);
            items
        });
        let truth: Vec<u32> = scanned.collect();
        let (p50, p99, recall) = asked(queries, &truth, 10, |query| {
            index.search(query, 10, allowed).unwrap()
        });
        println!(
            r#"{head}, "filter_lets_through_one_in": {one_in}, "p50_ms": {p50:.3}, "p99_ms": {p99:.3}, "recall@10_of_scan": {recall:.4}}}"#
        );
    }
}

/// What changes cost, and what searches cost after many of them.
fn changes(index: &VectorIndex, head: &str, queries: &[f32]) {
    let started = cpu_seconds();
    for query in queries.chunks(DIM).cycle().take(10_000) {
        index.push(query).unwrap();
    }
    let push = (cpu_seconds() - started) / 10_000.0 * 1e6;
    let mut times: Vec<f64> = queries
        .chunks(DIM)
        .map(|query| {
            let started = cpu_seconds();
            index.search(query, 10, |_| true).unwrap();
            (cpu_seconds() - started) * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        r#"{head}, "push_us": {push:.1}, "p50_ms_after_10000": {:.3}}}"#,
        times[times.len() / 2]
    );
}

/// Resident memory of our own, and of mapped files, which the system takes back when it needs it.
fn resident_mib() -> [usize; 2] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    ["RssAnon:", "RssFile:"].map(|name| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        let kib: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib >> 10
    })
}

/// Growth since `before`, as JSON.
fn grown(before: [usize; 2]) -> String {
    let [anon, file] = resident_mib();
    let [own, mapped] = [
        anon.saturating_sub(before[0]),
        file.saturating_sub(before[1]),
    ];
    format!(r#""resident_mib": {own}, "mapped_mib": {mapped}"#)
}

/// Median and 99th percentile of milliseconds, and recall of the first `k`.
fn asked(
    queries: &[f32],
    truth: &[u32],
    k: usize,
    search: impl Fn(&[f32]) -> Vec<semrec_index::Neighbour>,
) -> (f64, f64, f64) {
    let (mut times, mut hits, mut wanted) = (Vec::new(), 0, 0);
    for (query, truth) in queries.chunks(DIM).zip(truth.chunks(KEPT)) {
        let started = cpu_seconds();
        let found = search(query);
        times.push((cpu_seconds() - started) * 1e3);
        wanted += truth[..k].iter().filter(|item| **item != NOBODY).count();
        hits += found
            .iter()
            .filter(|n| truth[..k].contains(&n.item))
            .count();
    }
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    (at(50), at(99), hits as f64 / wanted as f64)
}

fn words<T>(path: &Path, of: fn([u8; 4]) -> T) -> Vec<T> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    bytes.as_chunks::<4>().0.iter().map(|&b| of(b)).collect()
}

/// Processor seconds of all threads of this process.
fn cpu_seconds() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}
