//! Vectors as Parquet: a column `id` and a column `vector` of fixed-size lists, which pandas,
//! polars and DuckDB open as they are.
//!
//! Vectors are stored as they are: their bytes are close to random, so that neither a dictionary
//! nor compression would find anything in them. Ids are compressed with zstd.

use super::stage::Stage;
use super::{Batch, Origin, Sink, VectorFile};
use crate::TextError;
use arrow_array::types::{ArrowPrimitiveType, Float16Type};
use arrow_array::{
    ArrayRef, FixedSizeListArray, Float16Array, Float32Array, RecordBatch, StringArray,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of the vectors of one row group, which is held until it is complete.
const ROW_GROUP_BYTES: usize = 32 << 20;

/// A 16-bit number as Arrow has it.
type Half = <Float16Type as ArrowPrimitiveType>::Native;

/// A Parquet file being written.
pub(super) struct Parquet {
    path: PathBuf,
    output: PathBuf,
    file: File,
    columns: Columns,
    writer: ArrowWriter<File>,
}

/// What the two columns are.
struct Columns {
    schema: SchemaRef,
    item: FieldRef,
    dim: i32,
    half: bool,
}

impl Parquet {
    pub(super) fn new(
        output: &VectorFile,
        stage: &Stage,
        origin: &Origin,
        dim: usize,
    ) -> Result<Self, TextError> {
        Self::create(
            (stage.file("assembled.parquet"), output.path.clone()),
            dim,
            output.half,
            &[
                ("semrec.encoder", &origin.encoder),
                ("semrec.fingerprint", &origin.fingerprint),
                ("semrec.role", origin.role.name()),
            ],
        )
    }

    /// A file at the first path, to be called as the second says.
    pub(super) fn create(
        (path, output): (PathBuf, PathBuf),
        dim: usize,
        half: bool,
        metadata: &[(&str, &str)],
    ) -> Result<Self, TextError> {
        let file = File::create(&path).map_err(|e| TextError::io(&path, e))?;
        let handle = file.try_clone().map_err(|e| TextError::io(&path, e))?;
        let (columns, writer) =
            writer(handle, dim, half, metadata).map_err(|e| refused(&path, e))?;
        Ok(Self {
            path,
            output,
            file,
            columns,
            writer,
        })
    }
}

impl Sink for Parquet {
    fn push(&mut self, batch: &Batch) -> Result<(), TextError> {
        let columns = &self.columns;
        let rows = columns.rows(batch).map_err(|e| refused(&self.path, e))?;
        self.writer
            .write(&rows)
            .map_err(|e| refused(&self.path, e))?;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<(PathBuf, PathBuf)>, TextError> {
        self.writer.close().map_err(|e| refused(&self.path, e))?;
        self.file
            .sync_all()
            .map_err(|e| TextError::io(&self.path, e))?;
        Ok(vec![(self.path, self.output)])
    }
}

/// The error of a library that writes, as ours.
fn refused(path: &Path, error: impl std::fmt::Display) -> TextError {
    TextError::format(path, format!("cannot be written: {error}"))
}

fn writer(
    file: File,
    dim: usize,
    half: bool,
    metadata: &[(&str, &str)],
) -> Result<(Columns, ArrowWriter<File>), ParquetError> {
    let too_wide = |_| ArrowError::SchemaError("a vector is too long".into());
    let list = i32::try_from(dim).map_err(too_wide)?;
    let number = if half {
        DataType::Float16
    } else {
        DataType::Float32
    };
    let item = Arc::new(Field::new("item", number, false));
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("vector", DataType::FixedSizeList(item.clone(), list), false),
    ]));
    let pairs = metadata
        .iter()
        .map(|(key, value)| KeyValue::new((*key).to_owned(), (*value).to_owned()));
    let id = || ColumnPath::from("id");
    let properties = WriterProperties::builder()
        .set_key_value_metadata(Some(pairs.collect()))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_compression(id(), Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some((ROW_GROUP_BYTES / (4 * dim).max(1)).max(1)))
        .build();
    let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))?;
    let columns = Columns {
        schema,
        item,
        dim: list,
        half,
    };
    Ok((columns, writer))
}

impl Columns {
    fn rows(&self, batch: &Batch) -> Result<RecordBatch, ArrowError> {
        let ids = StringArray::from_iter_values(&batch.ids);
        let values = batch.vectors.as_slice();
        let values: ArrayRef = if self.half {
            let halves = values.iter().map(|x| Half::from_f32(*x));
            Arc::new(Float16Array::from_iter_values(halves))
        } else {
            Arc::new(Float32Array::from(values.to_vec()))
        };
        let lists = FixedSizeListArray::try_new(self.item.clone(), self.dim, values, None)?;
        let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(lists)];
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}
