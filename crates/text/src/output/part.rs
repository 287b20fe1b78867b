//! A finished part: some thousand rows as a Parquet file of their own, that says what it was made
//! of.
//!
//! Its stamp is the SHA-256 of the encoder's fingerprint, the role of the texts, and each row's id
//! and text. A part
//! whose stamp is that of the rows now read holds what encoding them again would give, whatever
//! else has changed.

use super::parquet::Parquet;
use super::stage::Stage;
use super::{Batch, Origin, Sink};
use crate::fingerprint::hex;
use crate::{TextError, Vectors};
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::Path;

const STAMP: &str = "semrec.stamp";

/// Gathers what a part is made of.
pub(super) struct Stamp(Sha256);

impl Stamp {
    /// A part of vectors of that origin, without rows.
    pub(super) fn new(origin: &Origin) -> Self {
        let mut stamp = Self(Sha256::new());
        stamp.add(&origin.fingerprint);
        stamp.add(origin.role.name());
        stamp
    }

    /// One more text, its length first, so that no two sequences are the same bytes.
    fn add(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    /// One more row.
    pub(super) fn row(&mut self, id: &str, text: &str) {
        self.add(id);
        self.add(text);
    }

    /// In hexadecimal.
    pub(super) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Writes a part, flushes it and gives it its name.
pub(super) fn write(
    stage: &Stage,
    number: u64,
    stamp: &str,
    batch: &Batch,
) -> Result<(), TextError> {
    let place = stage.part(number);
    let unfinished = stage.file("unfinished.parquet");
    let mut file = Parquet::create(
        (unfinished, place),
        batch.vectors.dim(),
        false,
        &[(STAMP, stamp)],
    )?;
    file.push(batch)?;
    for (from, to) in Box::new(file).finish()? {
        std::fs::rename(&from, &to).map_err(|e| TextError::io(&to, e))?;
    }
    stage.sync()
}

/// What a part was made of; `None` where there is none, or none that can be read.
pub(super) fn stamp(stage: &Stage, number: u64) -> Option<String> {
    let file = File::open(stage.part(number)).ok()?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).ok()?;
    let pairs = reader.metadata().file_metadata().key_value_metadata()?;
    let stamp = pairs.iter().find(|pair| pair.key == STAMP)?;
    stamp.value.clone()
}

/// Reads a part as it was written.
pub(super) fn read(stage: &Stage, number: u64, dim: usize) -> Result<Batch, TextError> {
    let path = stage.part(number);
    let file = File::open(&path).map_err(|e| TextError::io(&path, e))?;
    columns(file, dim).map_err(|problem| damaged(&path, &problem))
}

fn columns(file: File, dim: usize) -> Result<Batch, String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| e.to_string())?;
    let reader = reader.build().map_err(|e| e.to_string())?;
    let (mut ids, mut values) = (Vec::new(), Vec::new());
    for rows in reader {
        let rows = rows.map_err(|e| e.to_string())?;
        let columns = (
            rows.column(0).as_string_opt::<i32>(),
            rows.column(1).as_fixed_size_list_opt(),
        );
        let (Some(names), Some(lists)) = columns else {
            return Err("other columns than id and vector".into());
        };
        let numbers = lists.values().as_primitive_opt::<Float32Type>();
        let numbers = numbers.ok_or("vectors of another kind of number")?;
        ids.extend(names.iter().flatten().map(str::to_owned));
        values.extend_from_slice(numbers.values());
    }
    if values.len() != ids.len() * dim {
        let per_row = values.len().checked_div(ids.len()).unwrap_or(0);
        return Err(format!("vectors of {per_row} values, expected {dim}"));
    }
    Ok(Batch {
        ids,
        vectors: Vectors::new(dim, values),
    })
}

fn damaged(path: &Path, problem: &str) -> TextError {
    TextError::format(
        path,
        format!("is damaged ({problem}); delete it and run the same again"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role::{self, Passage, Query};

    fn stamp_of(fingerprint: &str, role: Role, rows: &[(&str, &str)]) -> String {
        let mut stamp = Stamp::new(&Origin {
            encoder: "any name".into(),
            fingerprint: fingerprint.into(),
            role,
        });
        for (id, text) in rows {
            stamp.row(id, text);
        }
        stamp.finish()
    }

    #[test]
    fn a_stamp_changes_with_all_it_stands_for() {
        let one = stamp_of("e", Passage, &[("a", "bc"), ("d", "")]);
        assert_eq!(one, stamp_of("e", Passage, &[("a", "bc"), ("d", "")]));
        for (fingerprint, role, rows) in [
            ("f", Passage, &[("a", "bc"), ("d", "")][..]),
            ("e", Query, &[("a", "bc"), ("d", "")]),
            ("e", Passage, &[("ab", "c"), ("d", "")]),
            ("e", Passage, &[("a", "bc"), ("", "d")]),
            ("e", Passage, &[("a", "bc")]),
            ("e", Passage, &[("d", ""), ("a", "bc")]),
        ] {
            assert_ne!(one, stamp_of(fingerprint, role, rows), "{rows:?}");
        }
    }

    #[test]
    fn a_part_reads_back_and_a_damaged_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let stage = Stage::open(&dir.path().join("x.npy")).unwrap();
        assert_eq!(stamp(&stage, 0), None);
        let batch = Batch {
            ids: vec!["é".into(), "b\n".into()],
            vectors: Vectors::new(2, vec![0.5, -1.0, f32::MIN_POSITIVE, 3.0]),
        };
        write(&stage, 0, "abc", &batch).unwrap();
        assert_eq!(stamp(&stage, 0).as_deref(), Some("abc"));
        assert_eq!(read(&stage, 0, 2).unwrap(), batch);
        let error = read(&stage, 0, 3).unwrap_err().to_string();
        assert!(error.contains("vectors of 2 values, expected 3"), "{error}");
        let bytes = std::fs::read(stage.part(0)).unwrap();
        std::fs::write(stage.part(0), &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(stamp(&stage, 0), None);
        let error = read(&stage, 0, 2).unwrap_err().to_string();
        assert!(
            error.contains("part-00000000.parquet: is damaged"),
            "{error}"
        );
    }
}
