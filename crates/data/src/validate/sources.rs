//! What the import noticed of the source files.

use super::{Check, Level, level, percent, share};
use crate::import::grouped;
use crate::{Dataset, FileReport, ImportReport};

const DUPLICATE: &str = "duplicate id";

pub(super) fn checks(dataset: &Dataset, report: &ImportReport, examples: usize) -> Vec<Check> {
    vec![
        rejected(report, examples),
        duplicates(report, examples),
        unknown(dataset, report, examples),
    ]
}

fn rejected(report: &ImportReport, examples: usize) -> Check {
    let rows: u64 = report.files.iter().map(|f| f.rows).sum();
    let emptied: u64 = report.files.iter().map(|f| f.emptied).sum();
    let rejected = report.rejected();
    let of_file = |f: &FileReport| {
        let path = f.path.clone();
        f.reasons
            .iter()
            .map(|r| format!("{path}: {} × {}", grouped(r.rows), r.reason))
            .collect::<Vec<_>>()
    };
    let reasons = report.files.iter().flat_map(of_file).take(examples);
    let mut message = format!("{} of {} rows rejected", grouped(rejected), grouped(rows));
    if emptied > 0 {
        message.push_str(&format!(", {} cells left empty", grouped(emptied)));
    }
    if rejected + emptied > 0 {
        message.push_str("; see rejected.jsonl");
    }
    Check::new(
        "rejected-rows",
        level(rejected + emptied > 0, false),
        message,
    )
    .with(reasons.collect())
}

fn duplicates(report: &ImportReport, examples: usize) -> Check {
    let of_file = |f: &FileReport| {
        let found = f.reasons.iter().find(|r| r.reason == DUPLICATE);
        found.map(|r| (r.rows, format!("{}, {}", f.path, r.first)))
    };
    let found: Vec<_> = report.files.iter().filter_map(of_file).collect();
    let rows: u64 = found.iter().map(|(n, _)| n).sum();
    let message = if rows == 0 {
        "every id of items and users stands once in its file".to_owned()
    } else {
        format!("{} rows repeat an id; the first was kept", grouped(rows))
    };
    Check::new("duplicate-ids", level(rows > 0, false), message)
        .with(found.into_iter().map(|(_, e)| e).take(examples).collect())
}

fn unknown(dataset: &Dataset, report: &ImportReport, examples: usize) -> Check {
    let name = "unknown-items";
    if !report.files.iter().any(|f| f.part == "items") {
        let message = "no catalogue was given; the ids in the interactions are it";
        return Check::new(name, Level::Pass, message);
    }
    let unknown = usize::try_from(report.unknown_items).unwrap_or(usize::MAX);
    if unknown == 0 {
        return Check::new(
            name,
            Level::Pass,
            "every event is of an item in the catalogue",
        );
    }
    // They were added behind the items of the catalogue.
    let first = dataset.items.len().saturating_sub(unknown);
    let log = dataset.interactions.events();
    let events = log.iter().filter(|e| e.item as usize >= first).count();
    let part = share(events, log.len());
    let message = format!(
        "{} items are not in the catalogue and have no text; they have {} of the events",
        grouped(report.unknown_items),
        percent(part)
    );
    let some = report.unknown_item_examples.iter().take(examples).cloned();
    Check::new(name, level(true, part > 0.5), message).with(some.collect())
}
