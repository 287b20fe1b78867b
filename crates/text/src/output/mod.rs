//! Vectors on disk: Parquet or NumPy, told by the ending of the file's name.
//!
//! Whatever the layout, a file is assembled in a hidden directory beside its place (`stage.rs`),
//! batch by batch, and moved there when it is complete and flushed. `stream.rs` encodes texts on
//! their way from a reader to such a file, in parts that survive the process.

mod npy;
mod parquet;
mod part;
mod stage;
mod stream;

pub use stream::{EmbedEvent, EmbedSummary, TextItem, embed_rows};

use crate::{Encoder, Role, TextError, Vectors};
use npy::Npy;
use parquet::Parquet;
use stage::Stage;
use std::path::{Path, PathBuf};

/// Rows of a batch where the vectors are all there: bounds the memory beside them.
const CHUNK: usize = 4096;

/// How vectors are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Parquet,
    Npy,
}

/// Where and how vectors are written.
///
/// | ending | what is written |
/// |---|---|
/// | `.parquet` | columns `id: string` and `vector: fixed_size_list<float>[dim]`; among the metadata name and fingerprint of the encoder and the role of the texts (`semrec.encoder`, `semrec.fingerprint`, `semrec.role`) |
/// | `.npy` | NumPy array `[n, dim]`; beside `x.npy` are `x.ids.jsonl`, a JSON string a line, and `x.json` with what is metadata in Parquet |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorFile {
    path: PathBuf,
    layout: Layout,
    half: bool,
}

/// What made some vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Name of the encoder.
    pub encoder: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// As what it read the texts.
    pub role: Role,
}

impl Origin {
    /// That encoder, reading texts in that role.
    #[must_use]
    pub fn of(encoder: &Encoder, role: Role) -> Self {
        Self {
            encoder: encoder.name().to_owned(),
            fingerprint: encoder.fingerprint().to_owned(),
            role,
        }
    }
}

/// Some rows on their way into a file.
#[derive(Clone, Debug, PartialEq)]
struct Batch {
    ids: Vec<String>,
    /// One a row.
    vectors: Vectors,
}

/// Where batches go.
trait Sink {
    /// Adds rows.
    fn push(&mut self, batch: &Batch) -> Result<(), TextError>;

    /// Ends and flushes the files, and names them in the order in which they are to appear: what
    /// was written, and what it is to be called.
    fn finish(self: Box<Self>) -> Result<Vec<(PathBuf, PathBuf)>, TextError>;
}

impl VectorFile {
    /// A file of 32-bit numbers, or with `half` of 16-bit ones (IEEE 754 binary16, rounded to the
    /// nearest: about three decimal digits).
    ///
    /// # Errors
    /// [`TextError::Format`] if the name ends neither in `.parquet` nor in `.npy`.
    pub fn new(path: &Path, half: bool) -> Result<Self, TextError> {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        let layout = match ending.as_deref() {
            Some("parquet") => Layout::Parquet,
            Some("npy") => Layout::Npy,
            _ => {
                return Err(TextError::format(
                    path,
                    "cannot be written: expected a name that ends in .parquet or .npy",
                ));
            }
        };
        Ok(Self {
            path: path.to_path_buf(),
            layout,
            half,
        })
    }

    /// Where it is written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes vectors that are all there, one row an id; the file appears when it is complete.
    ///
    /// # Errors
    /// [`TextError::Format`] if there are not as many ids as vectors, or if another process is
    /// writing the same file; [`TextError::Io`] if the disk refuses.
    pub fn write<'a>(
        &self,
        origin: &Origin,
        ids: impl ExactSizeIterator<Item = &'a str>,
        vectors: &Vectors,
    ) -> Result<(), TextError> {
        if ids.len() != vectors.len() {
            return Err(TextError::format(
                &self.path,
                format!("there are {} vectors but {} ids", vectors.len(), ids.len()),
            ));
        }
        let stage = Stage::open(&self.path)?;
        let dim = vectors.dim();
        let mut ids = ids;
        let batches = vectors.as_slice().chunks(CHUNK * dim.max(1)).map(|values| {
            let vectors = Vectors::new(dim, values.to_vec());
            let ids = ids.by_ref().take(vectors.len()).map(str::to_owned);
            Ok(Batch {
                ids: ids.collect(),
                vectors,
            })
        });
        self.assemble(&stage, origin, dim, batches)?;
        stage.remove()
    }

    /// Puts batches into files of the stage, and these in their place.
    fn assemble(
        &self,
        stage: &Stage,
        origin: &Origin,
        dim: usize,
        batches: impl Iterator<Item = Result<Batch, TextError>>,
    ) -> Result<(), TextError> {
        let mut sink: Box<dyn Sink> = match self.layout {
            Layout::Parquet => Box::new(Parquet::new(self, stage, origin, dim)?),
            Layout::Npy => Box::new(Npy::new(self, stage, origin, dim)?),
        };
        for batch in batches {
            sink.push(&batch?)?;
        }
        for (from, to) in sink.finish()? {
            std::fs::rename(&from, &to).map_err(|e| TextError::io(&to, e))?;
        }
        stage.sync_parent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides() {
        for (name, expected) in [
            ("a.parquet", Some(Layout::Parquet)),
            ("a.b.NPY", Some(Layout::Npy)),
            ("a.csv", None),
            ("parquet", None),
        ] {
            let file = VectorFile::new(Path::new(name), false);
            assert_eq!(file.ok().map(|f| f.layout), expected, "{name}");
        }
        let error = VectorFile::new(Path::new("a.csv"), false).unwrap_err();
        insta::assert_snapshot!(error, @"a.csv: cannot be written: expected a name that ends in .parquet or .npy");
    }

    #[test]
    fn a_wrong_number_of_ids_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vectors.parquet");
        let file = VectorFile::new(&path, false).unwrap();
        let origin = Origin {
            encoder: "tiny".into(),
            fingerprint: "ab".into(),
            role: Role::Passage,
        };
        let vectors = Vectors::zeros(2, 3);
        file.write(&origin, ["a", "b"].into_iter(), &vectors)
            .unwrap();
        let before = std::fs::read(&path).unwrap();
        for ids in [&["a"][..], &["a", "b", "c"]] {
            let error = file
                .write(&origin, ids.iter().copied(), &vectors)
                .unwrap_err();
            let want = format!("there are 2 vectors but {} ids", ids.len());
            assert!(error.to_string().contains(&want), "{error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
