//! Measures the encoder on a file of texts, for `recipes/encoder-speed.sh`.
//!
//! usage: encoder_speed MODEL_DIR TEXTS.json THREADS ROUNDS
//!
//! TEXTS.json is a JSON list of strings. Prints one JSON line: texts per second of wall time and
//! of CPU time, medians over the rounds, tokenising included.

#![expect(
    clippy::print_stdout,
    reason = "printing its figures is what it is for"
)]

use semrec_text::Encoder;
use std::path::Path;
use std::time::Instant;

/// CPU seconds of this process, user and system, where Linux tells them in hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, file, threads, rounds] = args.as_slice() else {
        return Err("usage: encoder_speed MODEL_DIR TEXTS.json THREADS ROUNDS".into());
    };
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(file)?)?;
    let threads: usize = threads.parse()?;
    let start = Instant::now();
    let encoder = Encoder::load(Path::new(model))?;
    let load = start.elapsed().as_secs_f64();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for round in 0..=rounds.parse::<usize>()? {
        let (start, cpu_start) = (Instant::now(), cpu_seconds());
        pool.install(|| encoder.encode(&texts, &|_, _| {}))?;
        // The first round warms the caches and is not counted.
        if round > 0 {
            wall.push(start.elapsed().as_secs_f64());
            cpu.push(cpu_seconds() - cpu_start);
        }
    }
    let n = texts.len() as f64;
    println!(
        "{}",
        serde_json::json!({
            "encoder": "semrec", "texts": texts.len(), "threads": threads,
            "load_seconds": (load * 1e3).round() / 1e3,
            "texts_per_second": (n / median(wall) * 10.0).round() / 10.0,
            "texts_per_cpu_second": (n / median(cpu) * 10.0).round() / 10.0,
            "peak_mib": peak_mib(),
        })
    );
    Ok(())
}
