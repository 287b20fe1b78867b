//! Parquet, any types: numbers and times are read as their text, lists as lists.

use super::{Cells, Input, LIST, Rows, Step, caught};
use crate::DataError;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, StringArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaData;
use std::path::PathBuf;

/// Rows decoded at once, at most.
const BATCH: usize = 8192;
/// Bytes decoded at once, as far as the file tells how long its values are.
const BATCH_BYTES: u64 = 16 << 20;
/// What is said where the library panics.
const PANIC: &str = "its structure contradicts itself";

/// A reader of Parquet rows.
pub(super) struct Parquet {
    path: PathBuf,
    columns: Vec<String>,
    reader: ParquetRecordBatchReader,
    batch: Vec<Column>,
    rows: usize,
    next: usize,
    line: u64,
    total: u64,
}

/// A column of a batch, as text.
enum Column {
    Text(StringArray),
    Bytes(BinaryArray),
}

impl Parquet {
    pub(super) fn new(input: Input) -> Result<Self, DataError> {
        let path = input.path.clone();
        let broken = |e: &dyn std::fmt::Display| {
            DataError::format(&path, format!("is damaged or no Parquet file ({e})"))
        };
        let file = input.into_seekable()?;
        let builder = caught(|| ParquetRecordBatchReaderBuilder::try_new(file))
            .ok_or_else(|| broken(&PANIC))?
            .map_err(|e| broken(&e))?;
        if let Some(column) = misplaced(builder.metadata()) {
            return Err(broken(&format!(
                "column '{column}' has a negative position or length"
            )));
        }
        let columns = builder
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        let (total, batch) = (rows_of(builder.metadata()), batch_rows(builder.metadata()));
        let reader = builder
            .with_batch_size(batch)
            .build()
            .map_err(|e| broken(&e))?;
        Ok(Self {
            path,
            columns,
            reader,
            batch: Vec::new(),
            rows: 0,
            next: 0,
            line: 0,
            total,
        })
    }

    /// Reads the next batch; false at the end.
    fn advance(&mut self) -> Result<bool, DataError> {
        let broken = |e: ArrowError| DataError::format(&self.path, format!("is damaged ({e})"));
        let next = caught(|| self.reader.next())
            .ok_or_else(|| broken(ArrowError::ParquetError(PANIC.into())))?;
        let Some(batch) = next.transpose().map_err(broken)? else {
            return Ok(false);
        };
        self.batch.clear();
        for column in batch.columns() {
            self.batch.push(text(column).map_err(broken)?);
        }
        self.rows = batch.num_rows();
        self.next = 0;
        Ok(true)
    }
}

/// Rows of the whole file.
fn rows_of(metadata: &ParquetMetaData) -> u64 {
    u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0)
}

/// The first column, of any row group, whose position or length is negative, for which the library
/// panics.
fn misplaced(metadata: &ParquetMetaData) -> Option<String> {
    let mut chunks = metadata.row_groups().iter().flat_map(|g| g.columns());
    let negative = chunks.find(|chunk| {
        let start = chunk.dictionary_page_offset();
        start.unwrap_or(chunk.data_page_offset()) < 0 || chunk.compressed_size() < 0
    });
    negative.map(|chunk| chunk.column_path().string())
}

/// How many rows to decode at once, so that long texts are not held by the thousand: by the row
/// group with the longest rows, whose length is that of the encoded columns or, where the file
/// tells it, of the strings they stand for.
fn batch_rows(metadata: &ParquetMetaData) -> usize {
    let positive = |x: i64| u64::try_from(x).unwrap_or(0);
    let longest = metadata.row_groups().iter().map(|group| {
        let strings: i64 = group
            .columns()
            .iter()
            .filter_map(|c| c.unencoded_byte_array_data_bytes())
            .sum();
        let bytes = positive(group.total_byte_size()).max(positive(strings));
        bytes / positive(group.num_rows()).max(1)
    });
    let rows = BATCH_BYTES / longest.max().unwrap_or(0).max(1);
    usize::try_from(rows).map_or(BATCH, |rows| rows.clamp(1, BATCH))
}

fn text(column: &ArrayRef) -> Result<Column, ArrowError> {
    let kind = column.data_type();
    if kind.is_binary() {
        let bytes = arrow_cast::cast(column, &DataType::Binary)?;
        return Ok(Column::Bytes(bytes.as_binary().clone()));
    }
    if is_list(kind) {
        return lists(column).map(Column::Text);
    }
    if kind.is_nested() {
        return formatted(column).map(Column::Text);
    }
    if let DataType::Timestamp(unit, Some(_)) = kind {
        // The numbers are UTC whatever zone they are to be shown in.
        let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
        let bare = arrow_cast::cast(column, &DataType::Int64)?;
        let shown = arrow_cast::cast(&arrow_cast::cast(&bare, &utc)?, &DataType::Utf8)?;
        return Ok(Column::Text(shown.as_string().clone()));
    }
    let cast = arrow_cast::cast(column, &DataType::Utf8)?;
    Ok(Column::Text(cast.as_string().clone()))
}

fn is_list(kind: &DataType) -> bool {
    use DataType::{FixedSizeList, LargeList, List};
    matches!(kind, List(_) | LargeList(_) | FixedSizeList(_, _))
}

fn formatted(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options)?;
    (0..column.len())
        .map(|i| formatter.value(i).try_to_string().map(Some))
        .collect()
}

fn lists(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    let mut out: Vec<Option<String>> = Vec::with_capacity(column.len());
    let mut push = |members: Option<ArrayRef>| -> Result<(), ArrowError> {
        let Some(members) = members else {
            out.push(None);
            return Ok(());
        };
        let mut joined = String::new();
        let one = text(&members)?;
        for i in 0..members.len() {
            let member = String::from_utf8_lossy(one.cell(i)).into_owned();
            if !member.is_empty() {
                if !joined.is_empty() {
                    joined.push(LIST);
                }
                joined.push_str(&member);
            }
        }
        out.push(Some(joined));
        Ok(())
    };
    if let Some(lists) = column.as_list_opt::<i32>() {
        lists.iter().try_for_each(&mut push)?;
    } else if let Some(lists) = column.as_list_opt::<i64>() {
        lists.iter().try_for_each(&mut push)?;
    } else if let Some(lists) = column.as_fixed_size_list_opt() {
        lists.iter().try_for_each(&mut push)?;
    }
    Ok(StringArray::from(out))
}

impl Column {
    fn cell(&self, i: usize) -> &[u8] {
        match self {
            Self::Text(a) if a.is_valid(i) => a.value(i).as_bytes(),
            Self::Bytes(a) if a.is_valid(i) => a.value(i),
            Self::Text(_) | Self::Bytes(_) => &[],
        }
    }
}

impl Rows for Parquet {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn read(&mut self, row: &mut Cells) -> Result<Step, DataError> {
        while self.next >= self.rows {
            if !self.advance()? {
                return Ok(Step::End);
            }
        }
        row.clear();
        self.line += 1;
        row.line = self.line;
        row.offset = 0;
        for column in &self.batch {
            row.push(column.cell(self.next));
        }
        self.next += 1;
        Ok(Step::Row)
    }

    fn raw(&self) -> &[u8] {
        &[]
    }

    fn total(&self) -> Option<u64> {
        Some(self.total)
    }
}
