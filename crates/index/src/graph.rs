//! A hierarchical small-world graph over rows (Malkov & Yashunin 2018), by USearch.
//!
//! USearch keeps the links; the vectors stay in our rows, once, for the graph and for scans. What
//! it takes for a vector is the four bytes of an item's number, and its metric is a function of
//! ours that looks the rows up. So the distances of the graph are the scores of [`crate::score`],
//! and its memory is that of its links, about 150 bytes an item. USearch's own arithmetic is not
//! compiled in.
//!
//! A graph that is searched never changes: one that is to hold more is a copy
//! ([`Graph::extended`]). USearch takes no lock on links while it searches, and it writes over
//! the slots of removed items, so a graph that is read and written at once could be torn.

use crate::IndexError;
use crate::precision::Precision;
use crate::score::score;
use memmap2::Mmap;
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

/// Searches and insertions at a time; others wait. USearch wants the number beforehand.
const AT_A_TIME: usize = 64;
/// The number that stands for the query of this thread. No item has it.
const QUERY: u32 = u32::MAX;

thread_local! {
    /// The row that is being searched for.
    static ROW: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// Where a graph finds the rows of its items.
pub(crate) trait RowSource: Send + Sync {
    fn precision(&self) -> Precision;
    fn dim(&self) -> usize;
    fn row(&self, item: u32) -> Option<&[u32]>;
}

/// How a graph is built and searched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) links: usize,
    pub(crate) ef_build: usize,
    pub(crate) ef_search: usize,
}

/// A finished graph.
pub(crate) struct Graph {
    /// Dropped before what it looks at.
    index: Index,
    free: Mutex<usize>,
    freed: Condvar,
    _map: Option<Arc<Mmap>>,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Graph of {} items", self.index.size())
    }
}

impl Graph {
    /// Builds a graph of `items`, on all threads of the current pool. The links depend on the
    /// order of insertion, and so on the threads; on one thread they are always the same.
    ///
    /// # Errors
    /// If USearch refuses, which means that memory ran out.
    pub(crate) fn build(
        rows: Arc<dyn RowSource>,
        items: &[u32],
        shape: Shape,
    ) -> Result<Self, IndexError> {
        let mut index = Self::empty(shape)?;
        set_metric(&mut index, rows);
        let graph = Self::of(index, None);
        graph.add(items, items.len())?;
        Ok(graph)
    }

    /// A graph of what `saved` holds, less and plus the changed items: each leaves, and those of
    /// `present` come back in with their new rows.
    ///
    /// # Errors
    /// If `saved` is not what [`Graph::saved`] gave, or memory runs out.
    pub(crate) fn extended(
        saved: &[u8],
        rows: Arc<dyn RowSource>,
        (changed, present): (&[u32], &[u32]),
        shape: Shape,
    ) -> Result<Self, IndexError> {
        let mut index = Self::empty(shape)?;
        let loaded = index.load_from_buffer(saved);
        loaded.map_err(|e| refused("copying links", &e))?;
        set_metric(&mut index, rows);
        let graph = Self::of(index, None);
        for &item in changed {
            let removed = graph.index.remove(u64::from(item));
            removed.map_err(|e| refused("removing an item", &e))?;
        }
        graph.add(present, graph.index.capacity() + present.len())?;
        Ok(graph)
    }

    /// The links where they lie in a mapped file. The bytes must be what [`Graph::saved`] gave,
    /// which the caller makes sure of by their checksum: USearch follows them unchecked.
    ///
    /// # Errors
    /// If USearch does not know them, or memory runs out.
    #[expect(unsafe_code, reason = "USearch keeps a pointer into the mapping")]
    pub(crate) fn view(
        map: Arc<Mmap>,
        bytes: Range<usize>,
        rows: Arc<dyn RowSource>,
        shape: Shape,
    ) -> Result<Self, IndexError> {
        let mut index = Self::empty(shape)?;
        // SAFETY: the buffer must outlive the index and stay as it is. The mapping is held by the
        // same struct, whose fields are dropped in their order, the index first; a mapping does
        // not move, and nobody writes to it (`crate::rows::map`).
        let viewed = unsafe { index.view_from_buffer(&map[bytes]) };
        viewed.map_err(|e| refused("mapping links", &e))?;
        set_metric(&mut index, rows);
        let reserved = index.reserve_capacity_and_threads(index.size(), AT_A_TIME);
        reserved.map_err(|e| refused("reserving memory", &e))?;
        Ok(Self::of(index, Some(map)))
    }

    /// The links as bytes.
    ///
    /// # Errors
    /// If USearch refuses.
    pub(crate) fn saved(&self) -> Result<Vec<u8>, IndexError> {
        let mut bytes = vec![0; self.index.serialized_length()];
        let saved = self.index.save_to_buffer(&mut bytes);
        saved.map_err(|e| refused("saving links", &e))?;
        Ok(bytes)
    }

    /// Up to `count` items near the query that are allowed, by distance. Candidates are kept
    /// until `count` allowed ones, or `ef_search`, are found.
    ///
    /// # Errors
    /// If memory runs out.
    pub(crate) fn search(
        &self,
        query: &[u32],
        count: usize,
        allowed: &dyn Fn(u32) -> bool,
    ) -> Result<Vec<u32>, IndexError> {
        let _permit = self.permit();
        // A filter may search another graph, so the row of an outer search is put back.
        let outer = ROW.replace(query.to_vec());
        let panicked = RefCell::new(None);
        let found = self.index.filtered_search(&bytes_of(QUERY), count, |key| {
            // A panic must not pass through the C++ between here and the caller.
            let Ok(item) = u32::try_from(key) else {
                return false;
            };
            let called = catch_unwind(AssertUnwindSafe(|| allowed(item)));
            called.unwrap_or_else(|panic| {
                *panicked.borrow_mut() = Some(panic);
                false
            })
        });
        ROW.replace(outer);
        if let Some(panic) = panicked.into_inner() {
            resume_unwind(panic);
        }
        let keys = found.map_err(|e| refused("searching", &e))?.keys;
        Ok(keys
            .into_iter()
            .filter_map(|key| u32::try_from(key).ok())
            .collect())
    }

    fn empty(shape: Shape) -> Result<Index, IndexError> {
        let options = IndexOptions {
            dimensions: bytes_of(QUERY).len(),
            metric: MetricKind::IP,
            quantization: ScalarKind::I8,
            connectivity: shape.links,
            expansion_add: shape.ef_build,
            expansion_search: shape.ef_search,
            multi: false,
        };
        Index::new(&options).map_err(|e| refused("starting", &e))
    }

    fn of(index: Index, map: Option<Arc<Mmap>>) -> Self {
        Self {
            index,
            free: Mutex::new(AT_A_TIME),
            freed: Condvar::new(),
            _map: map,
        }
    }

    fn add(&self, items: &[u32], capacity: usize) -> Result<(), IndexError> {
        let reserved = self.index.reserve_capacity_and_threads(capacity, AT_A_TIME);
        reserved.map_err(|e| refused("reserving memory", &e))?;
        items.par_iter().try_for_each(|&item| {
            let _permit = self.permit();
            let added = self.index.add(u64::from(item), &bytes_of(item));
            added.map_err(|e| refused("inserting an item", &e))
        })
    }

    /// Waits until one of the places is free.
    fn permit(&self) -> Permit<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_while(free, |free| *free == 0);
        *waited.unwrap_or_else(PoisonError::into_inner) -= 1;
        Permit(self)
    }
}

struct Permit<'a>(&'a Graph);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

fn bytes_of(item: u32) -> [i8; 4] {
    item.to_ne_bytes().map(u8::cast_signed)
}

/// Makes the distance of two numbers the negative score of their rows.
fn set_metric(index: &mut Index, rows: Arc<dyn RowSource>) {
    let (precision, dim) = (rows.precision(), rows.dim());
    let distance = move |a: u32, b: u32| {
        // A graph knows only items that have rows; another number would be infinitely far.
        let near = |a: &[u32]| Some(-score(precision, dim, a, rows.row(b)?));
        let near = if a == QUERY {
            ROW.with_borrow(|query| near(query))
        } else {
            rows.row(a).and_then(near)
        };
        near.unwrap_or(f32::MAX)
    };
    index.change_metric::<i8>(Box::new(move |a, b| distance(number_at(a), number_at(b))));
}

/// The number behind a pointer of USearch.
#[expect(
    unsafe_code,
    reason = "USearch hands out pointers to its vectors, which are numbers"
)]
fn number_at(vector: *const i8) -> u32 {
    // SAFETY: USearch calls the metric with pointers to vectors of the index or to the one it was
    // given to add or search, all of `dimensions`, that is four, bytes; any alignment is read.
    u32::from_ne_bytes(unsafe { vector.cast::<[u8; 4]>().read_unaligned() })
}

fn refused(doing: &'static str, message: &dyn std::fmt::Display) -> IndexError {
    IndexError::Graph {
        doing,
        message: message.to_string(),
    }
}
