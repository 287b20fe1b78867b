//! Tables of figures with a row for each model.

use super::format::{count, figure};
use super::series::Series;
use crate::{ModelResult, Slice};

/// A table with the models as rows.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) heads: Vec<Head>,
    pub(super) rows: Vec<Row>,
}

/// The head of a column.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) note: String,
}

/// The figures of one model.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) cells: Vec<Cell>,
}

/// One figure.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) value: String,
    pub(super) small: String,
    pub(super) best: bool,
    /// Shade in percent, for tables that are shaded.
    pub(super) share: u32,
}

/// One column before it is written: the value of each model, where there is one.
struct Column {
    head: Head,
    metric: String,
    better: Better,
    values: Vec<Option<f64>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Better {
    High,
    Low,
    Neither,
}

/// All metrics at one k, with intervals.
pub(super) fn metrics(series: &[Series<'_>], k: &str) -> Table {
    let suffix = format!("@{k}");
    let names = series.first().map_or(Vec::new(), |s| {
        let names = s.model.metrics.iter().map(|(name, _)| name);
        names.filter(|n| n.ends_with(&suffix)).collect()
    });
    let columns = names.iter().map(|&name| {
        let short = name.trim_end_matches(&suffix);
        let better = match short {
            "gini" => Better::Low,
            "popularity" => Better::Neither,
            _ => Better::High,
        };
        let arrow = match better {
            Better::High => " ↑",
            Better::Low => " ↓",
            Better::Neither => "",
        };
        let values = series.iter().map(|s| s.model.metrics.get(name).copied());
        Column {
            head: Head {
                name: format!("{short}{arrow}"),
                note: String::new(),
            },
            metric: name.to_owned(),
            better,
            values: values.collect(),
        }
    });
    let mut table = write(series, columns.collect());
    table.title = format!("First {k} places");
    for (row, s) in table.rows.iter_mut().zip(series) {
        for (cell, name) in row.cells.iter_mut().zip(&names) {
            if let Some(&[low, high]) = s.model.ci95.get(name) {
                let (low, high) = (figure(name, low), figure(name, high));
                let cut = |x: &str| x.trim_start_matches('0').to_owned();
                cell.small = format!("{}–{}", cut(&low), cut(&high));
            }
        }
    }
    table
}

/// One metric on each slice.
pub(super) fn slices(
    series: &[Series<'_>],
    metric: &str,
    of: fn(&ModelResult) -> &[Slice],
) -> Table {
    let all = series.first().map_or(&[][..], |s| of(s.model));
    let columns = all.iter().enumerate().map(|(i, slice)| {
        let value = |s: &Series<'_>| of(s.model).get(i)?.metrics.get(metric).copied();
        Column {
            head: Head {
                name: slice.name.clone(),
                note: match slice.cases {
                    1 => "1 case".into(),
                    n => format!("{} cases", count(n)),
                },
            },
            metric: metric.to_owned(),
            better: Better::High,
            values: series.iter().map(value).collect(),
        }
    });
    write(series, columns.collect())
}

fn write(series: &[Series<'_>], columns: Vec<Column>) -> Table {
    let row = |(i, s): (usize, &Series<'_>)| Row {
        name: s.model.name.clone(),
        cells: columns.iter().map(|c| cell(c, i)).collect(),
    };
    let rows = series.iter().enumerate().map(row).collect();
    Table {
        title: String::new(),
        note: String::new(),
        rows,
        heads: columns.into_iter().map(|c| c.head).collect(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a percentage"
)]
fn cell(column: &Column, i: usize) -> Cell {
    let known = || column.values.iter().flatten().copied();
    let Some(value) = column.values[i] else {
        return Cell {
            value: "–".into(),
            small: String::new(),
            best: false,
            share: 0,
        };
    };
    let largest = known().fold(0.0, f64::max);
    // What is written alike is equally good; all alike is no distinction.
    let written = |v: f64| figure(&column.metric, v);
    let best = match column.better {
        Better::High => written(value) == written(largest),
        Better::Low => written(value) == written(known().fold(f64::INFINITY, f64::min)),
        Better::Neither => false,
    };
    let distinct = known().any(|v| written(v) != written(value));
    Cell {
        value: written(value),
        small: String::new(),
        best: best && distinct,
        share: if largest > 0.0 {
            (value / largest * 45.0).round().clamp(0.0, 45.0) as u32
        } else {
            0
        },
    }
}
