//! Measures the encoder on a file of texts, for `recipes/encoder-speed.sh`.
//!
//! usage: encoder_speed MODEL_DIR TEXTS.json THREADS ROUNDS [auto|vectors|multiply-add]
//!
//! TEXTS.json is a JSON list of strings. Prints one JSON line: texts and tokens per second of wall
//! time and of CPU time, medians over the rounds, tokenising included; texts per CPU second once
//! more without what tokenising takes, which the peers' figures leave out; the arithmetic of the
//! transformer per CPU second, tokenising included (of BERT's shape: 2·(4·hidden² + 2·hidden·intermediate) a token and
//! layer, and 4·len²·hidden a text and layer); seconds from nothing to the first vector; and the
//! peak memory.

#![expect(
    clippy::print_stdout,
    reason = "printing its figures is what it is for"
)]

use rustix::time::{ClockId, clock_gettime};
use semrec_text::{Encoder, Kernels};
use std::path::Path;
use std::time::Instant;

/// CPU seconds of this process, all its threads together.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
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

/// Operations of a BERT on texts of these lengths, in 10⁹; 0 for other models.
fn gflop(model: &Path, lengths: &[usize]) -> Result<f64, Box<dyn std::error::Error>> {
    let config = std::fs::read(model.join("config.json"))?;
    let config: serde_json::Value = serde_json::from_slice(&config)?;
    let size = |name: &str| config[name].as_f64().unwrap_or(0.0);
    let (hidden, wide) = (size("hidden_size"), size("intermediate_size"));
    let of = |len: usize| {
        let len = len as f64;
        2.0 * len * (4.0 * hidden * hidden + 2.0 * hidden * wide) + 4.0 * len * len * hidden
    };
    let sum: f64 = lengths.iter().map(|&len| of(len)).sum();
    Ok(sum * size("num_hidden_layers") / 1e9)
}

/// Numbers of tokens of the texts, cut at the encoder's limit.
fn lengths(
    model: &Path,
    most: usize,
    texts: &[String],
) -> Result<Vec<usize>, Box<dyn std::error::Error>> {
    let mut tokenizer = tokenizers::Tokenizer::from_file(model.join("tokenizer.json"))
        .map_err(|e| e.to_string())?;
    // The file may ask for a length of its own, which the encoder does not honour either.
    tokenizer.with_truncation(None).map_err(|e| e.to_string())?;
    let of = |text: &String| -> Result<usize, Box<dyn std::error::Error>> {
        let tokens = tokenizer.encode_fast(text.as_str(), true);
        let tokens = tokens.map_err(|e| e.to_string())?;
        let mask = tokens.get_attention_mask().iter().filter(|&&m| m == 1);
        Ok(mask.count().min(most))
    };
    texts.iter().map(of).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (Some([model, file, threads, rounds]), kernels) = (args.first_chunk(), args.get(4)) else {
        return Err(
            "usage: encoder_speed MODEL_DIR TEXTS.json THREADS ROUNDS [auto|vectors|multiply-add]"
                .into(),
        );
    };
    let model = Path::new(model);
    let kernels = match kernels.map_or("auto", String::as_str) {
        "auto" => Kernels::Auto,
        "vectors" => Kernels::Vectors,
        "multiply-add" => Kernels::MultiplyAdd,
        other => return Err(format!("'{other}' is no kind of kernels").into()),
    };
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(file)?)?;
    let threads: usize = threads.parse()?;
    let start = Instant::now();
    let encoder = Encoder::load_with(model, kernels)?;
    encoder.encode(&texts[..1.min(texts.len())], &|_, _| {})?;
    let first = start.elapsed().as_secs_f64();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let (mut wall, mut cpu, mut tokenising) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds.parse::<usize>()? {
        let (start, cpu_start) = (Instant::now(), cpu_seconds());
        pool.install(|| encoder.encode(&texts, &|_, _| {}))?;
        // The first round warms the caches and is not counted.
        if round > 0 {
            wall.push(start.elapsed().as_secs_f64());
            cpu.push(cpu_seconds() - cpu_start);
        }
        // Tokenises each text as encoding does, and does no more.
        let cpu_start = cpu_seconds();
        pool.install(|| encoder.cuts(&texts))?;
        if round > 0 {
            tokenising.push(cpu_seconds() - cpu_start);
        }
    }
    let peak = peak_mib();
    let lengths = lengths(model, encoder.max_tokens(), &texts)?;
    let (n, tokens) = (texts.len() as f64, lengths.iter().sum::<usize>() as f64);
    let (wall, cpu, tokenising) = (median(wall), median(cpu), median(tokenising));
    let tenth = |x: f64| (x * 10.0).round() / 10.0;
    println!(
        "{}",
        serde_json::json!({
            "encoder": "semrec", "kernels": format!("{kernels:?}"), "texts": texts.len(),
            "tokens": tokens, "threads": threads,
            "seconds_to_first_vector": (first * 1e3).round() / 1e3,
            "texts_per_second": tenth(n / wall),
            "texts_per_cpu_second": tenth(n / cpu),
            "texts_per_cpu_second_tokenised_before": tenth(n / (cpu - tokenising)),
            "tokens_per_cpu_second": (tokens / cpu).round(),
            "gflops_per_cpu_second": tenth(gflop(model, &lengths)? / cpu),
            "peak_mib": peak,
        })
    );
    Ok(())
}
