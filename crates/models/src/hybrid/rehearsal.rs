//! The past, divided once more, so that a fusion can learn which source to trust when.
//!
//! Some events are hidden. If what will be asked about comes later than all that is known and
//! times can be compared, those of the newest tenth of the events; if they cannot and the data say
//! themselves what was held out, that; else each user's last (any one, where the data have no
//! order). On top of that a random share of the items is made *cold*: none of
//! their events is learned from, so that the fusion sees what never-clicked items look like. What
//! was hidden is then asked for.
//!
//! Where the newest tenth asks too few people to tell one fusion from another ([`PLENTY`]), the same
//! is done again with the data as they were before it, tenth by tenth back to the middle of the
//! log (a forecast from a rolling origin, Tashman 2000).

use crate::Horizon;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use semrec_data::{Cases, Clock, Event, Interactions, Part, Row};
use std::collections::BTreeSet;

/// Fewer people than this, of all tenths, say too little; hide each user's last event instead.
const ENOUGH_PEOPLE: usize = 50;
/// Share of the newest events that is hidden.
const NEWEST: f64 = 0.1;
/// Tenths that are hidden one after the other, at most.
const ORIGINS: usize = 5;
/// Questions from which on there are enough to choose a fusion by.
pub(super) const PLENTY: usize = 500;

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

/// Hides events of at most `max_cases` people each time, and makes a `cold_share` of the items cold.
pub(super) fn rehearse(
    (log, horizon): (&Interactions, Horizon),
    max_cases: usize,
    cold_share: f64,
    seed: u64,
) -> Vec<Rehearsal> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    if log.clock() == Clock::Seconds && horizon == Horizon::Later {
        let rehearsals = by_time(log, max_cases, cold_share, &mut rng);
        let asked: usize = rehearsals.iter().map(|r| r.cases.len()).sum();
        if asked >= ENOUGH_PEOPLE.min(max_cases) {
            return rehearsals;
        }
    }
    let cold = cold_items(log, cold_share, &mut rng);
    let hidden = (horizon == Horizon::Later)
        .then(|| held_out(log, max_cases, &mut rng))
        .flatten()
        .unwrap_or_else(|| one_each(log, max_cases, &mut rng));
    vec![divide(log, &hidden, &cold)]
}

/// Hides the last part of data that come divided, test or else validation; `None` if they do not, or
/// it asks too few people.
fn held_out(log: &Interactions, max_cases: usize, rng: &mut ChaCha8Rng) -> Option<Hidden> {
    let parts = || log.rows().map(|row| row.part);
    let last = [Part::Test, Part::Valid]
        .into_iter()
        .find(|part| parts().any(|p| p == *part))?;
    let hidden = hide(
        log,
        parts().map(|part| part == last).collect(),
        max_cases,
        rng,
    )?;
    (hidden.asked.len() >= ENOUGH_PEOPLE.min(max_cases)).then_some(hidden)
}

/// Hides the newest tenth, and while that asks too few people, the tenth before it.
fn by_time(
    log: &Interactions,
    max_cases: usize,
    cold_share: f64,
    rng: &mut ChaCha8Rng,
) -> Vec<Rehearsal> {
    let plenty = max_cases.min(PLENTY);
    let (mut rehearsals, mut asked) = (Vec::new(), 0);
    let mut past: Option<Interactions> = None;
    for origin in 0..ORIGINS {
        let log = past.as_ref().unwrap_or(log);
        let most = if origin == 0 {
            max_cases
        } else {
            plenty - asked
        };
        let share = NEWEST / (1.0 - NEWEST * origin as f64);
        let cold = cold_items(log, cold_share, rng);
        let Some(hidden) = newest(log, share, most, rng) else {
            break;
        };
        rehearsals.push(divide(log, &hidden, &cold));
        asked += hidden.asked.len();
        if asked >= plenty {
            break;
        }
        past = Some(before(log, &hidden));
    }
    rehearsals
}

/// The log as it was before anything of it was hidden.
fn before(log: &Interactions, hidden: &Hidden) -> Interactions {
    let rows: Vec<Row> = log
        .rows()
        .zip(&hidden.rows)
        .filter_map(|(row, hide)| (!hide).then_some(row))
        .collect();
    Interactions::from_rows(&rows, log.n_users(), log.n_items(), log.clock())
}

/// What is left of the log without what is hidden and without cold items, and the questions.
fn divide(log: &Interactions, hidden: &Hidden, cold: &[bool]) -> Rehearsal {
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

/// Hides the newest events, of which a sample of the people who have any is asked; `None` if nobody
/// would be, or nothing left to learn from.
fn newest(
    log: &Interactions,
    share: f64,
    max_cases: usize,
    rng: &mut ChaCha8Rng,
) -> Option<Hidden> {
    let mut times: Vec<i64> = log.events().iter().map(|e| e.time).collect();
    times.sort_unstable();
    let boundary =
        *times.get(portion(times.len(), 1.0 - share).min(times.len().checked_sub(1)?))?;
    let rows = log.rows().map(|r| r.event.time >= boundary).collect();
    hide(log, rows, max_cases, rng)
}

/// Hides these rows, of whoever they are, and asks a sample of the people who have any; `None` if
/// nobody would be, or nothing is left to learn from.
fn hide(
    log: &Interactions,
    rows: Vec<bool>,
    max_cases: usize,
    rng: &mut ChaCha8Rng,
) -> Option<Hidden> {
    let people = log.rows().zip(&rows).filter(|(_, hide)| **hide);
    let active: BTreeSet<u32> = people.map(|(row, _)| row.user).collect();
    let mut sample: Vec<u32> = active.into_iter().collect();
    sample.shuffle(rng);
    sample.truncate(max_cases);
    (!sample.is_empty() && rows.contains(&false)).then(|| Hidden {
        rows,
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
        let r = rehearse((&log, Horizon::AnyTime), 1000, 0.0, 1).remove(0);
        assert_eq!(r.cases.len(), 40);
        assert_eq!(r.train.len(), 80);
        for case in r.cases.iter() {
            let events = log.of_user(case.user);
            assert_eq!(case.held_out, [events[2].item]);
            assert_eq!(case.history, &events[..2]);
        }
    }

    /// Data that come divided are asked for what they hold out, test before validation, and nothing
    /// of it is learned from.
    #[test]
    fn what_the_data_hold_out_is_asked_for() {
        let divided = |parts: [Part; 3], clock| {
            let whole = log(Clock::Position);
            let rows = whole.rows().enumerate().map(|(i, row)| Row {
                part: parts[i % 3],
                ..row
            });
            let rows: Vec<Row> = rows.collect();
            // Few ask no more than a guess would say.
            let mut people = rows.clone();
            people.extend(rows.iter().map(|row| Row {
                user: row.user + 40,
                ..*row
            }));
            Interactions::from_rows(&people, 80, 20, clock)
        };
        let hidden = |log: &Interactions, horizon| {
            let r = rehearse((log, horizon), 1000, 0.0, 1).remove(0);
            (r.cases.len(), r.train.len())
        };
        let (train, valid, test) = (Part::Train, Part::Valid, Part::Test);
        let two = divided([train, valid, valid], Clock::Position);
        assert_eq!(hidden(&two, Horizon::Later), (80, 80));
        let r = rehearse((&two, Horizon::Later), 1000, 0.0, 1).remove(0);
        assert!(r.train.rows().all(|row| row.part == train));
        assert!(r.cases.iter().all(|case| case.held_out.len() == 2));
        let three = divided([train, valid, test], Clock::None);
        assert_eq!(hidden(&three, Horizon::Later), (80, 160));
        // What happens at any time is asked of each, and data that are not divided too.
        assert_eq!(hidden(&two, Horizon::AnyTime), (80, 160));
        let whole = divided([train, train, train], Clock::Position);
        assert_eq!(hidden(&whole, Horizon::Later), (80, 160));
    }

    #[test]
    fn cold_items_stay_in_histories_but_are_not_learned() {
        let log = log(Clock::None);
        let r = rehearse((&log, Horizon::Later), 1000, 0.25, 1).remove(0);
        let touched = r.train.item_counts().iter().filter(|&&n| n > 0).count();
        assert_eq!(touched, 15);
        assert!(r.cases.iter().all(|c| c.history.len() == 2));
    }

    /// `people` with ten events each, one after the other in time; neighbours overlap.
    fn in_time(people: u32) -> Interactions {
        let rows: Vec<Row> = (0..people * 10)
            .map(|i| Row {
                user: i / 10,
                event: Event {
                    item: (i * 7) % 20,
                    value: 1.0,
                    time: i64::from(i / 10 + 5 * (i % 10)),
                },
                kind: 0,
                part: Part::Train,
            })
            .collect();
        Interactions::from_rows(&rows, people as usize, 20, Clock::Seconds)
    }

    #[test]
    fn few_questions_are_asked_again_of_earlier_days() {
        let rehearsals = rehearse((&in_time(300), Horizon::Later), 1000, 0.0, 1);
        assert_eq!(rehearsals.len(), ORIGINS);
        let mut until = i64::MAX;
        for r in &rehearsals {
            // Nothing is learned that happened after what is asked for, nor after an earlier question.
            let newest = r.train.events().iter().map(|e| e.time).max().unwrap();
            assert!(newest < until);
            assert!(r.train.len() >= 1_300);
            until = newest;
            for case in r.cases.iter() {
                assert!(case.history.iter().all(|e| e.time <= newest));
            }
        }
    }

    #[test]
    fn what_happens_at_any_time_is_asked_of_each() {
        let log = in_time(300);
        let rehearsals = rehearse((&log, Horizon::AnyTime), 1000, 0.0, 1);
        assert_eq!(rehearsals.len(), 1);
        assert_eq!(rehearsals[0].cases.len(), 300);
        for case in rehearsals[0].cases.iter() {
            assert_eq!(case.history.len(), 9);
        }
    }

    #[test]
    fn plenty_of_questions_are_asked_once() {
        assert_eq!(
            rehearse((&in_time(6_000), Horizon::Later), 1000, 0.0, 1).len(),
            1
        );
        // As many as are wanted are plenty, too.
        assert_eq!(
            rehearse((&in_time(900), Horizon::Later), 60, 0.0, 1).len(),
            1
        );
    }

    #[test]
    fn days_on_which_everything_happened_are_not_divided() {
        let log = in_time(60);
        let rows: Vec<Row> = log
            .rows()
            .map(|mut row| {
                row.event.time = 7;
                row
            })
            .collect();
        let log = Interactions::from_rows(&rows, 60, 20, Clock::Seconds);
        let rehearsals = rehearse((&log, Horizon::Later), 1000, 0.0, 1);
        assert_eq!(rehearsals.len(), 1);
        assert_eq!(rehearsals[0].train.len(), log.len() - 60);
    }
}
