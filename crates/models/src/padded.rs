//! A model over a catalogue that has grown since it was fitted: of the items that came later it
//! knows nothing, neither as candidates nor in a history.

use crate::{Contribution, ModelError, Query, Recommender, Tensors};
use semrec_data::Event;
use semrec_text::Vectors;
use std::sync::Arc;

/// The model, and how many items there are now.
#[derive(Clone, Debug)]
pub(crate) struct Padded {
    inner: Arc<dyn Recommender>,
    n_items: usize,
}

impl Padded {
    pub(crate) fn new(inner: Arc<dyn Recommender>, n_items: usize) -> Self {
        let n_items = n_items.max(inner.n_items());
        Self { inner, n_items }
    }

    fn knows(&self, item: u32) -> bool {
        (item as usize) < self.inner.n_items()
    }

    fn known(&self, history: &[Event]) -> Vec<Event> {
        let known = history.iter().filter(|e| self.knows(e.item));
        known.copied().collect()
    }
}

impl Recommender for Padded {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        let (n, fitted) = (self.n_items, self.inner.n_items());
        assert_eq!(out.len(), queries.len() * n, "[queries, n_items]");
        let histories: Vec<Vec<Event>> = queries.iter().map(|q| self.known(q.history)).collect();
        let both = queries.iter().zip(&histories);
        let queries: Vec<Query<'_>> = both
            .map(|(query, history)| Query { history, ..*query })
            .collect();
        if n == fitted {
            return self.inner.score(&queries, out);
        }
        let mut scores = vec![0.0; queries.len() * fitted];
        self.inner.score(&queries, &mut scores);
        let rows = scores.chunks_exact(fitted.max(1));
        for (row, known) in out.chunks_exact_mut(n.max(1)).zip(rows) {
            row[..fitted].copy_from_slice(known);
            row[fitted..].fill(f32::NEG_INFINITY);
        }
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        if !self.knows(item) {
            return Vec::new();
        }
        let history = self.known(query.history);
        let text = query.text;
        let query = Query {
            history: &history,
            text,
        };
        self.inner.explain(&query, item)
    }

    /// The model as it was fitted: what came later is not its.
    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        self.inner.save(into)
    }

    fn notes(&self) -> Vec<String> {
        self.inner.notes()
    }

    fn renewed(&self, n_items: usize, _: &[u32], _: &Vectors) -> Option<Arc<dyn Recommender>> {
        Some(Arc::new(Self::new(Arc::clone(&self.inner), n_items)))
    }
}

/// The model over a catalogue of `n_items`, of which some read otherwise than before:
/// [`Recommender::renewed`], or where the model reads nothing, the same over more items.
///
/// # Panics
/// If there are not as many vectors as items.
#[must_use]
pub fn renew(
    model: &Arc<dyn Recommender>,
    n_items: usize,
    items: &[u32],
    vectors: &Vectors,
) -> Arc<dyn Recommender> {
    assert_eq!(items.len(), vectors.len(), "a vector of each item");
    let padded = || Arc::new(Padded::new(Arc::clone(model), n_items)) as Arc<dyn Recommender>;
    model
        .renewed(n_items, items, vectors)
        .unwrap_or_else(padded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cause, Horizon, ItemKnn, ItemKnnConfig, Model, Training};
    use semrec_data::{Clock, Interactions, Part, Row};

    fn event(item: u32, time: i64) -> Event {
        Event {
            item,
            value: 1.0,
            time,
        }
    }

    #[test]
    fn what_came_later_is_neither_scored_nor_read() {
        let row = |user, item| Row {
            user,
            event: event(item, 0),
            kind: 0,
            part: Part::Train,
        };
        let rows = [row(0, 0), row(0, 1), row(1, 0), row(1, 1), row(2, 2)];
        let log = Interactions::from_rows(&rows, 3, 3, Clock::None);
        let training = Training {
            interactions: &log,
            item_vectors: None,
            item_facts: None,
            user_vectors: None,
            tower: None,
            horizon: Horizon::Later,
            seed: 0,
            run: None,
            progress: &|_, _, _| {},
        };
        let model = ItemKnn::fit(&training, &ItemKnnConfig::default()).unwrap();
        let model: Arc<dyn Recommender> = Arc::new(model);
        let ask = |model: &dyn Recommender, history: &[Event]| {
            let mut scores = vec![0.0; model.n_items()];
            model.score(
                &[Query {
                    history,
                    text: None,
                }],
                &mut scores,
            );
            scores
        };
        let before = ask(&*model, &[event(0, 0)]);
        let later = renew(&model, 5, &[3], &Vectors::zeros(1, 2));
        let later = renew(&later, 6, &[], &Vectors::zeros(0, 2));
        let history = [event(5, 0), event(0, 1), event(3, 2)];
        let after = ask(&*later, &history);
        assert_eq!(after[..3], before);
        assert_eq!(after[3..], [f32::NEG_INFINITY; 3]);
        let query = Query {
            history: &history,
            text: None,
        };
        assert_eq!(later.explain(&query, 1)[0].cause, Cause::History(0));
        assert!(later.explain(&query, 5).is_empty());
    }
}
