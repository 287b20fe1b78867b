//! Vectors kept by what was encoded, so that a second run encodes only what changed.
//!
//! One file an encoder, `<root>/<fingerprint>.vectors`: a header, then one record a text,
//!
//! ```text
//! header   "semrecV1", dim as u32, 4 zero bytes
//! record   16 bytes of the text's SHA-256, dim f32 values, 8 bytes of checksum over both;
//!          of a query, where the model has a prompt of its own for them, the SHA-256 is over
//!          "query", a zero byte and the text
//! ```
//!
//! all little-endian. Records are only ever appended, a chunk of texts at a time under a file
//! lock, so a killed run keeps what it had encoded and processes can share the file. A torn tail
//! is cut off at the next opening or append; a record whose checksum fails is encoded again.
//! In memory there is one entry a record (20 bytes, 24 to 48 with the hash table's spare room);
//! vectors are read from the file when asked for. Out of scope: eviction; delete the file to
//! start afresh.

use crate::{Encoder, Role, TextError, Vectors};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"semrecV1";
const HEADER: usize = 16;
const KEY: usize = 16;
const CHECKSUM: usize = 8;
/// Texts encoded between two appends: the most that a killed run loses.
const CHUNK: usize = 4096;

type Key = [u8; KEY];

/// An open cache of one encoder.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    file: File,
    fingerprint: String,
    dim: usize,
    /// Number of the record of each text.
    records: HashMap<Key, u32>,
}

/// Where the vectors of one call came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Texts whose vector was there, or equal to one encoded in the same call.
    pub hits: usize,
    /// Texts that were encoded.
    pub misses: usize,
}

impl Cache {
    /// Opens the cache of an encoder below `root`, which is created where needed.
    ///
    /// # Errors
    /// [`TextError::Io`], or [`TextError::Format`] if the file is no cache of this encoder.
    pub fn open(root: &Path, encoder: &Encoder) -> Result<Self, TextError> {
        std::fs::create_dir_all(root).map_err(|e| TextError::io(root, e))?;
        let path = root.join(format!("{}.vectors", encoder.fingerprint()));
        let file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|e| TextError::io(&path, e))?;
        let mut cache = Self {
            path,
            file,
            fingerprint: encoder.fingerprint().to_owned(),
            dim: encoder.dim(),
            records: HashMap::new(),
        };
        cache.file.lock().map_err(|e| cache.io(e))?;
        let read = cache.read_header().and_then(|()| cache.read_keys());
        cache.file.unlock().map_err(|e| cache.io(e))?;
        read.map(|()| cache)
    }

    /// Number of texts whose vectors are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The encoder's unit vectors of the texts in their role, `[n, dim]`, zero for a text of white
    /// space only; encodes, once each, those that are not there. `progress` is called with (texts
    /// done, texts in all).
    ///
    /// # Errors
    /// [`TextError::Format`] if the encoder is not the one the cache was opened for, else what
    /// [`Encoder::encode`] or the file system says; what was encoded before stays.
    pub fn embed<S: AsRef<str> + Sync>(
        &mut self,
        encoder: &Encoder,
        role: Role,
        texts: &[S],
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<(Vectors, CacheStats), TextError> {
        // With one prompt for all, a text has one vector.
        let one = encoder.query_prompt() == encoder.passage_prompt();
        let role = if one { Role::Passage } else { role };
        if encoder.fingerprint() != self.fingerprint {
            let problem = format!(
                "the cache belongs to another encoder than '{}'",
                encoder.name()
            );
            return Err(TextError::format(&self.path, problem));
        }
        let mut vectors = Vectors::zeros(texts.len(), self.dim);
        let mut stats = CacheStats::default();
        // Rows to encode with their keys, and rows equal to an earlier one of them.
        let mut missing: Vec<(usize, Key)> = Vec::new();
        let mut first: HashMap<Key, usize> = HashMap::new();
        let mut repeated: Vec<(usize, usize)> = Vec::new();
        let mut ready = 0;
        for (row, text) in texts.iter().map(AsRef::as_ref).enumerate() {
            if text.trim().is_empty() {
                ready += 1;
                continue;
            }
            let key = key_of(role, text);
            if let Some(&same) = first.get(&key) {
                stats.hits += 1;
                ready += 1;
                repeated.push((row, same));
            } else if self.read(&key, vectors.row_mut(row))? {
                stats.hits += 1;
                ready += 1;
            } else {
                stats.misses += 1;
                first.insert(key, row);
                missing.push((row, key));
            }
        }
        progress(ready, texts.len());
        for chunk in missing.chunks(CHUNK) {
            let chunk_texts: Vec<&str> =
                chunk.iter().map(|&(row, _)| texts[row].as_ref()).collect();
            let chunk_progress = |done: usize, _: usize| progress(ready + done, texts.len());
            let encoded = role.encode(encoder, &chunk_texts, &chunk_progress)?;
            ready += chunk.len();
            self.append(chunk.iter().map(|(_, key)| key).zip(encoded.rows()))?;
            for (&(row, _), vector) in chunk.iter().zip(encoded.rows()) {
                vectors.row_mut(row).copy_from_slice(vector);
            }
        }
        for (row, same) in repeated {
            let vector = vectors.row(same).to_vec();
            vectors.row_mut(row).copy_from_slice(&vector);
        }
        Ok((vectors, stats))
    }

    fn record_bytes(&self) -> u64 {
        (KEY + 4 * self.dim + CHECKSUM) as u64
    }

    fn io(&self, error: std::io::Error) -> TextError {
        TextError::io(&self.path, error)
    }

    /// Bytes of the file that hold whole records, with the header.
    fn whole(&self) -> Result<u64, TextError> {
        let held = self.file.metadata().map_err(|e| self.io(e))?.len();
        let record = self.record_bytes();
        Ok(HEADER as u64 + held.saturating_sub(HEADER as u64) / record * record)
    }

    /// Checks the header, or writes it where a new or torn file has none.
    fn read_header(&mut self) -> Result<(), TextError> {
        let dim = u32::try_from(self.dim).map_err(|_| {
            TextError::format(
                &self.path,
                format!("vectors of {} values are too long", self.dim),
            )
        })?;
        let mut want = [0; HEADER];
        want[..8].copy_from_slice(MAGIC);
        want[8..12].copy_from_slice(&dim.to_le_bytes());
        let held = self.file.metadata().map_err(|e| self.io(e))?.len();
        if held < HEADER as u64 {
            let written = self
                .file
                .set_len(0)
                .and_then(|()| self.file.write_all(&want));
            return written.map_err(|e| self.io(e));
        }
        let mut got = [0; HEADER];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.read_exact(&mut got))
            .map_err(|e| self.io(e))?;
        if got != want {
            return Err(TextError::format(
                &self.path,
                format!(
                    "is no cache of this version with vectors of {dim} values; delete the file to \
                     start afresh"
                ),
            ));
        }
        Ok(())
    }

    /// Cuts off a torn record and notes where each text's vector is.
    fn read_keys(&mut self) -> Result<(), TextError> {
        let whole = self.whole()?;
        self.file.set_len(whole).map_err(|e| self.io(e))?;
        let rest = i64::try_from(self.record_bytes()).unwrap_or(i64::MAX) - KEY as i64;
        let mut records = HashMap::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(HEADER as u64))
            .map_err(|e| self.io(e))?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        for record in 0..(whole - HEADER as u64) / self.record_bytes() {
            let mut key = [0; KEY];
            reader
                .read_exact(&mut key)
                .and_then(|()| reader.seek_relative(rest))
                .map_err(|e| self.io(e))?;
            records.insert(key, self.number(record)?);
        }
        self.records = records;
        Ok(())
    }

    fn number(&self, record: u64) -> Result<u32, TextError> {
        u32::try_from(record).map_err(|_| {
            let problem = "holds 2^32 vectors, the most there can be; delete it to start afresh";
            TextError::format(&self.path, problem)
        })
    }

    /// Reads the vector of a text into `out`; false where there is none, or none unharmed.
    fn read(&self, key: &Key, out: &mut [f32]) -> Result<bool, TextError> {
        let Some(&record) = self.records.get(key) else {
            return Ok(false);
        };
        let mut bytes = vec![0; KEY + 4 * self.dim + CHECKSUM];
        let mut file = &self.file;
        let read = file
            .seek(SeekFrom::Start(
                HEADER as u64 + u64::from(record) * self.record_bytes(),
            ))
            .and_then(|_| file.read_exact(&mut bytes));
        match read {
            Ok(()) => {}
            // Another process may have cut the file.
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(e) => return Err(self.io(e)),
        }
        let (content, sum) = bytes.split_at(KEY + 4 * self.dim);
        if content[..KEY] != key[..] || checksum(content) != sum {
            return Ok(false);
        }
        let values = content[KEY..].as_chunks().0;
        for (x, &bytes) in out.iter_mut().zip(values) {
            *x = f32::from_le_bytes(bytes);
        }
        Ok(true)
    }

    /// Appends records in one write under the file lock.
    fn append<'a>(
        &mut self,
        records: impl Iterator<Item = (&'a Key, &'a [f32])>,
    ) -> Result<(), TextError> {
        let mut bytes = Vec::new();
        let mut keys = Vec::new();
        for (key, vector) in records {
            let start = bytes.len();
            bytes.extend(key);
            bytes.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
            let sum = checksum(&bytes[start..]);
            bytes.extend(sum);
            keys.push(*key);
        }
        self.file.lock().map_err(|e| self.io(e))?;
        let written = self.append_locked(&bytes);
        self.file.unlock().map_err(|e| self.io(e))?;
        let first = written?;
        for (i, key) in keys.into_iter().enumerate() {
            let record = self.number(first + i as u64)?;
            self.records.insert(key, record);
        }
        Ok(())
    }

    /// Returns the number of the first record written.
    fn append_locked(&mut self, bytes: &[u8]) -> Result<u64, TextError> {
        let whole = self.whole()?;
        self.file
            .set_len(whole)
            .and_then(|()| self.file.write_all(bytes))
            .and_then(|()| self.file.sync_data())
            .map_err(|e| self.io(e))?;
        Ok((whole - HEADER as u64) / self.record_bytes())
    }
}

fn key_of(role: Role, text: &str) -> Key {
    let mut hash = Sha256::new();
    if role == Role::Query {
        hash.update(b"query\0");
    }
    hash.update(text);
    let hash: [u8; 32] = hash.finalize().into();
    let mut key = [0; KEY];
    key.copy_from_slice(&hash[..KEY]);
    key
}

/// FNV-1a over 32-bit words: guards against torn pages, not against malice.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &word in bytes.as_chunks().0 {
        hash = (hash ^ u64::from(u32::from_le_bytes(word))).wrapping_mul(0x0100_0000_01b3);
    }
    hash.to_le_bytes()
}
