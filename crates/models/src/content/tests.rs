//! The rule by hand, what is read beside an encoder, what is new, and the bundle.

use super::*;
use crate::Horizon;
use crate::history::RECENCY;
use semrec_data::{Clock, Event, Interactions, Part, Row};
use semrec_text::{Prior, Tower};

fn event(item: u32, time: i64) -> Event {
    Event {
        item,
        value: 1.0,
        time,
    }
}

/// Four items on the axes of the plane, whitened to themselves; item 4 has no text.
fn model(config: &ContentConfig) -> Content {
    read_beside(None, Horizon::Later, config)
}

/// The same, of an encoder that was tuned beside a tower.
fn read_beside(tower: Option<Tower>, horizon: Horizon, config: &ContentConfig) -> Content {
    fit_beside(tower, horizon, config).unwrap()
}

fn fit_beside(
    tower: Option<Tower>,
    horizon: Horizon,
    config: &ContentConfig,
) -> Result<Content, ModelError> {
    let rows: Vec<Row> = (0..5)
        .map(|i| Row {
            user: 0,
            event: event(i, i64::from(i)),
            kind: 0,
            part: Part::Train,
        })
        .collect();
    let log = Interactions::from_rows(&rows, 1, 5, Clock::Position);
    let vectors = Vectors::new(2, vec![1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0, 0.0]);
    let training = Training {
        interactions: &log,
        item_vectors: Some(&vectors),
        item_facts: None,
        user_vectors: None,
        tower,
        horizon,
        seed: 0,
        run: None,
        progress: &|_, _, _| {},
    };
    Content::fit(&training, config)
}

#[test]
fn a_tower_says_how_people_are_read() {
    let tower = Some(Tower {
        recency: 0.25,
        may_be_whitened: false,
        prior: None,
    });
    let auto = ContentConfig::default();
    // How far the plane is stretched: its variance is 1/2 along each axis.
    let stretch = |model: &Content| {
        let matrix = model.whitening.as_ref().unwrap().matrix();
        matrix.iter().map(|x| x * x).sum::<f32>()
    };
    for horizon in [Horizon::Later, Horizon::Next] {
        let model = read_beside(tower, horizon, &auto);
        assert_eq!(model.recency, 0.25);
        assert!((stretch(&model) - 2.0).abs() < 0.01, "{}", stretch(&model));
    }
    // Where whitening is left open, it is done unless people's events speak against it.
    let open = tower.map(|tower| Tower {
        may_be_whitened: true,
        ..tower
    });
    let model = read_beside(open, Horizon::Later, &auto);
    assert_eq!(model.recency, 0.25);
    assert!((stretch(&model) - 4.0).abs() < 0.1, "{}", stretch(&model));
    // It was trained for what comes next, and what the user says comes first.
    let model = read_beside(tower, Horizon::AnyTime, &auto);
    assert_eq!(model.recency, RECENCY);
    assert!((stretch(&model) - 4.0).abs() < 0.1, "{}", stretch(&model));
    let own = ContentConfig {
        recency: Setting::Is(0.75),
        ..auto
    };
    assert_eq!(read_beside(tower, Horizon::Later, &own).recency, 0.75);
}

/// The second value of a vector says how many touch an item: each person is drawn to it, also one
/// of whom nothing else is known, and the reasons say how much.
#[test]
fn what_everybody_touches_is_added_where_the_encoder_knows_it() {
    let prior = |coordinate| {
        let prior = Some(Prior {
            coordinate,
            weight: 0.5,
        });
        Some(Tower {
            recency: 1.0,
            may_be_whitened: false,
            prior,
        })
    };
    let auto = ContentConfig::default();
    let model = read_beside(prior(1), Horizon::Later, &auto);
    let history = [event(0, 1)];
    let of = |history| Query {
        history,
        text: None,
    };
    let near = |got: &[f32], expected: [f32; 4]| {
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        }
    };
    let mut scores = [0.0; 10];
    model.score(&[of(&history[..]), of(&[])], &mut scores);
    near(&scores[..4], [1.0, -1.0, 0.5, -0.5]);
    near(&scores[5..9], [0.0, 0.0, 0.5, -0.5]);
    assert_eq!([scores[4], scores[9]], [f32::NEG_INFINITY; 2]);
    let why = model.explain(&of(&history), 2);
    assert_eq!(why.len(), 2);
    assert_eq!(why[0].cause, Cause::Item);
    assert!((why[0].amount - 0.5).abs() < 1e-5 && why[1].amount.abs() < 1e-5);
    assert_eq!(model.explain(&of(&[]), 2)[0].cause, Cause::Item);

    let mut tensors = Tensors::default();
    model.save(&mut tensors).unwrap();
    let mut again = [0.0; 10];
    let queries = [of(&history[..]), of(&[])];
    Content::load(&tensors).unwrap().score(&queries, &mut again);
    assert_eq!(scores, again);
    // What is whitened has no such value, nor what is asked of any time.
    let own = ContentConfig {
        power: Setting::Is(1.0),
        ..auto
    };
    assert!(read_beside(prior(1), Horizon::Later, &own).prior.is_empty());
    let any = read_beside(prior(1), Horizon::AnyTime, &auto);
    assert!(any.prior.is_empty());
    // The encoder's vectors have two values.
    let error = fit_beside(prior(2), Horizon::Later, &auto).unwrap_err();
    assert!(error.to_string().contains("a prior at value 2"), "{error}");
}

#[test]
fn cosine_to_the_recency_weighted_history() {
    let model = model(&ContentConfig {
        // (1 + 1) ^ -recency = 0.75
        recency: Setting::Is((4.0f32 / 3.0).log2()),
        ..ContentConfig::default()
    });
    // The person is 1 · y_2 + 0.75 · y_0, of length sqrt(1 + 0.5625) = 1.25: cosines are
    // 0.75 / 1.25 = 0.6 along item 0 and 1 / 1.25 = 0.8 along item 2.
    let history = [event(0, 1), event(4, 2), event(2, 3)];
    let query = Query {
        history: &history,
        text: None,
    };
    let mut scores = [0.0; 5];
    model.score(&[query], &mut scores);
    for (got, expected) in scores.iter().zip([0.6, -0.6, 0.8, -0.8]) {
        assert!((got - expected).abs() < 1e-5, "{scores:?}");
    }
    assert_eq!(scores[4], f32::NEG_INFINITY);
    let why = model.explain(&query, 2);
    assert_eq!(why[0].cause, Cause::History(2));
    assert!((why.iter().map(|c| c.amount).sum::<f32>() - 0.8).abs() < 1e-5);
}

/// Item 5 is new and reads like item 2, item 0 reads like item 3 now, item 6 says nothing.
#[test]
fn what_is_new_or_reads_otherwise_is_scored_by_what_it_says_now() {
    let fitted = model(&ContentConfig::default());
    let changes = Vectors::new(2, vec![0.0, 1.0, 0.0, -1.0]);
    let model = fitted.renewed(7, &[5, 0], &changes).unwrap();
    assert_eq!(model.n_items(), 7);
    let ask = |history: &[Event]| {
        let query = Query {
            history,
            text: None,
        };
        let mut scores = [0.0; 7];
        model.score(&[query], &mut scores);
        scores
    };
    let cold = f32::NEG_INFINITY;
    for (history, expected) in [
        ([event(2, 0)], [-1.0, 0.0, 1.0, -1.0, cold, 1.0, cold]),
        ([event(5, 0)], [-1.0, 0.0, 1.0, -1.0, cold, 1.0, cold]),
        ([event(0, 0)], [1.0, 0.0, -1.0, 1.0, cold, -1.0, cold]),
    ] {
        for (got, expected) in ask(&history).iter().zip(expected) {
            assert!(*got == expected || (got - expected).abs() < 1e-5);
        }
    }
    assert_eq!(ask(&[event(6, 0)]), [cold; 7]);
    let mut tensors = Tensors::default();
    model.save(&mut tensors).unwrap();
    let again = Content::load(&tensors).unwrap();
    let query = Query {
        history: &[event(5, 0)],
        text: None,
    };
    let mut scores = [0.0; 7];
    again.score(&[query], &mut scores);
    assert_eq!(scores, ask(&[event(5, 0)]));
}

#[test]
fn a_sentence_alone_is_enough_and_nothing_is_not() {
    let model = model(&ContentConfig::default());
    let queries = [
        Query {
            history: &[],
            text: Some(&[0.0, 1.0]),
        },
        Query::default(),
    ];
    let mut scores = [0.0; 10];
    model.score(&queries, &mut scores);
    assert!((scores[2] - 1.0).abs() < 1e-5, "{scores:?}");
    assert!(scores[5..].iter().all(|&s| s == f32::NEG_INFINITY));
    assert_eq!(model.explain(&queries[0], 2)[0].cause, Cause::Text);
}

#[test]
fn stored_and_loaded_it_scores_the_same() {
    let model = model(&ContentConfig::default());
    let mut tensors = Tensors::default();
    model.save(&mut tensors).unwrap();
    let again = Content::load(&tensors).unwrap();
    let query = Query {
        history: &[event(1, 0)],
        text: Some(&[0.6, 0.8]),
    };
    let (mut a, mut b) = ([0.0; 5], [0.0; 5]);
    model.score(&[query], &mut a);
    again.score(&[query], &mut b);
    assert_eq!(a, b);
}
