//! Who did how much, with what.

use super::{Check, Level, level, percent, share};
use crate::import::grouped;
use crate::{Dataset, Ids};

/// Counts over the events.
struct Activity {
    events: usize,
    /// Events of each user, and how many distinct items.
    of_user: Vec<(usize, usize)>,
    of_item: Vec<usize>,
}

impl Activity {
    fn count(dataset: &Dataset) -> Self {
        let log = &dataset.interactions;
        let mut of_item = vec![0; log.n_items()];
        let mut of_user = Vec::with_capacity(log.n_users());
        let mut items: Vec<u32> = Vec::new();
        for user in 0..log.n_users() {
            items.clear();
            let events = log.of_user(u32::try_from(user).unwrap_or(u32::MAX));
            items.extend(events.iter().map(|e| e.item));
            for &item in &items {
                of_item[item as usize] += 1;
            }
            items.sort_unstable();
            items.dedup();
            of_user.push((events.len(), items.len()));
        }
        Self {
            events: log.len(),
            of_user,
            of_item,
        }
    }

    /// Pairs of a user and an item.
    fn pairs(&self) -> usize {
        self.of_user.iter().map(|(_, distinct)| distinct).sum()
    }
}

pub(super) fn checks(dataset: &Dataset, examples: usize) -> Vec<Check> {
    let activity = Activity::count(dataset);
    let users: Vec<usize> = activity.of_user.iter().map(|(n, _)| *n).collect();
    vec![
        untouched(&activity, &dataset.items.ids, examples),
        heavy("heavy-user", "user", &users, &dataset.users.ids),
        heavy("heavy-item", "item", &activity.of_item, &dataset.items.ids),
        one_event(&activity),
        leave_one_out(&activity),
        density(&activity),
        repeated(&activity),
        constant_values(dataset),
    ]
}

fn name(ids: &Ids, i: usize) -> String {
    ids.name(u32::try_from(i).unwrap_or(u32::MAX)).to_owned()
}

fn untouched(activity: &Activity, ids: &Ids, examples: usize) -> Check {
    let none = || (0..activity.of_item.len()).filter(|&i| activity.of_item[i] == 0);
    let part = share(none().count(), activity.of_item.len());
    let message = format!(
        "{} of {} items have no event ({})",
        grouped(none().count() as u64),
        grouped(activity.of_item.len() as u64),
        percent(part)
    );
    let some = none().take(examples).map(|i| name(ids, i)).collect();
    Check::new("untouched-items", level(part > 0.5, false), message).with(some)
}

fn heavy(check: &'static str, what: &str, counts: &[usize], ids: &Ids) -> Check {
    let total: usize = counts.iter().sum();
    let Some((most, i)) = counts.iter().copied().zip(0..).max_by_key(|(n, _)| *n) else {
        return Check::new(check, Level::Pass, format!("there is no {what}"));
    };
    let part = share(most, total);
    let message = format!(
        "the busiest {what} has {} of {} events ({})",
        grouped(most as u64),
        grouped(total as u64),
        percent(part)
    );
    Check::new(check, level(part >= 0.1, part >= 0.4), message).with(vec![name(ids, i)])
}

fn one_event(activity: &Activity) -> Check {
    let active = activity.of_user.iter().filter(|(n, _)| *n > 0).count();
    let once = activity.of_user.iter().filter(|(n, _)| *n == 1).count();
    let part = share(once, active);
    let message = format!(
        "{} of {} users with events have one event ({})",
        grouped(once as u64),
        grouped(active as u64),
        percent(part)
    );
    Check::new("one-event-users", level(part > 0.5, false), message)
}

fn leave_one_out(activity: &Activity) -> Check {
    let active = activity.of_user.iter().filter(|(n, _)| *n > 0).count();
    let enough = activity.of_user.iter().filter(|(_, d)| *d >= 3).count();
    let part = share(enough, active);
    let message = format!(
        "{} of {} users have the 3 distinct items it takes to train, choose and test ({})",
        grouped(enough as u64),
        grouped(active as u64),
        percent(part)
    );
    Check::new("leave-one-out", level(part < 0.2, enough == 0), message)
}

fn density(activity: &Activity) -> Check {
    let (users, items) = (activity.of_user.len(), activity.of_item.len());
    let part = share(activity.pairs(), users.saturating_mul(items));
    let message = format!(
        "{} users, {} items, {} events; {:.4}% of all pairs occur",
        grouped(users as u64),
        grouped(items as u64),
        grouped(activity.events as u64),
        100.0 * part
    );
    let odd = !(1e-6..=0.5).contains(&part);
    Check::new("density", level(odd, activity.events == 0), message)
}

fn repeated(activity: &Activity) -> Check {
    let repeated = activity.events - activity.pairs();
    let part = share(repeated, activity.events);
    let message = format!(
        "{} of {} events repeat an earlier pair of user and item ({})",
        grouped(repeated as u64),
        grouped(activity.events as u64),
        percent(part)
    );
    Check::new("repeated-events", level(part > 0.2, false), message)
}

fn constant_values(dataset: &Dataset) -> Check {
    let name = "constant-values";
    let mut values = dataset.interactions.events().iter().map(|e| e.value);
    let first = values.next().unwrap_or(1.0);
    let constant = values.all(|v| v.to_bits() == first.to_bits());
    if !constant {
        return Check::new(name, Level::Pass, "values differ");
    }
    #[expect(
        clippy::float_cmp,
        reason = "1 is what a missing value is set to, exactly"
    )]
    let implicit = first == 1.0;
    let message = if implicit {
        "every event counts 1".to_owned()
    } else {
        format!("every value is {first}: it carries no information")
    };
    Check::new(name, level(!implicit, false), message)
}
