//! How events are divided into what models learn from and what they are asked about.
//!
//! | split | test | validation |
//! |---|---|---|
//! | `leave-one-out` | each user's last event | the last but one |
//! | `temporal:0.8` | all events from one point in time on | the last tenth of the time before it |
//! | `ratio:0.8` | a random fifth of each user's events | a random tenth of the rest |
//! | `given` | the part the data calls test | the part it calls valid, or a random tenth |
//! | `cold-items:0.1` | all events of a random tenth of the items | of another tenth |
//! | `cold-users:0.1` | the later fifth of the events of a random tenth of the users | of another tenth |
//!
//! Models are chosen on [`Parts::train`] and [`Parts::validation`], then fitted on
//! [`Parts::full`] (training and validation events together) and reported on [`Parts::test`].
//! Held-out items that the user's history already holds are not asked for: they are counted in
//! [`Parts::repeats`].

use crate::{Cases, Clock, DataError, Event, Interactions, Part, Row};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::fmt;
use std::str::FromStr;

/// A named way to divide events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Split {
    /// The last event of each user tests, the last but one validates.
    LeaveOneOut,
    /// One point in time; the share of events before it.
    Temporal(f64),
    /// A random share of each user's events trains.
    Ratio(f64),
    /// The data says it itself.
    Given,
    /// The share of items without any training event.
    ColdItems(f64),
    /// The share of users without any training event.
    ColdUsers(f64),
}

impl FromStr for Split {
    type Err = DataError;

    fn from_str(s: &str) -> Result<Self, DataError> {
        let (name, number) = match s.split_once(':') {
            Some((name, n)) => (name, Some(n)),
            None => (s, None),
        };
        let share = |default: f64| {
            match number {
            None => Ok(default),
            Some(n) => n
                .parse::<f64>()
                .ok()
                .filter(|x| *x > 0.0 && *x < 1.0)
                .ok_or_else(|| DataError::Split(format!("'{s}': the number after the colon must lie between 0 and 1, as in '{name}:{default}'"))),
        }
        };
        match name {
            "leave-one-out" if number.is_none() => Ok(Self::LeaveOneOut),
            "given" if number.is_none() => Ok(Self::Given),
            "temporal" => share(0.8).map(Self::Temporal),
            "ratio" => share(0.8).map(Self::Ratio),
            "cold-items" => share(0.1).map(Self::ColdItems),
            "cold-users" => share(0.1).map(Self::ColdUsers),
            _ => Err(DataError::Split(format!(
                "'{s}' is no split; expected leave-one-out, temporal:0.8, ratio:0.8, given, cold-items:0.1 or cold-users:0.1"
            ))),
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeaveOneOut => f.write_str("leave-one-out"),
            Self::Temporal(x) => write!(f, "temporal:{x}"),
            Self::Ratio(x) => write!(f, "ratio:{x}"),
            Self::Given => f.write_str("given"),
            Self::ColdItems(x) => write!(f, "cold-items:{x}"),
            Self::ColdUsers(x) => write!(f, "cold-users:{x}"),
        }
    }
}

/// The division of one data set.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What models are fitted on while choices are made.
    pub train: Interactions,
    /// What choices are made on.
    pub validation: Cases,
    /// Training and validation events: what reported models are fitted on. Of a given split it
    /// tells which is which.
    pub full: Interactions,
    /// What figures are reported on.
    pub test: Cases,
    /// Held-out events not asked for because the history already holds the item.
    pub repeats: usize,
    /// The share of test events that are older than the newest training event of the data set:
    /// how much of the future the models have seen. `None` where times are not comparable.
    pub future_share: Option<f64>,
}

/// Divides `log`; the same seed gives the same parts.
///
/// # Errors
/// [`DataError::Split`] if the data cannot be divided so: no timestamps for `temporal`, no given
/// parts for `given`, or nothing left to train on or to ask about.
pub fn split(log: &Interactions, how: Split, seed: u64) -> Result<Parts, DataError> {
    log.required()?;
    let rows: Vec<Row> = log.rows().collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let parts = assign(log, &rows, how, &mut rng)?;
    let of = |wanted: &[Part]| -> Interactions {
        let kept: Vec<Row> = rows
            .iter()
            .zip(&parts)
            .filter(|(_, p)| wanted.contains(p))
            .map(|(r, &part)| Row {
                part: if how == Split::Given {
                    part
                } else {
                    Part::Train
                },
                ..*r
            })
            .collect();
        Interactions::from_rows(&kept, log.n_users(), log.n_items(), log.clock())
    };
    let mut train = of(&[Part::Train]);
    let full = of(&[Part::Train, Part::Valid]);
    let mut repeats = 0;
    let (validation, test) = if matches!(how, Split::ColdUsers(_)) {
        // A validating user's events are all unseen while choices are made, all seen afterwards.
        let validation = cold_user_cases(log, &parts, Part::Valid, &mut 0);
        let test = cold_user_cases(log, &parts, Part::Test, &mut repeats);
        (validation, test)
    } else {
        let validation = cases(log, &parts, Part::Valid, &train, &mut 0);
        let test = cases(log, &parts, Part::Test, &full, &mut repeats);
        (validation, test)
    };
    if full.is_empty() {
        return Err(DataError::Split(format!(
            "'{how}' leaves no event to train on, of {}",
            log.len()
        )));
    }
    if train.is_empty() {
        train = full.clone();
    }
    if test.is_empty() {
        return Err(DataError::Split(format!(
            "'{how}' leaves nothing to test: of {} events by {} users, none is held out and new to its user",
            log.len(),
            log.n_users()
        )));
    }
    let future_share = future_share(&rows, &parts, log.clock());
    Ok(Parts {
        train,
        validation,
        full,
        test,
        repeats,
        future_share,
    })
}

/// The part of each row; rows are grouped by user, oldest first.
fn assign(
    log: &Interactions,
    rows: &[Row],
    how: Split,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Part>, DataError> {
    let mut parts = vec![Part::Train; rows.len()];
    match how {
        Split::LeaveOneOut => {
            each_user(rows, |range| {
                if range.len() >= 2 {
                    parts[range.end - 1] = Part::Test;
                }
                if range.len() >= 3 {
                    parts[range.end - 2] = Part::Valid;
                }
            });
        }
        Split::Temporal(share) => temporal(log, rows, share, &mut parts)?,
        Split::Ratio(share) => {
            each_user(rows, |range| {
                let mut order: Vec<usize> = range.clone().collect();
                order.shuffle(rng);
                let test = portion(range.len(), 1.0 - share);
                let valid = portion(range.len() - test, 0.1);
                for &i in &order[..test] {
                    parts[i] = Part::Test;
                }
                for &i in &order[test..test + valid] {
                    parts[i] = Part::Valid;
                }
            });
        }
        Split::Given => {
            if !log.has_parts() {
                return Err(DataError::Split(
                    "'given' needs a column named split (train, valid, test) or --test-interactions at import; this data set has neither".into(),
                ));
            }
            for (part, row) in parts.iter_mut().zip(rows) {
                *part = row.part;
            }
            if !parts.contains(&Part::Valid) {
                each_user(rows, |range| {
                    let mut order: Vec<usize> =
                        range.filter(|&i| parts[i] == Part::Train).collect();
                    order.shuffle(rng);
                    let valid = portion(order.len(), 0.1);
                    for &i in &order[..valid] {
                        parts[i] = Part::Valid;
                    }
                });
            }
        }
        Split::ColdItems(share) => {
            let counts = log.item_counts();
            let seen: Vec<usize> = (0..counts.len()).filter(|&i| counts[i] > 0).collect();
            let label = cold(&seen, counts.len(), share, rng);
            for (part, row) in parts.iter_mut().zip(rows) {
                *part = label[row.event.item as usize];
            }
        }
        Split::ColdUsers(share) => {
            let active: Vec<usize> = (0..log.n_users())
                .filter(|&u| !log.of_user(u32::try_from(u).unwrap_or(u32::MAX)).is_empty())
                .collect();
            let label = cold(&active, log.n_users(), share, rng);
            for (part, row) in parts.iter_mut().zip(rows) {
                *part = label[row.user as usize];
            }
        }
    }
    Ok(parts)
}

fn temporal(
    log: &Interactions,
    rows: &[Row],
    share: f64,
    parts: &mut [Part],
) -> Result<(), DataError> {
    if log.clock() != Clock::Seconds {
        return Err(DataError::Split(
            "'temporal' needs timestamps that can be compared between users; this data set has only an order within each user (use leave-one-out)".into(),
        ));
    }
    let mut times: Vec<i64> = rows.iter().map(|r| r.event.time).collect();
    times.sort_unstable();
    let at = |share: f64| times[portion(times.len(), share).min(times.len() - 1)];
    let (test, valid) = (at(share), at(share * 0.9));
    for (part, row) in parts.iter_mut().zip(rows) {
        *part = match row.event.time {
            t if t >= test => Part::Test,
            t if t >= valid => Part::Valid,
            _ => Part::Train,
        };
    }
    Ok(())
}

/// Labels two disjoint random shares of `members` test and valid.
fn cold(members: &[usize], n: usize, share: f64, rng: &mut ChaCha8Rng) -> Vec<Part> {
    let mut order = members.to_vec();
    order.shuffle(rng);
    let size = portion(members.len(), share).max(1).min(members.len() / 3);
    let mut label = vec![Part::Train; n];
    for &i in &order[..size] {
        label[i] = Part::Test;
    }
    for &i in &order[size..2 * size] {
        label[i] = Part::Valid;
    }
    label
}

/// Calls `f` with each user's range of rows.
fn each_user(rows: &[Row], mut f: impl FnMut(std::ops::Range<usize>)) {
    let mut start = 0;
    for group in rows.chunk_by(|a, b| a.user == b.user) {
        f(start..start + group.len());
        start += group.len();
    }
}

/// `share` of `n`, rounded to the nearest whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts of events are far below 2^52 and shares lie in 0..1"
)]
fn portion(n: usize, share: f64) -> usize {
    (n as f64 * share).round() as usize
}

fn cases(
    log: &Interactions,
    parts: &[Part],
    wanted: Part,
    history: &Interactions,
    repeats: &mut usize,
) -> Cases {
    let mut out = Cases::default();
    let mut start = 0;
    for u in 0..log.n_users() {
        let user = u32::try_from(u).unwrap_or(u32::MAX);
        let events = log.of_user(user);
        let before = history.of_user(user);
        let seen: std::collections::BTreeSet<u32> = before.iter().map(|e| e.item).collect();
        let mut held_out = Vec::new();
        for (event, part) in events.iter().zip(&parts[start..]) {
            if *part == wanted {
                if seen.contains(&event.item) {
                    *repeats += 1;
                } else {
                    held_out.push(event.item);
                }
            }
        }
        start += events.len();
        out.push(user, before, &held_out);
    }
    out
}

/// For users no model was fitted on: the earlier four fifths of their events are the history,
/// the rest is asked for.
fn cold_user_cases(log: &Interactions, parts: &[Part], wanted: Part, repeats: &mut usize) -> Cases {
    let mut out = Cases::default();
    let mut start = 0;
    for u in 0..log.n_users() {
        let user = u32::try_from(u).unwrap_or(u32::MAX);
        let events: &[Event] = log.of_user(user);
        if !events.is_empty() && parts[start] == wanted {
            let cut = events.len() - portion(events.len(), 0.2).max(1);
            let (before, after) = events.split_at(cut);
            let seen: std::collections::BTreeSet<u32> = before.iter().map(|e| e.item).collect();
            let held_out: Vec<u32> = after
                .iter()
                .map(|e| e.item)
                .filter(|i| !seen.contains(i))
                .collect();
            *repeats += after.len() - held_out.len();
            out.push(user, before, &held_out);
        }
        start += events.len();
    }
    out
}

fn future_share(rows: &[Row], parts: &[Part], clock: Clock) -> Option<f64> {
    if clock != Clock::Seconds {
        return None;
    }
    let newest = rows
        .iter()
        .zip(parts)
        .filter(|(_, p)| **p != Part::Test)
        .map(|(r, _)| r.event.time)
        .max()?;
    let (mut older, mut all) = (0u32, 0u32);
    for (row, part) in rows.iter().zip(parts) {
        if *part == Part::Test {
            all += 1;
            older += u32::from(row.event.time < newest);
        }
    }
    (all > 0).then(|| f64::from(older) / f64::from(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// User 0 touches 0,1,2,3; user 1 touches 1,2; user 2 touches 3.
    fn log() -> Interactions {
        let rows: Vec<Row> = [
            (0, 0, 10),
            (0, 1, 20),
            (0, 2, 30),
            (0, 3, 40),
            (1, 1, 15),
            (1, 2, 35),
            (2, 3, 12),
        ]
        .into_iter()
        .map(|(user, item, time)| Row {
            user,
            event: Event {
                item,
                value: 1.0,
                time,
            },
            kind: 0,
            part: Part::Train,
        })
        .collect();
        Interactions::from_rows(&rows, 3, 4, Clock::Seconds)
    }

    fn items(events: &[Event]) -> Vec<u32> {
        events.iter().map(|e| e.item).collect()
    }

    #[test]
    fn leave_one_out_by_hand() {
        let p = split(&log(), Split::LeaveOneOut, 1).unwrap();
        let test: Vec<_> = p
            .test
            .iter()
            .map(|c| (c.user, items(c.history), c.held_out.to_vec()))
            .collect();
        assert_eq!(test, [(0, vec![0, 1, 2], vec![3]), (1, vec![1], vec![2])]);
        let valid: Vec<_> = p
            .validation
            .iter()
            .map(|c| (c.user, items(c.history), c.held_out.to_vec()))
            .collect();
        assert_eq!(valid, [(0, vec![0, 1], vec![2])]);
        assert_eq!(items(p.train.of_user(2)), [3]);
        // The newest training event is user 0's at 30; user 1's test event at 35 and user 0's at
        // 40 are later, so nothing of the future was seen.
        assert_eq!(p.future_share, Some(0.0));
    }

    #[test]
    fn temporal_by_hand() {
        // Times sorted: 10 12 15 20 30 35 40; 0.7 of 7 rounds to 5, so the boundary is 35, and
        // 0.63 of 7 rounds to 4: validation starts at 30.
        let p = split(&log(), Split::Temporal(0.7), 1).unwrap();
        let test: Vec<_> = p
            .test
            .iter()
            .map(|c| (c.user, c.held_out.to_vec()))
            .collect();
        assert_eq!(test, [(0, vec![3]), (1, vec![2])]);
        assert_eq!(items(p.test.get(0).history), [0, 1, 2]);
        assert_eq!(items(p.validation.get(0).history), [0, 1]);
    }

    #[test]
    fn cold_items_have_no_training_event() {
        let p = split(&log(), Split::ColdItems(0.25), 3).unwrap();
        let full = p.full.item_counts();
        for case in p.test.iter() {
            assert!(case.held_out.iter().all(|&i| full[i as usize] == 0));
        }
        let train = p.train.item_counts();
        for case in p.validation.iter() {
            assert!(case.held_out.iter().all(|&i| train[i as usize] == 0));
        }
    }

    #[test]
    fn cold_users_are_not_trained_on() {
        let rows: Vec<Row> = (0..40)
            .map(|i| Row {
                user: i / 4,
                event: Event {
                    item: i % 7,
                    value: 1.0,
                    time: i64::from(i),
                },
                kind: 0,
                part: Part::Train,
            })
            .collect();
        let log = Interactions::from_rows(&rows, 10, 7, Clock::Seconds);
        let p = split(&log, Split::ColdUsers(0.2), 3).unwrap();
        assert_eq!(p.test.len(), 2);
        for case in p.test.iter() {
            assert!(p.full.of_user(case.user).is_empty());
            assert!(!case.history.is_empty());
        }
    }

    #[test]
    fn repeats_are_counted_not_asked() {
        let rows: Vec<Row> = [(0, 0), (0, 1), (0, 0), (1, 1), (1, 0)]
            .into_iter()
            .zip(0..)
            .map(|((user, item), time)| Row {
                user,
                event: Event {
                    item,
                    value: 1.0,
                    time,
                },
                kind: 0,
                part: Part::Train,
            })
            .collect();
        let log = Interactions::from_rows(&rows, 2, 2, Clock::Position);
        let p = split(&log, Split::LeaveOneOut, 0).unwrap();
        assert_eq!(p.repeats, 1);
        assert_eq!(p.test.len(), 1);
        assert_eq!(p.future_share, None);
    }

    #[test]
    fn names_round_trip_and_nonsense_is_refused() {
        for name in [
            "leave-one-out",
            "temporal:0.8",
            "ratio:0.7",
            "given",
            "cold-items:0.1",
            "cold-users:0.2",
        ] {
            assert_eq!(name.parse::<Split>().unwrap().to_string(), name);
        }
        let error = "temporal:80".parse::<Split>().unwrap_err().to_string();
        assert!(error.contains("between 0 and 1"), "{error}");
        assert!("random".parse::<Split>().is_err());
    }

    #[test]
    fn temporal_without_timestamps_says_so() {
        let rows = [Row {
            user: 0,
            event: Event {
                item: 0,
                value: 1.0,
                time: 0,
            },
            kind: 0,
            part: Part::Train,
        }];
        let log = Interactions::from_rows(&rows, 1, 1, Clock::Position);
        let error = split(&log, Split::Temporal(0.8), 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("timestamps"), "{error}");
    }
}
