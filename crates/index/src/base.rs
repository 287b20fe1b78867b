//! The part of an index that does not change: rows of all items, and perhaps a graph over them.
//!
//! It was built in memory or is mapped from a file. What has changed since lies over it
//! ([`crate::snapshot`]).

use crate::IndexError;
use crate::graph::{Graph, RowSource, Shape};
use crate::precision::{Precision, floats};
use crate::rows::{Presence, Rows};
use memmap2::Mmap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The unchanging part.
#[derive(Debug)]
pub(crate) struct Base {
    /// Items have the numbers below this one.
    pub(crate) numbered: u32,
    pub(crate) present: Presence,
    pub(crate) rows: Arc<Rows>,
    /// The same vectors as they came, where rows are rounded and full vectors are kept.
    pub(crate) full: Option<Rows>,
    pub(crate) links: Links,
}

/// Where the graph is.
#[derive(Debug)]
pub(crate) enum Links {
    /// There is none.
    None,
    /// In memory.
    Built(Graph),
    /// In a mapped file, and looked at when it is first needed.
    Mapped(MappedLinks),
}

/// A graph in a mapped file.
#[derive(Debug)]
pub(crate) struct MappedLinks {
    pub(crate) path: PathBuf,
    pub(crate) map: Arc<Mmap>,
    pub(crate) bytes: Range<usize>,
    pub(crate) checksum: u32,
    pub(crate) shape: Shape,
    /// The graph, or what is wrong with it.
    pub(crate) viewed: OnceLock<Result<Graph, String>>,
}

impl Base {
    /// The row of an item that is there.
    #[inline]
    pub(crate) fn row(&self, item: u32) -> Option<&[u32]> {
        self.present.has(item).then(|| self.rows.get(item))?
    }

    /// The vector of an item as it came, if such vectors are kept.
    pub(crate) fn full(&self, item: u32) -> Option<&[f32]> {
        let full = self.full.as_ref()?;
        self.present.has(item).then(|| full.get(item).map(floats))?
    }

    /// Whether there is a graph.
    pub(crate) fn has_graph(&self) -> bool {
        !matches!(self.links, Links::None)
    }

    /// The graph, if there is one. A mapped one is checked against its checksum the first time,
    /// because USearch follows links without checking them.
    ///
    /// # Errors
    /// If it is damaged.
    pub(crate) fn graph(&self) -> Result<Option<&Graph>, IndexError> {
        match &self.links {
            Links::None => Ok(None),
            Links::Built(graph) => Ok(Some(graph)),
            Links::Mapped(links) => {
                let viewed = links
                    .viewed
                    .get_or_init(|| links.view(Arc::clone(&self.rows)));
                let damaged = |what: &String| IndexError::damaged(&links.path, what);
                viewed.as_ref().map(Some).map_err(damaged)
            }
        }
    }
}

impl MappedLinks {
    fn view(&self, rows: Arc<Rows>) -> Result<Graph, String> {
        let got = crc32fast::hash(&self.map[self.bytes.clone()]);
        if got != self.checksum {
            let expected = self.checksum;
            return Err(format!(
                "the checksum of its graph is {got:08x}, expected {expected:08x}"
            ));
        }
        let map = Arc::clone(&self.map);
        Graph::view(map, self.bytes.clone(), rows, self.shape).map_err(|e| e.to_string())
    }
}

impl RowSource for Rows {
    fn precision(&self) -> Precision {
        self.precision
    }

    fn dim(&self) -> usize {
        self.dim
    }

    #[inline]
    fn row(&self, item: u32) -> Option<&[u32]> {
        self.get(item)
    }
}
