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
            "Only {cases} test cases: the intervals are wide, and small differences mean nothing."
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
            "{} held-out events repeat an item of the same user's history; they are not asked for, because seen items are not recommended.",
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
