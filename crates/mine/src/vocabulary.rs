//! Which item has which word or phrase.
//!
//! A first pass counts in how many items each term occurs, a second one keeps those that occur
//! often enough: words in two items, phrases in three, and no more than [`MOST`] of them. About
//! 8 bytes a term of an item, and 84 a term.

use crate::numbers::index;
use crate::words::{Words, terms};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

/// Terms that are kept, those in most items first.
const MOST: usize = 100_000;
/// Texts from which on words can be too frequent, and the share of texts that is too much.
const FEW: usize = 100;
const OFTEN: f64 = 0.25;
/// Texts whose terms are counted at once.
const BLOCK: usize = 1024;

/// A word or a phrase of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// As it is written.
    pub text: String,
    /// How many words it has.
    pub words: usize,
    /// In how many items it occurs.
    pub items: u32,
}

/// Terms of the catalogue, and those of each item.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// All terms, in the order of their text.
    pub terms: Vec<Term>,
    ends: Vec<usize>,
    of: Vec<u32>,
    postings: Vec<Vec<u32>>,
}

impl Vocabulary {
    /// Counts the terms of texts. A word in more than a quarter of a hundred texts or more says
    /// nothing in this catalogue, and is a stop word of `words` from then on.
    #[must_use]
    pub fn new(words: &mut Words, texts: &[String]) -> Self {
        if texts.len() >= FEW {
            words.stop_also(often(words, texts));
        }
        let words = &*words;
        let mut counts: HashMap<String, (u32, usize)> = HashMap::new();
        for texts in texts.chunks(BLOCK) {
            let found: Vec<Vec<(String, usize)>> =
                texts.par_iter().map(|text| distinct(words, text)).collect();
            for (term, length) in found.into_iter().flatten() {
                counts.entry(term).or_insert((0, length)).0 += 1;
            }
        }
        let mut terms: Vec<Term> = counts
            .into_iter()
            .map(|(text, (items, words))| Term { text, words, items })
            .filter(|t| t.items >= if t.words == 1 { 2 } else { 3 })
            .collect();
        terms.sort_unstable_by(|a, b| b.items.cmp(&a.items).then_with(|| a.text.cmp(&b.text)));
        terms.truncate(MOST);
        terms.sort_unstable_by(|a, b| a.text.cmp(&b.text));
        let numbers: HashMap<&str, u32> = terms
            .iter()
            .enumerate()
            .map(|(i, t)| (t.text.as_str(), index(i)))
            .collect();
        let (mut ends, mut of) = (Vec::with_capacity(texts.len()), Vec::new());
        let each: Vec<Vec<u32>> = texts
            .par_iter()
            .map(|text| {
                let found = distinct(words, text).into_iter();
                found
                    .filter_map(|(term, _)| numbers.get(term.as_str()).copied())
                    .collect()
            })
            .collect();
        for item in each {
            of.extend(item);
            ends.push(of.len());
        }
        let mut vocabulary = Self {
            postings: vec![Vec::new(); terms.len()],
            terms,
            ends,
            of,
        };
        for item in 0..vocabulary.len() {
            let start = vocabulary.start(item);
            for &term in &vocabulary.of[start..vocabulary.ends[item]] {
                vocabulary.postings[term as usize].push(index(item));
            }
        }
        vocabulary
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The distinct terms of an item, in the order of their text.
    #[must_use]
    pub fn of(&self, item: usize) -> &[u32] {
        &self.of[self.start(item)..self.ends[item]]
    }

    fn start(&self, item: usize) -> usize {
        item.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The items of each term, in order.
    #[must_use]
    pub fn postings(&self) -> &[Vec<u32>] {
        &self.postings
    }
}

/// Words that too many texts have.
fn often(words: &Words, texts: &[String]) -> HashSet<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for texts in texts.chunks(BLOCK) {
        let found: Vec<HashSet<String>> = texts
            .par_iter()
            .map(|text| {
                let words = words.clauses(text).into_iter().flatten();
                words.filter(|w| w.content).map(|w| w.text).collect()
            })
            .collect();
        for word in found.into_iter().flatten() {
            *counts.entry(word).or_default() += 1;
        }
    }
    let most = OFTEN * texts.len() as f64;
    let often = counts.into_iter().filter(|(_, n)| *n as f64 > most);
    often.map(|(word, _)| word).collect()
}

/// The distinct terms of a text with their lengths, in the order of their text.
fn distinct(words: &Words, text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for clause in words.clauses(text) {
        terms(&clause, |term, length| {
            found.push((term.to_owned(), length));
        });
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "kit" is in one item, "red nail" in two: both are too rare.
    #[test]
    fn terms_that_are_too_rare_are_dropped() {
        let mut words = Words::new(&[], false);
        let texts = [
            "red nail polish",
            "blue nail polish kit",
            "red nail, nail polish",
        ];
        let vocabulary = Vocabulary::new(&mut words, &texts.map(str::to_owned));
        let text = |&t: &u32| vocabulary.terms[t as usize].text.as_str();
        let of = |i: usize| vocabulary.of(i).iter().map(text).collect::<Vec<_>>();
        assert_eq!(of(0), ["nail", "nail polish", "polish", "red"]);
        assert_eq!(of(1), ["nail", "nail polish", "polish"]);
        let counts: Vec<u32> = vocabulary.terms.iter().map(|t| t.items).collect();
        assert_eq!(counts, [3, 3, 3, 2]);
        assert_eq!(vocabulary.postings()[3], [0, 2]);
    }

    #[test]
    fn a_word_of_most_items_is_no_word_of_any() {
        let texts: Vec<String> = (0..100)
            .map(|i| format!("beauty {}", ["soap", "lamp", "chair", "oil", "comb"][i % 5]))
            .collect();
        let text = |v: &Vocabulary| v.terms.iter().map(|t| t.text.clone()).collect::<Vec<_>>();
        let mut words = Words::new(&[], false);
        let found = Vocabulary::new(&mut words, &texts);
        assert_eq!(text(&found), ["chair", "comb", "lamp", "oil", "soap"]);
        let few = Vocabulary::new(&mut Words::new(&[], false), &texts[..50]);
        assert!(text(&few).contains(&"beauty soap".to_owned()));
    }
}
