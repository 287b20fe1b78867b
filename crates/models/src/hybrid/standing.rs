//! What an item is worth by itself: its features that no source has a part in.
//!
//! | feature | what it says |
//! |---|---|
//! | `ln(1 + n_i)` | how many people touched it |
//! | `[n_i = 0]` | that nobody did |
//! | `ln(1 + n_i(t_u))` | how many had touched it when the person asked for was last here: what was there to be chosen then, and was passed over |
//! | `q_i` | how highly those who touched it valued it among what they touched |
//!
//! ```text
//! q_i = Σ (r − 1/2) / (events of i + DAMPING)
//! ```
//!
//! over the events of the item, where `r` is the share of the person's events of a smaller value, those
//! of the same value counting half: the mid-distribution function of their values, which is the same
//! for ratings, hours or quantities, whatever their scale, and for harsh and mild people (the
//! damped item mean of rating predictors, on ranks; Koren 2010). It is 0 for all where values do not
//! differ.
//!
//! What was passed over is known only where times can be compared, and used only where what is
//! asked for comes after all that is known: else what others did after the person's last event, which
//! is the time that is asked about, would tell. It is kept for [`MARKS`] points in time, between which lie
//! the last events of as many people, and read off the first of them that is not before the
//! person's last event. Memory besides the counts: `4 + 4 * MARKS` bytes an item; nothing where there is nothing to tell.

use super::log;
use crate::kernels::add_row;
use crate::{Horizon, ModelError, Query, Tensors, Training};
use semrec_data::{Clock, Event, Interactions};
use std::sync::Arc;

/// Features of an item by itself.
pub(super) const OWN: usize = 4;
/// Points in time for which it is known how many had touched an item.
const MARKS: usize = 16;
/// Events of middling value that are added to an item's own.
const DAMPING: f32 = 2.0;

/// The features of all items, whoever asks. Of items that came after it was fitted only the counts are
/// held: `valued` and the rows of `past` end before them.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// `ln(1 + n_i)`, `[n_items]`.
    pub(super) logs: Vec<f32>,
    /// `q_i`, `[n]`, or nothing where values do not differ.
    valued: Arc<Vec<f32>>,
    /// Unix seconds, ascending; none where the past cannot be used.
    marks: Vec<i64>,
    /// `ln(1 + n_i(mark))`, `[marks, n]`.
    past: Arc<Vec<f32>>,
}

/// What is told of the items beside the counts for one person: what was passed over, and how they are
/// valued. Either may end early, or be empty: the rest is 0.
pub(super) type Told<'a> = (&'a [f32], &'a [f32]);

impl Standing {
    pub(super) fn fit(training: &Training<'_>) -> Self {
        let log = training.interactions;
        let marks = if training.horizon == Horizon::Later && log.clock() == Clock::Seconds {
            marks(log)
        } else {
            Vec::new()
        };
        Self {
            logs: logs(&log.item_counts()),
            valued: Arc::new(valued(log)),
            past: Arc::new(past(log, &marks)),
            marks,
        }
    }

    pub(super) fn told(&self, query: &Query<'_>) -> Told<'_> {
        let passed = match (query.history.last(), self.marks.len()) {
            (None, _) | (_, 0) => &[],
            (Some(last), m) => {
                let row = self.marks.partition_point(|&mark| mark < last.time);
                let n = self.past.len() / m;
                &self.past[row.min(m - 1) * n..][..n]
            }
        };
        (passed, &self.valued)
    }

    /// The features of one item.
    pub(super) fn features(&self, (passed, valued): Told<'_>, item: u32) -> [f32; OWN] {
        let of = |row: &[f32]| row.get(item as usize).copied().unwrap_or(0.0);
        let [count, never] = by_count(of(&self.logs));
        [count, never, of(passed), of(valued)]
    }

    /// Writes what the items are worth by themselves, `[n_items]`.
    pub(super) fn score(&self, query: &Query<'_>, weights: [f32; OWN], out: &mut [f32]) {
        let [by_log, if_never, by_passed, by_valued] = weights;
        for (score, &log) in out.iter_mut().zip(&self.logs) {
            let [count, never] = by_count(log);
            *score = by_log * count + if_never * never;
        }
        let (passed, valued) = self.told(query);
        for (weight, row) in [(by_passed, passed), (by_valued, valued)] {
            add_row(&mut out[..row.len()], weight, row);
        }
    }

    /// The same with room for more items, of which nothing is known.
    pub(super) fn widened(&self, n_items: usize) -> Self {
        let mut wider = self.clone();
        wider.logs.resize(n_items.max(self.logs.len()), 0.0);
        wider
    }

    pub(super) fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let (valued, past, m) = (&self.valued, &self.past, self.marks.len());
        into.put_f32("item_logs", &[self.logs.len()], self.logs.clone())?;
        into.put_f32("valued", &[valued.len()], Arc::clone(valued))?;
        into.put_i64("marks", &[m], self.marks.clone())?;
        into.put_f32("past", &[m, past.len() / m.max(1)], Arc::clone(past))
    }

    pub(super) fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let [n_items] = tensors.shape("item_logs")?;
        let [n_valued] = tensors.shape("valued")?;
        let [_, n_past] = tensors.shape("past")?;
        let (_, marks) = tensors.i64("marks")?;
        if n_valued.max(n_past) > n_items {
            return Err(ModelError::Tensor {
                name: "past".to_owned(),
                problem: format!(
                    "speaks of {n_past} items, 'valued' of {n_valued}, 'item_logs' of {n_items}"
                ),
            });
        }
        Ok(Self {
            logs: tensors.shared_f32("item_logs", &[n_items])?.to_vec(),
            valued: tensors.shared_f32("valued", &[n_valued])?,
            past: tensors.shared_f32("past", &[marks.len(), n_past])?,
            marks: marks.to_vec(),
        })
    }
}

/// `ln(1 + n_i)`, and whether nobody touched it.
#[inline(always)]
fn by_count(log: f32) -> [f32; 2] {
    [log, if log == 0.0 { 1.0 } else { 0.0 }]
}

fn logs(counts: &[u32]) -> Vec<f32> {
    counts.iter().map(|&n| log(n as usize)).collect()
}

/// Points in time, between which lie the last events of as many people each; the last is the newest
/// event of all.
fn marks(log: &Interactions) -> Vec<i64> {
    let people = (0u32..).take(log.n_users());
    let mut last: Vec<i64> = people
        .filter_map(|user| log.of_user(user).last().map(|event| event.time))
        .collect();
    last.sort_unstable();
    let n = last.len();
    let mut marks: Vec<i64> = (1..=MARKS.min(n))
        .map(|k| last[k * n / MARKS.min(n) - 1])
        .collect();
    marks.dedup();
    marks
}

/// `ln(1 + n_i(mark))`, `[marks, n_items]`.
fn past(log: &Interactions, marks: &[i64]) -> Vec<f32> {
    if marks.is_empty() {
        return Vec::new();
    }
    let n = log.n_items();
    let mut counts = vec![0u32; marks.len() * n];
    let mut last_user = vec![u32::MAX; n];
    for user in (0u32..).take(log.n_users()) {
        // Oldest first, so that a pair counts from its first event on.
        for event in log.of_user(user) {
            let item = event.item as usize;
            if last_user[item] != user {
                last_user[item] = user;
                counts[marks.partition_point(|&mark| mark < event.time) * n + item] += 1;
            }
        }
    }
    for i in n..counts.len() {
        counts[i] += counts[i - n];
    }
    logs(&counts)
}

/// `q_i`, `[n_items]`, or nothing where nobody's values differ.
#[expect(clippy::cast_precision_loss, reason = "shares of counts")]
fn valued(log: &Interactions) -> Vec<f32> {
    let mut sums = vec![0.0f32; log.n_items()];
    let mut counts = vec![DAMPING; log.n_items()];
    let mut sorted: Vec<f32> = Vec::new();
    let mut differ = false;
    for user in (0u32..).take(log.n_users()) {
        let events: &[Event] = log.of_user(user);
        sorted.clear();
        sorted.extend(events.iter().map(|event| event.value));
        sorted.sort_unstable_by(f32::total_cmp);
        differ |= sorted.first() != sorted.last();
        for event in events {
            let below = sorted.partition_point(|v| v.total_cmp(&event.value).is_lt());
            let up_to = sorted.partition_point(|v| v.total_cmp(&event.value).is_le());
            let item = event.item as usize;
            sums[item] += (below + up_to) as f32 / (2 * sorted.len()) as f32 - 0.5;
            counts[item] += 1.0;
        }
    }
    if !differ {
        return Vec::new();
    }
    sums.iter().zip(counts).map(|(sum, n)| sum / n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::{Part, Row};

    /// Three people, four items: (person, item, value, time).
    fn log(clock: Clock) -> Interactions {
        let rows = [
            (0, 0, 5.0, 10),
            (0, 1, 1.0, 20),
            (1, 0, 4.0, 30),
            (1, 2, 4.0, 40),
            (2, 0, 2.0, 50),
            (2, 1, 3.0, 60),
            (2, 0, 9.0, 70),
        ];
        let rows = rows.map(|(user, item, value, time)| Row {
            user,
            event: Event { item, value, time },
            kind: 0,
            part: Part::Train,
        });
        Interactions::from_rows(&rows, 3, 4, clock)
    }

    fn fitted(clock: Clock, horizon: Horizon) -> Standing {
        Standing::fit(&Training {
            interactions: &log(clock),
            item_vectors: None,
            item_facts: None,
            user_vectors: None,
            tower: None,
            horizon,
            seed: 0,
            run: None,
            progress: &|_, _, _| {},
        })
    }

    /// The features of the items for somebody who was last here at this time.
    fn features(standing: &Standing, last: Option<i64>) -> Vec<[f32; OWN]> {
        let history: Vec<Event> = last
            .map(|time| Event {
                item: 3,
                value: 1.0,
                time,
            })
            .into_iter()
            .collect();
        let query = Query {
            history: &history,
            text: None,
        };
        (0..5)
            .map(|item| standing.features(standing.told(&query), item))
            .collect()
    }

    fn close(found: &[[f32; OWN]], feature: usize, expected: [f32; 5]) {
        let found: Vec<f32> = found.iter().map(|f| f[feature]).collect();
        let near = found
            .iter()
            .zip(expected)
            .all(|(f, e)| (f - e).abs() < 1e-6);
        assert!(near, "{found:?}, expected {expected:?}");
    }

    #[test]
    fn by_hand() {
        let standing = fitted(Clock::Seconds, Horizon::Later);
        let (ln2, ln3, ln4) = (2.0f32.ln(), 3.0f32.ln(), 4.0f32.ln());
        // The marks are 20, 40 and 70: the times at which the three were last here. The fifth item came
        // later.
        let now = features(&standing, Some(99));
        close(&now, 0, [ln4, ln3, ln2, 0.0, 0.0]);
        close(&now, 1, [0.0, 0.0, 0.0, 1.0, 1.0]);
        close(&now, 2, [ln4, ln3, ln2, 0.0, 0.0]);
        // Places among the values of each person, less a half: 1/4, -1/4; 0, 0; -1/3, 0, 1/3.
        close(&now, 3, [0.25 / 6.0, -0.25 / 4.0, 0.0, 0.0, 0.0]);
        close(&features(&standing, Some(20)), 2, [ln2, ln2, 0.0, 0.0, 0.0]);
        close(&features(&standing, Some(21)), 2, [ln3, ln2, ln2, 0.0, 0.0]);
        close(&features(&standing, None), 2, [0.0; 5]);
    }

    #[test]
    fn all_items_at_once_as_one_by_one_also_stored_and_with_more_items() {
        let fitted = fitted(Clock::Seconds, Horizon::Later);
        let mut tensors = Tensors::default();
        fitted.save(&mut tensors).unwrap();
        let wider = Standing::load(&tensors).unwrap().widened(5);
        let history = [Event {
            item: 3,
            value: 1.0,
            time: 25,
        }];
        let query = Query {
            history: &history,
            text: None,
        };
        let weights = [1.0, 10.0, -0.5, 100.0];
        let mut scores = [f32::NAN; 5];
        wider.score(&query, weights, &mut scores);
        for (item, score) in (0u32..).zip(scores) {
            let features = fitted.features(fitted.told(&query), item);
            let expected: f32 = features.iter().zip(weights).map(|(f, w)| f * w).sum();
            assert!(
                (score - expected).abs() < 1e-5,
                "{item}: {score}, {expected}"
            );
        }
    }

    /// What others did after a person's last event would tell of what is asked for.
    #[test]
    fn the_past_is_used_only_where_what_is_asked_for_comes_after_it() {
        for (clock, horizon) in [
            (Clock::Seconds, Horizon::Next),
            (Clock::Seconds, Horizon::AnyTime),
            (Clock::Position, Horizon::Later),
            (Clock::None, Horizon::Later),
        ] {
            close(&features(&fitted(clock, horizon), Some(99)), 2, [0.0; 5]);
        }
    }

    #[test]
    fn damaged_sizes_are_refused() {
        let error = |n_valued: usize, n_marks: usize| {
            let mut damaged = Tensors::default();
            damaged.put_f32("item_logs", &[4], vec![0.0; 4]).unwrap();
            let valued = vec![0.0; n_valued];
            damaged.put_f32("valued", &[n_valued], valued).unwrap();
            let marks = vec![7; n_marks];
            damaged.put_i64("marks", &[n_marks], marks).unwrap();
            damaged.put_f32("past", &[1, 4], vec![0.0; 4]).unwrap();
            Standing::load(&damaged).map_err(|e| e.to_string()).err()
        };
        assert_eq!(error(4, 1), None);
        assert!(error(5, 1).unwrap().contains("'valued' of 5"));
        assert!(error(4, 2).unwrap().contains("past"));
    }
}
