//! One approximate index of another crate on the data of `recipes/index-peers.py`: one line of JSON.
//!
//! usage: index-crates usearch-f16|usearch-i8|hnsw_rs|hannoy DIR [EF]
//!
//! The same settings on all sides: 16 links a node, 32 on the lowest level, 128 candidates while
//! building, one thread. Each is built in with the feature of its name, so that `cargo build
//! --timings --features NAME` tells what each costs to compile.

use std::time::Instant;

const DIM: usize = 384;
const LINKS: usize = 16;
const EF_BUILD: usize = 128;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, folder, rest @ ..] = args.as_slice() else {
        panic!("usage: index-crates usearch-f16|usearch-i8|hnsw_rs|hannoy DIR [EF]");
    };
    let ef = rest
        .first()
        .map_or(128, |ef| ef.parse().expect("EF is a number"));
    let vectors = floats(&format!("{folder}/vectors.f32"));
    let queries = floats(&format!("{folder}/queries.f32"));
    let truth: Vec<u32> = words(&format!("{folder}/truth.u32"), u32::from_le_bytes);
    let (before, started, cpu) = (resident_mib(), Instant::now(), cpu_seconds());
    let search = side(name, &vectors, ef);
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let grown = resident_mib() - before;
    print!(
        r#"{{"crate": "{name}", "n": {}, "ef": {ef}, "build_seconds": {wall:.1}, "build_cpu_seconds": {cpu:.1}, "resident_growth_mib": {grown}"#,
        vectors.len() / DIM
    );
    for k in [10, 100] {
        let (mut times, mut hits) = (Vec::new(), 0);
        for (query, truth) in queries.chunks(DIM).zip(truth.chunks(100)) {
            let started = thread_seconds();
            let found = search(query, k);
            times.push((thread_seconds() - started) * 1e3);
            hits += found.iter().filter(|id| truth[..k].contains(id)).count();
        }
        times.sort_by(f64::total_cmp);
        let at = |q: usize| times[(times.len() - 1) * q / 100];
        let recall = hits as f64 / (k * times.len()) as f64;
        print!(
            r#", "p50_ms@{k}": {:.3}, "p99_ms@{k}": {:.3}, "recall@{k}": {recall:.4}"#,
            at(50),
            at(99)
        );
    }
    println!("}}");
}

type Search<'a> = Box<dyn Fn(&[f32], usize) -> Vec<u32> + 'a>;

fn side<'a>(name: &str, vectors: &'a [f32], ef: usize) -> Search<'a> {
    match name {
        #[cfg(feature = "usearch")]
        "usearch-f16" => by_usearch(usearch::ScalarKind::F16, vectors, ef),
        #[cfg(feature = "usearch")]
        "usearch-i8" => by_usearch(usearch::ScalarKind::I8, vectors, ef),
        #[cfg(feature = "hnsw_rs")]
        "hnsw_rs" => by_hnsw_rs(vectors, ef),
        #[cfg(feature = "hannoy")]
        "hannoy" => by_hannoy(vectors, ef),
        _ => panic!(
            "'{name}' is unknown, or its feature was not built in ({} values, ef {ef})",
            vectors.len()
        ),
    }
}

#[cfg(feature = "usearch")]
fn by_usearch(kind: usearch::ScalarKind, vectors: &[f32], ef: usize) -> Search<'_> {
    let index = usearch::Index::new(&usearch::IndexOptions {
        dimensions: DIM,
        metric: usearch::MetricKind::Cos,
        quantization: kind,
        connectivity: LINKS,
        expansion_add: EF_BUILD,
        expansion_search: ef,
        multi: false,
    })
    .expect("an index");
    index.reserve(vectors.len() / DIM).expect("memory");
    for (key, vector) in (0..).zip(vectors.chunks(DIM)) {
        index.add(key, vector).expect("added");
    }
    Box::new(move |query, k| {
        let found = index.search(query, k).expect("found");
        found.keys.iter().map(|&key| key as u32).collect()
    })
}

#[cfg(feature = "hnsw_rs")]
fn by_hnsw_rs(vectors: &[f32], ef: usize) -> Search<'_> {
    use hnsw_rs::prelude::{DistDot, Hnsw};
    let index = Hnsw::<f32, DistDot>::new(LINKS, vectors.len() / DIM, 16, EF_BUILD, DistDot);
    for (id, vector) in vectors.chunks(DIM).enumerate() {
        index.insert((vector, id));
    }
    Box::new(move |query, k| {
        let found = index.search(query, k, ef.max(k));
        found.iter().map(|n| n.d_id as u32).collect()
    })
}

#[cfg(feature = "hannoy")]
fn by_hannoy(vectors: &[f32], ef: usize) -> Search<'_> {
    use hannoy::{Database, Reader, Writer, distances::Cosine};
    use rand::SeedableRng;
    let folder = tempfile::tempdir().expect("a directory");
    // SAFETY: the directory is ours alone.
    let env = unsafe {
        let bytes = vectors.len() * 16 + (1 << 30);
        heed::EnvOpenOptions::new()
            .map_size(bytes / 4096 * 4096)
            .open(folder.path())
    }
    .expect("an environment");
    let write = env.write_txn().expect("a transaction");
    let created = env.create_databases_and_commit(write, |opener, write| -> heed::Result<_> {
        let database = opener.create_database(write, None)?;
        Ok(heed::CommitOrAbort::<Database<Cosine>, ()>::Commit(
            database,
        ))
    });
    let database = created.expect("a database").unwrap_commit();
    let mut write = env.write_txn().expect("a transaction");
    let writer = Writer::new(database, 0, DIM);
    for (id, vector) in (0..).zip(vectors.chunks(DIM)) {
        writer.add_item(&mut write, id, vector).expect("added");
    }
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");
    one.install(|| {
        let mut rng = rand::rngs::StdRng::seed_from_u64(42);
        let mut builder = writer.builder(&mut rng);
        builder
            .ef_construction(EF_BUILD)
            .build::<LINKS, { 2 * LINKS }>(&mut write)
            .expect("built");
    });
    write.commit().expect("committed");
    eprintln!(
        "hannoy: {} MiB on disk",
        env.real_disk_size().expect("a size") >> 20
    );
    let read = env.clone().static_read_txn().expect("a transaction");
    let reader = Reader::<Cosine>::open(&read, 0, database).expect("a reader");
    Box::new(move |query, k| {
        let _lives = (&folder, &env);
        let mut nearest = reader.nns(k);
        let found = nearest
            .ef_search(ef.max(k))
            .by_vector(&read, query)
            .expect("found");
        found.into_nns().into_iter().map(|(id, _)| id).collect()
    })
}

fn words<T>(path: &str, of: fn([u8; 4]) -> T) -> Vec<T> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    bytes.as_chunks::<4>().0.iter().map(|&b| of(b)).collect()
}

fn floats(path: &str) -> Vec<f32> {
    words(path, f32::from_le_bytes)
}

fn resident_mib() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|p| p.parse::<usize>().ok());
    pages.expect("a number of pages") * 4096 >> 20
}

/// Processor seconds of all threads that are alive; the one that builds is.
fn cpu_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let all = tasks.filter_map(|task| Some(task.ok()?.path().join("schedstat")));
    all.map(|path| nanoseconds(&path)).sum::<u64>() as f64 / 1e9
}

/// Processor seconds of this thread.
fn thread_seconds() -> f64 {
    nanoseconds("/proc/thread-self/schedstat".as_ref()) as f64 / 1e9
}

fn nanoseconds(schedstat: &std::path::Path) -> u64 {
    let text = std::fs::read_to_string(schedstat).unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}
