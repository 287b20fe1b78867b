//! What sets a topic's words apart: class-based TF-IDF (Grootendorst 2022), with a power.
//!
//! A topic is one document. With n the number of its items that have a term, m of its items, f of
//! all items of topics that have it, and A the mean over topics of the sum of their n,
//!
//! ```text
//! weight = (n / m)^p · ln(1 + A / f)
//! ```
//!
//! p = 1 is BERTopic's formula over items instead of occurrences. It favours words that are rare
//! everywhere: half of a small topic's ten words are then in a handful of its items, and never
//! together. p = 2, the default, favours what much of the topic says; `docs/mining.md` shows how
//! much that helps coherence.

use crate::vocabulary::Vocabulary;

/// The power p.
pub const POWER: f64 = 2.0;

/// A term of a topic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighed {
    /// The term, by its place in the vocabulary.
    pub term: u32,
    /// Its weight.
    pub weight: f64,
    /// Items of the topic that have it.
    pub items: u32,
}

/// The terms of each topic `0..k`, heaviest first, at most `most` each; items with a label of `k`
/// or above count nowhere.
#[must_use]
pub fn class_terms(
    vocabulary: &Vocabulary,
    labels: &[u32],
    k: usize,
    most: usize,
) -> Vec<Vec<Weighed>> {
    let mut members = vec![Vec::new(); k];
    let mut overall = vec![0_u32; vocabulary.terms.len()];
    for (item, &label) in labels.iter().enumerate() {
        if let Some(members) = members.get_mut(label as usize) {
            members.push(item);
            for &term in vocabulary.of(item) {
                overall[term as usize] += 1;
            }
        }
    }
    let total: u64 = overall.iter().map(|&f| u64::from(f)).sum();
    let mean = total as f64 / k.max(1) as f64;
    let mut counts = vec![0_u32; vocabulary.terms.len()];
    let each = members.iter().map(|members| {
        let mut seen = Vec::new();
        for &item in members {
            for &term in vocabulary.of(item) {
                if counts[term as usize] == 0 {
                    seen.push(term);
                }
                counts[term as usize] += 1;
            }
        }
        let mut weighed: Vec<Weighed> = seen
            .iter()
            .map(|&term| {
                let items = std::mem::take(&mut counts[term as usize]);
                let share = f64::from(items) / members.len() as f64;
                let rarity = (1.0 + mean / f64::from(overall[term as usize])).ln();
                Weighed {
                    term,
                    weight: share.powf(POWER) * rarity,
                    items,
                }
            })
            .collect();
        weighed.sort_unstable_by(|a, b| b.weight.total_cmp(&a.weight).then(a.term.cmp(&b.term)));
        weighed.truncate(most);
        weighed
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;

    /// Topic 0: "red lamp", "lamp"; topic 1: "red chair", "chair", "chair". The terms are chair
    /// (n 0 and 3), lamp (2, 0) and red (1, 1); "red lamp" and "red chair" are too rare. A is
    /// (3 + 4) / 2 = 3.5.
    #[test]
    fn weights_by_hand() {
        let texts = ["red lamp", "lamp", "red chair", "chair", "chair"].map(str::to_owned);
        let vocabulary = Vocabulary::new(&mut Words::new(&[], false), &texts);
        let found = class_terms(&vocabulary, &[0, 0, 1, 1, 1], 2, 9);
        let shown = |topic: usize| {
            let terms = found[topic].iter();
            terms
                .map(|w| (vocabulary.terms[w.term as usize].text.as_str(), w.weight))
                .collect::<Vec<_>>()
        };
        let want = [
            vec![
                ("lamp", (1.0 + 3.5 / 2.0_f64).ln()),
                ("red", 0.25 * (1.0 + 3.5 / 2.0_f64).ln()),
            ],
            vec![
                ("chair", (1.0 + 3.5 / 3.0_f64).ln()),
                ("red", (1.0 + 3.5 / 2.0_f64).ln() / 9.0),
            ],
        ];
        for (topic, want) in want.iter().enumerate() {
            let got = shown(topic);
            assert_eq!(got.len(), want.len());
            for ((term, weight), (want_term, want_weight)) in got.iter().zip(want) {
                assert_eq!(term, want_term);
                assert!((weight - want_weight).abs() < 1e-12, "{term}: {weight}");
            }
        }
    }
}
