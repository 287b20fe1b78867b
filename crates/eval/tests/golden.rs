//! Against numpy, scipy and scikit-learn; `golden/reference.py` writes the expected values.

#![expect(
    clippy::unwrap_used,
    reason = "a reference that cannot be read fails the test"
)]

use semrec_data::{Case, Cases, Event, Ranked};
use semrec_eval::{
    Context, Evaluation, Options, Rank, candidate_pairs, choose_threshold, classification_report,
    compare, compare_slices, evaluate, sign_flip,
};
use serde_json::Value;

struct Reference {
    json: Value,
    cases: Cases,
    vectors: Vec<f32>,
}

/// Plays back the rankings stored under a name, cut to what is asked.
struct Stored<'a>(&'a Reference, &'static str);

impl Rank for Stored<'_> {
    fn rank(&self, cases: &[Case<'_>], k: usize, out: &mut Vec<Vec<Ranked>>) {
        for case in cases {
            let list = &self.0.json["cases"][case.user as usize][self.1];
            let list = list.as_array().unwrap().iter().take(k);
            out.push(
                list.map(|r| Ranked {
                    item: integer(&r[0]),
                    score: single(&r[1]),
                })
                .collect(),
            );
        }
    }
}

fn integer(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the reference holds single-precision values"
)]
fn single(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

fn integers(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(integer).collect()
}

fn reference() -> Reference {
    let json: Value = serde_json::from_str(include_str!("golden/reference.json")).unwrap();
    let mut cases = Cases::default();
    for (user, case) in (0u32..).zip(json["cases"].as_array().unwrap()) {
        let event = |item| Event {
            item,
            value: 1.0,
            time: 0,
        };
        let history: Vec<Event> = integers(&case["seen"]).into_iter().map(event).collect();
        assert!(cases.push(user, &history, &integers(&case["held_out"])));
    }
    let vectors = json["vectors"].as_array().unwrap();
    Reference {
        vectors: vectors.iter().map(single).collect(),
        cases,
        json,
    }
}

fn measure(reference: &Reference, rankings: &'static str) -> Evaluation {
    let item_users = integers(&reference.json["item_users"]);
    let context = Context {
        user_events: vec![9; reference.cases.len()],
        training_users: integer(&reference.json["training_users"]) as usize,
        item_users,
        item_vectors: Some((&reference.vectors, 6)),
    };
    let options = Options {
        ks: vec![5, 10],
        keep: 15,
    };
    let ranker = Stored(reference, rankings);
    evaluate(&reference.cases, &ranker, &context, &options, &|_, _| {})
}

#[test]
fn metrics_agree_with_numpy() {
    let reference = reference();
    let found = measure(&reference, "ranking");
    let expected = reference.json["metrics"].as_object().unwrap();
    let names: Vec<&str> = found.metrics.iter().map(|(name, _)| name).collect();
    assert_eq!(names, expected.keys().collect::<Vec<_>>());
    for (name, value) in found.metrics.iter() {
        let wanted = expected[name].as_f64().unwrap();
        // Case values and vectors are kept in single precision.
        assert!(
            (value - wanted).abs() < 1e-6 * wanted.max(1.0),
            "{name}: {value}, not {wanted}"
        );
    }
    assert_eq!(found.cases_without_ranking, 1);
}

#[test]
fn figures_do_not_depend_on_threads() {
    let reference = reference();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let evaluation = measure(&reference, "ranking");
            let intervals = evaluation.per_case.intervals(200, 1);
            (evaluation.metrics, evaluation.slices, intervals)
        })
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn interval_agrees_with_scipy() {
    let reference = reference();
    let intervals = measure(&reference, "ranking")
        .per_case
        .intervals(20_000, 42);
    let expected = &reference.json["interval_of_ndcg_5"];
    for (end, value) in intervals.get("ndcg@5").unwrap().iter().enumerate() {
        let wanted = expected[end].as_f64().unwrap();
        assert!((value - wanted).abs() < 0.004, "{value}, not {wanted}");
    }
}

#[test]
fn p_values_agree_with_scipy() {
    let reference = reference();
    let differences: Vec<f64> = reference.json["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d.as_f64().unwrap())
        .collect();
    let exact = reference.json["p_exact_of_first_12"].as_f64().unwrap();
    assert!((sign_flip(&differences[..12], 10_000, 42) - exact).abs() < 1e-12);
    // The standard error of 10,000 draws at p = .006 is below 0.0008.
    let sampled = reference.json["p_sampled"].as_f64().unwrap();
    let p = sign_flip(&differences, 10_000, 42);
    assert!((p - sampled).abs() < 0.003, "{p}, not {sampled}");

    let (a, b) = (measure(&reference, "ranking"), measure(&reference, "other"));
    let found = compare(&[("other", &b), ("ranking", &a)], "ndcg@5", 42).unwrap();
    assert_eq!(
        (found[0].a.as_str(), found[0].b.as_str()),
        ("ranking", "other")
    );
    assert!((found[0].p_value - sampled).abs() < 0.003);
    let mean = differences.iter().sum::<f64>() / 48.0;
    assert!((found[0].difference - mean).abs() < 1e-6);
    let mut fewer = reference;
    fewer.cases = fewer
        .cases
        .iter()
        .take(20)
        .fold(Cases::default(), |mut few, case| {
            few.push(case.user, case.history, case.held_out);
            few
        });
    let few = measure(&fewer, "other");
    let error = compare(&[("few", &few), ("all", &a)], "ndcg@5", 42)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("'all' was evaluated on 48 cases and 'few' on 20"),
        "{error}"
    );
    let error = compare(&[("a", &a)], "ndcg@7", 42).unwrap_err().to_string();
    assert!(
        error.contains("'ndcg@7' was not measured") && error.contains("ndcg@5"),
        "{error}"
    );
}

#[test]
fn each_slice_is_tested_on_its_own_cases() {
    let reference = reference();
    let (a, b) = (measure(&reference, "ranking"), measure(&reference, "other"));
    let found = compare_slices(&[("other", &b), ("ranking", &a)], "ndcg@5", 42).unwrap();
    let with_cases = a.slices.iter().filter(|s| s.cases > 0).count();
    assert_eq!(found.len(), with_cases);
    for tested in &found {
        let k = a.slices.iter().position(|s| s.name == tested.slice);
        let k = k.unwrap();
        let column = |e: &Evaluation| e.slices_per_case[k].column("ndcg@5").unwrap();
        let pairs = column(&a).into_iter().zip(column(&b));
        let mut differences: Vec<f64> = pairs.map(|(a, b)| f64::from(a) - f64::from(b)).collect();
        if tested.comparison.a == "other" {
            differences.iter_mut().for_each(|d| *d = -*d);
        }
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        assert_eq!(tested.cases, differences.len());
        assert!(mean >= 0.0 && (tested.comparison.difference - mean).abs() < 1e-9);
        let p = sign_flip(&differences, 10_000, 42);
        assert!((tested.comparison.p_value - p).abs() < 1e-12);
    }
}

#[test]
fn classification_report_is_that_of_scikit_learn() {
    let reference = reference();
    let rankings = measure(&reference, "ranking").rankings;
    let pairs = candidate_pairs(&reference.cases, 60, None, true);
    assert_eq!(pairs as u64, reference.json["pairs"].as_u64().unwrap());
    let threshold = choose_threshold(&reference.cases, &rankings);
    assert_eq!(threshold, Some(single(&reference.json["threshold"])));
    let report = classification_report(&reference.cases, &rankings, pairs, threshold);
    let expected = reference.json["classification_report"].as_str().unwrap();
    assert_eq!(report.to_string(), expected);
}
