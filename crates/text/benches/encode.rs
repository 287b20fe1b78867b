//! Encoding speed on short (about 16 tokens) and long (about 180 tokens) texts, one thread.
//!
//! Uses all-MiniLM-L6-v2 in `target/models/minilm` (see `recipes/encoder-speed.sh`), else the tiny
//! random model of the tests, whose figures say nothing about real ones.

#![expect(clippy::unwrap_used, reason = "a bench may fail at once")]

use divan::counter::ItemsCount;
use semrec_text::Encoder;
use std::path::Path;

const WORDS: [&str; 16] = [
    "wireless",
    "garden",
    "moisturizing",
    "shampoo",
    "steel",
    "bottle",
    "organic",
    "brush",
    "for",
    "professional",
    "with",
    "travel",
    "kit",
    "premium",
    "replacement",
    "set",
];

fn main() {
    divan::main();
}

fn encoder() -> Encoder {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let real = root.join("../../target/models/minilm");
    if real.join("model.safetensors").exists() {
        Encoder::load(&real).unwrap()
    } else {
        Encoder::load(&root.join("tests/golden/tiny")).unwrap()
    }
}

/// Texts of `words` words, give or take a third.
fn texts(n: usize, words: usize) -> Vec<String> {
    (0..n)
        .map(|i| {
            let length = words * 2 / 3 + (i * 7) % (words * 2 / 3);
            (0..length)
                .map(|j| WORDS[(i * 31 + j * j + j) % WORDS.len()])
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

fn run(bencher: divan::Bencher<'_, '_>, n: usize, words: usize) {
    let encoder = encoder();
    let texts = texts(n, words);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    bencher
        .counter(ItemsCount::new(n))
        .bench_local(|| pool.install(|| encoder.encode(&texts, &|_, _| {}).unwrap()));
}

#[divan::bench(sample_count = 10)]
fn short(bencher: divan::Bencher<'_, '_>) {
    run(bencher, 128, 12);
}

#[divan::bench(sample_count = 10)]
fn long(bencher: divan::Bencher<'_, '_>) {
    run(bencher, 16, 160);
}
