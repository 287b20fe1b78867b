//! Reads the items, or the users, into a table.

use super::Progress;
use super::cell::{self, is_missing, labels, prose};
use super::file::SourceFile;
use super::infer::Decision;
use super::options::ImportOptions;
use super::rejects::{Rejects, Tally};
use super::role::ColumnRole;
use crate::read::{Bad, Cells, Step};
use crate::{DataError, Field, Table, Values};

/// Rows between two reports of progress.
pub(super) const TELL: u64 = 1 << 14;

struct Column {
    /// Place in the file.
    at: usize,
    decision: Decision,
    field: Field,
}

/// One cell, checked but not yet part of the table.
enum Value {
    Text(String),
    Labels(Vec<String>),
    Number(f64),
    Time(i64),
    None,
}

/// Reads a whole file; `id` is the place of the id column.
pub(super) fn read(
    file: &mut SourceFile,
    id: usize,
    decisions: &[Decision],
    options: &ImportOptions,
    io: (&mut Rejects, Progress<'_>),
) -> Result<Table, DataError> {
    let (rejects, progress) = io;
    let mut columns = columns(file, decisions);
    let mut table = Table::default();
    let mut first_lines: Vec<u64> = Vec::new();
    let mut tally = rejects.tally(&file.path, options.max_rejected_share);
    let (mut rows, done) = file.rows()?;
    let mut cells = Cells::default();
    let mut values = Vec::with_capacity(columns.len());
    loop {
        let bad = match rows.read(&mut cells)? {
            Step::End => break,
            Step::Bad(bad) => Some(bad),
            Step::Row => accept(
                &cells,
                (id, &file.columns[id]),
                &columns,
                (&mut table, &mut first_lines, &mut values),
                options.max_field_bytes,
            )
            .err(),
        };
        match bad {
            Some(bad) => tally.reject(&bad, &*rows, &cells)?,
            None => {
                tally.accepted += 1;
                for (column, value) in columns.iter_mut().zip(values.drain(..)) {
                    let value = match value {
                        Ok(value) => value,
                        // An odd year does not make a film worthless: it keeps its title.
                        Err(bad) => {
                            tally.empty(&bad, &*rows, &cells)?;
                            Value::None
                        }
                    };
                    push(&mut column.field.values, value);
                }
            }
        }
        values.clear();
        if tally.rows().is_multiple_of(TELL) {
            file.tell(progress, &done);
        }
    }
    file.report.notes.extend(rows.notes());
    finish(tally, file)?;
    table.fields = columns.into_iter().map(|c| c.field).collect();
    Ok(table)
}

fn finish(tally: Tally<'_>, file: &mut SourceFile) -> Result<(), DataError> {
    tally.finish(&mut file.report)
}

fn columns(file: &SourceFile, decisions: &[Decision]) -> Vec<Column> {
    let mut out: Vec<Column> = Vec::new();
    for (at, decision) in decisions.iter().enumerate() {
        let values = match decision.role {
            ColumnRole::Text => Values::Text(Vec::new()),
            ColumnRole::Image => Values::Image(Vec::new()),
            ColumnRole::Category => Values::Category(Vec::new()),
            ColumnRole::Number => Values::Number(Vec::new()),
            ColumnRole::Time => Values::Time(Vec::new()),
            ColumnRole::User
            | ColumnRole::Item
            | ColumnRole::Value
            | ColumnRole::Position
            | ColumnRole::Event
            | ColumnRole::Split
            | ColumnRole::Ignore => continue,
        };
        let mut name = file.columns[at].clone();
        // The dataset on disk calls the id columns so.
        while matches!(name.as_str(), "item_id" | "user_id")
            || out.iter().any(|c| c.field.name == name)
        {
            name.push_str("_2");
        }
        out.push(Column {
            at,
            decision: decision.clone(),
            field: Field { name, values },
        });
    }
    out
}

/// A cell, or why it is left empty.
type Checked = Result<Value, Bad>;

/// Checks a row; if it is accepted its id is in the table and its cells are in `values`.
fn accept(
    cells: &Cells,
    (id_at, id_name): (usize, &str),
    columns: &[Column],
    (table, first_lines, values): (&mut Table, &mut Vec<u64>, &mut Vec<Checked>),
    limit: usize,
) -> Result<(), Bad> {
    let id = cell::id(cells, id_at).map_err(|b| b.in_field(id_name))?;
    if let Some(known) = table.ids.get(id) {
        let first = first_lines[known as usize];
        let got = format!("'{}', which line {first} has already", cell::clip(id));
        return Err(Bad::new(cells.line, "duplicate id", got).in_field(id_name));
    }
    for column in columns {
        let name = &column.field.name;
        let text = cell::text(cells, column.at, limit).map_err(|b| b.in_field(name))?;
        let value = convert(cells, column, text);
        values.push(value.map_err(|b| b.in_field(name)));
    }
    table.ids.intern(id);
    first_lines.push(cells.line);
    Ok(())
}

fn convert(cells: &Cells, column: &Column, text: &str) -> Checked {
    Ok(match &column.field.values {
        Values::Text(_) | Values::Image(_) => Value::Text(prose(text)),
        Values::Category(_) => Value::Labels(labels(text, column.decision.separator)),
        Values::Number(_) | Values::Time(_) if is_missing(text) => Value::None,
        Values::Number(_) => {
            let number: Option<f64> = text.parse().ok();
            let finite = number.filter(|x| x.is_finite());
            let got = || format!("'{}'", cell::clip(text));
            let bad = || Bad::new(cells.line, "not a finite number", got());
            Value::Number(finite.ok_or_else(bad)?)
        }
        Values::Time(_) => Value::Time(cell::time(cells, column.at)?),
    })
}

fn push(values: &mut Values, value: Value) {
    match (values, value) {
        (Values::Text(v) | Values::Image(v), Value::Text(x)) => v.push(x),
        (Values::Category(v), Value::Labels(x)) => v.push(x),
        (Values::Number(v), Value::Number(x)) => v.push(Some(x)),
        (Values::Time(v), Value::Time(x)) => v.push(Some(x)),
        (Values::Number(v), _) => v.push(None),
        (Values::Time(v), _) => v.push(None),
        // `convert` gives the value that belongs to the column.
        (Values::Text(_) | Values::Image(_) | Values::Category(_), _) => {}
    }
}

/// Adds rows without values for ids that only the interactions know.
pub(super) fn pad(table: &mut Table) {
    let n = table.ids.len();
    for field in &mut table.fields {
        match &mut field.values {
            Values::Text(v) | Values::Image(v) => v.resize(n, String::new()),
            Values::Category(v) => v.resize(n, Vec::new()),
            Values::Number(v) => v.resize(n, None),
            Values::Time(v) => v.resize(n, None),
        }
    }
}
