//! all-MiniLM-L6-v2 under candle: sorted by length, batches of 32, padded to the longest of each.
//!
//! usage: candle-embed MODEL_DIR TEXTS.json ROUNDS     (threads: RAYON_NUM_THREADS)

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use std::time::Instant;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn embed(model: &BertModel, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, Error> {
    let device = Device::Cpu;
    let width = batch.iter().map(Vec::len).max().unwrap_or(0);
    let pad = |value: fn(&u32) -> u32| -> Result<Tensor, Error> {
        let rows = batch.iter().flat_map(|ids| {
            let padding = std::iter::repeat_n(0, width - ids.len());
            ids.iter().map(value).chain(padding)
        });
        Ok(Tensor::from_vec(rows.collect::<Vec<u32>>(), (batch.len(), width), &device)?)
    };
    let (ids, mask) = (pad(|&id| id)?, pad(|_| 1)?);
    let hidden = model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
    let mask = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
    let sum = hidden.broadcast_mul(&mask)?.sum(1)?;
    let norm = sum.sqr()?.sum_keepdim(1)?.sqrt()?;
    Ok(sum.broadcast_div(&norm)?.to_vec2()?)
}

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, file, rounds] = args.as_slice() else {
        return Err("usage: candle-embed MODEL_DIR TEXTS.json ROUNDS".into());
    };
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(file)?)?;
    let config: Config = serde_json::from_slice(&std::fs::read(format!("{dir}/config.json"))?)?;
    let weights = std::fs::read(format!("{dir}/model.safetensors"))?;
    let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
    let model = BertModel::load(weights, &config)?;
    let mut tokenizer = tokenizers::Tokenizer::from_file(format!("{dir}/tokenizer.json"))?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(Some(tokenizers::TruncationParams {
        max_length: 256,
        ..Default::default()
    }))?;
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for round in 0..=rounds.parse::<usize>()? {
        let (start, cpu_start) = (Instant::now(), cpu_seconds());
        let mut ids = Vec::new();
        for text in &texts {
            ids.push(tokenizer.encode_fast(text.as_str(), true)?.get_ids().to_vec());
        }
        ids.sort_by_key(Vec::len);
        for batch in ids.chunks(32) {
            embed(&model, batch)?;
        }
        if round > 0 {
            wall.push(start.elapsed().as_secs_f64());
            cpu.push(cpu_seconds() - cpu_start);
        }
    }
    let n = texts.len() as f64;
    println!(
        "{}",
        serde_json::json!({
            "encoder": "candle", "texts": texts.len(),
            "texts_per_second": (n / median(wall) * 10.0).round() / 10.0,
            "texts_per_cpu_second": (n / median(cpu) * 10.0).round() / 10.0,
            "peak_mib": peak_mib(),
        })
    );
    Ok(())
}
