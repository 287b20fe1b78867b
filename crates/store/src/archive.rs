//! A store as a directory of Parquet files, and back: `items`, `users`, `events`, `notes` and
//! `places`, each with the columns of its table, rows in their order. Nothing is lost between the
//! two but the keys: those of the new store are made anew.

use crate::{BUNDLES, Store, StoreError};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Statement, Transaction, params_from_iter};
use semrec_data::Staging;
use std::fmt::Display;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

/// The file that makes a directory an archive.
const MANIFEST: &str = "store.json";
/// What it says.
const ABOUT: &str = "{\"semrec store\": 1}\n";
/// Rows held at once.
const BATCH: usize = 8192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Whole,
    Real,
    Text,
    /// Text that may be missing.
    Perhaps,
}
use Kind::{Perhaps, Real, Text, Whole};

/// A table, and its file.
struct Layout {
    file: &'static str,
    table: &'static str,
    columns: &'static [(&'static str, Kind)],
    order: &'static str,
}

const LAYOUTS: [Layout; 5] = [
    Layout {
        file: "items.parquet",
        table: "items",
        columns: &[
            ("seq", Whole),
            ("id", Text),
            ("object", Text),
            ("version", Whole),
            ("changed", Whole),
        ],
        order: "seq",
    },
    Layout {
        file: "users.parquet",
        table: "users",
        columns: &[("id", Text), ("object", Text)],
        order: "rowid",
    },
    Layout {
        file: "events.parquet",
        table: "events",
        columns: &[
            ("seq", Whole),
            ("user_id", Text),
            ("item_id", Text),
            ("kind", Text),
            ("value", Real),
            ("time", Whole),
            ("key", Perhaps),
        ],
        order: "seq",
    },
    Layout {
        file: "notes.parquet",
        table: "notes",
        columns: &[("name", Text), ("value", Text)],
        order: "rowid",
    },
    // Up to where places were given out: those of deleted rows are not given again.
    Layout {
        file: "places.parquet",
        table: "sqlite_sequence",
        columns: &[("name", Text), ("seq", Whole)],
        order: "rowid",
    },
];

impl Store {
    /// Writes everything but the keys into a directory, whole or not at all; an archive that is there
    /// is replaced. How many items (deleted ones too), users and events there are.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read or the disk refuses, or `dir` is something else.
    pub fn export(&self, dir: &Path) -> Result<[u64; 3], StoreError> {
        let stage = Staging::new(dir, MANIFEST)?;
        let counts = self.apart(|read| {
            // One transaction sees one moment.
            let moment = read.unchecked_transaction()?;
            let mut counts = [0; LAYOUTS.len()];
            for (layout, count) in LAYOUTS.iter().zip(&mut counts) {
                *count = written(&moment, layout, &stage.path().join(layout.file))?;
            }
            moment.commit()?;
            Ok(counts)
        })?;
        let about = stage.path().join(MANIFEST);
        fs::write(&about, ABOUT).map_err(|e| failed(&about, e))?;
        stage.commit()?;
        Ok([counts[0], counts[1], counts[2]])
    }

    /// Reads what [`Store::export`] wrote into a store that is empty, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the store is not empty, the files are not those of an archive, or the disk
    /// refuses.
    pub fn import(&self, dir: &Path) -> Result<[u64; 3], StoreError> {
        let about = dir.join(MANIFEST);
        let text = fs::read_to_string(&about).map_err(|e| failed(&about, e))?;
        if text != ABOUT {
            return Err(failed(&about, "is not of this version; expected store 1"));
        }
        self.write(|writing| {
            for table in ["items", "users", "events"] {
                let sql = format!("SELECT count(*) FROM {table}");
                let n: i64 = writing.query_row(&sql, [], |row| row.get(0))?;
                if n > 0 {
                    let problem = format!("the store has {n} {table}; expected an empty one");
                    return Err(failed(dir, problem));
                }
            }
            let mut counts = [0; LAYOUTS.len()];
            for (layout, count) in LAYOUTS.iter().zip(&mut counts) {
                *count = read(writing, layout, &dir.join(layout.file))?;
            }
            Ok([counts[0], counts[1], counts[2]])
        })
    }
}

fn failed(path: &Path, problem: impl Display) -> StoreError {
    StoreError::Open {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

fn schema(layout: &Layout) -> Arc<Schema> {
    let fields = layout.columns.iter().map(|&(name, kind)| {
        let (data, nullable) = match kind {
            Whole => (DataType::Int64, false),
            Real => (DataType::Float64, false),
            Text => (DataType::Utf8, false),
            Perhaps => (DataType::Utf8, true),
        };
        Field::new(name, data, nullable)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn written(moment: &Transaction<'_>, layout: &Layout, path: &Path) -> Result<u64, StoreError> {
    let names: Vec<&str> = layout.columns.iter().map(|(name, _)| *name).collect();
    // Bundles lie beside the store, and do not go with it.
    let but = match layout.table {
        "notes" => format!("WHERE name != '{BUNDLES}'"),
        _ => String::new(),
    };
    let (table, order) = (layout.table, layout.order);
    let sql = format!(
        "SELECT {} FROM {table} {but} ORDER BY {order}",
        names.join(", ")
    );
    let mut statement = moment.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let file = File::create(path).map_err(|e| failed(path, e))?;
    let compression = Compression::ZSTD(ZstdLevel::try_new(3).map_err(|e| failed(path, e))?);
    let properties = WriterProperties::builder().set_compression(compression);
    let schema = schema(layout);
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties.build()))
        .map_err(|e| failed(path, e))?;
    let mut count = 0;
    let mut columns: Vec<Vec<Value>> = vec![Vec::new(); layout.columns.len()];
    loop {
        let row = rows.next()?;
        if let Some(row) = row {
            count += 1;
            for (place, column) in columns.iter_mut().enumerate() {
                column.push(row.get_ref(place)?.into());
            }
        }
        let full = columns[0].len() == BATCH;
        let ends = row.is_none();
        if full || (ends && !columns[0].is_empty()) {
            let arrays = layout.columns.iter().zip(&mut columns);
            let arrays = arrays.map(|(&(_, kind), values)| array(kind, std::mem::take(values)));
            let batch = RecordBatch::try_new(Arc::clone(&schema), arrays.collect());
            let done = batch.map_err(|e| failed(path, e));
            writer.write(&done?).map_err(|e| failed(path, e))?;
        }
        if ends {
            writer.close().map_err(|e| failed(path, e))?;
            return Ok(count);
        }
    }
}

fn array(kind: Kind, values: Vec<Value>) -> ArrayRef {
    let text = |value| match value {
        Value::Text(text) => Some(text),
        Value::Null | Value::Integer(_) | Value::Real(_) | Value::Blob(_) => None,
    };
    let whole = |value| match value {
        Value::Integer(number) => Some(number),
        Value::Null | Value::Text(_) | Value::Real(_) | Value::Blob(_) => None,
    };
    let real = |value| match value {
        Value::Real(number) => Some(number),
        Value::Null | Value::Text(_) | Value::Integer(_) | Value::Blob(_) => None,
    };
    let values = values.into_iter();
    match kind {
        Whole => Arc::new(values.map(whole).collect::<Int64Array>()),
        Real => Arc::new(values.map(real).collect::<Float64Array>()),
        Text | Perhaps => Arc::new(values.map(text).collect::<StringArray>()),
    }
}

fn read(writing: &Transaction<'_>, layout: &Layout, path: &Path) -> Result<u64, StoreError> {
    let file = File::open(path).map_err(|e| failed(path, e))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| failed(path, e))?;
    let expected = schema(layout);
    if reader.schema().fields() != expected.fields() {
        let names: Vec<&str> = layout.columns.iter().map(|(name, _)| *name).collect();
        let problem = format!("has other columns; expected {}", names.join(", "));
        return Err(failed(path, problem));
    }
    let reader = reader.with_batch_size(BATCH).build();
    let reader = reader.map_err(|e| failed(path, e))?;
    let names: Vec<&str> = layout.columns.iter().map(|(name, _)| *name).collect();
    let marks: Vec<String> = (1..=names.len()).map(|i| format!("?{i}")).collect();
    let sql = match layout.table {
        "sqlite_sequence" => {
            "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1".to_owned()
        }
        table => format!(
            "INSERT OR REPLACE INTO {table} ({}) VALUES ({})",
            names.join(", "),
            marks.join(", ")
        ),
    };
    // A table whose rows are all deleted has no place yet.
    for name in ["items", "events"] {
        let sql = "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, 0
                   WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)";
        writing.execute(sql, [name])?;
    }
    let mut insert = writing.prepare(&sql)?;
    let mut count = 0;
    for batch in reader {
        let batch = batch.map_err(|e| failed(path, e))?;
        for row in 0..batch.num_rows() {
            inserted(&mut insert, &batch, (layout, row))?;
            count += 1;
        }
    }
    Ok(count)
}

fn inserted(
    insert: &mut Statement<'_>,
    batch: &RecordBatch,
    (layout, row): (&Layout, usize),
) -> Result<(), StoreError> {
    let values = layout.columns.iter().zip(batch.columns());
    let values = values.map(|(&(_, kind), column)| {
        if column.is_null(row) {
            return ValueRef::Null;
        }
        match kind {
            Whole => ValueRef::Integer(column.as_primitive::<Int64Type>().value(row)),
            Real => ValueRef::Real(column.as_primitive::<Float64Type>().value(row)),
            Text | Perhaps => ValueRef::Text(column.as_string::<i32>().value(row).as_bytes()),
        }
    });
    let values: Vec<Value> = values
        .map(Value::try_from)
        .collect::<Result<_, _>>()
        .map_err(|e| {
            StoreError::Damaged(format!("a row of {} cannot be read: {e}", layout.file))
        })?;
    insert.execute(params_from_iter(values))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Condition, NewEvent, StoredUser};
    use serde_json::json;

    fn event(user: &str, key: Option<&str>) -> NewEvent {
        NewEvent {
            user: user.to_owned(),
            item: "a".to_owned(),
            kind: "click".to_owned(),
            value: 0.1,
            time: 7,
            key: key.map(str::to_owned),
        }
    }

    fn files(dir: &Path) -> Vec<Vec<u8>> {
        let read = |layout: &Layout| fs::read(dir.join(layout.file)).unwrap();
        LAYOUTS.iter().map(read).collect()
    }

    #[test]
    fn there_and_back_nothing_is_lost() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::in_memory().unwrap();
        let lamp = json!({"title": "Lamp, “bright”", "price": 9.5});
        let lamp = lamp.as_object().unwrap();
        for item in ["a", "b", "c"] {
            store.put_items(&[(item, lamp)], Condition::Any, 5).unwrap();
        }
        store.delete_item("b", Condition::Any, 6).unwrap();
        let events = [event("u", Some("k")), event("v", None), event("w", None)];
        store.add_events(&events).unwrap();
        store.forget_user("w", 8).unwrap();
        let said = StoredUser {
            id: "v".to_owned(),
            object: lamp.clone(),
        };
        store.put_users(&[said]).unwrap();
        store.set_note("seeded from", "f").unwrap();
        store.set_note(BUNDLES, "[0, 1]").unwrap();
        let out = home.path().join("archive");
        assert_eq!(store.export(&out).unwrap(), [3, 1, 2]);

        let again = Store::in_memory().unwrap();
        assert_eq!(again.import(&out).unwrap(), [3, 1, 2]);
        assert_eq!(
            again.changed_items(0, 9).unwrap(),
            store.changed_items(0, 9).unwrap()
        );
        assert_eq!(
            again.events_of("u", 9).unwrap(),
            store.events_of("u", 9).unwrap()
        );
        assert_eq!(again.user("v").unwrap(), store.user("v").unwrap());
        assert_eq!(again.note("seeded from").unwrap().as_deref(), Some("f"));
        assert_eq!(again.note(BUNDLES).unwrap(), None);
        // What was sent before is known, and places of what was deleted are not given again.
        let more = [event("u", Some("k")), event("u", None)];
        let sent = again.add_events(&more).unwrap();
        assert!(!sent[0].is_new());
        assert_eq!(sent, store.add_events(&more).unwrap());
        let out_again = home.path().join("again");
        store.export(&out).unwrap();
        again.export(&out_again).unwrap();
        assert_eq!(files(&out), files(&out_again));

        let error = again.import(&out).unwrap_err().to_string();
        assert!(
            error.ends_with("the store has 3 items; expected an empty one"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_archive_is_refused_and_leaves_the_store_empty() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::in_memory().unwrap();
        assert!(store.import(home.path()).is_err());
        let out = home.path().join("archive");
        store.export(&out).unwrap();
        fs::copy(out.join("users.parquet"), out.join("events.parquet")).unwrap();
        let error = store.import(&out).unwrap_err().to_string();
        assert!(
            error.contains("events.parquet: has other columns"),
            "{error}"
        );
        fs::write(out.join("events.parquet"), "cut").unwrap();
        assert!(store.import(&out).is_err());
        assert_eq!(store.n_events().unwrap(), 0);
    }
}
