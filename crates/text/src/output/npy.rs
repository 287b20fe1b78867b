//! Vectors as a NumPy array, `[n, dim]`, little-endian, row by row.
//!
//! The format (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>), version
//! 1.0: eight bytes of magic, the length of the header, the header as a Python dictionary padded
//! with blanks to a multiple of 64, the numbers. It has no place for anything else, so ids and
//! origin are files of their own: for `x.npy`, `x.ids.jsonl` with a JSON string a line, and
//! `x.json`. The array is moved into place last: where it is, the others are.

use super::stage::Stage;
use super::{Batch, Origin, Sink, VectorFile};
use crate::TextError;
use arrow_array::types::{ArrowPrimitiveType, Float16Type};
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Length of everything before the numbers; room for any shape.
const HEADER: usize = 128;
/// A 16-bit number as Arrow has it.
type Half = <Float16Type as ArrowPrimitiveType>::Native;

/// A NumPy file being written, with its companions.
pub(super) struct Npy {
    values: Part,
    ids: Part,
    about: Part,
    origin: Origin,
    rows: usize,
    dim: usize,
    half: bool,
}

/// One of the three files.
struct Part {
    path: PathBuf,
    output: PathBuf,
    file: BufWriter<File>,
}

impl Part {
    fn new(path: PathBuf, output: PathBuf) -> Result<Self, TextError> {
        let file = File::create(&path).map_err(|e| TextError::io(&path, e))?;
        Ok(Self {
            path,
            output,
            file: BufWriter::with_capacity(1 << 18, file),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TextError> {
        let written = self.file.write_all(bytes);
        written.map_err(|e| TextError::io(&self.path, e))
    }

    /// Flushes it to the disk.
    fn finish(mut self) -> Result<(PathBuf, PathBuf), TextError> {
        let flushed = self.file.flush();
        let synced = flushed.and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|e| TextError::io(&self.path, e))?;
        Ok((self.path, self.output))
    }
}

impl Npy {
    pub(super) fn new(
        output: &VectorFile,
        stage: &Stage,
        origin: &Origin,
        dim: usize,
    ) -> Result<Self, TextError> {
        let part = |name: &str, ending: &str| {
            Part::new(stage.file(name), output.path.with_extension(ending))
        };
        let mut values = Part::new(stage.file("assembled.npy"), output.path.clone())?;
        values.write(&[0; HEADER])?;
        Ok(Self {
            values,
            ids: part("assembled.ids.jsonl", "ids.jsonl")?,
            about: part("assembled.json", "json")?,
            origin: origin.clone(),
            rows: 0,
            dim,
            half: output.half,
        })
    }

    fn kind(&self) -> &'static str {
        if self.half { "<f2" } else { "<f4" }
    }
}

impl Sink for Npy {
    fn push(&mut self, batch: &Batch) -> Result<(), TextError> {
        let values = batch.vectors.as_slice();
        let bytes: Vec<u8> = if self.half {
            let halves = values.iter().map(|x| Half::from_f32(*x));
            halves.flat_map(|x| x.to_bits().to_le_bytes()).collect()
        } else {
            values.iter().flat_map(|x| x.to_le_bytes()).collect()
        };
        self.values.write(&bytes)?;
        for id in &batch.ids {
            let mut line = serde_json::Value::from(id.as_str()).to_string();
            line.push('\n');
            self.ids.write(line.as_bytes())?;
        }
        self.rows += batch.ids.len();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<(PathBuf, PathBuf)>, TextError> {
        let header = header(self.kind(), self.rows, self.dim);
        let rewound = self.values.file.seek(SeekFrom::Start(0));
        rewound.map_err(|e| TextError::io(&self.values.path, e))?;
        self.values.write(&header)?;
        let about = serde_json::json!({
            "encoder": self.origin.encoder,
            "fingerprint": self.origin.fingerprint,
            "role": self.origin.role.name(),
            "rows": self.rows,
            "dim": self.dim,
        });
        self.about.write(format!("{about:#}\n").as_bytes())?;
        Ok(vec![
            self.ids.finish()?,
            self.about.finish()?,
            self.values.finish()?,
        ])
    }
}

/// What stands before `rows * dim` numbers of a kind.
fn header(kind: &str, rows: usize, dim: usize) -> [u8; HEADER] {
    let shape =
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, {dim}), }}");
    let mut bytes = [b' '; HEADER];
    bytes[..8].copy_from_slice(b"\x93NUMPY\x01\x00");
    bytes[8..10].copy_from_slice(&118_u16.to_le_bytes());
    bytes[10..10 + shape.len()].copy_from_slice(shape.as_bytes());
    bytes[HEADER - 1] = b'\n';
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Role, Vectors};

    /// What `numpy.save(f, numpy.array([[0, 1, -2]], numpy.float32))` writes.
    #[test]
    fn bytes_are_those_of_numpy() {
        let mut expected = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        expected.extend(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }");
        expected.resize(127, b' ');
        expected.push(b'\n');
        expected.extend(b"\0\0\0\0\0\0\x80\x3f\0\0\0\xc0");
        assert_eq!(written(false, &[0.0, 1.0, -2.0]), expected);
    }

    /// Binary16: 1 is 0x3c00; 1/3 = 0.01010101010101… in binary, rounded 0x3555; 70000 is more
    /// than the largest, 65504; vectors of length 1 have no such values.
    #[test]
    fn halves_are_rounded_to_the_nearest() {
        let bytes = written(true, &[1.0, 1.0 / 3.0, 70_000.0]);
        assert!(bytes.starts_with(b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f2'"));
        assert_eq!(bytes[HEADER..], [0, 0x3c, 0x55, 0x35, 0, 0x7c]);
    }

    #[test]
    fn the_longest_shape_fits() {
        let bytes = header("<f4", usize::MAX, usize::MAX);
        let text = std::str::from_utf8(&bytes[10..]).unwrap();
        assert!(text.trim_end().ends_with(", }"), "{text}");
    }

    /// The bytes of a file of one row with the id `a"b`.
    fn written(half: bool, row: &[f32]) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npy");
        let origin = Origin {
            encoder: "tiny".into(),
            fingerprint: "ab".into(),
            role: Role::Query,
        };
        let vectors = Vectors::new(row.len(), row.to_vec());
        let file = VectorFile::new(&path, half).unwrap();
        file.write(&origin, ["a\"b\n"].into_iter(), &vectors)
            .unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("x.ids.jsonl"), "\"a\\\"b\\n\"\n");
        let about: serde_json::Value = serde_json::from_str(&read("x.json")).unwrap();
        assert_eq!(about["fingerprint"], "ab");
        assert_eq!(about["role"], "query");
        assert_eq!(about["rows"], 1);
        std::fs::read(&path).unwrap()
    }
}
