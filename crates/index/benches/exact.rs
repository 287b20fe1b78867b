//! One query, and a batch of 64, over 100,000 vectors of 384 dimensions (154 MB).

use divan::counter::{BytesCount, ItemsCount};
use semrec_index::ExactIndex;

const N: usize = 100_000;
const DIM: usize = 384;

fn main() {
    divan::main();
}

fn numbers(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| ((i * 7919) % 1009) as f32 / 504.5 - 1.0)
        .collect()
}

#[divan::bench(sample_count = 20)]
fn single(bencher: divan::Bencher<'_, '_>) {
    let index = ExactIndex::new(DIM, numbers(N * DIM));
    let query = numbers(DIM);
    bencher
        .counter(BytesCount::of_many::<f32>(N * DIM))
        .bench_local(|| index.search(&query, 10, |_| true));
}

#[divan::bench(sample_count = 10)]
fn batch(bencher: divan::Bencher<'_, '_>) {
    let index = ExactIndex::new(DIM, numbers(N * DIM));
    let queries = numbers(64 * DIM);
    bencher
        .counter(ItemsCount::new(64_usize))
        .bench_local(|| index.search_batch(&queries, 10, |_, _| true));
}
