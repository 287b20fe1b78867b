//! Measures training passes on a file of texts, for `recipes/finetune-speed.sh`.
//!
//! usage: step_speed MODEL_DIR TEXTS.json THREADS ROUNDS [full|lora|top-1|top-2|…]
//!
//! TEXTS.json is a JSON list of strings; all of them are one batch. A round is a forward pass with
//! dropout, a contrastive-like gradient by the vectors, the backward pass, and a step of AdamW.
//! Prints one JSON line: medians over the rounds of texts per second of wall and of CPU time, the
//! trained values, and the peak memory.

#![expect(
    clippy::print_stdout,
    reason = "printing its figures is what it is for"
)]

use semrec_finetune::{Gradients, Lora, Manner, Method, Network, Noise};
use semrec_text::Role;
use semrec_train::{Method as Rule, Optimiser};
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
    let (Some([model, file, threads, rounds]), method) = (args.first_chunk(), args.get(4)) else {
        let usage = "step_speed MODEL_DIR TEXTS.json THREADS ROUNDS [full|lora|top-1|top-2|…]";
        return Err(format!("usage: {usage}").into());
    };
    let name = method.map_or("full", String::as_str);
    let method = match name {
        "full" => Method::Full,
        "lora" => Method::Lora(Lora::default()),
        other => match other.strip_prefix("top-").map(str::parse) {
            Some(Ok(layers)) => Method::TopLayers { layers },
            Some(Err(_)) | None => {
                return Err(format!("'{other}' is no method that is measured").into());
            }
        },
    };
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(file)?)?;
    let (network, mut parameters) = Network::open(Path::new(model), &method, 1)?;
    let sequences = network.tokenise(&texts, Role::Passage, usize::MAX)?;
    let tokens: usize = sequences.iter().map(|s| s.len()).sum();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.parse()?)
        .build()?;
    let optimiser = Optimiser {
        method: Rule::ADAMW,
        weight_decay: 0.01,
        clip: 1.0,
    };
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for round in 0..=rounds.parse::<u64>()? {
        let (start, cpu_start) = (Instant::now(), cpu_seconds());
        pool.install(|| {
            let manner = Manner {
                noise: Noise {
                    seed: 1,
                    step: round + 1,
                    hidden: 0.1,
                    attention: 0.1,
                },
                ..Manner::PLAIN
            };
            let pass = network.forward(&parameters, &sequences, manner);
            let slopes: Vec<f32> = pass.values.iter().map(|v| v * 0.01 + 0.001).collect();
            let mut gradients = Gradients::default();
            network.backward(&parameters, pass, &slopes, &mut gradients);
            optimiser.step(&mut parameters, &gradients.arrays, 1e-5, round + 1)
        })?;
        // The first round warms the caches and is not counted.
        if round > 0 {
            wall.push(start.elapsed().as_secs_f64());
            cpu.push(cpu_seconds() - cpu_start);
        }
    }
    let (n, wall, cpu) = (texts.len() as f64, median(wall), median(cpu));
    let tenth = |x: f64| (x * 10.0).round() / 10.0;
    println!(
        "{}",
        serde_json::json!({
            "which": "semrec", "method": name, "texts": texts.len(), "tokens": tokens,
            "trained": parameters.len(), "texts_per_second": tenth(n / wall),
            "texts_per_cpu_second": tenth(n / cpu), "peak_mib": peak_mib(),
        })
    );
    Ok(())
}
