//! Vectors as Parquet: a column `id` and a column `vector` of fixed-size lists, which pandas,
//! polars and DuckDB open as they are.

use crate::{TextError, Vectors};
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use std::path::Path;
use std::sync::Arc;

/// Rows turned into Arrow at once: bounds the memory beside the vectors.
const CHUNK: usize = 8192;

/// Writes one row an id, `id: string`, `vector: fixed_size_list<float>[dim]`; the file appears
/// when it is complete.
///
/// # Errors
/// [`TextError::Format`] if there are not as many ids as vectors, [`TextError::Io`] if the file
/// cannot be written.
pub fn write_vectors<'a>(
    path: &Path,
    ids: impl IntoIterator<Item = &'a str>,
    vectors: &Vectors,
) -> Result<(), TextError> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let io = |e| TextError::io(path, e);
    let file = tempfile::NamedTempFile::new_in(dir).map_err(io)?;
    let rows = write(&file, &mut ids.into_iter(), vectors)
        .map_err(|e| TextError::format(path, e.to_string()))?;
    if rows != vectors.len() {
        return Err(TextError::format(
            path,
            format!("there are {} vectors but {rows} ids", vectors.len()),
        ));
    }
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    Ok(())
}

/// Writes the rows and returns how many ids there were.
fn write(
    file: &tempfile::NamedTempFile,
    ids: &mut dyn Iterator<Item = &str>,
    vectors: &Vectors,
) -> Result<usize, ParquetError> {
    let too_wide = |_| ArrowError::SchemaError("a vector is too long".into());
    let dim = vectors.dim();
    let list_size = i32::try_from(dim).map_err(too_wide)?;
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new(
            "vector",
            DataType::FixedSizeList(item.clone(), list_size),
            false,
        ),
    ]));
    let mut writer = ArrowWriter::try_new(file, schema.clone(), None)?;
    let mut rows = 0;
    for values in vectors.as_slice().chunks(CHUNK * dim.max(1)) {
        let names: StringArray = ids.take(values.len() / dim).map(Some).collect();
        rows += arrow_array::Array::len(&names);
        if rows * dim < values.len() {
            return Ok(rows);
        }
        let values: ArrayRef = Arc::new(Float32Array::from(values.to_vec()));
        let lists = FixedSizeListArray::try_new(item.clone(), list_size, values, None)?;
        let columns: Vec<ArrayRef> = vec![Arc::new(names), Arc::new(lists)];
        writer.write(&RecordBatch::try_new(schema.clone(), columns)?)?;
    }
    rows += ids.count();
    writer.close()?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Array;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    #[test]
    fn what_is_written_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vectors.parquet");
        let n = CHUNK + 3;
        let vectors = Vectors::new(2, (0..2 * n).map(|i| i as f32).collect());
        let ids: Vec<String> = (0..n).map(|i| format!("i{i}")).collect();
        write_vectors(&path, ids.iter().map(String::as_str), &vectors).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap());
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for batch in reader.unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let column: &StringArray = batch.column(0).as_any().downcast_ref().unwrap();
            names.extend(column.iter().map(|s| s.unwrap().to_owned()));
            let lists: &FixedSizeListArray = batch.column(1).as_any().downcast_ref().unwrap();
            let floats: &Float32Array = lists.values().as_any().downcast_ref().unwrap();
            values.extend_from_slice(floats.values());
        }
        assert_eq!(names, ids);
        assert_eq!(values, vectors.as_slice());
    }

    #[test]
    fn a_wrong_number_of_ids_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vectors.parquet");
        let vectors = Vectors::zeros(2, 3);
        write_vectors(&path, ["a", "b"], &vectors).unwrap();
        let before = std::fs::read(&path).unwrap();
        for ids in [&["a"][..], &["a", "b", "c"]] {
            let error = write_vectors(&path, ids.iter().copied(), &vectors).unwrap_err();
            let want = format!("there are 2 vectors but {} ids", ids.len());
            assert!(error.to_string().contains(&want), "{error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
