//! Parquet files, opened and checked, and the settings they are written with.

use crate::DataError;
use crate::read::caught;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Rows handed to the writer, and asked of the reader, at a time.
pub(super) const BATCH: usize = 1 << 16;

/// A writer of one Parquet file.
pub(super) struct Writer<'a> {
    path: &'a Path,
    schema: SchemaRef,
    inner: ArrowWriter<File>,
}

impl<'a> Writer<'a> {
    pub(super) fn create(path: &'a Path, schema: Schema) -> Result<Self, DataError> {
        let file = File::create(path).map_err(|e| DataError::io(path, e))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            // A million distinct ids still fit a dictionary; past that, plain pages.
            .set_dictionary_page_size_limit(32 << 20)
            .set_created_by("semrec".into())
            .build();
        // Without Arrow's own schema in the metadata every reader sees plain Parquet types.
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let schema = Arc::new(schema);
        let inner = ArrowWriter::try_new_with_options(file, schema.clone(), options)
            .map_err(|e| failed(path, e))?;
        Ok(Self {
            path,
            schema,
            inner,
        })
    }

    pub(super) fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), DataError> {
        let batch = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|e| DataError::format(self.path, format!("cannot be written: {e}")))?;
        self.inner.write(&batch).map_err(|e| failed(self.path, e))
    }

    pub(super) fn close(self) -> Result<(), DataError> {
        let path = self.path;
        self.inner.close().map_err(|e| failed(path, e))?;
        Ok(())
    }
}

/// A Parquet error; what the file system said is kept apart from what the file is.
fn failed(path: &Path, error: ParquetError) -> DataError {
    if let ParquetError::External(inner) = error {
        return match inner.downcast::<std::io::Error>() {
            Ok(e) => DataError::io(path, *e),
            Err(e) => DataError::format(path, format!("Parquet: {e}")),
        };
    }
    DataError::format(
        path,
        format!("{error}; the file is damaged, import the data again"),
    )
}

/// What is said where the library panics.
fn contradiction() -> ParquetError {
    ParquetError::General("the structure contradicts itself".into())
}

/// The batches of a file, damage in any of them an error.
pub(super) struct Batches<'a> {
    path: &'a Path,
    reader: ParquetRecordBatchReader,
}

impl Iterator for Batches<'_> {
    type Item = Result<RecordBatch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = caught(|| self.reader.next());
        let batch = next.unwrap_or_else(|| Some(Err(contradiction().into())))?;
        Some(batch.map_err(|e| failed(self.path, e.into())))
    }
}

/// Opens a file of `rows` rows that has `columns`.
pub(super) fn open<'a>(
    path: &'a Path,
    columns: &[(&str, DataType)],
    rows: usize,
) -> Result<Batches<'a>, DataError> {
    let file = File::open(path).map_err(|e| DataError::io(path, e))?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = caught(|| ParquetRecordBatchReaderBuilder::try_new_with_options(file, options))
        .unwrap_or_else(|| Err(contradiction()))
        .map_err(|e| failed(path, e))?;
    for (name, expected) in columns {
        let field = builder.schema().field_with_name(name).map_err(|_| {
            DataError::format(
                path,
                format!("has no column '{name}'; import the data again"),
            )
        })?;
        if !alike(field.data_type(), expected) {
            return Err(DataError::format(
                path,
                format!(
                    "column '{name}' holds {}, expected {expected}; import the data again",
                    field.data_type()
                ),
            ));
        }
    }
    let found = builder.metadata().file_metadata().num_rows();
    if usize::try_from(found).ok() != Some(rows) {
        return Err(DataError::format(
            path,
            format!("has {found} rows, 'dataset.toml' says {rows}; import the data again"),
        ));
    }
    let reader = builder
        .with_batch_size(BATCH)
        .build()
        .map_err(|e| failed(path, e))?;
    Ok(Batches { path, reader })
}

/// Equal up to the name and nullability of list elements.
fn alike(found: &DataType, expected: &DataType) -> bool {
    match (found, expected) {
        (DataType::List(a), DataType::List(b)) => alike(a.data_type(), b.data_type()),
        (a, b) => a == b,
    }
}

/// One column of a batch, as the type `open` has checked.
pub(super) fn column<'a, A: Array + 'static>(
    path: &Path,
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a A, DataError> {
    batch
        .column_by_name(name)
        .and_then(|c| c.as_any().downcast_ref::<A>())
        .ok_or_else(|| DataError::format(path, format!("column '{name}' cannot be read")))
}

/// A column of strings, none of them missing.
pub(super) fn strings<'a>(
    path: &Path,
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a StringArray, DataError> {
    let array: &StringArray = column(path, batch, name)?;
    no_nulls(path, array, name)?;
    Ok(array)
}

/// Refuses missing values.
pub(super) fn no_nulls(path: &Path, array: &dyn Array, name: &str) -> Result<(), DataError> {
    if array.null_count() > 0 {
        return Err(DataError::format(
            path,
            format!(
                "column '{name}' has {} missing values, expected none; import the data again",
                array.null_count()
            ),
        ));
    }
    Ok(())
}
