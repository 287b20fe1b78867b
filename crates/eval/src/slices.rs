//! Accuracy on a part of the cases, or on a part of each case's held-out items.
//!
//! | slice | held-out items that count | cases that count |
//! |---|---|---|
//! | `cold-items` | touched by no training user | with any such item |
//! | `tail-items` | touched by fewer than 5 training users, none included | with any such item |
//! | `cold-users` | all | of users with fewer than 5 training events |
//! | `warm` | touched by 5 training users or more | of users with 5 training events or more |
//!
//! The rankings are those of the whole evaluation: a slice asks about fewer items, it does not
//! rank fewer.

use crate::{Context, Figures, PerCase, Places};
use rayon::prelude::*;
use semrec_data::{Case, Cases};

/// The accuracy metrics of a part of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// The slice's name, or the bounds of a bucket as in `1-4`.
    pub name: String,
    /// Cases with anything to find in this part.
    pub cases: usize,
    /// Means over those cases; nothing if there are none.
    pub metrics: Figures,
}

/// From how many training users of an item, or training events of a user, it is warm.
const WARM: u32 = 5;

/// Lower bounds of the buckets; each ends before the next begins.
const BOUNDS: [u32; 6] = [0, 1, 5, 10, 20, 50];

pub(crate) fn slices(
    cases: &Cases,
    places: &[u32],
    context: &Context<'_>,
    ks: &[usize],
) -> (Vec<Slice>, Vec<PerCase>) {
    let item = |item: u32| context.item_users[item as usize];
    let user = |case: &Case<'_>| {
        let events = context.user_events.get(case.user as usize);
        events.copied().unwrap_or(0)
    };
    let names = ["cold-items", "tail-items", "cold-users", "warm"];
    let per_case = parts(
        cases,
        places,
        ks,
        names.len(),
        |slice, case, held_out| match slice {
            0 => item(held_out) == 0,
            1 => item(held_out) < WARM,
            2 => user(case) < WARM,
            _ => item(held_out) >= WARM && user(case) >= WARM,
        },
    );
    (named(&names, &per_case), per_case)
}

pub(crate) fn by_item_popularity(
    cases: &Cases,
    places: &[u32],
    context: &Context<'_>,
    ks: &[usize],
) -> Vec<Slice> {
    let per_case = parts(cases, places, ks, BOUNDS.len(), |bucket, _, held_out| {
        bucket == bucket_of(context.item_users[held_out as usize])
    });
    named(&labels(), &per_case)
}

pub(crate) fn by_history_length(cases: &Cases, places: &[u32], ks: &[usize]) -> Vec<Slice> {
    let per_case = parts(cases, places, ks, BOUNDS.len(), |bucket, case, _| {
        bucket == bucket_of(u32::try_from(case.history.len()).unwrap_or(u32::MAX))
    });
    named(&labels(), &per_case)
}

/// The metrics of the cases of each of `count` slices; `belongs(slice, case, held-out item)` says
/// what is in it.
fn parts(
    cases: &Cases,
    places: &[u32],
    ks: &[usize],
    count: usize,
    belongs: impl Fn(usize, &Case<'_>, u32) -> bool + Sync,
) -> Vec<PerCase> {
    (0..count)
        .into_par_iter()
        .map(|slice| {
            let mut per_case = PerCase::new(ks);
            let mut of_case = Places::default();
            let mut rest = places;
            for case in cases.iter() {
                let (mine, others) = rest.split_at(case.held_out.len());
                rest = others;
                let asked = case.held_out.iter().zip(mine);
                of_case.refill(
                    asked
                        .filter(|(item, _)| belongs(slice, &case, **item))
                        .map(|(_, &place)| place),
                );
                if of_case.held_out() > 0 {
                    per_case.push(&of_case, ks);
                }
            }
            per_case
        })
        .collect()
}

fn named<S: AsRef<str>>(names: &[S], per_case: &[PerCase]) -> Vec<Slice> {
    names
        .iter()
        .zip(per_case)
        .map(|(name, per_case)| Slice {
            name: name.as_ref().to_owned(),
            cases: per_case.len(),
            metrics: per_case.means(),
        })
        .collect()
}

fn bucket_of(count: u32) -> usize {
    BOUNDS.partition_point(|&bound| bound <= count) - 1
}

fn labels() -> Vec<String> {
    let next = BOUNDS.iter().skip(1).map(Some).chain([None]);
    BOUNDS
        .iter()
        .zip(next)
        .map(|(&from, next)| match next {
            Some(&next) if next == from + 1 => from.to_string(),
            Some(&next) => format!("{from}-{}", next - 1),
            None => format!("{from}+"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::Event;

    #[test]
    fn buckets_meet_without_gap() {
        assert_eq!(labels(), ["0", "1-4", "5-9", "10-19", "20-49", "50+"]);
        let of = [0, 1, 4, 5, 9, 10, 19, 20, 49, 50, u32::MAX].map(bucket_of);
        assert_eq!(of, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    }

    #[test]
    fn a_slice_asks_only_about_its_items() {
        // Items touched by 0, 3 and 9 users. User 0 has 7 training events, user 1 has 2.
        let context = Context {
            item_users: vec![0, 3, 9],
            user_events: vec![7, 2],
            training_users: 9,
            item_vectors: None,
        };
        let event = |item| Event {
            item,
            value: 1.0,
            time: 0,
        };
        let mut cases = Cases::default();
        cases.push(0, &[event(2)], &[0, 1, 2]);
        cases.push(1, &[], &[2]);
        // User 0: cold item first, tail item not ranked, warm item third; user 1: second.
        let places = [0, u32::MAX, 2, 1];
        let (found, per_case) = slices(&cases, &places, &context, &[3]);
        let figure = |i: usize, name: &str| *found[i].metrics.get(name).unwrap();
        let counted: Vec<_> = found.iter().map(|s| (s.name.as_str(), s.cases)).collect();
        assert_eq!(
            counted,
            [
                ("cold-items", 1),
                ("tail-items", 1),
                ("cold-users", 1),
                ("warm", 1)
            ]
        );
        let cases_of: Vec<usize> = per_case.iter().map(PerCase::len).collect();
        assert_eq!(cases_of, [1, 1, 1, 1]);
        assert_eq!(figure(0, "recall@3"), 1.0);
        assert_eq!(figure(1, "recall@3"), 1.0 / 2.0);
        assert_eq!(figure(2, "mrr@3"), 1.0 / 2.0);
        // Warm: user 0 asked only for item 2, at place 3.
        assert!((figure(3, "mrr@3") - 1.0 / 3.0).abs() < 1e-7);

        let popularity = by_item_popularity(&cases, &places, &context, &[3]);
        let counts: Vec<_> = popularity.iter().map(|s| s.cases).collect();
        assert_eq!(counts, [1, 1, 2, 0, 0, 0]);
        // Places 3 and 2 of the item with 9 users.
        let mean = (1.0 / 3.0 + 1.0 / 2.0) / 2.0;
        assert!((popularity[2].metrics.get("mrr@3").unwrap() - mean).abs() < 1e-7);
        assert!(popularity[3].metrics.is_empty());

        let history = by_history_length(&cases, &places, &[3]);
        let counts: Vec<_> = history.iter().map(|s| s.cases).collect();
        assert_eq!(counts, [1, 1, 0, 0, 0, 0]);
    }
}
