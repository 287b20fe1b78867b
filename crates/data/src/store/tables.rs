//! `items.parquet` and `users.parquet`: a [`Table`] with its ids in one column.

use super::manifest::FieldRole;
use super::open::{BATCH, Writer, column, no_nulls, open, strings};
use crate::{DataError, Field, Ids, Role, Table, Values};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field as ArrowField, Schema};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

fn data_type(role: Role) -> DataType {
    match role {
        Role::Text | Role::Image => DataType::Utf8,
        Role::Category => DataType::List(Arc::new(ArrowField::new("item", DataType::Utf8, true))),
        Role::Number => DataType::Float64,
        Role::Time => DataType::Int64,
    }
}

pub(super) fn write(path: &Path, id_column: &str, table: &Table) -> Result<(), DataError> {
    let mut fields = vec![ArrowField::new(id_column, DataType::Utf8, false)];
    for field in &table.fields {
        let role = field.values.role();
        let nullable = matches!(role, Role::Number | Role::Time);
        fields.push(ArrowField::new(&field.name, data_type(role), nullable));
    }
    let mut writer = Writer::create(path, Schema::new(fields))?;
    let mut ids = table.ids.iter();
    for start in (0..table.len()).step_by(BATCH) {
        let range = start..(start + BATCH).min(table.len());
        let names: StringArray = ids.by_ref().take(range.len()).map(Some).collect();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(names)];
        for field in &table.fields {
            columns.push(array(&field.values, range.clone()));
        }
        writer.write(columns)?;
    }
    writer.close()
}

fn array(values: &Values, range: Range<usize>) -> ArrayRef {
    match values {
        Values::Text(v) | Values::Image(v) => Arc::new(StringArray::from_iter_values(&v[range])),
        Values::Number(v) => Arc::new(Float64Array::from(v[range].to_vec())),
        Values::Time(v) => Arc::new(Int64Array::from(v[range].to_vec())),
        Values::Category(v) => {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for labels in &v[range] {
                for label in labels {
                    lists.values().append_value(label);
                }
                lists.append(true);
            }
            Arc::new(lists.finish())
        }
    }
}

pub(super) fn read(
    path: &Path,
    id_column: &str,
    roles: &[FieldRole],
    rows: usize,
) -> Result<Table, DataError> {
    let mut expected = vec![(id_column, DataType::Utf8)];
    for f in roles {
        expected.push((f.name.as_str(), data_type(f.role)));
    }
    let mut ids = Ids::default();
    let mut values: Vec<Values> = roles.iter().map(|f| empty(f.role)).collect();
    let mut read = 0;
    for batch in open(path, &expected, rows)? {
        let batch = batch?;
        for id in strings(path, &batch, id_column)?.iter().flatten() {
            if id.is_empty() || ids.intern(id) as usize != read {
                return Err(DataError::format(
                    path,
                    format!(
                        "row {read}: the id '{id}' is empty or a repetition; import the data again"
                    ),
                ));
            }
            read += 1;
        }
        for (f, v) in roles.iter().zip(&mut values) {
            append(path, &batch, &f.name, v)?;
        }
    }
    let fields = roles.iter().zip(values).map(|(f, values)| Field {
        name: f.name.clone(),
        values,
    });
    Ok(Table {
        ids,
        fields: fields.collect(),
    })
}

/// A column of a role, without rows.
pub(super) fn empty(role: Role) -> Values {
    match role {
        Role::Text => Values::Text(Vec::new()),
        Role::Image => Values::Image(Vec::new()),
        Role::Category => Values::Category(Vec::new()),
        Role::Number => Values::Number(Vec::new()),
        Role::Time => Values::Time(Vec::new()),
    }
}

fn append(
    path: &Path,
    batch: &RecordBatch,
    name: &str,
    values: &mut Values,
) -> Result<(), DataError> {
    match values {
        Values::Text(v) | Values::Image(v) => {
            v.extend(
                strings(path, batch, name)?
                    .iter()
                    .flatten()
                    .map(str::to_owned),
            );
        }
        Values::Number(v) => v.extend(column::<Float64Array>(path, batch, name)?.iter()),
        Values::Time(v) => v.extend(column::<Int64Array>(path, batch, name)?.iter()),
        Values::Category(v) => {
            let lists: &ListArray = column(path, batch, name)?;
            no_nulls(path, lists, name)?;
            for labels in lists.iter().flatten() {
                let labels = labels
                    .as_any()
                    .downcast_ref::<StringArray>()
                    .ok_or_else(|| {
                        DataError::format(path, format!("column '{name}' cannot be read"))
                    })?;
                v.push(labels.iter().flatten().map(str::to_owned).collect());
            }
        }
    }
    Ok(())
}
