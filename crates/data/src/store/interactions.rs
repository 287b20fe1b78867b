//! `interactions.parquet`: events with the string ids of their users and items.

use super::manifest::Manifest;
use super::open::{BATCH, Writer, column, no_nulls, open, strings};
use crate::{DataError, Dataset, Event, Ids, Interactions, Part, Row};
use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use std::path::Path;
use std::sync::Arc;

fn part_name(part: Part) -> &'static str {
    match part {
        Part::Train => "train",
        Part::Valid => "valid",
        Part::Test => "test",
    }
}

fn expected(kinds: usize, given_split: bool) -> Vec<(&'static str, DataType)> {
    let mut columns = vec![
        ("user_id", DataType::Utf8),
        ("item_id", DataType::Utf8),
        ("value", DataType::Float32),
        ("time", DataType::Int64),
    ];
    if kinds > 1 {
        columns.push(("event", DataType::Utf8));
    }
    if given_split {
        columns.push(("split", DataType::Utf8));
    }
    columns
}

pub(super) fn write(path: &Path, dataset: &Dataset) -> Result<(), DataError> {
    let log = &dataset.interactions;
    let columns = expected(dataset.kinds.len(), log.has_parts());
    let fields: Vec<Field> = columns
        .into_iter()
        .map(|(name, kind)| Field::new(name, kind, false))
        .collect();
    let mut writer = Writer::create(path, Schema::new(fields))?;
    let mut rows = log.rows();
    let mut batch: Vec<Row> = Vec::with_capacity(BATCH.min(log.len()));
    loop {
        batch.clear();
        batch.extend(rows.by_ref().take(BATCH));
        if batch.is_empty() {
            return writer.close();
        }
        writer.write(arrays(dataset, &batch))?;
    }
}

fn arrays(dataset: &Dataset, rows: &[Row]) -> Vec<ArrayRef> {
    let text = |name: &dyn Fn(&Row) -> &'static str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(name)))
    };
    let users = rows.iter().map(|r| dataset.users.ids.name(r.user));
    let items = rows.iter().map(|r| dataset.items.ids.name(r.event.item));
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(users)),
        Arc::new(StringArray::from_iter_values(items)),
        Arc::new(Float32Array::from_iter_values(
            rows.iter().map(|r| r.event.value),
        )),
        Arc::new(Int64Array::from_iter_values(
            rows.iter().map(|r| r.event.time),
        )),
    ];
    if dataset.kinds.len() > 1 {
        let kinds = rows
            .iter()
            .map(|r| dataset.kinds[usize::from(r.kind)].as_str());
        columns.push(Arc::new(StringArray::from_iter_values(kinds)));
    }
    if dataset.interactions.has_parts() {
        columns.push(text(&|r| part_name(r.part)));
    }
    columns
}

pub(super) fn read(
    path: &Path,
    items: &Ids,
    users: &Ids,
    manifest: &Manifest,
) -> Result<Interactions, DataError> {
    let n = manifest.counts.interactions;
    let expected = expected(manifest.kinds.len(), manifest.given_split);
    let reader = open(path, &expected, n)?;
    let mut rows = Vec::with_capacity(n);
    for batch in reader {
        let batch = batch?;
        let many_kinds = manifest.kinds.len() > 1;
        let columns = Columns {
            users: strings(path, &batch, "user_id")?,
            items: strings(path, &batch, "item_id")?,
            values: column(path, &batch, "value")?,
            times: column(path, &batch, "time")?,
            kinds: optional(path, &batch, "event", many_kinds)?,
            parts: optional(path, &batch, "split", manifest.given_split)?,
        };
        no_nulls(path, columns.values, "value")?;
        no_nulls(path, columns.times, "time")?;
        for i in 0..batch.num_rows() {
            let row = columns
                .row(i, items, users, &manifest.kinds)
                .map_err(|problem| {
                    let at = rows.len();
                    DataError::format(path, format!("row {at}: {problem}; import the data again"))
                })?;
            rows.push(row);
        }
    }
    Ok(Interactions::from_rows(
        &rows,
        users.len(),
        items.len(),
        manifest.clock,
    ))
}

fn optional<'a>(
    path: &Path,
    batch: &'a RecordBatch,
    name: &str,
    wanted: bool,
) -> Result<Option<&'a StringArray>, DataError> {
    wanted.then(|| strings(path, batch, name)).transpose()
}

struct Columns<'a> {
    users: &'a StringArray,
    items: &'a StringArray,
    values: &'a Float32Array,
    times: &'a Int64Array,
    kinds: Option<&'a StringArray>,
    parts: Option<&'a StringArray>,
}

impl Columns<'_> {
    fn row(&self, i: usize, items: &Ids, users: &Ids, kinds: &[String]) -> Result<Row, String> {
        let find = |ids: &Ids, array: &StringArray, file: &str| {
            let id = array.value(i);
            ids.get(id)
                .ok_or_else(|| format!("the id '{id}' is not in '{file}'"))
        };
        let value = self.values.value(i);
        if !value.is_finite() {
            return Err(format!("the value is {value}, expected a finite number"));
        }
        let kind = self.kinds.map_or(Ok(0), |column| {
            let name = column.value(i);
            kinds
                .iter()
                .position(|k| k == name)
                .and_then(|k| u8::try_from(k).ok())
                .ok_or_else(|| {
                    format!("the event '{name}' is not among the kinds in 'dataset.toml'")
                })
        })?;
        let part = self.parts.map_or(Ok(Part::Train), |column| {
            let name = column.value(i);
            [Part::Train, Part::Valid, Part::Test]
                .into_iter()
                .find(|p| part_name(*p) == name)
                .ok_or_else(|| format!("the split '{name}' is none of train, valid, test"))
        })?;
        Ok(Row {
            user: find(users, self.users, "users.parquet")?,
            event: Event {
                item: find(items, self.items, "items.parquet")?,
                value,
                time: self.times.value(i),
            },
            kind,
            part,
        })
    }
}
