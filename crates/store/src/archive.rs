//! A store as a directory of Parquet files, and back: `items`, `users`, `events`, `notes` and
//! `places`, each with the columns of its table, rows in their order. Nothing is lost between the
//! two but the keys: those of the new store are made anew.

use crate::sql::{BATCH, Kind, Sql, Value, names};
use crate::{BUNDLES, Store, StoreError};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use semrec_data::Staging;
use std::fmt::Display;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

/// The file that makes a directory an archive.
const MANIFEST: &str = "store.json";
/// What it says.
const ABOUT: &str = "{\"semrec store\": 1}\n";

use Kind::{Perhaps, Real, Text, Whole};

/// A table, and its file.
struct Layout {
    file: &'static str,
    table: &'static str,
    columns: &'static [(&'static str, Kind)],
    order: &'static str,
}

const LAYOUTS: [Layout; 4] = [
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
        order: "id",
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
        order: "name",
    },
];

/// Up to where places were given out: those of deleted rows are not given again.
const PLACES: Layout = Layout {
    file: "places.parquet",
    table: "places",
    columns: &[("name", Text), ("seq", Whole)],
    order: "name",
};

impl Store {
    /// Writes everything but the keys into a directory, whole or not at all; an archive that is there
    /// is replaced. How many items (deleted ones too), users and events there are.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read or the disk refuses, or `dir` is something else.
    pub fn export(&self, dir: &Path) -> Result<[u64; 3], StoreError> {
        let stage = Staging::new(dir, MANIFEST)?;
        let counts = self.apart(|sql| {
            let mut counts = [0; LAYOUTS.len()];
            for (layout, count) in LAYOUTS.iter().zip(&mut counts) {
                *count = written(sql, layout, &stage.path().join(layout.file))?;
            }
            written(sql, &PLACES, &stage.path().join(PLACES.file))?;
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
        self.write(|sql| {
            for table in ["items", "users", "events"] {
                let n = sql.number(&format!("SELECT count(*) FROM {table}"), &[])?;
                if n > 0 {
                    let problem = format!("the store has {n} {table}; expected an empty one");
                    return Err(failed(dir, problem));
                }
            }
            let mut counts = [0; LAYOUTS.len()];
            for (layout, count) in LAYOUTS.iter().zip(&mut counts) {
                let path = dir.join(layout.file);
                each_batch(layout, &path, &mut |rows| {
                    *count += rows.len() as u64;
                    // A new store may have noted something already.
                    let rest = match layout.table {
                        "notes" => "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                        _ => "",
                    };
                    sql.insert((layout.table, layout.columns), rows, rest)
                })?;
            }
            each_batch(&PLACES, &dir.join(PLACES.file), &mut |rows| {
                rows.iter().try_for_each(|row| set_place(sql, row))
            })?;
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

/// What answers with the rows of a table, in their order.
fn query(sql: &Sql<'_>, layout: &Layout) -> String {
    let (names, table, order) = (names(layout.columns), layout.table, layout.order);
    match (table, sql) {
        ("places", Sql::Sqlite(_)) => {
            "SELECT name, seq FROM sqlite_sequence WHERE name IN ('events', 'items') ORDER BY name"
                .to_owned()
        }
        ("places", Sql::Postgres(_)) => "
            SELECT 'events', last_value FROM events_seq_seq WHERE is_called UNION ALL
            SELECT 'items', last_value FROM items_seq_seq WHERE is_called ORDER BY 1"
            .to_owned(),
        // Bundles lie beside the store, and do not go with it.
        ("notes", _) => {
            format!("SELECT {names} FROM notes WHERE name != '{BUNDLES}' ORDER BY {order}")
        }
        _ => format!("SELECT {names} FROM {table} ORDER BY {order}"),
    }
}

/// Goes on giving out places after one.
fn set_place(sql: &mut Sql<'_>, row: &[Value<'_>]) -> Result<(), StoreError> {
    let (Some(&Value::Text(name)), Some(&Value::Whole(place))) = (row.first(), row.get(1)) else {
        return Ok(());
    };
    match sql {
        Sql::Sqlite(_) => {
            // A table whose rows are all deleted has no place yet.
            let begin = "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, 0
                         WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)";
            sql.change(begin, &[name.into()])?;
            let set = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
            sql.change(set, &[name.into(), place.into()])?;
            Ok(())
        }
        Sql::Postgres(_) => {
            let set = "SELECT setval(pg_get_serial_sequence(CAST(?1 AS TEXT), 'seq'), ?2)";
            sql.each(set, &[name.into(), place.into()], &mut |_| Ok(()))
        }
    }
}

/// A column of rows that wait to be written.
enum Column {
    Whole(Vec<i64>),
    Real(Vec<f64>),
    Text(Vec<Option<String>>),
}

impl Column {
    fn new(kind: Kind) -> Self {
        match kind {
            Whole => Self::Whole(Vec::new()),
            Real => Self::Real(Vec::new()),
            Text | Perhaps => Self::Text(Vec::new()),
        }
    }

    fn array(self) -> ArrayRef {
        match self {
            Self::Whole(values) => Arc::new(Int64Array::from(values)),
            Self::Real(values) => Arc::new(Float64Array::from(values)),
            Self::Text(values) => Arc::new(StringArray::from(values)),
        }
    }
}

/// Writes a table; how many rows it has.
fn written(sql: &mut Sql<'_>, layout: &Layout, path: &Path) -> Result<u64, StoreError> {
    let file = File::create(path).map_err(|e| failed(path, e))?;
    let compression = Compression::ZSTD(ZstdLevel::try_new(3).map_err(|e| failed(path, e))?);
    let properties = WriterProperties::builder().set_compression(compression);
    let schema = schema(layout);
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties.build()))
        .map_err(|e| failed(path, e))?;
    let fresh = || -> Vec<Column> {
        let kinds = layout.columns.iter();
        kinds.map(|&(_, kind)| Column::new(kind)).collect()
    };
    let (mut columns, mut waiting, mut count) = (fresh(), 0, 0);
    let mut flush = |columns: Vec<Column>| {
        let arrays = columns.into_iter().map(Column::array).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays);
        let batch = batch.map_err(|e| failed(path, e))?;
        writer.write(&batch).map_err(|e| failed(path, e))
    };
    let query = query(sql, layout);
    sql.each(&query, &[], &mut |row| {
        for (at, column) in columns.iter_mut().enumerate() {
            match column {
                Column::Whole(values) => values.push(row.whole(at)?),
                Column::Real(values) => values.push(row.real(at)?),
                Column::Text(values) => values.push(row.perhaps(at)?),
            }
        }
        (waiting, count) = (waiting + 1, count + 1);
        if waiting == BATCH {
            waiting = 0;
            flush(std::mem::replace(&mut columns, fresh()))?;
        }
        Ok(())
    })?;
    if waiting > 0 {
        flush(columns)?;
    }
    writer.close().map_err(|e| failed(path, e))?;
    Ok(count)
}

/// Who is told rows.
type Told<'a> = dyn FnMut(Vec<Vec<Value<'_>>>) -> Result<(), StoreError> + 'a;

/// Tells the rows of a file, some thousands at once.
fn each_batch(layout: &Layout, path: &Path, told: &mut Told<'_>) -> Result<(), StoreError> {
    let file = File::open(path).map_err(|e| failed(path, e))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| failed(path, e))?;
    let expected = schema(layout);
    if reader.schema().fields() != expected.fields() {
        let problem = format!("has other columns; expected {}", names(layout.columns));
        return Err(failed(path, problem));
    }
    let reader = reader.with_batch_size(BATCH).build();
    for batch in reader.map_err(|e| failed(path, e))? {
        let batch = batch.map_err(|e| failed(path, e))?;
        let rows = (0..batch.num_rows()).map(|row| values(&batch, layout, row));
        told(rows.collect())?;
    }
    Ok(())
}

fn values<'a>(batch: &'a RecordBatch, layout: &Layout, row: usize) -> Vec<Value<'a>> {
    let columns = layout.columns.iter().zip(batch.columns());
    let values = columns.map(|(&(_, kind), column)| {
        if column.is_null(row) {
            return Value::Null;
        }
        match kind {
            Whole => Value::Whole(column.as_primitive::<Int64Type>().value(row)),
            Real => Value::Real(column.as_primitive::<Float64Type>().value(row)),
            Text | Perhaps => Value::Text(column.as_string::<i32>().value(row)),
        }
    });
    values.collect()
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
        store.put_users(&[said], 8).unwrap();
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
