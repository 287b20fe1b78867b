//! The figures of one model on one set of cases.

use crate::metrics::{coverage, diversity, gini, mean, novelty, popularity};
use crate::slices::{Slice, by_history_length, by_item_popularity, slices};
use crate::{Context, Figures, PerCase, Places, Rankings};
use semrec_data::{Cases, Ranked};
use std::sync::atomic::{AtomicU32, Ordering};

/// What [`crate::evaluate`] measured.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// All metrics at each k: means over the cases, and what is measured over all lists.
    pub metrics: Figures,
    /// The accuracy metrics of every case, for intervals and paired tests.
    pub per_case: PerCase,
    /// `cold-items`, `tail-items`, `cold-users` and `warm`; a slice without cases is there, empty.
    pub slices: Vec<Slice>,
    /// The accuracy metrics of every case of each of `slices`.
    pub slices_per_case: Vec<PerCase>,
    /// Accuracy by how many training users touched the held-out item.
    pub by_item_popularity: Vec<Slice>,
    /// Accuracy by how many events the case's history holds.
    pub by_history_length: Vec<Slice>,
    /// Cases for which the ranker knew no item at all.
    pub cases_without_ranking: usize,
    /// The first places of each ranking; empty if none were to be kept.
    pub rankings: Rankings,
}

/// Counts over the lists, shared by all threads: whole numbers, so their order does not matter.
pub(crate) struct Lists<'a> {
    context: &'a Context<'a>,
    ks: &'a [usize],
    exposure: Vec<Vec<AtomicU32>>,
}

/// Sums over the lists of one k, in case order.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListSums {
    empty: usize,
    lists: usize,
    novelty: f64,
    popularity: f64,
    with_vectors: usize,
    diversity: f64,
}

impl ListSums {
    pub(crate) fn add(&mut self, other: &Self) {
        self.empty += other.empty;
        self.lists += other.lists;
        self.novelty += other.novelty;
        self.popularity += other.popularity;
        self.with_vectors += other.with_vectors;
        self.diversity += other.diversity;
    }
}

/// The list-level figures of each k, and what they were counted over.
pub(crate) struct ListFigures<'a> {
    ks: &'a [usize],
    of_k: Vec<Figures>,
    empty: usize,
}

impl<'a> Lists<'a> {
    pub(crate) fn new(context: &'a Context<'a>, ks: &'a [usize]) -> Self {
        let zeros = || {
            (0..context.n_items())
                .map(|_| AtomicU32::new(0))
                .collect::<Vec<_>>()
        };
        Self {
            context,
            ks,
            exposure: ks.iter().map(|_| zeros()).collect(),
        }
    }

    pub(crate) fn no_sums(&self) -> Vec<ListSums> {
        vec![ListSums::default(); self.ks.len()]
    }

    /// Adds one ranking to the exposures and to `sums`, one for each k.
    pub(crate) fn count(&self, ranking: &[Ranked], sums: &mut [ListSums]) {
        let context = self.context;
        for ((&k, exposure), sums) in self.ks.iter().zip(&self.exposure).zip(sums) {
            let list = &ranking[..ranking.len().min(k)];
            if list.is_empty() {
                sums.empty += 1;
                continue;
            }
            for ranked in list {
                exposure[ranked.item as usize].fetch_add(1, Ordering::Relaxed);
            }
            sums.lists += 1;
            sums.novelty += novelty(list, &context.item_users, context.training_users);
            sums.popularity += popularity(list, &context.item_users);
            let distance = context
                .item_vectors
                .and_then(|(vectors, dim)| diversity(list, vectors, dim));
            if let Some(distance) = distance {
                sums.with_vectors += 1;
                sums.diversity += distance;
            }
        }
    }

    pub(crate) fn figures(&self, sums: &[ListSums]) -> ListFigures<'a> {
        let of_k = self.ks.iter().zip(&self.exposure).zip(sums);
        let of_k = of_k.map(|((k, exposure), sums)| {
            let exposure: Vec<u32> = exposure.iter().map(|e| e.load(Ordering::Relaxed)).collect();
            let mut figures = Figures::default();
            figures.push(format!("coverage@{k}"), coverage(&exposure));
            figures.push(format!("gini@{k}"), gini(&exposure));
            figures.push(format!("novelty@{k}"), mean(sums.novelty, sums.lists));
            if sums.with_vectors > 0 {
                let distance = mean(sums.diversity, sums.with_vectors);
                figures.push(format!("diversity@{k}"), distance);
            }
            figures.push(format!("popularity@{k}"), mean(sums.popularity, sums.lists));
            figures
        });
        ListFigures {
            ks: self.ks,
            of_k: of_k.collect(),
            empty: sums.first().map_or(0, |s| s.empty),
        }
    }
}

/// Puts together what was measured; `places` has one entry for each held-out item of each case.
pub(crate) fn summarise(
    cases: &Cases,
    places: &[u32],
    context: &Context<'_>,
    lists: &ListFigures<'_>,
    rankings: Rankings,
) -> Evaluation {
    let mut per_case = PerCase::new(lists.ks);
    let mut of_case = Places::default();
    let mut rest = places;
    for case in cases.iter() {
        let (mine, others) = rest.split_at(case.held_out.len());
        rest = others;
        of_case.refill(mine.iter().copied());
        per_case.push(&of_case, lists.ks);
    }
    let means = per_case.means();
    let mut metrics = Figures::default();
    for (k, of_lists) in lists.ks.iter().zip(&lists.of_k) {
        let suffix = format!("@{k}");
        let accuracy = means.iter().filter(|(name, _)| name.ends_with(&suffix));
        for (name, &value) in accuracy.chain(of_lists.iter()) {
            metrics.push(name, value);
        }
    }
    let (slices, slices_per_case) = slices(cases, places, context, lists.ks);
    Evaluation {
        metrics,
        per_case,
        slices,
        slices_per_case,
        by_item_popularity: by_item_popularity(cases, places, context, lists.ks),
        by_history_length: by_history_length(cases, places, lists.ks),
        cases_without_ranking: lists.empty,
        rankings,
    }
}
