//! Reading tensors out of a safetensors file, trusting nothing it says.
//!
//! The format: eight bytes with the length of a JSON header, the header with the type, shape and
//! byte range of each tensor, then the values. Every range is held against the size of the file
//! and of the shape before anything is read or allocated, so a truncated or lying file costs an
//! error that names the tensor, not memory. Values are f32, f16 or bf16 and come out as f32; what
//! is not finite is refused.

use crate::TextError;
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes read at once.
const CHUNK: usize = 1 << 20;
/// The longest header that is believed; the format's own limit.
const MAX_HEADER: u64 = 100_000_000;

/// An open safetensors file whose header has been checked.
#[derive(Debug)]
pub(crate) struct Weights {
    path: PathBuf,
    file: File,
    values_at: u64,
    tensors: BTreeMap<String, TensorInfo>,
}

impl Weights {
    /// Opens a file and checks its header against its size.
    pub(crate) fn open(path: &Path) -> Result<Self, TextError> {
        let io = |e| TextError::io(path, e);
        let mut file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let mut length = [0; 8];
        if size < 8 {
            return Err(TextError::format(
                path,
                format!("{size} bytes are no safetensors file; fetch the model again"),
            ));
        }
        file.read_exact(&mut length).map_err(io)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER.min(size - 8) {
            return Err(TextError::format(
                path,
                format!(
                    "its header claims {length} bytes where the file holds {}; it is truncated or \
                     no safetensors file, fetch the model again",
                    size - 8
                ),
            ));
        }
        let mut header = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        file.read_exact(&mut header).map_err(io)?;
        let entries: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&header)
            .map_err(|e| {
            TextError::format(
                path,
                format!("the safetensors header is no JSON object: {e}"),
            )
        })?;
        let mut weights = Self {
            path: path.to_owned(),
            file,
            values_at: 8 + length,
            tensors: BTreeMap::new(),
        };
        for (name, entry) in entries {
            if name != "__metadata__" {
                let info = serde_json::from_value(entry).map_err(|e| {
                    weights.error(&name, format!("is not described as it should be: {e}"))
                })?;
                weights.check(&name, &info, size - 8 - length)?;
                weights.tensors.insert(name, info);
            }
        }
        Ok(weights)
    }

    fn check(&self, name: &str, info: &TensorInfo, held: u64) -> Result<(), TextError> {
        let (begin, end) = info.data_offsets;
        if begin > end || end as u64 > held {
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

    /// Whether there is a tensor of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The values of a tensor, which must have this shape.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TextError> {
        let Some(info) = self.tensors.get(name) else {
            return Err(self.error(
                name,
                "is missing; is this the architecture config.json names?",
            ));
        };
        if info.shape != shape {
            return Err(self.error(
                name,
                format!(
                    "has the shape {:?}; config.json makes it {shape:?}",
                    info.shape
                ),
            ));
        }
        let Some(convert) = converter(info.dtype) else {
            let got = info.dtype;
            return Err(self.error(
                name,
                format!("has values of type {got:?}; expected F32, F16 or BF16"),
            ));
        };
        let (begin, end) = info.data_offsets;
        let mut file = &self.file;
        let io = |e| TextError::io(&self.path, e);
        file.seek(SeekFrom::Start(self.values_at + begin as u64))
            .map_err(io)?;
        let mut values = Vec::with_capacity(shape.iter().product());
        let mut buffer = vec![0; CHUNK.min(end - begin)];
        let mut left = end - begin;
        while left > 0 {
            let bytes = &mut buffer[..left.min(CHUNK)];
            file.read_exact(bytes).map_err(io)?;
            convert(bytes, &mut values);
            left -= bytes.len();
        }
        if let Some(i) = values.iter().position(|x| !x.is_finite()) {
            return Err(self.error(name, format!("holds a NaN or an infinity at position {i}")));
        }
        Ok(values)
    }

    fn error(&self, tensor: &str, problem: impl Into<String>) -> TextError {
        TextError::Weights {
            path: self.path.clone(),
            tensor: tensor.to_owned(),
            problem: problem.into(),
        }
    }
}

/// Appends little-endian values to a list of f32.
type Convert = fn(&[u8], &mut Vec<f32>);

/// How to read values of a type.
fn converter(dtype: Dtype) -> Option<Convert> {
    fn extend<const N: usize>(bytes: &[u8], out: &mut Vec<f32>, value: fn([u8; N]) -> f32) {
        out.extend(bytes.as_chunks().0.iter().map(|&b| value(b)));
    }
    if dtype == Dtype::F32 {
        Some(|bytes, out| extend(bytes, out, f32::from_le_bytes))
    } else if dtype == Dtype::F16 {
        Some(|bytes, out| extend(bytes, out, |b| from_f16(u16::from_le_bytes(b))))
    } else if dtype == Dtype::BF16 {
        // A bf16 is the upper half of an f32.
        Some(|bytes, out| {
            extend(bytes, out, |[low, high]| {
                f32::from_le_bytes([0, 0, low, high])
            })
        })
    } else {
        None
    }
}

/// Half precision to single; infinities and NaN become NaN, which [`Weights::tensor`] refuses.
fn from_f16(half: u16) -> f32 {
    const INFINITE: u16 = 0x7c00;
    if half & INFINITE == INFINITE {
        return f32::NAN;
    }
    // The five bits of exponent and ten of mantissa, moved into place, are too small by 2¹¹².
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * 2f32.powi(112);
    f32::from_bits(magnitude.to_bits() | u32::from(half & 0x8000) << 16)
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
                "FILE: tensor 'w' has values of type I32; expected F32, F16 or BF16",
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
