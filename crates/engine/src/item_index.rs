//! The index of the item vectors, as a bundle holds it: one mapped file.
//!
//! Item `i` of the catalogue has the number `i`; an item without a text has a number and no
//! vector. Vectors are kept as 32-bit floats, so that an index below
//! [`Config::exact_below`](semrec_index::Config) items, which is scanned, answers exactly; from
//! there on a graph does, approximately.

use crate::EngineError;
use semrec_data::Ranked;
use semrec_index::{Config, IndexError, VectorIndex};
use semrec_text::Vectors;
use std::path::{Path, PathBuf};

/// An opened index, and where it is.
#[derive(Debug)]
pub(crate) struct ItemIndex {
    path: PathBuf,
    index: VectorIndex,
}

impl ItemIndex {
    /// Writes an index of `[n_items, dim]` vectors; a zero one is that of an item without a text.
    /// Items are pushed one by one, and not taken as one array, so that these are never linked
    /// into the graph.
    ///
    /// # Errors
    /// If a value is not finite, or the disk refuses.
    pub(crate) fn write(path: &Path, vectors: &Vectors) -> Result<(), EngineError> {
        let write = || {
            let index = VectorIndex::new(vectors.dim(), Config::default())?;
            for vector in vectors.rows() {
                let item = index.push(vector)?;
                if vector.iter().all(|&x| x == 0.0) {
                    index.remove(item);
                }
            }
            index.save(path)
        };
        write().map_err(|e| told(path, e))
    }

    /// Maps an index and checks that it is one of `n_items` items.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or is one of another catalogue.
    pub(crate) fn open(path: &Path, n_items: usize) -> Result<Self, EngineError> {
        let index = VectorIndex::open(path).map_err(|e| told(path, e))?;
        let numbered = index.numbered();
        if numbered as usize != n_items {
            return Err(EngineError::Bundle {
                path: path.to_owned(),
                problem: format!("holds {numbered} items, the catalogue {n_items}; train again"),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            index,
        })
    }

    /// Items with a vector.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Length of a vector.
    pub(crate) fn dim(&self) -> usize {
        self.index.dim()
    }

    /// The vector of an item, unless it has no text.
    pub(crate) fn vector(&self, item: u32) -> Option<Vec<f32>> {
        self.index.vector(item)
    }

    /// Gives an item its vector; a zero one says that it has no text. Items that are new are given
    /// theirs in the order of their numbers.
    ///
    /// # Errors
    /// If a value is not finite, or the number is not the next one.
    pub(crate) fn set(&self, item: u32, vector: &[f32]) -> Result<(), EngineError> {
        let silent = vector.iter().all(|&x| x == 0.0);
        let set = || {
            if item == self.index.numbered() {
                self.index.push(vector)?;
            } else if !silent {
                self.index.update(item, vector)?;
            }
            if silent {
                self.index.remove(item);
            }
            Ok(())
        };
        set().map_err(|e| told(&self.path, e))
    }

    /// The `k` items with the nearest vectors of those that are allowed, by cosine, best first.
    ///
    /// # Errors
    /// If the vector has another length or a value that is not finite, or the graph is damaged.
    pub(crate) fn nearest(
        &self,
        vector: &[f32],
        k: usize,
        allowed: impl Fn(u32) -> bool + Sync,
    ) -> Result<Vec<Ranked>, EngineError> {
        let found = self.index.search(vector, k, allowed);
        let found = found.map_err(|e| told(&self.path, e))?;
        let ranked = found.into_iter().map(|n| Ranked {
            item: n.item,
            score: n.score,
        });
        Ok(ranked.collect())
    }
}

/// An error of the index in a file, for someone who has a bundle.
fn told(path: &Path, error: IndexError) -> EngineError {
    // It names the file.
    if let IndexError::File { .. } = error {
        return EngineError::Index(error);
    }
    let problem = if let IndexError::Damaged { what, .. } = &error {
        format!("is no whole index: {what}; train again")
    } else {
        error.to_string()
    };
    EngineError::Bundle {
        path: path.to_owned(),
        problem,
    }
}
