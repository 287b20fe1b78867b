//! A made-up shop of 2,000 items and 1,500 people, and rankers that are good in different ways:
//! something for the page to show.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use semrec_data::{Case, Cases, Clock, Event, Interactions, Part, Ranked, Row};
use semrec_eval::{
    Context, DatasetFacts, EvalError, Example, ExampleItem, ExampleList, ModelResult, Options,
    Protocol, Rank, Results, candidate_pairs, choose_threshold, classification_report, compare,
    compare_slices, evaluate,
};

const ITEMS: u32 = 2_000;
const USERS: u32 = 1_500;

/// Finds a held-out item with a chance of its own for cold and for warm items, and fills the
/// other places with items drawn as their popularity to a power.
struct Ranker {
    name: &'static str,
    warm: f64,
    cold: f64,
    power: f64,
    item_users: Vec<u32>,
}

impl Rank for Ranker {
    fn rank(&self, cases: &[Case<'_>], k: usize, out: &mut Vec<Vec<Ranked>>) {
        for case in cases {
            let mut rng = ChaCha8Rng::seed_from_u64(u64::from(case.user));
            rng.set_stream(self.name.len() as u64);
            let mut items: Vec<u32> = Vec::new();
            while items.len() < k {
                let item = rng.random_range(0..ITEMS);
                let weight = f64::from(self.item_users[item as usize]) / 400.0;
                if rng.random::<f64>() < weight.powf(self.power) && !items.contains(&item) {
                    items.push(item);
                }
            }
            for &wanted in case.held_out {
                let known = f64::from(self.item_users[wanted as usize]);
                let chance = match known {
                    0.0 => self.cold,
                    n => self.cold + (self.warm - self.cold) * (n / (n + 15.0)),
                };
                if rng.random::<f64>() < chance {
                    let depth = rng.random_range(1..20);
                    let place = rng.random_range(0..depth);
                    items.retain(|&i| i != wanted);
                    items.insert(place, wanted);
                }
            }
            items.truncate(k);
            let places = (0u16..).zip(items);
            let ranked = places.map(|(place, item)| Ranked {
                item,
                score: 1.0 / (1.0 + f32::from(place)),
            });
            out.push(ranked.collect());
        }
    }
}

fn shop() -> (Interactions, Cases) {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    // The least of three draws favours low indices, as shops do; the last items came after
    // training.
    let draw = |rng: &mut ChaCha8Rng, items: u32| {
        let draws = [(); 3].map(|()| rng.random_range(0..items));
        draws.into_iter().min().unwrap_or(0)
    };
    let new = |rng: &mut ChaCha8Rng| rng.random_range(ITEMS - 150..ITEMS);
    let mut rows = Vec::new();
    let mut held_out = Vec::new();
    for user in 0..USERS {
        let length = rng.random_range(1..60) * rng.random_range(1..60) / 60;
        for time in 0..length {
            rows.push(Row {
                user,
                event: Event {
                    item: draw(&mut rng, ITEMS - 150),
                    value: 1.0,
                    time,
                },
                kind: 0,
                part: Part::Train,
            });
        }
        let known = draw(&mut rng, ITEMS - 150);
        held_out.push(match user % 8 {
            0 => vec![known, new(&mut rng)],
            _ => vec![known, draw(&mut rng, ITEMS - 150)],
        });
    }
    let log = Interactions::from_rows(&rows, USERS as usize, ITEMS as usize, Clock::Position);
    let mut cases = Cases::default();
    for (user, test) in (0..).zip(held_out) {
        cases.push(user, log.of_user(user), &test);
    }
    (log, cases)
}

fn rankers(item_users: &[u32]) -> Vec<Ranker> {
    [
        ("popularity", 0.06, 0.0, 1.0),
        ("recent-popularity", 0.095, 0.0, 0.8),
        ("item-knn", 0.22, 0.0, 0.4),
        ("ease", 0.27, 0.0, 0.5),
        ("als", 0.25, 0.0, 0.3),
        ("content", 0.11, 0.12, 0.0),
        ("hybrid", 0.33, 0.1, 0.35),
        ("feature-als", 0.235, 0.06, 0.35),
        ("a-model-of-one's-own <b>&", 0.18, 0.02, 0.3),
    ]
    .map(|(name, warm, cold, power)| Ranker {
        name,
        warm,
        cold,
        power,
        item_users: item_users.to_vec(),
    })
    .into()
}

/// Figures of nine rankers.
pub(crate) fn results() -> Result<Results, EvalError> {
    let (log, cases) = shop();
    let context = Context::new(&log, None);
    let options = Options {
        ks: vec![10, 20],
        keep: 100,
    };
    let rankers = rankers(&context.item_users);
    let pairs = candidate_pairs(&cases, ITEMS as usize, None, true);
    let measured: Vec<_> = rankers
        .iter()
        .map(|r| evaluate(&cases, r, &context, &options, &|_, _| {}))
        .collect();
    let named: Vec<_> = rankers.iter().map(|r| r.name).zip(&measured).collect();
    let model = |&(name, evaluation): &(&str, &semrec_eval::Evaluation)| {
        let mut model = ModelResult::new(name, evaluation, 500, 42);
        let threshold = choose_threshold(&cases, &evaluation.rankings);
        let rankings = &evaluation.rankings;
        model.classification = Some(classification_report(&cases, rankings, pairs, threshold));
        model.fit_seconds = 0.013 * f64::from(u8::try_from(name.len()).unwrap_or(0)).powi(2);
        model.evaluate_seconds = 0.42;
        model.peak_memory_mib = 1_213;
        model.params.insert("lambda".into(), 500.into());
        model
    };
    Ok(Results {
        dataset: DatasetFacts {
            name: "corner-shop & sons".into(),
            users: USERS as usize,
            items: ITEMS as usize,
            interactions: log.len(),
            fingerprint: "9f2c66b1".into(),
        },
        protocol: Protocol {
            query: "both".to_owned(),
            facts: "none".to_owned(),
            split: "leave-one-out".into(),
            candidates: "full".into(),
            exclude_seen: true,
            seed: 42,
            users_evaluated: cases.len(),
            fitted_on: log.len(),
            repeats: 0,
            warnings: vec!["37% of test events are older than the newest training event, so the models have learned from what came after; a temporal split (--split temporal:0.8) tells what live traffic would see.".into()],
        },
        models: named.iter().map(model).collect(),
        comparisons: compare(&named, "ndcg@10", 42)?,
        slice_comparisons: compare_slices(&named, "ndcg@10", 42)?,
    })
}

/// One person's recommendations.
pub(crate) fn examples() -> Vec<Example> {
    let item = |title: &str, reason: &str, held_out| ExampleItem {
        title: title.into(),
        reason: reason.into(),
        held_out,
    };
    let list = |model: &str| ExampleList {
        model: model.into(),
        items: vec![
            item("Heat (1995)", "because of Casino (1995)", true),
            item(
                "The Usual Suspects (1995)",
                "because of Se7en (1995)",
                false,
            ),
            item("<script>alert('a title')</script>", "", false),
            item("Fargo (1996)", "like \"a crime gone wrong\"", false),
        ],
    };
    vec![Example {
        user: "user 17".into(),
        history: ["Casino (1995)", "Se7en (1995)", "Get Shorty (1995)"]
            .map(String::from)
            .into(),
        held_out: vec!["Heat (1995)".into()],
        lists: ["hybrid", "ease", "content", "popularity"].map(list).into(),
    }]
}
