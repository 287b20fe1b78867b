//! The collaborative models: against references, and what is promised of every one of them.
//! `reference/generate.py` makes the golden values.

use crate::fixture::{event, fitted, history, log, scores, training};
use proptest::prelude::*;
use semrec_data::{Clock, Event, Interactions, Part, Row};
use semrec_models::{Cause, Query, Tensors, fit, load, params_of};
use serde::Deserialize;
use toml::toml;

const MODELS: [&str; 8] = [
    "popularity",
    "recent-popularity",
    "item-knn",
    "rp3beta",
    "slim",
    "ease",
    "als",
    "gf-cf",
];

#[derive(Deserialize)]
struct Reference {
    n_users: usize,
    n_items: usize,
    pairs: Vec<(u32, u32)>,
    history: Vec<u32>,
    ease: Scores,
    edlae: Scores,
    cosine: Vec<f32>,
}

#[derive(Deserialize)]
struct Scores {
    scores: Vec<f32>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../reference/collaborative.json")).expect("valid JSON")
}

fn assert_close(got: f32, expected: f32, what: &str) {
    let tolerance = 1e-4 * expected.abs().max(0.1);
    assert!(
        (got - expected).abs() <= tolerance,
        "{what}: got {got}, expected {expected}"
    );
}

#[test]
fn ease_agrees_with_numpy_in_double_precision() {
    let r = reference();
    let log = log(&r.pairs, r.n_users, r.n_items, Clock::None);
    for (params, expected) in [
        (toml! { lambda = 3.0 dropout = 0.0 }, &r.ease.scores),
        (toml! { lambda = 3.0 dropout = 0.25 }, &r.edlae.scores),
    ] {
        let model = fitted("ease", &params, &log);
        let got = scores(model.as_ref(), &[history(&r.history)]);
        for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
            assert_close(got, expected, &format!("item {i}"));
        }
        assert_eq!(
            got[r.n_items - 1],
            f32::NEG_INFINITY,
            "the item nobody touched"
        );
    }
}

#[test]
fn item_knn_agrees_with_implicit() {
    let r = reference();
    let log = log(&r.pairs, r.n_users, r.n_items, Clock::None);
    let plain = toml! { neighbours = 100 shrinkage = 0.0 activity = 0.0 balance = 0.5 };
    let model = fitted("item-knn", &plain, &log);
    let got = scores(model.as_ref(), &[history(&r.history)]);
    // implicit lets an item vote for itself, with a cosine of 1; the last item has no users.
    for ((item, &got), expected) in (0u32..).zip(&got).zip(&r.cosine[..r.n_items - 1]) {
        let own = f32::from(u8::from(r.history.contains(&item)));
        assert_close(got, expected - own, &format!("item {item}"));
    }
}

#[test]
fn item_knn_by_hand() {
    // Users {0,1}, {0,1}, {0,2}: n = (3, 2, 1), common users c01 = 2, c02 = 1, c12 = 0.
    let pairs = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 2)];
    let log = log(&pairs, 3, 3, Clock::Position);
    let base = toml! { activity = 0.0 recency = 1.0 shrinkage = 1.0 };
    for (params, from_0_to_1, from_0_to_2) in [
        (
            toml! { balance = 0.5 },
            2.0 / (6f32.sqrt() + 1.0),
            1.0 / (3f32.sqrt() + 1.0),
        ),
        // The conditional probability: c / (n_0 + shrinkage).
        (toml! { balance = 1.0 }, 2.0 / 4.0, 1.0 / 4.0),
        // 2 / (3 + 2 - 2 + 1) and 1 / (3 + 1 - 1 + 1).
        (toml! { similarity = "jaccard" }, 2.0 / 4.0, 1.0 / 4.0),
    ] {
        let mut all = base.clone();
        all.extend(params);
        let model = fitted("item-knn", &all, &log);
        // Item 0 is the second newest: weight 1/2. Item 2 knows only item 0.
        let got = scores(model.as_ref(), &[history(&[0, 2])]);
        assert_close(got[1], from_0_to_1 / 2.0, "item 1");
        assert_close(got[2], from_0_to_2 / 2.0, "item 2");
        let one = toml! { neighbours = 1 };
        all.extend(one);
        let model = fitted("item-knn", &all, &log);
        let got = scores(model.as_ref(), &[history(&[0])]);
        assert_eq!(got[2], 0.0, "of item 0, the nearest is item 1 alone");
    }
}

#[test]
fn recent_popularity_by_hand() {
    let seconds = |params| {
        let rows = [(0, 0, 0), (1, 0, 100), (0, 1, 200), (0, 1, 100)];
        let rows: Vec<Row> = rows
            .iter()
            .map(|&(user, item, time)| Row {
                user,
                event: event(item, time),
                kind: 0,
                part: Part::Train,
            })
            .collect();
        let log = Interactions::from_rows(&rows, 2, 3, Clock::Seconds);
        scores(
            fitted("recent-popularity", &params, &log).as_ref(),
            &[vec![]],
        )
    };
    // Newest 200, span 200, half-life 100 s: item 0 has 1/4 + 1/2, item 1 its newest event alone.
    let got = seconds(toml! { half_life = 0.5 });
    assert_close(got[0], 0.75f32.ln_1p(), "item 0");
    assert_close(got[1], 1f32.ln_1p(), "item 1");
    assert_eq!(got[2], 0.0);
    let days = 100.0 / 86_400.0;
    assert_eq!(
        seconds(toml::Table::from_iter([(
            "half_life_days".to_owned(),
            days.into()
        )])),
        got
    );

    // By position: user 0 did 0 then 1, user 1 did 0. Item 0 has 1/2 + 1.
    let pairs = [(0, 0), (0, 1), (1, 0)];
    let params = toml! { half_life_events = 1.0 };
    let by_position = fitted(
        "recent-popularity",
        &params,
        &log(&pairs, 2, 2, Clock::Position),
    );
    assert_close(
        scores(by_position.as_ref(), &[vec![]])[0],
        1.5f32.ln_1p(),
        "item 0",
    );
    // Without order: plain popularity.
    let log = log(&pairs, 2, 2, Clock::None);
    let plain = scores(
        fitted("popularity", &toml::Table::new(), &log).as_ref(),
        &[vec![]],
    );
    let unordered = fitted("recent-popularity", &params, &log);
    assert_eq!(scores(unordered.as_ref(), &[vec![]]), plain);
}

/// A matrix large enough that work is divided among threads.
fn larger() -> Interactions {
    let mut state = 1u32;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    // The smaller of two draws: popular items, as in life.
    let pairs: Vec<(u32, u32)> = (0..9_000)
        .map(|_| (draw(700), draw(400).min(draw(400))))
        .collect();
    log(&pairs, 700, 401, Clock::Position)
}

#[test]
fn the_number_of_threads_and_storage_change_nothing() {
    let log = larger();
    let histories: Vec<Vec<Event>> = (0..20).map(|u| log.of_user(u).to_vec()).collect();
    let directory = tempfile::tempdir().unwrap();
    for name in MODELS {
        let of = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let model = fitted(name, &toml::Table::new(), &log);
                let scores = scores(model.as_ref(), &histories);
                (model, scores)
            })
        };
        let (model, one) = of(1);
        for threads in [2, 3, 8] {
            assert_eq!(one, of(threads).1, "{name}, {threads} threads");
        }
        let mut tensors = Tensors::default();
        model.save(&mut tensors).unwrap();
        let path = directory.path().join(name);
        tensors.write(&path).unwrap();
        let again = load(&Tensors::read(&path).unwrap()).unwrap();
        assert_eq!(again.name(), name);
        assert_eq!(
            scores(again.as_ref(), &histories),
            one,
            "{name}, stored and loaded"
        );
    }
}

#[test]
fn exact_and_iterative_als_agree_when_the_steps_suffice() {
    let log = larger();
    let histories = [log.of_user(3).to_vec()];
    let of = |steps: i64| {
        let mut params = toml! { factors = 6 iterations = 3 };
        params.insert("steps".to_owned(), steps.into());
        scores(fitted("als", &params, &log).as_ref(), &histories)
    };
    for (i, (exact, iterative)) in of(0).into_iter().zip(of(30)).enumerate() {
        if exact.is_finite() {
            assert!(
                (exact - iterative).abs() < 2e-3,
                "item {i}: {exact} and {iterative}"
            );
        }
    }
}

#[test]
fn odd_histories_and_empty_data_are_answered() {
    let nothing = f32::NEG_INFINITY;
    for name in MODELS {
        let personal = !name.contains("popularity");
        let log3 = log(&[(0, 0), (0, 1), (1, 0), (1, 1)], 2, 3, Clock::Position);
        let model = fitted(name, &toml::Table::new(), &log3);
        let plain = scores(model.as_ref(), &[history(&[0])]);
        assert!(plain[1].is_finite(), "{name}");
        // An item beyond the catalogue, and one without training event, do not matter.
        assert_eq!(
            scores(model.as_ref(), &[history(&[0, 2, 99])]),
            plain,
            "{name}"
        );
        assert_eq!(scores(model.as_ref(), &[]), [0.0; 0]);
        let explain = |items: &[u32], item| {
            let history = history(items);
            let query = Query {
                history: &history,
                text: None,
            };
            model.explain(&query, item)
        };
        assert!(explain(&[0], 99).is_empty(), "{name}");
        if personal {
            assert_eq!(plain[2], nothing, "{name}: the item nobody touched");
            let unknown = [vec![], history(&[99]), history(&[2])];
            assert!(
                scores(model.as_ref(), &unknown)
                    .iter()
                    .all(|&s| s == nothing),
                "{name}"
            );
            assert!(explain(&[], 1).is_empty(), "{name}");
        }
        // One user, one item; no events; nothing at all.
        let one = fitted(
            name,
            &toml::Table::new(),
            &log(&[(0, 0)], 1, 1, Clock::Seconds),
        );
        assert!(
            !scores(one.as_ref(), &[history(&[0])])[0].is_nan(),
            "{name}"
        );
        let empty = fitted(name, &toml::Table::new(), &log(&[], 2, 2, Clock::Seconds));
        let expected = if personal { nothing } else { 0.0 };
        assert_eq!(
            scores(empty.as_ref(), &[history(&[0])]),
            [expected; 2],
            "{name}"
        );
        let none = fitted(name, &toml::Table::new(), &log(&[], 0, 0, Clock::None));
        assert_eq!(scores(none.as_ref(), &[vec![]]), [0.0; 0]);
    }
}

#[test]
fn a_wrong_parameter_is_named_with_what_there_is() {
    let message = |name: &str, params| params_of(name, &params).unwrap_err().to_string();
    assert_eq!(
        message("ease", toml! { lamda = 3.0 }),
        "parameters of ease: 'lamda' is not among them; expected dropout, lambda, recency"
    );
    assert!(message("itemknn", toml::Table::new()).contains("item-knn, "));
    let log = log(&[(0, 0)], 1, 1, Clock::None);
    let training = training(&log, None);
    let refused = |name: &str, params| fit(name, &params, &training).unwrap_err().to_string();
    assert_eq!(
        refused("ease", toml! { dropout = 1.0 }),
        "parameters of ease: dropout is 1; expected at least 0 and less than 1"
    );
    assert_eq!(
        refused("als", toml! { lambda = 0.0 }),
        "parameters of als: lambda is 0; expected above 0"
    );
    assert_eq!(
        refused("item-knn", toml! { recency = nan }),
        "parameters of item-knn: recency is NaN; expected a number of at least 0"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn contributions_add_up_and_no_user_is_known_by_number(
        pairs in prop::collection::vec((0u32..12, 0u32..10), 1..80),
        asked in prop::collection::vec(0u32..10, 1..8),
        shift in 1u32..12,
    ) {
        let renamed: Vec<(u32, u32)> = pairs.iter().map(|&(u, i)| ((u + shift) % 12, i)).collect();
        let (here, there) = (
            log(&pairs, 12, 10, Clock::Position),
            log(&renamed, 12, 10, Clock::Position),
        );
        let asked = history(&asked);
        for name in ["item-knn", "rp3beta", "slim", "ease", "als", "gf-cf"] {
            let params = if name == "als" { toml! { factors = 4 } } else { toml::Table::new() };
            let model = fitted(name, &params, &here);
            let got = scores(model.as_ref(), std::slice::from_ref(&asked));
            let renamed = scores(fitted(name, &params, &there).as_ref(), std::slice::from_ref(&asked));
            for (item, (&score, &renamed)) in (0u32..).zip(got.iter().zip(&renamed)) {
                let query = Query { history: &asked, text: None };
                let parts = model.explain(&query, item);
                prop_assert!(parts.windows(2).all(|w| w[0].amount >= w[1].amount));
                prop_assert!(parts.iter().all(|p| matches!(p.cause, Cause::History(_))));
                if score == f32::NEG_INFINITY {
                    prop_assert_eq!(score, renamed);
                    prop_assert!(parts.is_empty());
                    continue;
                }
                let sum: f32 = parts.iter().map(|p| p.amount).sum();
                let size: f32 = parts.iter().map(|p| p.amount.abs()).sum();
                let tolerance = 1e-4 * size.max(0.1);
                prop_assert!((sum - score).abs() <= tolerance, "{name}: {sum} and {score}");
                prop_assert!((renamed - score).abs() <= 1e-3 * size.max(0.1), "{name}: {renamed} and {score}");
            }
        }
    }
}
