//! What items and users say of themselves.

use super::{Check, Level, level, percent, share};
use crate::import::grouped;
use crate::{Dataset, Knowledge, Table, Values};
use hashbrown::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

pub(super) fn checks(dataset: &Dataset, examples: usize) -> Vec<Check> {
    let mut checks = texts(&dataset.items, examples);
    checks.extend(dataset.knowledge.as_ref().map(|g| knowledge(dataset, g)));
    checks.push(constant_fields(dataset));
    checks
}

fn row_of(i: usize) -> u32 {
    u32::try_from(i).unwrap_or(u32::MAX)
}

fn texts(items: &Table, examples: usize) -> Vec<Check> {
    if !items.has_text() {
        let message = "items have ids and no text: models that read have nothing to read";
        return vec![Check::new("empty-texts", Level::Warn, message)];
    }
    // 64 bits tell a million texts apart with a chance of error of 3e-8.
    let mut first: HashMap<u64, u32> = HashMap::new();
    let (mut empty, mut repeated) = (0, 0);
    let (mut empty_ids, mut repeated_ids) = (Vec::new(), Vec::new());
    for row in 0..row_of(items.len()) {
        let text = items.text(row);
        if text.is_empty() {
            empty += 1;
            if empty_ids.len() < examples {
                empty_ids.push(items.ids.name(row).to_owned());
            }
            continue;
        }
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let earlier = *first.entry(hasher.finish()).or_insert(row);
        if earlier != row {
            repeated += 1;
            if repeated_ids.len() < examples {
                let (a, b) = (items.ids.name(earlier), items.ids.name(row));
                repeated_ids.push(format!("{b} as {a}"));
            }
        }
    }
    let message = |n: usize, what: &str| {
        format!(
            "{} of {} items {what} ({})",
            grouped(n as u64),
            grouped(items.len() as u64),
            percent(share(n, items.len()))
        )
    };
    let same = share(repeated, items.len()) > 0.01;
    vec![
        Check::new(
            "empty-texts",
            level(empty > 0, false),
            message(empty, "have no text"),
        )
        .with(empty_ids),
        Check::new(
            "duplicate-texts",
            level(same, false),
            message(repeated, "say the same as an earlier one"),
        )
        .with(repeated_ids),
    ]
}

fn knowledge(dataset: &Dataset, graph: &Knowledge) -> Check {
    let n_items = dataset.items.len();
    let linked = graph.linked_items(n_items);
    let number = |n: usize| grouped(n as u64);
    let message = format!(
        "{} facts with {} relations among {} entities; {} of {} items ({}) are entities",
        number(graph.triples.len()),
        number(graph.relations.len()),
        number(graph.entities.len()),
        number(linked),
        number(n_items),
        percent(share(linked, n_items))
    );
    Check::new("knowledge", level(2 * linked < n_items, false), message)
}

fn constant_fields(dataset: &Dataset) -> Check {
    let mut constant = Vec::new();
    for (table, of) in [(&dataset.items, "items"), (&dataset.users, "users")] {
        for field in &table.fields {
            if table.len() > 1 && is_constant(&field.values) {
                constant.push(format!("{of}: {}", field.name));
            }
        }
    }
    let message = if constant.is_empty() {
        "no column has the same value throughout".to_owned()
    } else {
        format!("{} columns have the same value throughout", constant.len())
    };
    Check::new(
        "constant-fields",
        level(!constant.is_empty(), false),
        message,
    )
    .with(constant)
}

fn is_constant(values: &Values) -> bool {
    fn same<T: PartialEq>(values: &[T]) -> bool {
        values.windows(2).all(|w| w[0] == w[1])
    }
    match values {
        Values::Text(v) | Values::Image(v) => same(v),
        Values::Category(v) => same(v),
        Values::Number(v) => same(v),
        Values::Time(v) => same(v),
    }
}
