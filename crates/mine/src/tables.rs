//! Tables as Parquet and CSV, side by side.

use crate::MineError;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Texts.
    Text(Vec<String>),
    /// Whole numbers.
    Count(Vec<i64>),
    /// Numbers; none where there is no figure.
    Number(Vec<Option<f64>>),
    /// Yes or no.
    Flag(Vec<bool>),
}

/// Named columns of one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// File name without ending.
    pub name: &'static str,
    /// Columns in order.
    pub columns: Vec<(&'static str, Column)>,
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Text(v) => v.len(),
            Self::Count(v) => v.len(),
            Self::Number(v) => v.len(),
            Self::Flag(v) => v.len(),
        }
    }

    fn cell(&self, row: usize) -> String {
        match self {
            Self::Text(v) => v[row].clone(),
            Self::Count(v) => v[row].to_string(),
            Self::Number(v) => v[row].map_or_else(String::new, |x| x.to_string()),
            Self::Flag(v) => v[row].to_string(),
        }
    }

    fn array(&self) -> ArrayRef {
        match self {
            Self::Text(v) => Arc::new(StringArray::from_iter_values(v)),
            Self::Count(v) => Arc::new(Int64Array::from_iter_values(v.iter().copied())),
            Self::Number(v) => Arc::new(Float64Array::from_iter(v.iter().copied())),
            Self::Flag(v) => Arc::new(BooleanArray::from(v.clone())),
        }
    }
}

impl Table {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |c| c.1.len())
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes `NAME.parquet` and `NAME.csv` into a directory.
    ///
    /// # Errors
    /// [`MineError::Table`] if one cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), MineError> {
        let refused = |path: &Path, problem: String| MineError::Table {
            path: path.to_owned(),
            problem,
        };
        let path = dir.join(format!("{}.parquet", self.name));
        self.parquet(&path).map_err(|e| refused(&path, e))?;
        let path = dir.join(format!("{}.csv", self.name));
        self.csv(&path).map_err(|e| refused(&path, e.to_string()))
    }

    fn batch(&self) -> Result<RecordBatch, ArrowError> {
        let columns = self
            .columns
            .iter()
            .map(|(name, c)| (*name, c.array(), true));
        RecordBatch::try_from_iter_with_nullable(columns)
    }

    fn parquet(&self, path: &Path) -> Result<(), String> {
        let batch = self.batch().map_err(|e| e.to_string())?;
        let file = File::create(path).map_err(|e| e.to_string())?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties))
            .map_err(|e| e.to_string())?;
        writer.write(&batch).map_err(|e| e.to_string())?;
        writer.close().map_err(|e| e.to_string())?;
        Ok(())
    }

    fn csv(&self, path: &Path) -> Result<(), csv::Error> {
        let mut writer = csv::Writer::from_path(path)?;
        writer.write_record(self.columns.iter().map(|c| c.0))?;
        for row in 0..self.len() {
            writer.write_record(self.columns.iter().map(|c| c.1.cell(row)))?;
        }
        writer.flush()?;
        Ok(())
    }
}
