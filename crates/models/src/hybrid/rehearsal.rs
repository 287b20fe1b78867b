//! The past, divided once more, so that a fusion can learn which source to trust when.
//!
//! Some events are hidden: where times can be compared, those of the newest tenth of the events;
//! elsewhere each user's last (any one, where the data have no order). On top of that a random
//! share of the items is made *cold*: none of their events is learned from, so that the fusion
//! sees what never-clicked items look like. What was hidden is then asked for.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use semrec_data::{Cases, Clock, Event, Interactions, Row};
use std::collections::BTreeSet;

/// Fewer people than this say too little; hide each user's last event instead.
const ENOUGH_PEOPLE: usize = 50;
/// Share of the newest events that is hidden.
const NEWEST: f64 = 0.1;

/// What the sources learn from, and what is asked of them.
pub(super) struct Rehearsal {
    pub(super) train: Interactions,
    pub(super) cases: Cases,
}

/// Which events are hidden, and who is asked about theirs.
struct Hidden {
    rows: Vec<bool>,
    asked: BTreeSet<u32>,
}

/// Hides events of at most `max_cases` people, and makes a `cold_share` of the items cold.
pub(super) fn rehearse(
    log: &Interactions,
    max_cases: usize,
    cold_share: f64,
    seed: u64,
) -> Rehearsal {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let cold = cold_items(log, cold_share, &mut rng);
    let hidden = match log.clock() {
        Clock::Seconds => {
            newest(log, max_cases, &mut rng).unwrap_or_else(|| one_each(log, max_cases, &mut rng))
        }
        Clock::Position | Clock::None => one_each(log, max_cases, &mut rng),
    };
    let mut cases = Cases::default();
    let mut kept: Vec<Row> = Vec::with_capacity(log.len());
    let mut rows = log.rows().zip(&hidden.rows).peekable();
    for user in (0u32..).take(log.n_users()) {
        let asked = hidden.asked.contains(&user);
        let mut history: Vec<Event> = Vec::new();
        let mut held_out = Vec::new();
        while let Some((row, hide)) = rows.next_if(|(row, _)| row.user == user) {
            if *hide {
                held_out.push(row.event.item);
                continue;
            }
            history.push(row.event);
            if !cold[row.event.item as usize] {
                kept.push(row);
            }
        }
        if asked {
            let seen: BTreeSet<u32> = history.iter().map(|e| e.item).collect();
            held_out.retain(|item| !seen.contains(item));
            cases.push(user, &history, &held_out);
        }
    }
    let train = Interactions::from_rows(&kept, log.n_users(), log.n_items(), log.clock());
    Rehearsal { train, cases }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a count is a count"
)]
fn portion(n: usize, share: f64) -> usize {
    (n as f64 * share).round() as usize
}

fn cold_items(log: &Interactions, share: f64, rng: &mut ChaCha8Rng) -> Vec<bool> {
    let mut seen: Vec<usize> = log
        .item_counts()
        .iter()
        .enumerate()
        .filter_map(|(i, &n)| (n > 0).then_some(i))
        .collect();
    seen.shuffle(rng);
    let mut cold = vec![false; log.n_items()];
    for &i in &seen[..portion(seen.len(), share)] {
        cold[i] = true;
    }
    cold
}

/// Hides the newest events of a sample of the people who have any; `None` if those are too few.
fn newest(log: &Interactions, max_cases: usize, rng: &mut ChaCha8Rng) -> Option<Hidden> {
    let mut times: Vec<i64> = log.events().iter().map(|e| e.time).collect();
    times.sort_unstable();
    let boundary =
        *times.get(portion(times.len(), 1.0 - NEWEST).min(times.len().checked_sub(1)?))?;
    let active: BTreeSet<u32> = log
        .rows()
        .filter(|r| r.event.time >= boundary)
        .map(|r| r.user)
        .collect();
    let mut sample: Vec<u32> = active.into_iter().collect();
    sample.shuffle(rng);
    sample.truncate(max_cases);
    if sample.len() < ENOUGH_PEOPLE.min(max_cases) {
        return None;
    }
    Some(Hidden {
        // Nobody's newest events are learned from, asked for or not.
        rows: log.rows().map(|r| r.event.time >= boundary).collect(),
        asked: sample.into_iter().collect(),
    })
}

/// Hides one event of each of a sample of the people with at least two.
fn one_each(log: &Interactions, max_cases: usize, rng: &mut ChaCha8Rng) -> Hidden {
    let mut people: Vec<(u32, usize, usize)> = Vec::new();
    let mut start = 0;
    for user in (0u32..).take(log.n_users()) {
        let n = log.of_user(user).len();
        if n >= 2 {
            people.push((user, start, n));
        }
        start += n;
    }
    people.shuffle(rng);
    people.truncate(max_cases);
    let mut hidden = Hidden {
        rows: vec![false; log.len()],
        asked: BTreeSet::new(),
    };
    for (user, start, n) in people {
        let which = match log.clock() {
            Clock::Seconds | Clock::Position => n - 1,
            Clock::None => rng.random_range(0..n),
        };
        hidden.rows[start + which] = true;
        hidden.asked.insert(user);
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::Part;

    fn log(clock: Clock) -> Interactions {
        let rows: Vec<Row> = (0..120u32)
            .map(|i| Row {
                user: i / 3,
                event: Event {
                    item: (i * 7) % 20,
                    value: 1.0,
                    time: i64::from(i % 3),
                },
                kind: 0,
                part: Part::Train,
            })
            .collect();
        Interactions::from_rows(&rows, 40, 20, clock)
    }

    #[test]
    fn the_last_event_is_asked_for_and_not_learned() {
        let log = log(Clock::Position);
        let r = rehearse(&log, 1000, 0.0, 1);
        assert_eq!(r.cases.len(), 40);
        assert_eq!(r.train.len(), 80);
        for case in r.cases.iter() {
            let events = log.of_user(case.user);
            assert_eq!(case.held_out, [events[2].item]);
            assert_eq!(case.history, &events[..2]);
        }
    }

    #[test]
    fn cold_items_stay_in_histories_but_are_not_learned() {
        let log = log(Clock::None);
        let r = rehearse(&log, 1000, 0.25, 1);
        let touched = r.train.item_counts().iter().filter(|&&n| n > 0).count();
        assert_eq!(touched, 15);
        assert!(r.cases.iter().all(|c| c.history.len() == 2));
    }
}
