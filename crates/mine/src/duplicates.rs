//! Duplicates and variants of an item, grouped; and the same text under different labels.
//!
//! Two items are **duplicates** if their texts have the same set of words: order, case, repetition
//! and punctuation aside. They are **variants** if each is among the nearest of the other or the
//! like, by the index, with a cosine of whitened vectors above a threshold, and more than
//! [`SHARED`] of all their words are in both: another size, colour or number. Pairs are grouped
//! around a leader, the first item of the group: two groups are joined only if their leaders are
//! a pair themselves, so that no chain of small steps leads from one product to another.

use crate::neighbours::Neighbours;
use crate::numbers::index;
use crate::words::Words;
use rayon::prelude::*;
use semrec_text::{Vectors, dot};
use std::collections::BTreeMap;

/// Share of all words of two items that both must have.
const SHARED: f64 = 0.6;
/// Words of difference that are named.
const NAMED: usize = 8;

/// Whether the items of a group say the same or nearly so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Likeness {
    /// The same words.
    Duplicate,
    /// A few words differ.
    Variant,
}

/// Items that are alike.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) kind: Likeness,
    /// Two or more rows, in order.
    pub(crate) rows: Vec<u32>,
    /// Words that some have and others have not, some of them.
    pub(crate) differing: Vec<String>,
}

/// The distinct words of each text, sorted.
pub(crate) fn word_sets(words: &Words, texts: &[String]) -> Vec<Vec<String>> {
    let set = |text: &String| {
        let clauses = words.clauses(text);
        let mut set: Vec<String> = clauses.into_iter().flatten().map(|w| w.text).collect();
        set.sort_unstable();
        set.dedup();
        set
    };
    texts.par_iter().map(set).collect()
}

/// Groups of two or more, the largest first.
pub(crate) fn groups(
    rows: &Vectors,
    near: &Neighbours,
    sets: &[Vec<String>],
    threshold: f32,
) -> Vec<Group> {
    let mut leader: Vec<u32> = (0..index(rows.len())).collect();
    let mut first: BTreeMap<&[String], u32> = BTreeMap::new();
    for (row, set) in sets.iter().enumerate().filter(|(_, s)| !s.is_empty()) {
        leader[row] = *first.entry(set).or_insert(index(row));
    }
    let mut pairs: Vec<(f32, u32, u32)> = (0..rows.len())
        .flat_map(|row| near.of(row).iter().map(move |&(o, s)| (s, index(row), o)))
        .filter(|(score, _, _)| *score >= threshold)
        .map(|(s, a, b)| (s, a.min(b), a.max(b)))
        .collect();
    pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    pairs.dedup_by_key(|p| (p.1, p.2));
    let alike = |a: u32, b: u32| {
        let (a, b) = (a as usize, b as usize);
        shared(&sets[a], &sets[b]) >= SHARED && dot(rows.row(a), rows.row(b)) >= threshold
    };
    for (_, a, b) in pairs {
        let (x, y) = (find(&leader, a), find(&leader, b));
        if x != y && alike(a, b) && alike(x, y) {
            leader[x.max(y) as usize] = x.min(y);
        }
    }
    let mut found: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for row in 0..index(rows.len()) {
        found.entry(find(&leader, row)).or_default().push(row);
    }
    let groups = found.into_values().filter(|rows| rows.len() > 1);
    let mut groups: Vec<Group> = groups.map(|rows| group(rows, sets)).collect();
    groups.sort_by_key(|g| std::cmp::Reverse(g.rows.len()));
    groups
}

fn find(leader: &[u32], mut row: u32) -> u32 {
    while leader[row as usize] != row {
        row = leader[row as usize];
    }
    row
}

fn group(rows: Vec<u32>, sets: &[Vec<String>]) -> Group {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for &row in &rows {
        for word in &sets[row as usize] {
            *counts.entry(word).or_default() += 1;
        }
    }
    let differing = counts.into_iter().filter(|(_, n)| *n < rows.len());
    let differing: Vec<String> = differing.map(|(word, _)| word.to_owned()).collect();
    Group {
        kind: if differing.is_empty() {
            Likeness::Duplicate
        } else {
            Likeness::Variant
        },
        rows,
        differing: differing.into_iter().take(NAMED).collect(),
    }
}

/// Words in both of all words, of sorted sets (Jaccard).
fn shared(a: &[String], b: &[String]) -> f64 {
    let both = a.iter().filter(|w| b.binary_search(w).is_ok()).count();
    both as f64 / (a.len() + b.len() - both).max(1) as f64
}

/// Groups of rows whose texts, without labels, have the same words, and whose labels differ.
pub(crate) fn contradictions(sets: &[Vec<String>], labels: &[Vec<&str>]) -> Vec<Vec<u32>> {
    let mut same: BTreeMap<&[String], Vec<u32>> = BTreeMap::new();
    for (row, set) in sets.iter().enumerate().filter(|(_, s)| !s.is_empty()) {
        same.entry(set).or_default().push(index(row));
    }
    let differ = |rows: &Vec<u32>| {
        let of = |r: u32| &labels[r as usize];
        rows.iter().any(|&r| of(r) != of(rows[0]))
    };
    let mut found: Vec<Vec<u32>> = same.into_values().filter(differ).collect();
    found.sort_by_key(|rows| (std::cmp::Reverse(rows.len()), rows[0]));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn sets(texts: &[&str]) -> Vec<Vec<String>> {
        let texts: Vec<String> = texts.iter().map(|t| (*t).to_owned()).collect();
        word_sets(&Words::new(&[], false), &texts)
    }

    /// Rows 0 and 1 have the same words, 2 differs in the size, 3 and 4 say something else though
    /// 3 lies as near.
    #[test]
    fn same_words_and_nearly_the_same() {
        let texts = [
            "Nail Polish, Ruby Red 15 ml",
            "ruby red nail polish 15 ML",
            "Nail Polish, Ruby Red 30 ml",
            "Shampoo for dogs",
            "Soap",
        ];
        let angles = [0.0_f32, 0.01, 0.1, 0.12, 2.0];
        let data = angles.iter().flat_map(|a| [a.cos(), a.sin()]).collect();
        let rows = Vectors::new(2, data);
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let near = Neighbours::find(&rows, 4, &mut rng).unwrap();
        let sets = sets(&texts);
        let found = groups(&rows, &near, &sets, 0.9);
        let want = Group {
            kind: Likeness::Variant,
            rows: vec![0, 1, 2],
            differing: vec!["15".into(), "30".into()],
        };
        assert_eq!(found, [want]);
        let found = groups(&rows, &near, &sets, 0.999);
        assert_eq!(
            (found[0].kind, &found[0].rows[..]),
            (Likeness::Duplicate, &[0, 1][..])
        );
        assert_eq!(found.len(), 1);
    }

    /// Each is like the next (4 of 6 words), the first and the last are not (3 of 7).
    #[test]
    fn a_chain_is_no_group() {
        let sets = sets(&["a1 b1 c1 d1 e1", "b1 c1 d1 e1 f1", "c1 d1 e1 f1 g1"]);
        let rows = Vectors::new(2, [1.0, 0.0].repeat(3));
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let near = Neighbours::find(&rows, 2, &mut rng).unwrap();
        let found = groups(&rows, &near, &sets, 0.9);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].rows, [0, 1]);
    }

    #[test]
    fn the_same_text_under_other_labels_is_a_contradiction() {
        let sets = sets(&["Heat", "heat!", "Heat", "Rain", "Rain", ""]);
        let labels = [
            vec!["crime"],
            vec!["crime"],
            vec!["drama"],
            vec!["x"],
            vec!["x"],
            vec!["y"],
        ];
        assert_eq!(contradictions(&sets, &labels), [vec![0, 1, 2]]);
    }
}
