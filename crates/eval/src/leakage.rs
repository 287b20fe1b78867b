//! What a reader must know before believing a figure: futures that leaked, tests too small.

use semrec_data::{Parts, Split};

/// Below so many cases an interval is too wide to choose by.
const FEW_CASES: usize = 100;

/// Sentences about what weakens the figures of a split; nothing if there is nothing to say.
#[must_use]
pub fn warnings(parts: &Parts, split: Split) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(share) = parts.future_share.filter(|&share| share > 0.0) {
        found.push(future(share, split));
    }
    let cases = parts.test.len();
    if cases < FEW_CASES {
        found.push(format!(
            "Number of test cases: {cases}. The intervals are wide, and small differences mean nothing."
        ));
    }
    if parts.validation.is_empty() {
        found.push(
            "No validation case: what is chosen on validation data (the weights of a hybrid, thresholds) keeps its default.".into(),
        );
    }
    let counts = parts.full.item_counts();
    let held_out: Vec<u32> = parts
        .test
        .iter()
        .flat_map(|case| case.held_out.iter().copied())
        .collect();
    let cold = held_out
        .iter()
        .filter(|&&i| counts[i as usize] == 0)
        .count();
    if cold > 0 && !matches!(split, Split::ColdItems(_)) {
        found.push(format!(
            "{cold} of {} held-out items have no training event: only a model that reads text can find them (slice cold-items).",
            held_out.len()
        ));
    }
    if parts.repeats > 0 {
        found.push(format!(
            "Held-out events that repeat an item of the same user's history: {}. They are not asked for, because seen items are not recommended.",
            parts.repeats
        ));
    }
    found
}

/// How much of the future the models have learned from.
fn future(share: f64, split: Split) -> String {
    let percent = match share * 100.0 {
        p if p < 1.0 => "Under 1%".to_owned(),
        p => format!("{p:.0}%"),
    };
    let advice = match split {
        Split::Temporal(_) | Split::Given => "check that training events come before test events",
        Split::LeaveOneOut | Split::Ratio(_) | Split::ColdItems(_) | Split::ColdUsers(_) => {
            "a temporal split (--split temporal:0.8) tells what live traffic would see"
        }
    };
    format!(
        "{percent} of test events are older than the newest training event, so the models have learned from what came after; {advice}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::{Clock, Event, Interactions, Part, Row, split};

    /// User 0 touches 0 1 2 at 1 2 3, user 1 touches 2 1 0 and 0 again at 11 to 14.
    fn parts(how: Split) -> Parts {
        let rows: Vec<Row> = [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (1, 0), (1, 0)]
            .into_iter()
            .zip([1, 2, 3, 11, 12, 13, 14])
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
        let log = Interactions::from_rows(&rows, 2, 3, Clock::Seconds);
        split(&log, how, 1).unwrap()
    }

    #[test]
    fn a_split_that_sees_the_future_says_so() {
        // User 0's last event, at 3, is older than what user 1 trains with; user 1's is a repeat.
        let found = warnings(&parts(Split::LeaveOneOut), Split::LeaveOneOut);
        assert_eq!(
            found,
            [
                "50% of test events are older than the newest training event, so the models have learned from what came after; a temporal split (--split temporal:0.8) tells what live traffic would see.",
                "Number of test cases: 1. The intervals are wide, and small differences mean nothing.",
                "Held-out events that repeat an item of the same user's history: 1. They are not asked for, because seen items are not recommended.",
            ]
        );
    }

    #[test]
    fn a_temporal_split_does_not_leak() {
        let how = Split::Temporal(0.6);
        // From 12 on it tests: 1 and 0 of user 1, of whom only 2 at 11 came before.
        let found = warnings(&parts(how), how);
        assert!(found.iter().all(|w| !w.contains("older than")), "{found:?}");
    }

    #[test]
    fn a_small_leak_is_not_rounded_to_none() {
        assert!(future(0.004, Split::LeaveOneOut).starts_with("Under 1%"));
        assert!(future(0.37, Split::Given).starts_with("37%"));
    }
}
