//! "Recommended or not" as a classification: precision, recall, F1 and support of both classes.
//!
//! Every pair of a case and an item it may be recommended counts. A pair is *called* recommended
//! if the item stands in the kept places of the case's ranking (100, as
//! [`crate::Options::keep`]) with a score of at least a threshold; it *is* one if the item was
//! held out. The threshold is chosen on validation cases, where it maximises F1 of the
//! recommended class.
//!
//! One threshold for all people asks that scores be comparable between people. Where a model's
//! are not, pass rankings with scores normalised per case. Almost all pairs are negative, so
//! accuracy and the weighted average are near 1 for any model: read the recommended class.
//! Left out: the area under the ROC curve, which needs the whole ranking.

use crate::Rankings;
use crate::metrics::ratio;
use rayon::prelude::*;
use semrec_data::Cases;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// One row of the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassRow {
    /// Of the pairs called so, the share that is so.
    pub precision: f64,
    /// Of the pairs that are so, the share called so.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// Number of pairs that are so.
    pub support: usize,
}

/// Both classes and their averages, as scikit-learn's `classification_report` has them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassificationReport {
    /// The least score that is called recommended; `None`: nothing is.
    pub threshold: Option<f32>,
    /// The pairs that were not held out.
    pub not_recommended: ClassRow,
    /// The held-out pairs.
    pub recommended: ClassRow,
    /// Share of pairs called what they are.
    pub accuracy: f64,
    /// The unweighted mean of both classes.
    pub macro_avg: ClassRow,
    /// The mean of both classes weighted by their support.
    pub weighted_avg: ClassRow,
}

/// Number of pairs of a case and an item that may be recommended to it: candidates (all items
/// if `None`) less, if seen ones are excluded, the distinct candidates of its history.
#[must_use]
pub fn candidate_pairs(
    cases: &Cases,
    n_items: usize,
    candidates: Option<&[bool]>,
    exclude_seen: bool,
) -> usize {
    let is_candidate = |item: u32| candidates.is_none_or(|c| c[item as usize]);
    let n = candidates.map_or(n_items, |c| c.iter().filter(|&&yes| yes).count());
    (0..cases.len())
        .into_par_iter()
        .map(|i| {
            let history = cases.get(i).history.iter().map(|event| event.item);
            let seen: BTreeSet<u32> = match exclude_seen {
                true => history.filter(|&item| is_candidate(item)).collect(),
                false => BTreeSet::new(),
            };
            n - seen.len()
        })
        .sum()
}

/// The score that separates best: the one of the kept places at which F1 of the recommended
/// class is highest, the higher score if several are. `None` if no ranking holds a held-out item.
#[must_use]
pub fn choose_threshold(cases: &Cases, rankings: &Rankings) -> Option<f32> {
    let mut called: Vec<(f32, bool)> = cases
        .iter()
        .zip(rankings.iter())
        .flat_map(|(case, ranking)| {
            ranking
                .iter()
                .map(move |r| (r.score, case.held_out.contains(&r.item)))
        })
        .collect();
    called.par_sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let positives = positives(cases);
    let (mut best, mut best_f1) = (None, 0.0);
    let (mut so_far, mut hits) = (0, 0);
    for equal in called.chunk_by(|a, b| a.0 == b.0) {
        so_far += equal.len();
        hits += equal.iter().filter(|(_, is)| *is).count();
        // F1 = 2 hits / (called + positives).
        let f1 = ratio(2 * hits, so_far + positives);
        if f1 > best_f1 {
            (best, best_f1) = (Some(equal[0].0), f1);
        }
    }
    best
}

/// Counts all `pairs` (see [`candidate_pairs`]) with a threshold from [`choose_threshold`].
#[must_use]
pub fn classification_report(
    cases: &Cases,
    rankings: &Rankings,
    pairs: usize,
    threshold: Option<f32>,
) -> ClassificationReport {
    let (mut called, mut hits) = (0, 0);
    for (case, ranking) in cases.iter().zip(rankings.iter()) {
        let above = ranking
            .iter()
            .filter(|r| threshold.is_some_and(|least| r.score >= least));
        for ranked in above {
            called += 1;
            hits += usize::from(case.held_out.contains(&ranked.item));
        }
    }
    let positives = positives(cases);
    let negatives = pairs.saturating_sub(positives);
    let rejected = negatives.saturating_sub(called - hits);
    let recommended = row(hits, called, positives);
    let not_recommended = row(rejected, pairs.saturating_sub(called), negatives);
    let average = |w_not: f64, w_is: f64| {
        let mean = |f: fn(&ClassRow) -> f64| w_not * f(&not_recommended) + w_is * f(&recommended);
        ClassRow {
            precision: mean(|r| r.precision),
            recall: mean(|r| r.recall),
            f1: mean(|r| r.f1),
            support: pairs,
        }
    };
    ClassificationReport {
        threshold,
        accuracy: ratio(hits + rejected, pairs),
        macro_avg: average(0.5, 0.5),
        weighted_avg: average(ratio(negatives, pairs), ratio(positives, pairs)),
        not_recommended,
        recommended,
    }
}

fn positives(cases: &Cases) -> usize {
    cases.iter().map(|case| case.held_out.len()).sum()
}

/// A class of `support` pairs, with `called` called so and `right` of those rightly.
fn row(right: usize, called: usize, support: usize) -> ClassRow {
    ClassRow {
        precision: ratio(right, called),
        recall: ratio(right, support),
        f1: ratio(2 * right, called + support),
        support,
    }
}

/// The text that scikit-learn prints, with four decimals unless a precision is asked for.
impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(4);
        let line = |f: &mut fmt::Formatter<'_>, name: &str, r: &ClassRow| {
            let (precision, recall, f1, support) = (r.precision, r.recall, r.f1, r.support);
            writeln!(
                f,
                "{name:>15}  {precision:>9.digits$} {recall:>9.digits$} {f1:>9.digits$} {support:>9}"
            )
        };
        writeln!(
            f,
            "{:>15}  {:>9} {:>9} {:>9} {:>9}\n",
            "", "precision", "recall", "f1-score", "support"
        )?;
        line(f, "not recommended", &self.not_recommended)?;
        line(f, "recommended", &self.recommended)?;
        let (accuracy, pairs) = (self.accuracy, self.macro_avg.support);
        writeln!(
            f,
            "\n{:>15}  {:>9} {:>9} {accuracy:>9.digits$} {pairs:>9}",
            "accuracy", "", ""
        )?;
        line(f, "macro avg", &self.macro_avg)?;
        line(f, "weighted avg", &self.weighted_avg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::{Event, Ranked};

    fn cases() -> Cases {
        let event = |item| Event {
            item,
            value: 1.0,
            time: 0,
        };
        let mut cases = Cases::default();
        cases.push(0, &[event(0), event(0), event(5)], &[1, 2]);
        cases.push(1, &[event(3)], &[4]);
        cases
    }

    fn rankings() -> Rankings {
        let mut rankings = Rankings::default();
        for list in [
            [(1, 0.9), (3, 0.5), (2, 0.4)],
            [(0, 0.8), (4, 0.5), (1, 0.3)],
        ] {
            rankings.push(&list.map(|(item, score)| Ranked { item, score }));
        }
        rankings
    }

    #[test]
    fn pairs_leave_out_what_was_seen() {
        // Six items: 6 - 2 distinct seen, and 6 - 1.
        assert_eq!(candidate_pairs(&cases(), 6, None, true), 4 + 5);
        assert_eq!(candidate_pairs(&cases(), 6, None, false), 6 + 6);
        // Candidates 3, 4, 5: the first has seen 5, the second 3.
        let three = [false, false, false, true, true, true];
        assert_eq!(candidate_pairs(&cases(), 6, Some(&three), true), 2 + 2);
    }

    #[test]
    fn threshold_maximises_f1_and_takes_ties_together() {
        // Three positives. F1 at .9: 2*1/(1+3) = .5; at .8: 2/5; at .5 (two at once): 2*2/(4+3)
        // = .571; at .4: 2*3/(5+3) = .75; at .3: 6/9.
        assert_eq!(choose_threshold(&cases(), &rankings()), Some(0.4));
        let mut nothing = Rankings::default();
        nothing.push(&[Ranked {
            item: 3,
            score: 1.0,
        }]);
        nothing.push(&[]);
        assert_eq!(choose_threshold(&cases(), &nothing), None);
    }

    #[test]
    fn report_by_hand() {
        // At .5: called 4 (1, 3 and 0, 4), 2 rightly, of 3 positives among 9 pairs.
        let report = classification_report(&cases(), &rankings(), 9, Some(0.5));
        assert_eq!(report.recommended.precision, 2.0 / 4.0);
        assert_eq!(report.recommended.recall, 2.0 / 3.0);
        assert_eq!(report.recommended.f1, 4.0 / 7.0);
        // 6 negatives, 2 of them called; 5 pairs not called, 4 rightly.
        assert_eq!(report.not_recommended.precision, 4.0 / 5.0);
        assert_eq!(report.not_recommended.recall, 4.0 / 6.0);
        assert_eq!(report.accuracy, 6.0 / 9.0);
        assert_eq!(report.macro_avg.precision, (0.5 + 0.8) / 2.0);
        let none = classification_report(&cases(), &rankings(), 9, None);
        assert_eq!(none.recommended.precision, 0.0);
        assert_eq!(none.accuracy, 6.0 / 9.0);
    }
}
