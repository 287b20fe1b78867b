//! People as mixtures of topics, topics over time, and topics that are sought but thinly supplied.
//!
//! A person with N events, n of them in a topic, has it with the share `(n + c p) / (N + c)`: p is
//! the topic's share of all events and c = [`PRIOR`] events that everybody is given, so that one
//! event is not taken for a passion. The confidence `N / (N + c)` is the part of the mixture that
//! is their own.
//!
//! The demand of a topic is its share of events over its share of items. Its lower bound takes the
//! people who touched it as independent: `ln demand − 1.96 / √people`. Above [`SOUGHT`] the topic
//! is sought but thinly supplied.

use crate::numbers::index;
use semrec_data::{Clock, Interactions};
use serde::Serialize;

/// Events of the average person that are added to everybody's own.
const PRIOR: f64 = 5.0;
/// Demand of which one can be sure, above which a topic is thinly supplied.
const SOUGHT: f64 = 1.5;
/// Topics of a person that are listed, at most.
const LISTED: usize = 5;
/// Stretches of time, at most.
const STRETCHES: usize = 12;

/// A topic of a person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PersonTopic {
    /// The person, by index.
    pub user: u32,
    /// The topic.
    pub topic: u32,
    /// Events of theirs with its items.
    pub events: u32,
    /// Its share of their mixture.
    pub share: f64,
    /// Which part of the mixture is their own.
    pub confidence: f64,
}

/// What people did with a topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Demand {
    /// Events with its items.
    pub events: usize,
    /// People who touched one.
    pub people: usize,
    /// Its share of events over its share of items.
    pub demand: f64,
    /// Demand of which one can be sure to 97.5 %.
    pub at_least: f64,
    /// Whether it is sought but thinly supplied.
    pub thin: bool,
    /// Its share of the events of each stretch of time; none where times are no times.
    pub over_time: Option<Vec<f64>>,
    /// How its share has changed, last third of the stretches over the first.
    pub change: Option<f64>,
    /// Whether that is more than chance, at 95 %.
    pub changed: bool,
}

/// What is known of people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interests {
    pub(crate) topics: Vec<Demand>,
    pub(crate) people: Vec<PersonTopic>,
    /// Where each stretch of time begins, and where the last ends, Unix seconds.
    pub(crate) stretches: Vec<i64>,
}

/// Counts events by topic; `topic_of` gives an item's topic, `items` the items of each.
pub(crate) fn interests(
    events: &Interactions,
    topic_of: &[Option<u32>],
    items: &[usize],
) -> Interests {
    let k = items.len();
    let mut topics = vec![Demand::default(); k];
    let mut mine = vec![0_u32; k];
    let mut counted: Vec<(u32, Vec<(u32, u32)>)> = Vec::new();
    for user in 0..index(events.n_users()) {
        let mut touched = Vec::new();
        for topic in events
            .of_user(user)
            .iter()
            .filter_map(|e| topic_of[e.item as usize])
        {
            if mine[topic as usize] == 0 {
                touched.push(topic);
            }
            mine[topic as usize] += 1;
        }
        touched.sort_unstable();
        let own: Vec<(u32, u32)> = touched
            .iter()
            .map(|&t| (t, std::mem::take(&mut mine[t as usize])))
            .collect();
        for &(topic, n) in &own {
            topics[topic as usize].events += n as usize;
            topics[topic as usize].people += 1;
        }
        if !own.is_empty() {
            counted.push((user, own));
        }
    }
    let all: usize = topics.iter().map(|t| t.events).sum();
    let supplied: usize = items.iter().sum();
    for (topic, &items) in topics.iter_mut().zip(items) {
        let share = topic.events as f64 / all.max(1) as f64;
        topic.demand = share / (items as f64 / supplied.max(1) as f64).max(f64::MIN_POSITIVE);
        topic.at_least = topic.demand * (-1.96 / (topic.people.max(1) as f64).sqrt()).exp();
        topic.thin = topic.at_least > SOUGHT;
    }
    let share = |t: u32| topics[t as usize].events as f64 / all.max(1) as f64;
    let people = counted
        .iter()
        .flat_map(|(user, own)| mixture(*user, own, &share))
        .collect();
    let stretches = over_time(events, topic_of, &mut topics);
    Interests {
        topics,
        people,
        stretches,
    }
}

/// The largest shares of a person's mixture, among the topics they touched.
fn mixture(user: u32, own: &[(u32, u32)], share: &impl Fn(u32) -> f64) -> Vec<PersonTopic> {
    let n: u32 = own.iter().map(|o| o.1).sum();
    let whole = f64::from(n) + PRIOR;
    let mut mixture: Vec<PersonTopic> = own
        .iter()
        .map(|&(topic, events)| PersonTopic {
            user,
            topic,
            events,
            share: (f64::from(events) + PRIOR * share(topic)) / whole,
            confidence: f64::from(n) / whole,
        })
        .collect();
    mixture.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.topic.cmp(&b.topic)));
    mixture.truncate(LISTED);
    mixture
}

/// Shares by stretches of equal length between the 1st and the 99th hundredth of the events, and
/// what has changed; where each begins.
fn over_time(events: &Interactions, topic_of: &[Option<u32>], topics: &mut [Demand]) -> Vec<i64> {
    if events.clock() != Clock::Seconds {
        return Vec::new();
    }
    let all = events.events().iter();
    let mut times: Vec<(i64, u32)> = all
        .filter_map(|e| Some((e.time, topic_of[e.item as usize]?)))
        .collect();
    times.sort_unstable();
    let n = times.len();
    if n < 3 * STRETCHES {
        return Vec::new();
    }
    let (first, last) = (times[n / 100].0, times[n - 1 - n / 100].0);
    let length = (last - first) / STRETCHES as i64 + 1;
    if last <= first {
        return Vec::new();
    }
    let mut totals = vec![0_usize; STRETCHES];
    let mut counts = vec![vec![0_usize; STRETCHES]; topics.len()];
    for (time, topic) in times.into_iter().filter(|t| t.0 >= first && t.0 <= last) {
        let stretch = usize::try_from((time - first) / length).unwrap_or(0);
        totals[stretch] += 1;
        counts[topic as usize][stretch] += 1;
    }
    let third = STRETCHES / 3;
    let sum = |c: &[usize]| c.iter().sum::<usize>() as f64;
    let (early, late) = (sum(&totals[..third]), sum(&totals[STRETCHES - third..]));
    for (topic, counts) in topics.iter_mut().zip(&counts) {
        let shares = counts.iter().zip(&totals);
        let shares = shares.map(|(&c, &t)| c as f64 / t.max(1) as f64);
        topic.over_time = Some(shares.collect());
        let (a, b) = (sum(&counts[..third]), sum(&counts[STRETCHES - third..]));
        if let Some((change, sure)) = change((a, early), (b, late)) {
            topic.change = Some(change);
            topic.changed = sure;
        }
    }
    (0..=STRETCHES as i64).map(|s| first + s * length).collect()
}

/// The ratio of two shares, half an event added to each count, and whether its logarithm is more
/// than 1.96 standard errors from 0.
fn change(early: (f64, f64), late: (f64, f64)) -> Option<(f64, bool)> {
    if early.1 == 0.0 || late.1 == 0.0 {
        return None;
    }
    let ((a, m), (b, n)) = (early, late);
    let ratio = ((b + 0.5) / (n + 1.0)) / ((a + 0.5) / (m + 1.0));
    let error = (1.0 / (a + 0.5) - 1.0 / (m + 1.0) + 1.0 / (b + 0.5) - 1.0 / (n + 1.0)).sqrt();
    Some((ratio, ratio.ln().abs() > 1.96 * error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::{Event, Part, Row};

    fn log(rows: &[(u32, u32, i64)], clock: Clock) -> Interactions {
        let rows: Vec<Row> = rows
            .iter()
            .map(|&(user, item, time)| Row {
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
        Interactions::from_rows(&rows, 3, 4, clock)
    }

    /// Items 0, 1, 2 are of topic 0, item 3 of topic 1, three of four events are with item 3.
    /// Demand of topic 1: 0.75 / 0.25 = 3, by three people at least 3 · e^(−1.96/√3).
    /// Person 0, two events, one of each: topic 1 has (1 + 5 · 0.75) / 7.
    #[test]
    fn shares_by_hand() {
        let events = log(
            &[(0, 0, 1), (0, 3, 2), (1, 3, 1), (2, 3, 1)],
            Clock::Position,
        );
        let topics = [Some(0), Some(0), Some(0), Some(1)];
        let found = interests(&events, &topics, &[3, 1]);
        let sought = &found.topics[1];
        assert_eq!((sought.events, sought.people, sought.demand), (3, 3, 3.0));
        assert!((sought.at_least - 3.0 * (-1.96 / 3.0_f64.sqrt()).exp()).abs() < 1e-12);
        assert!(!sought.thin && sought.over_time.is_none());
        let first = &found.people[0];
        assert_eq!((first.user, first.topic, first.events), (0, 1, 1));
        assert!((first.share - 4.75 / 7.0).abs() < 1e-12);
        assert!((first.confidence - 2.0 / 7.0).abs() < 1e-12);
        assert_eq!(found.people.len(), 4);
    }

    #[test]
    fn a_topic_that_comes_up_is_seen() {
        let mut rows = Vec::new();
        for t in 0..1200 {
            // Item 3 has one event of ten at first and six of ten in the end.
            let often = if t < 600 { 1 } else { 6 };
            let item = if t % 10 < often { 3 } else { 0 };
            rows.push((u32::try_from(t % 3).unwrap(), item, i64::from(t)));
        }
        let found = interests(
            &log(&rows, Clock::Seconds),
            &[Some(0), None, None, Some(1)],
            &[1, 1],
        );
        let rising = &found.topics[1];
        assert!(
            rising.changed && (rising.change.unwrap() - 6.0).abs() < 0.3,
            "{rising:?}"
        );
        assert!(found.topics[0].changed && found.topics[0].change.unwrap() < 0.5);
        assert_eq!(found.stretches.len(), 13);
    }

    /// 10 of 100 and 20 of 100: (20.5/101) / (10.5/101) = 1.952; the error is
    /// √(1/10.5 + 1/20.5 − 2/101) = 0.3524, so 0.669 is not beyond 1.96 · 0.352 = 0.691.
    #[test]
    fn a_change_by_hand() {
        let (ratio, sure) = change((10.0, 100.0), (20.0, 100.0)).unwrap();
        assert!((ratio - 20.5 / 10.5).abs() < 1e-12 && !sure);
        assert!(change((10.0, 100.0), (25.0, 100.0)).unwrap().1);
        assert_eq!(change((0.0, 0.0), (1.0, 2.0)), None);
    }
}
