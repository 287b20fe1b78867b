//! A file opened for reading: compression by content, byte order mark, and what is no text.

use crate::DataError;
use crate::import::grouped;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of a file is looked at to tell what it is.
const HEAD: u64 = 64 * 1024;
const BUFFER: usize = 256 * 1024;

/// How a file is compressed, told by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn of(magic: &[u8]) -> Self {
        if magic.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else {
            Self::None
        }
    }
}

type Stream = Chain<Cursor<Vec<u8>>, Box<dyn BufRead + Send>>;

/// An open file, decompressed, its byte order mark passed over.
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) compression: Compression,
    /// Size on disk.
    pub(crate) size: u64,
    /// The first bytes after decompression; they are read again by `reader`.
    pub(crate) head: Vec<u8>,
    /// Bytes read from the disk so far.
    pub(crate) done: Arc<AtomicU64>,
    pub(super) reader: Stream,
}

struct Counting {
    file: File,
    done: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buf)?;
        self.done.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl Input {
    /// Opens a file that holds something; text is not yet asked for, Parquet is none.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let io = |e| DataError::io(path, e);
        let metadata = std::fs::metadata(path).map_err(io)?;
        if metadata.is_dir() {
            return Err(DataError::format(
                path,
                "is a directory; expected a file, or the directory of a known data set (MovieLens, RecBole, MIND, items.* with interactions.*) given as the interactions alone",
            ));
        }
        if !metadata.is_file() {
            return Err(DataError::format(
                path,
                "is not a regular file; it has to be read twice, so write it to a file first",
            ));
        }
        let done = Arc::new(AtomicU64::new(0));
        let file = Counting {
            file: File::open(path).map_err(io)?,
            done: done.clone(),
        };
        let mut file = BufReader::with_capacity(BUFFER, file);
        let compression = Compression::of(file.fill_buf().map_err(io)?);
        let mut rest: Box<dyn BufRead + Send> = match compression {
            Compression::None => Box::new(file),
            Compression::Gzip => Box::new(BufReader::with_capacity(
                BUFFER,
                flate2::bufread::MultiGzDecoder::new(file),
            )),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(file).map_err(io)?;
                // 128 MiB, what the zstd tool itself accepts without being asked.
                decoder.window_log_max(27).map_err(io)?;
                Box::new(BufReader::with_capacity(BUFFER, decoder))
            }
        };
        let mut head = Vec::new();
        rest.by_ref()
            .take(HEAD)
            .read_to_end(&mut head)
            .map_err(|e| fault(path, compression, &e))?;
        if head.starts_with(&[0xef, 0xbb, 0xbf]) {
            head.drain(..3);
        }
        if head.is_empty() {
            return Err(DataError::format(
                path,
                "is empty; expected a header and rows",
            ));
        }
        Ok(Self {
            path: path.to_path_buf(),
            compression,
            size: metadata.len(),
            reader: Cursor::new(head.clone()).chain(rest),
            head,
            done,
        })
    }

    /// Refuses what is no text.
    pub(crate) fn expect_text(&self) -> Result<(), DataError> {
        let head = &self.head[..];
        let what = if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            "is UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)"
        } else if head.starts_with(b"PK\x03\x04") {
            "is a zip archive or a spreadsheet; unpack it, or export it as CSV"
        } else if head.contains(&0) {
            "is a binary file; expected text (CSV, TSV, JSON lines …) or Parquet, plain or compressed with gzip or zstd"
        } else {
            return Ok(());
        };
        Err(DataError::format(&self.path, what))
    }

    /// What went wrong while reading on.
    pub(super) fn fault(&self, error: &std::io::Error) -> DataError {
        fault(&self.path, self.compression, error)
    }

    /// The whole content in a file that can be read at any place, for Parquet.
    pub(super) fn into_seekable(mut self) -> Result<File, DataError> {
        if self.compression == Compression::None {
            return File::open(&self.path).map_err(|e| DataError::io(&self.path, e));
        }
        let mut file = tempfile::tempfile().map_err(|e| DataError::io(&self.path, e))?;
        std::io::copy(&mut self.reader, &mut file)
            .map_err(|e| fault(&self.path, self.compression, &e))?;
        Ok(file)
    }
}

fn fault(path: &Path, compression: Compression, error: &std::io::Error) -> DataError {
    if compression == Compression::None {
        let copy = error.raw_os_error().map_or_else(
            || std::io::Error::new(error.kind(), error.to_string()),
            std::io::Error::from_raw_os_error,
        );
        return DataError::io(path, copy);
    }
    DataError::format(
        path,
        format!(
            "the {} data is damaged or cut short ({error}); fetch or compress the file again",
            compression.name()
        ),
    )
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("path", &self.path)
            .field("compression", &self.compression)
            .field("size", &grouped(self.size))
            .finish_non_exhaustive()
    }
}
