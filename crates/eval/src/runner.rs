//! Asks a ranker about every case, and measures what comes back.
//!
//! Cases go through in chunks, in parallel; a chunk's rankings are measured and dropped, so
//! memory is bounded by the caller's scores of one chunk a thread, 4 bytes for each held-out
//! item and 24 bytes for each case and k. Chunks depend on the data alone and are summed in case
//! order: the figures are the same for any number of threads.

use crate::evaluation::{self, Lists};
use crate::places::place;
use crate::{Context, Evaluation, Rankings};
use rayon::prelude::*;
use semrec_data::{Case, Cases, Ranked};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is evaluated: the code path that also serves.
pub trait Rank: Sync {
    /// Pushes one ranking for each case onto `out` (which comes empty): the `k` best of the
    /// items that may be recommended, distinct and best first, fewer where no more are known.
    /// Leaving out seen items and restricting candidates is the ranker's part.
    fn rank(&self, cases: &[Case<'_>], k: usize, out: &mut Vec<Vec<Ranked>>);
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The cut-offs; the first one is primary.
    pub ks: Vec<usize>,
    /// How many places of each ranking to keep in [`Evaluation::rankings`]; 100 for a
    /// classification report.
    pub keep: usize,
}

impl Default for Options {
    /// `k` of 10 and 20, no rankings kept.
    fn default() -> Self {
        Self {
            ks: vec![10, 20],
            keep: 0,
        }
    }
}

/// Ranks for each case and measures. `progress` is told how many cases are done, of how many;
/// it is called from several threads.
///
/// # Panics
/// If the ranker does not push one ranking for each case, or ranks or is asked for an item
/// outside the context's catalogue.
pub fn evaluate<R: Rank>(
    cases: &Cases,
    ranker: &R,
    context: &Context<'_>,
    options: &Options,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Evaluation {
    let depth = options.ks.iter().copied().max().unwrap_or(0);
    let depth = depth.max(options.keep);
    let lists = Lists::new(context, &options.ks);
    let done = AtomicUsize::new(0);
    let chunk = chunk_size(cases.len(), context.n_items());
    let starts: Vec<usize> = (0..cases.len()).step_by(chunk).collect();
    let measured: Vec<Measured> = starts
        .into_par_iter()
        .map(|start| {
            let asked: Vec<Case<'_>> = (start..cases.len().min(start + chunk))
                .map(|i| cases.get(i))
                .collect();
            let mut ranked = Vec::with_capacity(asked.len());
            ranker.rank(&asked, depth, &mut ranked);
            assert_eq!(ranked.len(), asked.len(), "one ranking for each case");
            let measured = measure(&asked, &ranked, &lists, options.keep);
            let so_far = done.fetch_add(asked.len(), Ordering::Relaxed) + asked.len();
            progress(so_far, cases.len());
            measured
        })
        .collect();
    let mut places = Vec::new();
    let mut rankings = Rankings::default();
    let mut sums = lists.no_sums();
    for part in measured {
        places.extend(part.places);
        sums.iter_mut().zip(&part.sums).for_each(|(a, b)| a.add(b));
        part.kept.iter().for_each(|list| rankings.push(list));
    }
    evaluation::summarise(cases, &places, context, &lists.figures(&sums), rankings)
}

/// What remains of a chunk: the places of its held-out items, in case order, and sums.
struct Measured {
    places: Vec<u32>,
    sums: Vec<evaluation::ListSums>,
    kept: Vec<Vec<Ranked>>,
}

fn measure(asked: &[Case<'_>], ranked: &[Vec<Ranked>], lists: &Lists<'_>, keep: usize) -> Measured {
    let mut sums = lists.no_sums();
    let mut places = Vec::new();
    for (case, ranking) in asked.iter().zip(ranked) {
        places.extend(case.held_out.iter().map(|&item| place(ranking, item)));
        lists.count(ranking, &mut sums);
    }
    let kept = match keep {
        0 => Vec::new(),
        _ => ranked
            .iter()
            .map(|r| r[..r.len().min(keep)].to_vec())
            .collect(),
    };
    Measured { places, sums, kept }
}

/// Cases asked at once: 16 MiB of scores at most where a ranker scores the whole catalogue, and
/// at least 32 chunks where there are that many cases, so that threads end together.
fn chunk_size(cases: usize, n_items: usize) -> usize {
    let by_memory = (1usize << 22).checked_div(n_items).unwrap_or(1);
    by_memory.min(cases.div_ceil(32)).clamp(1, 128)
}
