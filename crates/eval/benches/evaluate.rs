//! How long evaluating and testing take, at the size of Amazon Beauty: 22,363 cases over 12,101
//! items, with a ranker that only picks the best of a finished row of scores.

use divan::{Bencher, black_box};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use semrec_data::{Case, Cases, Ranked, top_k};
use semrec_eval::{
    Context, Evaluation, Options, Rank, choose_threshold, compare, evaluate, sign_flip,
};

const CASES: u32 = 22_363;
const ITEMS: u32 = 12_101;

fn main() {
    divan::main();
}

/// One row of scores for all; a case's held-out item is lifted by what its user index says.
struct Row {
    scores: Vec<f32>,
    lift: f32,
}

impl Rank for Row {
    fn rank(&self, cases: &[Case<'_>], k: usize, out: &mut Vec<Vec<Ranked>>) {
        let mut scores = self.scores.clone();
        for case in cases {
            let held_out = case.held_out[0] as usize;
            let plain = scores[held_out];
            if case.user.is_multiple_of(9) {
                scores[held_out] += self.lift;
            }
            out.push(top_k(&scores, k));
            scores[held_out] = plain;
        }
    }
}

fn setting() -> (Cases, Context<'static>) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut cases = Cases::default();
    for user in 0..CASES {
        cases.push(user, &[], &[rng.random_range(0..ITEMS)]);
    }
    let context = Context {
        item_users: (0..ITEMS).map(|i| 20_000 / (i + 1)).collect(),
        user_events: vec![8; CASES as usize],
        training_users: CASES as usize,
        item_vectors: None,
    };
    (cases, context)
}

fn row(lift: f32) -> Row {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    Row {
        scores: (0..ITEMS).map(|_| rng.random()).collect(),
        lift,
    }
}

fn evaluation(keep: usize, lift: f32) -> (Cases, Evaluation) {
    let (cases, context) = setting();
    let options = Options {
        ks: vec![10, 20],
        keep,
    };
    let found = evaluate(&cases, &row(lift), &context, &options, &|_, _| {});
    (cases, found)
}

#[divan::bench(args = [0, 100], sample_count = 5)]
fn evaluate_keeping(bencher: Bencher<'_, '_>, keep: usize) {
    let (cases, context) = setting();
    let ranker = row(0.4);
    let options = Options {
        ks: vec![10, 20],
        keep,
    };
    bencher.bench(|| evaluate(&cases, &ranker, &context, &options, &|_, _| {}));
}

#[divan::bench(sample_count = 5)]
fn intervals_of_12_metrics(bencher: Bencher<'_, '_>) {
    let (_, found) = evaluation(0, 0.4);
    bencher.bench(|| found.per_case.intervals(1_000, 42));
}

#[divan::bench(sample_count = 5)]
fn sign_flip_with_every_case_different(bencher: Bencher<'_, '_>) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let differences: Vec<f64> = (0..CASES).map(|_| rng.random::<f64>() - 0.499).collect();
    bencher.bench(|| sign_flip(black_box(&differences), 10_000, 42));
}

#[divan::bench(sample_count = 5)]
fn compare_eight_models(bencher: Bencher<'_, '_>) {
    let lifts = [0.1f32, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
    let found = lifts.map(|lift| evaluation(0, lift).1);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let models: Vec<(&str, &Evaluation)> = names.into_iter().zip(&found).collect();
    bencher.bench(|| compare(&models, "ndcg@10", 42));
}

#[divan::bench(sample_count = 5)]
fn threshold_over_100_places(bencher: Bencher<'_, '_>) {
    let (cases, found) = evaluation(100, 0.4);
    bencher.bench(|| choose_threshold(&cases, &found.rankings));
}
