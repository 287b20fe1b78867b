//! What a model stores: named arrays and texts, in one safetensors file.
//!
//! Arrays are shared, never copied: a model that keeps its [`Arc`] and the `Tensors` it was loaded
//! from (or saved into) hold the same memory, and a file is read and written through a buffer of
//! 1 MiB, so a 600 MB matrix costs 600 MB. Texts (the name of the model, its configuration as
//! TOML) lie in the file's metadata as one JSON object under `semrec`. Python's `safetensors`
//! opens the file as it is.
//!
//! ```
//! use semrec_models::Tensors;
//! let mut part = Tensors::default();
//! part.put_f32("weights", &[2, 2], vec![1.0, 2.0, 3.0, 4.0])?;
//! let mut whole = Tensors::default();
//! whole.put_with_prefix("ease.", part);
//! assert_eq!(whole.f32("ease.weights")?.0, [2, 2]);
//! assert_eq!(whole.with_prefix("ease.").f32("weights")?.1[3], 4.0);
//! # Ok::<(), semrec_models::ModelError>(())
//! ```

use crate::ModelError;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// Bytes read or written at once.
const CHUNK: usize = 1 << 20;
/// The longest header that is believed; the format's own limit.
const MAX_HEADER: u64 = 100_000_000;
/// Key of the metadata entry that holds the texts.
const TEXTS: &str = "semrec";
const MODEL: &str = "model";
const CONFIG: &str = "config";

/// Named arrays with shapes, and named texts.
#[derive(Clone, Debug, Default)]
pub struct Tensors {
    arrays: BTreeMap<String, Array>,
    texts: BTreeMap<String, String>,
}

#[derive(Clone)]
struct Array {
    shape: Vec<usize>,
    values: Values,
}

#[derive(Clone)]
enum Values {
    F32(Arc<Vec<f32>>),
    U32(Arc<Vec<u32>>),
    I64(Arc<Vec<i64>>),
}

/// A type of value that an array can hold.
trait Element: Copy {
    const NAME: &'static str;
    fn wrap(values: Arc<Vec<Self>>) -> Values;
    fn unwrap(values: &Values) -> Option<&Arc<Vec<Self>>>;
}

impl Element for f32 {
    const NAME: &'static str = "f32";
    fn wrap(values: Arc<Vec<Self>>) -> Values {
        Values::F32(values)
    }
    fn unwrap(values: &Values) -> Option<&Arc<Vec<Self>>> {
        if let Values::F32(v) = values {
            Some(v)
        } else {
            None
        }
    }
}

impl Element for u32 {
    const NAME: &'static str = "u32";
    fn wrap(values: Arc<Vec<Self>>) -> Values {
        Values::U32(values)
    }
    fn unwrap(values: &Values) -> Option<&Arc<Vec<Self>>> {
        if let Values::U32(v) = values {
            Some(v)
        } else {
            None
        }
    }
}

impl Element for i64 {
    const NAME: &'static str = "i64";
    fn wrap(values: Arc<Vec<Self>>) -> Values {
        Values::I64(values)
    }
    fn unwrap(values: &Values) -> Option<&Arc<Vec<Self>>> {
        if let Values::I64(v) = values {
            Some(v)
        } else {
            None
        }
    }
}

impl Tensors {
    /// Stores an array; a `Vec` is taken, an `Arc<Vec>` shared.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] if the number of values is not the product of `shape`, or the name
    /// is taken.
    pub fn put_f32(
        &mut self,
        name: &str,
        shape: &[usize],
        values: impl Into<Arc<Vec<f32>>>,
    ) -> Result<(), ModelError> {
        self.put(name, shape, values.into())
    }

    /// Like [`Tensors::put_f32`], for indices and counts.
    ///
    /// # Errors
    /// As [`Tensors::put_f32`].
    pub fn put_u32(
        &mut self,
        name: &str,
        shape: &[usize],
        values: impl Into<Arc<Vec<u32>>>,
    ) -> Result<(), ModelError> {
        self.put(name, shape, values.into())
    }

    /// Like [`Tensors::put_f32`], for times and offsets.
    ///
    /// # Errors
    /// As [`Tensors::put_f32`].
    pub fn put_i64(
        &mut self,
        name: &str,
        shape: &[usize],
        values: impl Into<Arc<Vec<i64>>>,
    ) -> Result<(), ModelError> {
        self.put(name, shape, values.into())
    }

    /// Shape and values of an array.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] if there is no array of this name and type.
    pub fn f32(&self, name: &str) -> Result<(&[usize], &[f32]), ModelError> {
        self.get(name).map(|(shape, v)| (shape, v.as_slice()))
    }

    /// Shape and values of an array.
    ///
    /// # Errors
    /// As [`Tensors::f32`].
    pub fn u32(&self, name: &str) -> Result<(&[usize], &[u32]), ModelError> {
        self.get(name).map(|(shape, v)| (shape, v.as_slice()))
    }

    /// Shape and values of an array.
    ///
    /// # Errors
    /// As [`Tensors::f32`].
    pub fn i64(&self, name: &str) -> Result<(&[usize], &[i64]), ModelError> {
        self.get(name).map(|(shape, v)| (shape, v.as_slice()))
    }

    /// The values of an array of this very shape, shared with `self`.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] if there is no array of this name, type and shape.
    pub fn shared_f32(&self, name: &str, shape: &[usize]) -> Result<Arc<Vec<f32>>, ModelError> {
        self.shared(name, shape)
    }

    /// The values of an array of this very shape, shared with `self`.
    ///
    /// # Errors
    /// As [`Tensors::shared_f32`].
    pub fn shared_u32(&self, name: &str, shape: &[usize]) -> Result<Arc<Vec<u32>>, ModelError> {
        self.shared(name, shape)
    }

    /// The shape of an array of `D` dimensions, whatever its type.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] if there is no such array.
    pub fn shape<const D: usize>(&self, name: &str) -> Result<[usize; D], ModelError> {
        let array = self.arrays.get(name).ok_or_else(|| absent(name, "array"))?;
        <[usize; D]>::try_from(array.shape.as_slice()).map_err(|_| ModelError::Tensor {
            name: name.to_owned(),
            problem: format!("has shape {:?}; expected {D} dimensions", array.shape),
        })
    }

    /// Whether there is an array of this name.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.arrays.contains_key(name)
    }

    /// Stores sizes that no array shows, such as the number of items.
    ///
    /// # Errors
    /// As [`Tensors::put_f32`].
    pub fn put_dimensions(&mut self, name: &str, sizes: &[usize]) -> Result<(), ModelError> {
        let sizes: Result<Vec<i64>, _> = sizes.iter().map(|&n| i64::try_from(n)).collect();
        let sizes = sizes.map_err(|e| ModelError::Tensor {
            name: name.to_owned(),
            problem: format!("is too large a size: {e}"),
        })?;
        self.put_i64(name, &[sizes.len()], sizes)
    }

    /// Sizes that [`Tensors::put_dimensions`] stored.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] if there are not `D` sizes of this name.
    pub fn dimensions<const D: usize>(&self, name: &str) -> Result<[usize; D], ModelError> {
        let (_, sizes) = self.i64(name)?;
        let sizes: Result<Vec<usize>, _> = sizes.iter().map(|&n| usize::try_from(n)).collect();
        sizes
            .ok()
            .and_then(|s| <[usize; D]>::try_from(s).ok())
            .ok_or_else(|| ModelError::Tensor {
                name: name.to_owned(),
                problem: format!("does not hold {D} sizes"),
            })
    }

    /// Stores a text, in place of an earlier one of the same name.
    pub fn put_text(&mut self, name: &str, text: impl Into<String>) {
        self.texts.insert(name.to_owned(), text.into());
    }

    /// A text.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] if there is none of this name.
    pub fn text(&self, name: &str) -> Result<&str, ModelError> {
        self.texts
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| absent(name, "text"))
    }

    /// Stores which model this is and how it was configured: the first thing every model saves.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] if the configuration has no TOML form.
    pub fn put_model(
        &mut self,
        model: &'static str,
        config: &impl Serialize,
    ) -> Result<(), ModelError> {
        let config = toml::to_string(config).map_err(|e| ModelError::Parameter {
            model,
            problem: format!("cannot be written as TOML: {e}"),
        })?;
        self.put_text(MODEL, model);
        self.put_text(CONFIG, config);
        Ok(())
    }

    /// The name [`Tensors::put_model`] stored.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] if there is none.
    pub fn model(&self) -> Result<&str, ModelError> {
        self.text(MODEL)
    }

    /// The configuration [`Tensors::put_model`] stored.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] if there is none, or it is not one of this model.
    pub fn config<C: DeserializeOwned>(&self) -> Result<C, ModelError> {
        toml::from_str(self.text(CONFIG)?).map_err(|e| ModelError::Tensor {
            name: CONFIG.to_owned(),
            problem: format!("is not the configuration expected: {}", e.message()),
        })
    }

    /// Takes in everything of `part`, each name with `prefix` before it.
    pub fn put_with_prefix(&mut self, prefix: &str, part: Self) {
        let named = |name: String| format!("{prefix}{name}");
        self.arrays
            .extend(part.arrays.into_iter().map(|(k, v)| (named(k), v)));
        self.texts
            .extend(part.texts.into_iter().map(|(k, v)| (named(k), v)));
    }

    /// What lies under `prefix`, without it; arrays are shared, not copied.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Self {
        fn under<T: Clone>(map: &BTreeMap<String, T>, prefix: &str) -> BTreeMap<String, T> {
            map.range(prefix.to_owned()..)
                .map_while(|(k, v)| Some((k.strip_prefix(prefix)?.to_owned(), v.clone())))
                .collect()
        }
        Self {
            arrays: under(&self.arrays, prefix),
            texts: under(&self.texts, prefix),
        }
    }

    /// Bytes of all array values.
    #[must_use]
    pub fn size(&self) -> usize {
        self.arrays.values().map(Array::size).sum()
    }

    /// Reads a file [`Tensors::write`] made.
    ///
    /// # Errors
    /// [`ModelError::Io`] and [`ModelError::Format`]: a truncated or foreign file is refused
    /// before anything of its claimed size is allocated.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let io = |source| ModelError::Io {
            path: path.to_owned(),
            source,
        };
        let format = |problem: String| ModelError::Format {
            path: path.to_owned(),
            problem,
        };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut file = BufReader::with_capacity(CHUNK, file);
        if length < 8 {
            return Err(format(format!("{length} bytes are no safetensors file")));
        }
        let mut prefix = [0u8; 8];
        file.read_exact(&mut prefix).map_err(io)?;
        let header_length = u64::from_le_bytes(prefix);
        if header_length > MAX_HEADER || header_length + 8 > length {
            return Err(format(format!(
                "not a safetensors file, or cut short: a header of {header_length} bytes in a file of {length}"
            )));
        }
        let mut header = Vec::new();
        (&mut file)
            .take(header_length)
            .read_to_end(&mut header)
            .map_err(io)?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|e| format(format!("not a safetensors header: {e}")))?;
        let expected = 8 + header_length + metadata.data_len() as u64;
        if expected != length {
            return Err(format(format!(
                "cut short or damaged: {length} bytes, the header speaks of {expected}"
            )));
        }
        let texts = match metadata.metadata().as_ref().and_then(|m| m.get(TEXTS)) {
            Some(json) => serde_json::from_str(json)
                .map_err(|e| format(format!("metadata entry '{TEXTS}': {e}")))?,
            None => BTreeMap::new(),
        };
        let mut arrays = BTreeMap::new();
        for name in metadata.offset_keys() {
            if let Some(info) = metadata.info(&name) {
                let values = Values::read(info, &mut file).map_err(io)?.ok_or_else(|| {
                    format(format!(
                        "array '{name}' is of type {:?}; expected F32, U32 or I64",
                        info.dtype
                    ))
                })?;
                let shape = info.shape.clone();
                arrays.insert(name, Array { shape, values });
            }
        }
        Ok(Self { arrays, texts })
    }

    /// Writes a safetensors file and waits until the disk has it. Equal content makes equal bytes.
    ///
    /// # Errors
    /// [`ModelError::Io`] if the file system refuses.
    pub fn write(&self, path: &Path) -> Result<(), ModelError> {
        let io = |source| ModelError::Io {
            path: path.to_owned(),
            source,
        };
        let format = |problem: String| ModelError::Format {
            path: path.to_owned(),
            problem,
        };
        let mut start = 0;
        let infos = self.arrays.iter().map(|(name, array)| {
            let end = start + array.size();
            let info = TensorInfo {
                dtype: array.values.dtype(),
                shape: array.shape.clone(),
                data_offsets: (start, end),
            };
            start = end;
            (name.clone(), info)
        });
        let texts = serde_json::to_string(&self.texts).map_err(|e| format(e.to_string()))?;
        let metadata = HashMap::from([(TEXTS.to_owned(), texts)]);
        let metadata = Metadata::new(Some(metadata), infos.collect())
            .map_err(|e| format(format!("cannot be laid out: {e}")))?;
        let mut header = serde_json::to_vec(&metadata).map_err(|e| format(e.to_string()))?;
        // The format asks for data that begin at a multiple of eight bytes.
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut file = File::create(path).map_err(io)?;
        file.write_all(&(header.len() as u64).to_le_bytes())
            .map_err(io)?;
        file.write_all(&header).map_err(io)?;
        for array in self.arrays.values() {
            array.values.write(&mut file).map_err(io)?;
        }
        file.sync_all().map_err(io)
    }

    fn put<T: Element>(
        &mut self,
        name: &str,
        shape: &[usize],
        values: Arc<Vec<T>>,
    ) -> Result<(), ModelError> {
        let problem = if shape.iter().product::<usize>() != values.len() {
            format!(
                "has {} values; shape {shape:?} expects another number",
                values.len()
            )
        } else if self.arrays.contains_key(name) {
            "is stored already; every array needs a name of its own".to_owned()
        } else {
            let array = Array {
                shape: shape.to_vec(),
                values: T::wrap(values),
            };
            self.arrays.insert(name.to_owned(), array);
            return Ok(());
        };
        Err(ModelError::Tensor {
            name: name.to_owned(),
            problem,
        })
    }

    fn get<T: Element>(&self, name: &str) -> Result<(&[usize], &Arc<Vec<T>>), ModelError> {
        let array = self.arrays.get(name).ok_or_else(|| absent(name, "array"))?;
        let values = T::unwrap(&array.values).ok_or_else(|| ModelError::Tensor {
            name: name.to_owned(),
            problem: format!("holds {:?}; expected {}", array.values.dtype(), T::NAME),
        })?;
        Ok((&array.shape, values))
    }

    fn shared<T: Element>(&self, name: &str, shape: &[usize]) -> Result<Arc<Vec<T>>, ModelError> {
        let (got, values) = self.get(name)?;
        if got == shape {
            Ok(Arc::clone(values))
        } else {
            Err(ModelError::Tensor {
                name: name.to_owned(),
                problem: format!("has shape {got:?}; expected {shape:?}"),
            })
        }
    }
}

impl Array {
    fn size(&self) -> usize {
        match &self.values {
            Values::F32(v) => 4 * v.len(),
            Values::U32(v) => 4 * v.len(),
            Values::I64(v) => 8 * v.len(),
        }
    }
}

impl std::fmt::Debug for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.values.dtype(), self.shape)
    }
}

impl Values {
    fn dtype(&self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::U32(_) => Dtype::U32,
            Self::I64(_) => Dtype::I64,
        }
    }

    /// Reads one array; `None` for a type that no model stores.
    fn read(info: &TensorInfo, from: &mut impl Read) -> std::io::Result<Option<Self>> {
        let bytes = info.data_offsets.1 - info.data_offsets.0;
        Ok(if info.dtype == Dtype::F32 {
            Some(f32::wrap(numbers(from, bytes, f32::from_le_bytes)?))
        } else if info.dtype == Dtype::U32 {
            Some(u32::wrap(numbers(from, bytes, u32::from_le_bytes)?))
        } else if info.dtype == Dtype::I64 {
            Some(i64::wrap(numbers(from, bytes, i64::from_le_bytes)?))
        } else {
            None
        })
    }

    fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        match self {
            Self::F32(v) => bytes(to, v, f32::to_le_bytes),
            Self::U32(v) => bytes(to, v, u32::to_le_bytes),
            Self::I64(v) => bytes(to, v, i64::to_le_bytes),
        }
    }
}

fn numbers<T, const N: usize>(
    from: &mut impl Read,
    bytes: usize,
    decode: impl Fn([u8; N]) -> T,
) -> std::io::Result<Arc<Vec<T>>> {
    let mut values = Vec::with_capacity(bytes / N);
    let mut buffer = vec![0u8; CHUNK.min(bytes)];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(CHUNK);
        from.read_exact(&mut buffer[..now])?;
        let (whole, _) = buffer[..now].as_chunks::<N>();
        values.extend(whole.iter().map(|&b| decode(b)));
        left -= now;
    }
    Ok(Arc::new(values))
}

fn bytes<T: Copy, const N: usize>(
    to: &mut impl Write,
    values: &[T],
    encode: impl Fn(T) -> [u8; N],
) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(CHUNK);
    for chunk in values.chunks(CHUNK / N) {
        buffer.clear();
        buffer.extend(chunk.iter().flat_map(|&v| encode(v)));
        to.write_all(&buffer)?;
    }
    Ok(())
}

fn absent(name: &str, what: &str) -> ModelError {
    ModelError::Tensor {
        name: name.to_owned(),
        problem: format!(
            "is missing; the file holds no {what} of this name: damaged, or of an earlier semrec, and then the model has to be trained again"
        ),
    }
}
