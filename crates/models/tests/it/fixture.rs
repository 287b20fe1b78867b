//! Small data, a model fitted on them, and what it says of a history.

use semrec_data::{Clock, Event, Interactions, Part, Row};
use semrec_models::{Horizon, ModelError, Query, Recommender, Training, fit};
use semrec_text::Vectors;

pub(crate) fn event(item: u32, time: i64) -> Event {
    Event {
        item,
        value: 1.0,
        time,
    }
}

/// One event after the other.
pub(crate) fn history(items: &[u32]) -> Vec<Event> {
    items.iter().zip(0..).map(|(&i, t)| event(i, t)).collect()
}

/// A log of pairs of user and item, one after the other.
pub(crate) fn log(
    pairs: &[(u32, u32)],
    n_users: usize,
    n_items: usize,
    clock: Clock,
) -> Interactions {
    let rows: Vec<Row> = pairs
        .iter()
        .zip(0..)
        .map(|(&(user, item), time)| Row {
            user,
            event: event(item, time),
            kind: 0,
            part: Part::Train,
        })
        .collect();
    Interactions::from_rows(&rows, n_users, n_items, clock)
}

/// Training on a log and the vectors of its items' texts.
pub(crate) fn training<'a>(
    log: &'a Interactions,
    item_vectors: Option<&'a Vectors>,
) -> Training<'a> {
    Training {
        interactions: log,
        item_vectors,
        item_facts: None,
        user_vectors: None,
        tower: None,
        horizon: Horizon::Later,
        seed: 1,
        run: None,
        progress: &|_, _, _| {},
    }
}

/// A model of a log alone, which suffices.
pub(crate) fn fitted(
    model: &str,
    params: &toml::Table,
    log: &Interactions,
) -> Box<dyn Recommender> {
    fit(model, params, &training(log, None)).expect("the data suffice")
}

/// A model of a log and of texts.
pub(crate) fn fitted_on_texts(
    model: &str,
    params: &toml::Table,
    log: &Interactions,
    vectors: &Vectors,
) -> Result<Box<dyn Recommender>, ModelError> {
    fit(model, params, &training(log, Some(vectors)))
}

/// Scores of histories, one after the other; what was in their place must not matter.
pub(crate) fn scores(model: &dyn Recommender, histories: &[Vec<Event>]) -> Vec<f32> {
    let queries: Vec<Query<'_>> = histories
        .iter()
        .map(|history| Query {
            history,
            text: None,
        })
        .collect();
    let mut out = vec![f32::NAN; histories.len() * model.n_items()];
    model.score(&queries, &mut out);
    out
}
