//! The page of a search: complete on its own, everything escaped, a chart for each parameter.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use semrec_eval::render_tuning;
use semrec_tune::{Method, Plan, Search, Space, Study, Trial, Tuned};
use toml::Table;

/// Six trials, of which the last one fails.
fn tuned(model: &str, method: Method) -> Tuned {
    let space = Space::default()
        .by_powers("lambda", 1.0, 1e4)
        .one_of("kind", &["a<b", "c"]);
    let start = "lambda = 0.0\nkind = \"c\"".parse().unwrap();
    let mut search = Search::new(Plan {
        space,
        method,
        trials: 6,
        seed: 1,
        start,
    });
    while let Some(question) = search.ask() {
        let n = question.number;
        search.tell(if n == 5 {
            Trial::failed(question, "X'X + <λI> is not positive definite")
        } else {
            Trial::measured(
                question,
                0.04 + 0.001 * f64::from(u8::try_from(n % 4).unwrap()),
            )
        });
    }
    Tuned::new(
        model,
        &search,
        Table::new(),
        Some("ended after 9 s".to_owned()),
    )
}

fn study(models: Vec<Tuned>) -> Study {
    Study {
        dataset: "Tom & Sons".to_owned(),
        fingerprint: "abc".to_owned(),
        split: "leave-one-out".to_owned(),
        candidates: "full".to_owned(),
        metric: "ndcg@10".to_owned(),
        fitted_on: 12_345,
        people: 678,
        seed: 42,
        models,
    }
}

#[test]
fn the_page_is_complete_on_its_own() {
    let page = render_tuning(&study(vec![
        tuned("ease", Method::Random),
        tuned("als", Method::Halving),
    ]))
    .unwrap();
    for forbidden in ["<script", "http", "Tom & Sons", "a<b", "<λI>", "NaN", "inf"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    // The best is trial 3 with 0.043, the model's own trial 0 with 0.040.
    for expected in [
        "ease is best on validation: ndcg@10 of 0.0430, against 0.0400 with its own settings.",
        "+7.5 %",
        "12,345",
        "test events were not touched",
        "0 (as it is)",
        "6 (1 failed)",
        "ended after 9 s",
        "33 %",
    ] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    // For each model: its history and two parameters.
    assert_eq!(page.matches("<svg ").count(), 2 * 3);
    // Of random: five points on each chart; the model's own 0 has no place on the axis of powers.
    let ease = page.split("<h2>als</h2>").next().unwrap();
    assert_eq!(ease.matches("<circle").count(), 5 + 4 + 5);
    assert_eq!(ease.matches("<path class=\"own\"").count(), 1 + 1);
}

#[test]
fn nothing_searched_is_no_page() {
    assert!(render_tuning(&study(Vec::new())).is_err());
    // A search that measured nothing has a page that says so.
    let mut none = tuned("ease", Method::Random);
    none.trials.truncate(0);
    (none.best, none.own) = (None, None);
    let page = render_tuning(&study(vec![none])).unwrap();
    assert!(
        page.contains("No trial was measured.") && !page.contains("NaN"),
        "{page}"
    );
}
