//! Reading tensors out of a safetensors file, trusting nothing it says.
//!
//! The format: eight bytes with the length of a JSON header, the header with the type, shape and
//! byte range of each tensor, then the values. The file is mapped, and every range is held against
//! its size and that of the shape before anything is looked at or allocated, so a truncated or
//! lying file costs an error that names the tensor, not memory. Values are f32, f16, bf16, or
//! signed bytes with a scale for each row in `NAME_scale` (the names of compressed-tensors); what
//! is not finite is refused.

use crate::TextError;
use crate::compute::{Matrix, from_f16};
use crate::mapped::map;
use crate::table::{Stored, Table};
use memmap2::Mmap;
use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest header that is believed; the format's own limit.
const MAX_HEADER: u64 = 100_000_000;
/// The most dimensions that are believed; nothing here has more than three.
const MAX_DIMENSIONS: usize = 8;

/// The tensors of a header, in its order. Read straight into what they are: values of JSON that
/// stand for anything take forty times the bytes of a header of small numbers.
struct Entries(Vec<(String, TensorInfo)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an entry for each tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let info = map.next_value().map_err(|e| {
                A::Error::custom(format!(
                    "tensor '{name}' is not described as it should be: {e}"
                ))
            })?;
            entries.push((name, info));
        }
        Ok(Entries(entries))
    }
}

/// A mapped safetensors file whose header has been checked.
#[derive(Debug)]
pub(crate) struct Weights {
    path: PathBuf,
    map: Arc<Mmap>,
    values_at: usize,
    tensors: BTreeMap<String, TensorInfo>,
    /// Values in place of those of the file.
    changed: BTreeMap<String, Vec<f32>>,
}

impl Weights {
    /// Maps a file and checks its header against its size.
    pub(crate) fn open(path: &Path) -> Result<Self, TextError> {
        let io = |e| TextError::io(path, e);
        let file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        if size < 8 {
            return Err(TextError::format(
                path,
                format!("{size} bytes are no safetensors file; fetch the model again"),
            ));
        }
        let map = map(&file).map_err(io)?;
        let length = map
            .first_chunk()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let held = (map.len() - 8) as u64;
        if length > MAX_HEADER.min(held) {
            return Err(TextError::format(
                path,
                format!(
                    "its header claims {length} bytes where the file holds {held}; it is truncated \
                     or no safetensors file, fetch the model again"
                ),
            ));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let values_at = 8 + length;
        let header = &map[8..values_at];
        let entries: Entries = serde_json::from_slice(header).map_err(|e| {
            TextError::format(
                path,
                format!("the safetensors header is no list of tensors: {e}"),
            )
        })?;
        let mut weights = Self {
            path: path.to_owned(),
            map: Arc::new(map),
            values_at,
            tensors: BTreeMap::new(),
            changed: BTreeMap::new(),
        };
        for (name, info) in entries.0 {
            weights.check(&name, &info)?;
            weights.tensors.insert(name, info);
        }
        Ok(weights)
    }

    fn check(&self, name: &str, info: &TensorInfo) -> Result<(), TextError> {
        let (begin, end) = info.data_offsets;
        let held = self.map.len() - self.values_at;
        if info.shape.len() > MAX_DIMENSIONS {
            return Err(self.error(
                name,
                format!(
                    "has {} dimensions; expected {MAX_DIMENSIONS} at most",
                    info.shape.len()
                ),
            ));
        }
        if begin > end || end > held {
            return Err(self.error(
                name,
                format!(
                    "lies at bytes {begin} to {end} of the {held} there are; the file is truncated \
                     or damaged, fetch the model again"
                ),
            ));
        }
        let bits = info
            .shape
            .iter()
            .try_fold(info.dtype.bitsize(), |n, &d| n.checked_mul(d));
        if bits != (end - begin).checked_mul(8) {
            return Err(self.error(
                name,
                format!(
                    "has {} bytes, which do not hold the shape {:?} of {:?}",
                    end - begin,
                    info.shape,
                    info.dtype
                ),
            ));
        }
        Ok(())
    }

    /// Puts values in place of those of a tensor that is there.
    pub(crate) fn change(&mut self, name: String, values: Vec<f32>) {
        self.changed.insert(name, values);
    }

    /// What stands in place of a tensor of the file.
    pub(crate) fn changed(&self, name: &str) -> Option<&[f32]> {
        self.changed.get(name).map(Vec::as_slice)
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Names, types and shapes of the tensors, by name.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
        self.tensors.iter().map(|(name, info)| (&name[..], info))
    }

    /// The file as it lies on disk.
    pub(crate) fn file(&self) -> &Arc<Mmap> {
        &self.map
    }

    /// What the header says of a tensor.
    fn info(&self, name: &str) -> Result<&TensorInfo, TextError> {
        self.tensors.get(name).ok_or_else(|| {
            self.error(
                name,
                "is missing; is this the architecture config.json names?",
            )
        })
    }

    /// The shape of a tensor, for models whose configuration does not tell it.
    pub(crate) fn shape(&self, name: &str) -> Result<&[usize], TextError> {
        self.info(name).map(|info| &info.shape[..])
    }

    /// Where the bytes of a tensor of this shape lie.
    fn find(&self, name: &str, shape: &[usize]) -> Result<(Dtype, &[u8]), TextError> {
        let info = self.info(name)?;
        if info.shape != shape {
            return Err(self.error(
                name,
                format!(
                    "has the shape {:?}; config.json makes it {shape:?}",
                    info.shape
                ),
            ));
        }
        Ok((info.dtype, self.bytes(info)))
    }

    /// The bytes of a tensor.
    pub(crate) fn bytes(&self, info: &TensorInfo) -> &[u8] {
        let (begin, end) = info.data_offsets;
        &self.map[self.values_at + begin..self.values_at + end]
    }

    /// The values of a tensor, which must have this shape, as f32.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TextError> {
        let (dtype, bytes) = self.find(name, shape)?;
        let values: Vec<f32> = if let Some(changed) = self.changed.get(name) {
            changed.clone()
        } else if dtype == Dtype::F32 {
            numbers(bytes, f32::from_le_bytes)
        } else if dtype == Dtype::F16 {
            numbers(bytes, |b| from_f16(u16::from_le_bytes(b)))
        } else if dtype == Dtype::BF16 {
            // A bf16 is the upper half of an f32.
            numbers(bytes, |[low, high]| f32::from_le_bytes([0, 0, low, high]))
        } else if dtype == Dtype::I8 && !shape.is_empty() {
            let scales = self.scales(name, shape[0])?;
            Matrix::Bytes {
                values: numbers(bytes, i8::from_le_bytes),
                scales,
            }
            .widen()
        } else {
            return Err(self.error(
                name,
                format!("has values of type {dtype:?}; expected F32, F16, BF16 or I8"),
            ));
        };
        match values.iter().position(|x| !x.is_finite()) {
            Some(i) => Err(self.error(name, format!("holds a NaN or an infinity at position {i}"))),
            None => Ok(values),
        }
    }

    /// A matrix `[rows, columns]` in the precision it is stored in; bf16 comes as f32.
    pub(crate) fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Matrix, TextError> {
        let (dtype, bytes) = self.find(name, &shape)?;
        if self.changed.contains_key(name) {
            self.tensor(name, &shape).map(Matrix::Single)
        } else if dtype == Dtype::F16 {
            let values: Vec<u16> = numbers(bytes, u16::from_le_bytes);
            if let Some(i) = values.iter().position(|&half| !from_f16(half).is_finite()) {
                return Err(self.error(name, format!("holds a NaN or an infinity at position {i}")));
            }
            Ok(Matrix::Half(values))
        } else if dtype == Dtype::I8 {
            Ok(Matrix::Bytes {
                values: numbers(bytes, i8::from_le_bytes),
                scales: self.scales(name, shape[0])?,
            })
        } else {
            self.tensor(name, &shape).map(Matrix::Single)
        }
    }

    /// A matrix `[rows, columns]` whose rows are looked up where they lie in the file.
    pub(crate) fn table(&self, name: &str, shape: [usize; 2]) -> Result<Table, TextError> {
        let (dtype, bytes) = self.find(name, &shape)?;
        let infinite = if dtype == Dtype::F32 {
            first(bytes, |b| !f32::from_le_bytes(b).is_finite())
        } else if dtype == Dtype::F16 {
            first(bytes, |b| !from_f16(u16::from_le_bytes(b)).is_finite())
        } else if dtype == Dtype::I8 {
            None
        } else {
            return Ok(Table::new(self.tensor(name, &shape)?, shape[1]));
        };
        if let Some(i) = infinite {
            return Err(self.error(name, format!("holds a NaN or an infinity at position {i}")));
        }
        let stored = if dtype == Dtype::F32 {
            Stored::Single
        } else if dtype == Dtype::F16 {
            Stored::Half
        } else {
            Stored::Bytes(self.scales(name, shape[0])?)
        };
        let from = self.values_at + self.tensors[name].data_offsets.0;
        Ok(Table::mapped(Arc::clone(&self.map), from, shape[1], stored))
    }

    /// What the rows of a tensor of bytes are multiplied by.
    fn scales(&self, name: &str, rows: usize) -> Result<Vec<f32>, TextError> {
        self.tensor(&format!("{name}_scale"), &[rows, 1])
    }

    /// An error that names the file and a tensor.
    pub(crate) fn error(&self, tensor: &str, problem: impl Into<String>) -> TextError {
        TextError::Weights {
            path: self.path.clone(),
            tensor: tensor.to_owned(),
            problem: problem.into(),
        }
    }
}

/// Little-endian values as numbers.
fn numbers<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&b| value(b)).collect()
}

/// Position of the first value that a test holds for; the values are looked at on all threads.
fn first<const N: usize>(bytes: &[u8], test: impl Fn([u8; N]) -> bool + Sync) -> Option<usize> {
    /// Values looked at between two decisions to stop.
    const RUN: usize = 1 << 16;
    let runs = bytes.as_chunks().0.par_chunks(RUN).enumerate();
    runs.find_map_first(|(i, run)| {
        // Without a way out in between the compiler can take many values at once.
        let any = run.iter().fold(false, |any, &b| any | test(b));
        let found = || run.iter().position(|&b| test(b)).map(|at| i * RUN + at);
        any.then(found).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, values: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(values);
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn read(header: &str, values: &[u8], shape: &[usize]) -> Result<Vec<f32>, String> {
        let file = file(header, values);
        Weights::open(file.path())
            .and_then(|w| w.tensor("w", shape))
            .map_err(|e| {
                let path = file.path().display().to_string();
                e.to_string().replace(&path, "FILE")
            })
    }

    #[test]
    fn three_types_of_value() {
        let f32s = [1.5f32, -2.0].map(f32::to_le_bytes).concat();
        let header = r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        assert_eq!(read(header, &f32s, &[2]).unwrap(), [1.5, -2.0]);
        // Halves: 1, -2, the smallest denormal 2⁻²⁴, the largest 65504.
        let halves = [0x3c00u16, 0xc000, 0x0001, 0x7bff]
            .map(u16::to_le_bytes)
            .concat();
        let header = r#"{"w":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]}}"#;
        let want = [1.0, -2.0, 2f32.powi(-24), 65504.0];
        assert_eq!(read(header, &halves, &[2, 2]).unwrap(), want);
        let brains = [0x3f80u16, 0xc000].map(u16::to_le_bytes).concat();
        let header = r#"{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#;
        assert_eq!(read(header, &brains, &[2]).unwrap(), [1.0, -2.0]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let nan = f32::NAN.to_le_bytes();
        let header = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let cases = [
            (
                read(header, &nan, &[1]),
                "FILE: tensor 'w' holds a NaN or an infinity at position 0",
            ),
            (
                read(header, &nan, &[2]),
                "FILE: tensor 'w' has the shape [1]; config.json makes it [2]",
            ),
            (
                read(header, &nan[..3], &[1]),
                "FILE: tensor 'w' lies at bytes 0 to 4 of the 3 there are; the file is truncated \
                 or damaged, fetch the model again",
            ),
            (
                read(&header.replace("[1]", "[9]"), &nan, &[9]),
                "FILE: tensor 'w' has 4 bytes, which do not hold the shape [9] of F32",
            ),
            (
                read(
                    &header.replace("[1]", "[4294967296,4294967296]"),
                    &nan,
                    &[1],
                ),
                "FILE: tensor 'w' has 4 bytes, which do not hold the shape [4294967296, \
                 4294967296] of F32",
            ),
            (
                read(&header.replace("F32", "I32"), &nan, &[1]),
                "FILE: tensor 'w' has values of type I32; expected F32, F16, BF16 or I8",
            ),
            (
                read("{}", &[], &[1]),
                "FILE: tensor 'w' is missing; is this the architecture config.json names?",
            ),
        ];
        for (got, want) in cases {
            assert_eq!(got.unwrap_err(), want);
        }
        let short = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(short.path(), u64::MAX.to_le_bytes()).unwrap();
        let error = Weights::open(short.path()).unwrap_err().to_string();
        assert!(
            error.contains("claims 18446744073709551615 bytes"),
            "{error}"
        );
        for header in ["", "[", "7", r#"{"w":{}}"#, r#"{"w":3}"#] {
            assert!(read(header, &[], &[1]).is_err(), "{header}");
        }
    }
}
