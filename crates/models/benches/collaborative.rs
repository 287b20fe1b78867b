//! How long the collaborative models take to fit and to score, on synthetic data of the size of
//! MovieLens-1M: 6,022 users, 3,043 items, about 700,000 pairs, popularity by a power law.

use divan::{Bencher, black_box};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use semrec_data::{Clock, Event, Interactions, Part, Row};
use semrec_models::{Horizon, Query, Recommender, Training, fit};
use std::sync::LazyLock;

const USERS: u32 = 6_022;
const ITEMS: u32 = 3_043;

static LOG: LazyLock<Interactions> = LazyLock::new(|| {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    // The least of three draws: items near 0 are drawn most.
    let mut item = || {
        let draws = [0; 3].map(|_| rng.random_range(0..ITEMS));
        draws.into_iter().min().unwrap_or(0)
    };
    let rows: Vec<Row> = (0..USERS)
        .flat_map(|user| (0..20 + user % 270).map(move |_| user))
        .map(|user| Row {
            user,
            event: Event {
                item: item(),
                value: 1.0,
                time: 0,
            },
            kind: 0,
            part: Part::Train,
        })
        .collect();
    Interactions::from_rows(&rows, USERS as usize, ITEMS as usize, Clock::None)
});

fn fitted(name: &str, params: &toml::Table) -> Box<dyn Recommender> {
    let training = Training {
        interactions: &LOG,
        item_vectors: None,
        item_facts: None,
        user_vectors: None,
        tower: None,
        horizon: Horizon::Later,
        seed: 1,
        run: None,
        progress: &|_, _, _| {},
    };
    fit(name, params, &training).expect("the data suffice")
}

fn main() {
    LazyLock::force(&LOG);
    divan::main();
}

#[divan::bench(sample_count = 5)]
fn ease_fit() -> Box<dyn Recommender> {
    fitted("ease", &toml::Table::new())
}

#[divan::bench(sample_count = 5)]
fn item_knn_fit() -> Box<dyn Recommender> {
    fitted("item-knn", &toml::Table::new())
}

#[divan::bench(sample_count = 3, args = ["rp3beta", "slim", "gf-cf"])]
fn linear_fit(name: &str) -> Box<dyn Recommender> {
    fitted(name, &toml::Table::new())
}

/// One sweep by conjugate gradients (3 steps), exactly (0 steps), or by blocks (iALS++).
#[divan::bench(sample_count = 5, args = [
    (64, 3, 0), (64, 0, 0), (64, 0, 32),
    (128, 3, 0), (128, 0, 0), (128, 0, 64),
    (256, 3, 0), (256, 0, 64),
    (512, 3, 0), (512, 0, 64),
])]
fn als_sweep((factors, steps, block): (i64, i64, i64)) -> Box<dyn Recommender> {
    let params = [
        ("factors", factors),
        ("steps", steps),
        ("block", block),
        ("iterations", 1),
    ];
    let params = params.map(|(key, value)| (key.to_owned(), value.into()));
    fitted("als", &toml::Table::from_iter(params))
}

/// 256 people at once.
#[divan::bench(sample_count = 20, args = ["item-knn", "rp3beta", "slim", "ease", "als", "gf-cf"])]
fn score_256(bencher: Bencher<'_, '_>, name: &str) {
    let params = toml::Table::new();
    let model = fitted(name, &params);
    let queries: Vec<Query<'_>> = (0..256)
        .map(|user| Query {
            history: LOG.of_user(user),
            text: None,
        })
        .collect();
    let mut out = vec![0.0; queries.len() * model.n_items()];
    bencher.bench_local(|| model.score(black_box(&queries), &mut out));
}
