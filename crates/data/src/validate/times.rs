//! When things happened.

use super::{Check, Level, ValidateOptions, level, percent, share};
use crate::import::grouped;
use crate::{Clock, Dataset, Interactions};

pub(super) fn checks(dataset: &Dataset, options: &ValidateOptions<'_>) -> Vec<Check> {
    let log = &dataset.interactions;
    let mut checks = vec![clock(log)];
    if log.clock() != Clock::None {
        let unsorted = options
            .report
            .map_or(0, |r| r.files.iter().map(|f| f.unsorted).sum());
        checks.push(order(log, unsorted));
    }
    if let (Clock::Seconds, Some(now)) = (log.clock(), options.now) {
        checks.push(future(dataset, now, options.examples));
    }
    checks
}

fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| format!("{seconds} s"),
        |t| t.strftime("%Y-%m-%d").to_string(),
    )
}

fn clock(log: &Interactions) -> Check {
    let (level, message) = match log.clock() {
        Clock::Seconds => {
            let times = || log.events().iter().map(|e| e.time);
            let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
            let message = format!("timestamps from {} to {}", day(first), day(last));
            // A year before 1990 is more often a wrong unit, or a zero, than an old event.
            if first < 631_152_000 {
                let note = "; the earliest are implausible, is the unit right?";
                (Level::Warn, message + note)
            } else {
                (Level::Pass, message)
            }
        }
        Clock::Position => (
            Level::Warn,
            "an order within each user and no timestamps: the temporal split cannot be used, and leakage between users cannot be seen".to_owned(),
        ),
        Clock::None => (
            Level::Warn,
            "no times: the order of the file stands for them, so leave-one-out may hold out an arbitrary event".to_owned(),
        ),
    };
    Check::new("clock", level, message)
}

fn order(log: &Interactions, unsorted: u64) -> Check {
    let mut tied = 0;
    for user in 0..log.n_users() {
        let events = log.of_user(u32::try_from(user).unwrap_or(u32::MAX));
        tied += events.windows(2).filter(|w| w[0].time == w[1].time).count();
    }
    let part = share(tied, log.len());
    let constant = log.len() > 1 && log.events().windows(2).all(|w| w[0].time == w[1].time);
    let message = if constant {
        "all times are equal".to_owned()
    } else {
        format!(
            "{} events ({}) have the time of the one before; {} stood before an earlier one of their user and were sorted",
            grouped(tied as u64),
            percent(part),
            grouped(unsorted)
        )
    };
    Check::new("time-order", level(part > 0.2, constant), message)
}

fn future(dataset: &Dataset, now: i64, examples: usize) -> Check {
    let log = &dataset.interactions;
    let late = || log.rows().filter(|r| r.event.time > now);
    let n = late().count();
    let part = share(n, log.len());
    let message = format!(
        "{} events ({}) lie after {}",
        grouped(n as u64),
        percent(part),
        day(now)
    );
    let some = late().take(examples).map(|r| {
        let user = dataset.users.ids.name(r.user);
        format!("user {user} on {}", day(r.event.time))
    });
    Check::new("future-events", level(n > 0, part >= 0.1), message).with(some.collect())
}
