//! A history as the linear models read it: distinct known items, newer ones weighing more.
//!
//! `weight = (1 + age) ^ -recency`, where `age` is the number of distinct items touched after this
//! one's last event: the newest item weighs 1. A power and not an exponential, because on
//! validation data an exponential that suits the next event of a short history forgets most of a
//! long one.

use crate::{Cause, Contribution, Query};
use rayon::prelude::*;
use semrec_data::{Clock, Event};
use std::collections::HashSet;

/// An item of a history and its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Touched {
    pub(crate) item: u32,
    pub(crate) weight: f32,
}

/// The default exponent. On validation data of eight splits, 0.5 to 1 is near the best for the
/// next event (leave-one-out: Amazon Beauty and Toys, MovieLens) and costs little where many later
/// events are asked for at once (temporal splits); 1.5, or a decay of 0.9 an event, costs those a
/// third.
pub(crate) const RECENCY: f32 = 0.6;

/// The distinct items of `history` that are `known`, newest first; others are left out as if they
/// had not happened.
pub(crate) fn recent(history: &[Event], recency: f32, known: impl Fn(u32) -> bool) -> Vec<Touched> {
    let mut seen = HashSet::with_capacity(history.len());
    let mut items = Vec::with_capacity(history.len());
    for event in history.iter().rev() {
        if known(event.item) && seen.insert(event.item) {
            let age = items.len() as f32;
            items.push(Touched {
                item: event.item,
                weight: (1.0 + age).powf(-recency),
            });
        }
    }
    items
}

/// The exponent to use: 0 where the data do not say in which order things happened.
pub(crate) fn recency_for(clock: Clock, recency: f32) -> f32 {
    match clock {
        Clock::Seconds | Clock::Position => recency,
        Clock::None => 0.0,
    }
}

/// What is wrong with an exponent, if anything.
pub(crate) fn recency_problem(recency: f32) -> Option<String> {
    (!(recency >= 0.0 && recency.is_finite()))
        .then(|| format!("recency is {recency}; expected a number of at least 0"))
}

/// Scores queries in parallel, each into its own row of `out`.
pub(crate) fn score_each(
    n_items: usize,
    queries: &[Query<'_>],
    out: &mut [f32],
    score: impl Fn(&Query<'_>, &mut [f32]) + Sync,
) {
    assert_eq!(out.len(), queries.len() * n_items, "[queries, n_items]");
    out.par_chunks_mut(n_items.max(1))
        .zip(queries)
        .for_each(|(row, query)| score(query, row));
}

/// What each item of a history adds to a score, largest first; those that add nothing are left
/// out.
pub(crate) fn contributions(
    source: &str,
    parts: impl Iterator<Item = (u32, f32)>,
) -> Vec<Contribution> {
    let mut contributions: Vec<Contribution> = parts
        .filter(|&(_, amount)| amount != 0.0)
        .map(|(item, amount)| Contribution {
            source: source.to_owned(),
            cause: Cause::History(item),
            amount,
        })
        .collect();
    contributions.sort_by(|a, b| b.amount.total_cmp(&a.amount));
    contributions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_first_each_item_once_at_its_last_event_unknown_items_do_not_age_the_others() {
        let history: Vec<Event> = [7u32, 1, 2, 9, 1, 3]
            .iter()
            .zip(0..)
            .map(|(&item, time)| Event {
                item,
                value: 1.0,
                time,
            })
            .collect();
        let pairs = |touched: Vec<Touched>| -> Vec<(u32, f32)> {
            touched.iter().map(|t| (t.item, t.weight)).collect()
        };
        let by_age = pairs(recent(&history, 1.0, |i| i < 9));
        assert_eq!(
            by_age,
            [(3, 1.0), (1, 1.0 / 2.0), (2, 1.0 / 3.0), (7, 1.0 / 4.0)]
        );
    }
}
