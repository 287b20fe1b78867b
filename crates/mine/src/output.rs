//! What was found, as tables.

use crate::mining::{Mined, MinedItem};
use crate::tables::{Column, Table};
use semrec_data::{Dataset, Values};

/// The tables of what was found: `topics`, `groups`, `items`, `alike`, `contradictions` and, where
/// there are events, `interests`.
#[must_use]
pub fn tables(mined: &Mined, dataset: &Dataset) -> Vec<Table> {
    let mut tables = vec![
        topics(mined, dataset),
        groups(mined),
        items(mined, dataset),
        alike(mined, dataset),
    ];
    if mined.figures.has_labels {
        tables.push(contradictions(mined, dataset));
    }
    if mined.figures.events > 0 {
        tables.push(interests(mined, dataset));
    }
    tables
}

fn text<T>(of: &[T], value: impl Fn(&T) -> String) -> Column {
    Column::Text(of.iter().map(value).collect())
}

fn count<T>(of: &[T], value: impl Fn(&T) -> usize) -> Column {
    let whole = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    Column::Count(of.iter().map(|x| whole(value(x))).collect())
}

fn number<T>(of: &[T], value: impl Fn(&T) -> Option<f64>) -> Column {
    Column::Number(of.iter().map(value).collect())
}

fn ids(items: &[u32], dataset: &Dataset) -> String {
    let names = items.iter().map(|&i| dataset.items.ids.name(i));
    names.collect::<Vec<_>>().join(" ")
}

fn topics(mined: &Mined, dataset: &Dataset) -> Table {
    let t = &mined.topics;
    let numbers: Vec<usize> = (0..t.len()).collect();
    let mut columns = vec![
        ("topic", count(&numbers, |n| *n)),
        ("group", count(t, |t| t.group as usize)),
        ("label", text(t, |t| t.label.clone())),
        ("words", text(t, |t| t.words.join(" "))),
        ("items", count(t, |t| t.items)),
        ("outliers", count(t, |t| t.outliers)),
        ("coherence", number(t, |t| Some(t.coherence))),
        ("silhouette", number(t, |t| Some(t.silhouette))),
        ("examples", text(t, |t| ids(&t.examples, dataset))),
    ];
    if mined.figures.events > 0 {
        let demand = |f: fn(&crate::Demand) -> f64| number(t, move |t| t.demand.as_ref().map(f));
        columns.push((
            "events",
            count(t, |t| t.demand.as_ref().map_or(0, |d| d.events)),
        ));
        columns.push((
            "people",
            count(t, |t| t.demand.as_ref().map_or(0, |d| d.people)),
        ));
        columns.push(("demand", demand(|d| d.demand)));
        columns.push(("demand_at_least", demand(|d| d.at_least)));
        let thin = t.iter().map(|t| t.demand.as_ref().is_some_and(|d| d.thin));
        columns.push(("thinly_supplied", Column::Flag(thin.collect())));
        if !mined.figures.stretches.is_empty() {
            let change = number(t, |t| t.demand.as_ref().and_then(|d| d.change));
            columns.push(("change", change));
            let sure = t
                .iter()
                .map(|t| t.demand.as_ref().is_some_and(|d| d.changed));
            columns.push(("change_is_sure", Column::Flag(sure.collect())));
        }
    }
    Table {
        name: "topics",
        columns,
    }
}

fn groups(mined: &Mined) -> Table {
    let g = &mined.groups;
    let numbers: Vec<usize> = (0..g.len()).collect();
    Table {
        name: "groups",
        columns: vec![
            ("group", count(&numbers, |n| *n)),
            ("label", text(g, |g| g.label.clone())),
            ("words", text(g, |g| g.words.join(" "))),
            ("topics", count(g, |g| g.topics)),
            ("items", count(g, |g| g.items)),
        ],
    }
}

fn items(mined: &Mined, dataset: &Dataset) -> Table {
    let all: Vec<(u32, &MinedItem)> = (0..).zip(&mined.items).collect();
    let topic = |i: &MinedItem| i.topic.map(f64::from);
    let group = |i: &MinedItem| Some(f64::from(mined.topics.get(i.topic? as usize)?.group));
    let tokens = |i: &MinedItem| {
        let tokens = i.tokens.iter().map(u32::to_string);
        tokens.collect::<Vec<_>>().join(" ")
    };
    let flag = |of: fn(&MinedItem) -> bool| Column::Flag(mined.items.iter().map(of).collect());
    let mut columns = vec![
        (
            "item",
            text(&all, |i| dataset.items.ids.name(i.0).to_owned()),
        ),
        ("title", text(&all, |i| dataset.items.title(i.0).to_owned())),
        ("topic", number(&all, |i| topic(i.1))),
        ("group", number(&all, |i| group(i.1))),
        ("outlier", flag(|i| i.outlier)),
        (
            "silhouette",
            number(&all, |i| i.1.topic.map(|_| f64::from(i.1.silhouette))),
        ),
        ("x", number(&all, |i| Some(f64::from(i.1.place?[0])))),
        ("y", number(&all, |i| Some(f64::from(i.1.place?[1])))),
        ("keywords", text(&all, |i| i.1.keywords.join(", "))),
        ("semantic_id", text(&all, |i| tokens(i.1))),
        ("people", count(&all, |i| i.1.people as usize)),
        ("language", text(&all, |i| i.1.language.to_owned())),
        ("boilerplate", flag(|i| i.boilerplate)),
        ("near_mean", number(&all, |i| i.1.near_mean.map(f64::from))),
    ];
    if mined.items.iter().any(|i| i.cut.is_some()) {
        columns.push(("cut", flag(|i| i.cut == Some(true))));
    }
    Table {
        name: "items",
        columns,
    }
}

fn alike(mined: &Mined, dataset: &Dataset) -> Table {
    let mut rows = Vec::new();
    for (number, group) in mined.alike.iter().enumerate() {
        rows.extend(group.items.iter().map(|&item| (number, item, group)));
    }
    Table {
        name: "alike",
        columns: vec![
            ("group", count(&rows, |r| r.0)),
            (
                "kind",
                text(&rows, |r| match r.2.kind {
                    crate::Likeness::Duplicate => "duplicate".to_owned(),
                    crate::Likeness::Variant => "variant".to_owned(),
                }),
            ),
            (
                "item",
                text(&rows, |r| dataset.items.ids.name(r.1).to_owned()),
            ),
            (
                "title",
                text(&rows, |r| dataset.items.title(r.1).to_owned()),
            ),
            ("differing", text(&rows, |r| r.2.differing.join(" "))),
            (
                "people",
                count(&rows, |r| mined.items[r.1 as usize].people as usize),
            ),
        ],
    }
}

/// The columns of labels in which not all items have the same.
pub(crate) fn differing_columns<'a>(items: &[u32], dataset: &'a Dataset) -> Vec<&'a str> {
    let fields = dataset.items.fields.iter();
    let differ = fields.filter(|field| match &field.values {
        Values::Category(labels) => {
            let sorted = |item: u32| {
                let mut labels: Vec<&String> = labels[item as usize].iter().collect();
                labels.sort_unstable();
                labels
            };
            items.iter().any(|&item| sorted(item) != sorted(items[0]))
        }
        Values::Text(_) | Values::Number(_) | Values::Time(_) | Values::Image(_) => false,
    });
    differ.map(|field| field.name.as_str()).collect()
}

fn contradictions(mined: &Mined, dataset: &Dataset) -> Table {
    let mut rows = Vec::new();
    for (number, items) in mined.contradictions.iter().enumerate() {
        let columns = differing_columns(items, dataset).join(" ");
        rows.extend(items.iter().map(|&item| (number, item, columns.clone())));
    }
    let labels = |item: u32| dataset.items.labels(item).collect::<Vec<_>>().join(", ");
    Table {
        name: "contradictions",
        columns: vec![
            ("group", count(&rows, |r| r.0)),
            (
                "item",
                text(&rows, |r| dataset.items.ids.name(r.1).to_owned()),
            ),
            (
                "title",
                text(&rows, |r| dataset.items.title(r.1).to_owned()),
            ),
            ("labels", text(&rows, |r| labels(r.1))),
            ("differ_in", text(&rows, |r| r.2.clone())),
        ],
    }
}

fn interests(mined: &Mined, dataset: &Dataset) -> Table {
    let p = &mined.people;
    let label = |t: u32| {
        mined
            .topics
            .get(t as usize)
            .map_or("", |t| t.label.as_str())
    };
    Table {
        name: "interests",
        columns: vec![
            (
                "user",
                text(p, |p| dataset.users.ids.name(p.user).to_owned()),
            ),
            ("topic", count(p, |p| p.topic as usize)),
            ("label", text(p, |p| label(p.topic).to_owned())),
            ("events", count(p, |p| p.events as usize)),
            ("share", number(p, |p| Some(p.share))),
            ("confidence", number(p, |p| Some(p.confidence))),
        ],
    }
}
