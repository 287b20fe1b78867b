//! Nearest vectors among few or many: a scan where that is fast, a graph where it is not.
//!
//! [`VectorIndex`] says how; here it is put together of rows ([`crate::rows`]), scans
//! ([`crate::scan`]), a graph ([`crate::graph`]), changes over them ([`crate::snapshot`]) and a
//! file ([`crate::file`]). Left out: distances other than the inner product.

use crate::base::{Base, Links};
use crate::best::Best;
use crate::graph::{Graph, RowSource, Shape};
use crate::precision::{MAX_DIM, Precision};
use crate::rows::{Presence, Rows, Words};
use crate::scan::{self, Query};
use crate::snapshot::{Entry, Snapshot, Stored};
use crate::{IndexError, Neighbour, file};
use rayon::prelude::*;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Sequential rows that cost as much as the graph's work for one candidate.
const ROWS_A_CANDIDATE: f64 = 160.0;
/// Items on which the share of a filter is estimated.
const SAMPLE: u32 = 1024;
/// Queries that a scan answers in one pass.
const QUERIES: usize = 64;

/// How an index stores and finds vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// How values are stored. Default: `F32`.
    pub precision: Precision,
    /// Whether rounded rows (`F16`, `Int8`) are kept beside the full vectors, and the best
    /// candidates scored again with these. Default: true.
    pub keep_full: bool,
    /// Fewer items than this are always scanned. Default: 20,000, where a scan of `Int8` rows and
    /// the graph take the same time.
    pub exact_below: usize,
    /// Links of an item in the upper levels of the graph; twice as many in the lowest.
    /// Default: 16.
    pub links: usize,
    /// Candidates kept while an item is inserted into the graph. Default: 128.
    pub ef_build: usize,
    /// Candidates kept while the graph is searched, at least k. Default: 128.
    pub ef_search: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            precision: Precision::F32,
            keep_full: true,
            exact_below: 20_000,
            links: 16,
            ef_build: 128,
            ef_search: 128,
        }
    }
}

impl Config {
    pub(crate) fn shape(&self) -> Shape {
        Shape {
            links: self.links.max(2),
            ef_build: self.ef_build.max(1),
            ef_search: self.ef_search.max(1),
        }
    }
}

/// Vectors with a number each, searched while they change: by a scan where that is fast, by a
/// graph where it is not.
///
/// **Which of the two.** A scan costs one row an allowed item, read in order; a graph visits about
/// 40 rows for each candidate it keeps, here and there, which costs four times as much, and it
/// must find so many more candidates as the filter takes out. With n items, of which a filter lets
/// the share s through (estimated on 1,024 of them), and c candidates, the graph is asked where
/// 160 c ≤ s² n. So a filter that lets little through is answered exactly, as is one that turns
/// out to leave fewer than k near the query. Below `Config::exact_below` items there is no graph.
///
/// **Reading and writing.** All methods take `&self`. A search works on the state of the moment
/// it began and takes no lock but to fetch it; a writer makes a new state, copying what a reader
/// still holds, so no reader ever sees half a vector. What was written is found by the next search
/// that begins. Until the next [`VectorIndex::save`], vectors written after the build are scanned,
/// not linked: 10,000 of them cost about as much as the graph does.
///
/// **On disk.** `save` writes everything in one file and goes on from it, mapped; `open` maps it
/// in milliseconds, and memory fills as pages are used.
///
/// **What is exact.** A scan of `F32` rows; of rounded rows it is exact for the rounded vectors,
/// and with full vectors kept the best candidates are scored again with these, so that scores are
/// those of the full vectors. The graph is approximate. Scans give the same result for any number
/// of threads; a graph that was built on several threads has links that depend on their timing.
///
/// Bytes an item at 384 dimensions, in memory: rows of 1,536 (`F32`), 768 (`F16`) or 388 (`Int8`);
/// links about 150; a bit; full vectors, if kept, 1,536, which stay on disk once mapped but for
/// those that are scored again.
///
/// ```
/// use semrec_index::{Config, VectorIndex};
/// # fn main() -> Result<(), semrec_index::IndexError> {
/// let index = VectorIndex::build(2, vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8], Config::default())?;
/// let item = index.push(&[0.0, 2.0])?;
/// let found = index.search(&[0.0, 1.0], 2, |item| item != 1)?;
/// assert_eq!((found[0].item, found[0].score), (item, 2.0));
/// assert_eq!((found[1].item, found[1].score), (2, 0.8));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct VectorIndex {
    dim: usize,
    config: Config,
    state: RwLock<Arc<Snapshot>>,
    /// Held by the one who saves.
    saving: Mutex<()>,
}

impl VectorIndex {
    /// An index of vectors of `dim` values that holds none.
    ///
    /// # Errors
    /// If `dim` is 0 or above 65,536.
    pub fn new(dim: usize, config: Config) -> Result<Self, IndexError> {
        Self::build(dim, Vec::new(), config)
    }

    /// An index of `[n, dim]` values, vector after vector; their numbers are `0..n`. From
    /// `Config::exact_below` vectors on a graph is built, on all threads of the current pool.
    ///
    /// # Errors
    /// If the dimension is out of range, the values are no whole number of vectors, or one is not
    /// finite.
    pub fn build(dim: usize, vectors: Vec<f32>, config: Config) -> Result<Self, IndexError> {
        if dim == 0 || dim > MAX_DIM {
            let (got, most) = (dim, MAX_DIM);
            return Err(IndexError::Dimension { got, most });
        }
        let (whole, rest) = (vectors.len() / dim, vectors.len() % dim);
        if rest != 0 {
            return Err(length("the last vector", rest, dim));
        }
        // The last number stands for the query.
        let numbered = u32::try_from(whole).ok().filter(|n| *n < u32::MAX);
        let Some(numbered) = numbered else {
            return Err(IndexError::Full { numbered: u32::MAX });
        };
        let precision = config.precision;
        vectors
            .par_chunks(dim)
            .enumerate()
            .try_for_each(|(item, vector)| precision.check(&format!("vector {item}"), vector))?;
        let config = Config {
            keep_full: config.keep_full && precision != Precision::F32,
            ..config
        };
        let base = in_memory(dim, vectors, numbered, &config)?;
        Ok(Self::of(dim, config, base))
    }

    fn of(dim: usize, config: Config, base: Base) -> Self {
        let state = RwLock::new(Arc::new(Snapshot::of(base)));
        Self {
            dim,
            config,
            state,
            saving: Mutex::new(()),
        }
    }

    /// Maps a saved index. Its file must not be written to while it is open; replacing it, as
    /// `save` does, is fine.
    ///
    /// # Errors
    /// If the file cannot be read, or its header, its length or its presence bits are not as they
    /// were saved. A graph that is damaged is an error of the first search that needs it.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let (base, config) = file::open(path)?;
        Ok(Self::of(base.rows.dim, config, base))
    }

    /// Reads a whole saved index and compares all its checksums.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged; the message names the part.
    pub fn verify(path: &Path) -> Result<(), IndexError> {
        file::verify(path)
    }

    /// Reads and checks the graph of an opened file, which the first search that needs it does
    /// otherwise.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn prepare(&self) -> Result<(), IndexError> {
        self.snapshot().base.graph().map(|_| ())
    }

    /// Number of vectors, without the removed ones.
    #[must_use]
    pub fn len(&self) -> usize {
        self.snapshot().live
    }

    /// Whether there is no vector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many numbers were given out, those of removed items included.
    #[must_use]
    pub fn numbered(&self) -> u32 {
        self.snapshot().numbered
    }

    /// Length of a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How the index stores and finds.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether there is a graph; without one, searches are scans.
    #[must_use]
    pub fn has_graph(&self) -> bool {
        self.snapshot().base.has_graph()
    }

    /// The vector of an item, as exact as it is kept, unless there is none or it was removed.
    #[must_use]
    pub fn vector(&self, item: u32) -> Option<Vec<f32>> {
        let snapshot = self.snapshot();
        let row = snapshot.row(item)?;
        let full = snapshot.full(item).map(<[f32]>::to_vec);
        Some(full.unwrap_or_else(|| self.config.precision.decode(self.dim, row)))
    }

    /// Adds a vector and returns its number, the lowest that was never given out.
    ///
    /// # Errors
    /// If it has another length, a value that cannot be stored, or all numbers are given out.
    pub fn push(&self, vector: &[f32]) -> Result<u32, IndexError> {
        let stored = self.stored(vector)?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let item = state.numbered;
        if item == u32::MAX {
            return Err(IndexError::Full { numbered: item });
        }
        let state = Arc::make_mut(&mut state);
        state.numbered += 1;
        state.set(item, stored);
        Ok(item)
    }

    /// Replaces the vector of an item, or brings a removed one back.
    ///
    /// # Errors
    /// If its number was never given out, or the vector is as `push` refuses it.
    pub fn update(&self, item: u32, vector: &[f32]) -> Result<(), IndexError> {
        let stored = self.stored(vector)?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let numbered = state.numbered;
        if item >= numbered {
            return Err(IndexError::Unknown { item, numbered });
        }
        Arc::make_mut(&mut state).set(item, stored);
        Ok(())
    }

    /// Removes an item from every search that begins from now on; false if it was not there. Its
    /// number stays taken, and after a `save` its place in the file.
    pub fn remove(&self, item: u32) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let there = state.row(item).is_some();
        if there {
            Arc::make_mut(&mut state).set(item, Entry::Removed);
        }
        there
    }

    /// The `k` vectors with the largest inner product among those the filter lets through, best
    /// first; fewer only if there are fewer. Whether by scan or by graph: see [`VectorIndex`].
    /// The filter is called many times, from several threads.
    ///
    /// # Errors
    /// If the query has another length or a value that is not finite, or a mapped graph is
    /// damaged.
    pub fn search(
        &self,
        query: &[f32],
        k: usize,
        filter: impl Fn(u32) -> bool + Sync,
    ) -> Result<Vec<Neighbour>, IndexError> {
        self.check("the query", query)?;
        self.answer(&self.snapshot(), &self.query(query), k, &filter)
    }

    /// [`VectorIndex::search`] for each of many queries, `[n, dim]` values, all on one state. The
    /// filter gets the number of the query and the item.
    ///
    /// # Errors
    /// As `search`.
    pub fn search_batch(
        &self,
        queries: &[f32],
        k: usize,
        filter: impl Fn(usize, u32) -> bool + Sync,
    ) -> Result<Vec<Vec<Neighbour>>, IndexError> {
        let snapshot = self.snapshot();
        let queries: Vec<Query<'_>> = {
            let checked = queries.chunks(self.dim).enumerate().map(|(number, query)| {
                self.check(&format!("query {number}"), query)?;
                Ok(self.query(query))
            });
            checked.collect::<Result<_, IndexError>>()?
        };
        if self.asks_graph(&snapshot, k, &|_| true) {
            let each = queries.par_iter().enumerate();
            return each
                .map(|(n, query)| self.answer(&snapshot, query, k, &|item| filter(n, item)))
                .collect();
        }
        let chunks = queries.chunks(QUERIES).enumerate();
        let found = chunks.flat_map(|(chunk, queries)| {
            let allowed = |number, item| filter(chunk * QUERIES + number, item);
            let found =
                scan::best_of_all_for_each(&snapshot, queries, self.candidates(k), &allowed);
            let found = queries.iter().zip(found);
            let rescored = found.map(|(query, best)| scan::rescored(&snapshot, query, k, best));
            rescored.collect::<Vec<_>>()
        });
        Ok(found.collect())
    }

    /// [`VectorIndex::search`] by a scan, whatever the number of items.
    ///
    /// # Errors
    /// If the query has another length or a value that is not finite.
    pub fn search_exact(
        &self,
        query: &[f32],
        k: usize,
        filter: impl Fn(u32) -> bool + Sync,
    ) -> Result<Vec<Neighbour>, IndexError> {
        self.check("the query", query)?;
        let (snapshot, query) = (self.snapshot(), self.query(query));
        let found = scan::best_of_all(&snapshot, &query, self.candidates(k), &filter);
        Ok(scan::rescored(&snapshot, &query, k, found))
    }

    /// The best `k` of the items that are named, by a scan of these alone. One that is named twice
    /// counts once, one that is not there is passed over.
    ///
    /// # Errors
    /// If the query has another length or a value that is not finite.
    pub fn search_among(
        &self,
        query: &[f32],
        k: usize,
        items: &[u32],
    ) -> Result<Vec<Neighbour>, IndexError> {
        self.check("the query", query)?;
        let (snapshot, query) = (self.snapshot(), self.query(query));
        let mut items = items.to_vec();
        items.sort_unstable();
        items.dedup();
        let found = scan::best_of(&snapshot, &query, self.candidates(k), items.into_iter());
        Ok(scan::rescored(&snapshot, &query, k, found))
    }

    /// Writes all in one file, in place of what was there, and goes on from it: what was written
    /// since the build is linked into the graph, in a copy, or the graph is built anew where more
    /// than a quarter has changed. Searches and changes go on meanwhile; changes that came too
    /// late for the file stay in memory.
    ///
    /// # Errors
    /// If the file cannot be written, in which case what was there stays, or the graph of an
    /// opened file is damaged.
    pub fn save(&self, path: &Path) -> Result<(), IndexError> {
        let _alone = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let saved = self.snapshot();
        let graph = self.links_of(&saved)?;
        file::save(path, &saved, &self.config, &graph)?;
        let (base, _) = file::open(path)?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        *state = Arc::new(state.rebased(base, &saved));
        Ok(())
    }

    /// The graph of a state as bytes; none for a state that is to be scanned.
    fn links_of(&self, state: &Arc<Snapshot>) -> Result<Vec<u8>, IndexError> {
        if state.live < self.config.exact_below.max(1) {
            return Ok(Vec::new());
        }
        let changed = state.changed();
        let rows = || Arc::clone(state) as Arc<dyn RowSource>;
        let there = |items: &mut dyn Iterator<Item = u32>| -> Vec<u32> {
            items.filter(|&item| state.row(item).is_some()).collect()
        };
        let shape = self.config.shape();
        let graph = match state.base.graph()? {
            Some(graph) if changed.is_empty() => return graph.saved(),
            Some(graph) if changed.len() <= state.live / 4 => {
                let present = there(&mut changed.iter().copied());
                Graph::extended(&graph.saved()?, rows(), (&changed, &present), shape)?
            }
            Some(_) | None => Graph::build(rows(), &there(&mut (0..state.numbered)), shape)?,
        };
        graph.saved()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn check(&self, what: &str, vector: &[f32]) -> Result<(), IndexError> {
        if vector.len() != self.dim {
            return Err(length(what, vector.len(), self.dim));
        }
        self.config.precision.check(what, vector)
    }

    fn stored(&self, vector: &[f32]) -> Result<Entry, IndexError> {
        self.check("the vector", vector)?;
        Ok(Entry::Stored(Arc::new(Stored {
            row: self.config.precision.row(vector),
            full: self.config.keep_full.then(|| vector.to_vec()),
        })))
    }

    fn query<'a>(&self, vector: &'a [f32]) -> Query<'a> {
        Query::new(self.config.precision, vector)
    }

    /// How many are found before they are scored again.
    fn candidates(&self, k: usize) -> usize {
        if self.config.keep_full {
            k.max(self.config.ef_search)
        } else {
            k
        }
    }

    /// Whether the graph is faster than a scan.
    fn asks_graph(&self, snapshot: &Snapshot, k: usize, allowed: &dyn Fn(u32) -> bool) -> bool {
        if !snapshot.base.has_graph() || snapshot.live < self.config.exact_below {
            return false;
        }
        let candidates = k.max(self.config.ef_search) as f64;
        let pays =
            |share: f64| ROWS_A_CANDIDATE * candidates <= share * share * snapshot.live as f64;
        pays(1.0) && pays(share(snapshot, allowed))
    }

    fn answer(
        &self,
        snapshot: &Snapshot,
        query: &Query<'_>,
        k: usize,
        allowed: &(dyn Fn(u32) -> bool + Sync),
    ) -> Result<Vec<Neighbour>, IndexError> {
        let found = if self.asks_graph(snapshot, k, allowed) {
            self.best_by_graph(snapshot, query, k, allowed)?
        } else {
            None
        };
        let scan = || scan::best_of_all(snapshot, query, self.candidates(k), allowed);
        Ok(scan::rescored(
            snapshot,
            query,
            k,
            found.unwrap_or_else(scan),
        ))
    }

    /// The best of what the graph finds and of what has changed since it was built; none if these
    /// are fewer than `k`.
    fn best_by_graph(
        &self,
        snapshot: &Snapshot,
        query: &Query<'_>,
        k: usize,
        allowed: &dyn Fn(u32) -> bool,
    ) -> Result<Option<Best>, IndexError> {
        let Some(graph) = snapshot.base.graph()? else {
            return Ok(None);
        };
        let count = self.candidates(k);
        let linked = |item| snapshot.unchanged(item) && allowed(item);
        let near = graph.search(&query.row, count, &linked)?;
        let stored = snapshot.stored().filter(|&item| allowed(item));
        let best = scan::best_of(snapshot, query, count, near.into_iter().chain(stored));
        Ok((best.len() >= k).then_some(best))
    }
}

/// The share of the numbers that are there and allowed, on one of each of 1,024 equal stretches:
/// not the same one in each, so that a filter with a period is no trap, but always the same ones.
fn share(snapshot: &Snapshot, allowed: &dyn Fn(u32) -> bool) -> f64 {
    let stretch = (snapshot.numbered / SAMPLE).max(1);
    let (mut there, mut let_through) = (0_u32, 0_u32);
    for number in 0..snapshot.numbered / stretch {
        // Fibonacci hashing (Knuth 6.4); the upper bits are the mixed ones.
        let jitter = (number.wrapping_mul(2_654_435_769) >> 8) % stretch;
        let item = number * stretch + jitter;
        if snapshot.row(item).is_some() {
            there += 1;
            let_through += u32::from(allowed(item));
        }
    }
    f64::from(let_through) / f64::from(there.max(1))
}

fn length(what: &str, got: usize, expected: usize) -> IndexError {
    let what = what.to_owned();
    IndexError::Length {
        what,
        got,
        expected,
    }
}

fn in_memory(
    dim: usize,
    vectors: Vec<f32>,
    numbered: u32,
    config: &Config,
) -> Result<Base, IndexError> {
    let precision = config.precision;
    let rounded = match precision {
        Precision::F32 => None,
        Precision::F16 | Precision::Int8 => {
            let width = precision.words(dim);
            let mut words = vec![0; numbered as usize * width];
            let rows = words.par_chunks_mut(width).zip(vectors.par_chunks(dim));
            rows.for_each(|(row, vector)| row.copy_from_slice(&precision.row(vector)));
            Some(words)
        }
    };
    let words = |vectors: Vec<f32>| vectors.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
    let (rows, full) = match rounded {
        None => (words(vectors), None),
        Some(rows) => (rows, config.keep_full.then(|| words(vectors))),
    };
    let rows_of = |precision, words| Rows {
        precision,
        dim,
        words: Words::Owned(words),
    };
    let mut bits = vec![u32::MAX; Presence::words(numbered)];
    if let Some(last) = bits.last_mut()
        && !numbered.is_multiple_of(32)
    {
        *last = (1 << (numbered % 32)) - 1;
    }
    let rows = Arc::new(rows_of(precision, rows));
    let links = if numbered as usize >= config.exact_below.max(1) {
        let source = Arc::clone(&rows) as Arc<dyn RowSource>;
        let items: Vec<u32> = (0..numbered).collect();
        Links::Built(Graph::build(source, &items, config.shape())?)
    } else {
        Links::None
    };
    Ok(Base {
        numbered,
        present: Presence(Words::Owned(bits)),
        rows,
        full: full.map(|words| rows_of(Precision::F32, words)),
        links,
    })
}
