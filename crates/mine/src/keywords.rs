//! Keywords of each item: its own words and phrases, near to its vector, rare, and not alike.
//!
//! The vector of a term is the sum S of the unit vectors of the items that have it; no text is
//! encoded for it. An item x is compared with what the *other* items of the term say,
//!
//! ```text
//! score = cos(S − x, x) · ln(n / f) / ln n      f items of n have the term
//! ```
//!
//! and terms are taken one by one by maximal marginal relevance (Carbonell & Goldstein 1998):
//! `0.7 · score / best − 0.3 · largest share of words in common with one already taken`.

use crate::vocabulary::Vocabulary;
use rayon::prelude::*;
use semrec_text::{Vectors, dot};

/// Weight of a term's own score against what it has in common with those taken.
const RELEVANCE: f32 = 0.7;

/// At most `most` keywords of each row, best first.
pub(crate) fn keywords(rows: &Vectors, vocabulary: &Vocabulary, most: usize) -> Vec<Vec<u32>> {
    let sums = sums(rows, vocabulary);
    let n = rows.len() as f32;
    (0..rows.len())
        .into_par_iter()
        .map(|item| {
            let x = rows.row(item);
            let terms = vocabulary.of(item).iter();
            let scored: Vec<(u32, f32)> = terms
                .map(|&term| {
                    let items = vocabulary.terms[term as usize].items as f32;
                    let rarity = (n / items).ln() / n.ln().max(f32::EPSILON);
                    (term, without(sums.row(term as usize), x) * rarity)
                })
                .collect();
            diverse(vocabulary, scored, most)
        })
        .collect()
}

/// The sum of the rows of each term, `[terms, dim]`.
fn sums(rows: &Vectors, vocabulary: &Vocabulary) -> Vectors {
    let dim = rows.dim();
    let mut sums = Vectors::zeros(vocabulary.terms.len().max(1), dim);
    let postings = vocabulary.postings();
    sums.as_mut_slice()
        .par_chunks_mut(dim)
        .zip(postings)
        .for_each(|(sum, items)| {
            for &item in items {
                for (s, x) in sum.iter_mut().zip(rows.row(item as usize)) {
                    *s += x;
                }
            }
        });
    sums
}

/// Cosine of x with a sum that x is taken out of; `|S − x|² = |S|² − 2 S·x + |x|²`.
fn without(sum: &[f32], x: &[f32]) -> f32 {
    let (ss, sx, xx) = (dot(sum, sum), dot(sum, x), dot(x, x));
    let rest = (ss - 2.0 * sx + xx).max(0.0).sqrt() * xx.sqrt();
    if rest > 1e-6 { (sx - xx) / rest } else { 0.0 }
}

fn diverse(vocabulary: &Vocabulary, mut scored: Vec<(u32, f32)>, most: usize) -> Vec<u32> {
    scored.retain(|s| s.1 > 0.0);
    scored.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scored.truncate(8 * most);
    let best = scored.first().map_or(1.0, |s| s.1);
    let text = |t: u32| vocabulary.terms[t as usize].text.as_str();
    let mut taken: Vec<u32> = Vec::new();
    while taken.len() < most && !scored.is_empty() {
        let value = |s: &(u32, f32)| {
            let alike = taken.iter().map(|&t| in_common(text(t), text(s.0)));
            RELEVANCE * s.1 / best - (1.0 - RELEVANCE) * alike.fold(0.0, f32::max)
        };
        // Of equal ones the first, which has the larger score.
        let values: Vec<f32> = scored.iter().map(value).collect();
        let next = (0..values.len()).fold(0, |a, b| if values[b] > values[a] { b } else { a });
        if values[next] <= 0.0 {
            break;
        }
        taken.push(scored.remove(next).0);
    }
    taken
}

/// Share of the shorter term's words that the other has too; of Chinese, of its letters.
fn in_common(a: &str, b: &str) -> f32 {
    let parts = |t: &str| -> Vec<String> {
        if t.chars().any(crate::words::is_han) {
            t.chars().map(String::from).collect()
        } else {
            t.split(' ').map(str::to_owned).collect()
        }
    };
    let (a, b) = (parts(a), parts(b));
    let both = a.iter().filter(|w| b.contains(w)).count();
    both as f32 / a.len().min(b.len()).max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;

    /// S = (2, 2) holds x = (1, 0): the rest is (1, 2), whose cosine with x is 1/√5.
    #[test]
    fn an_item_is_held_against_the_others() {
        assert!((without(&[2.0, 2.0], &[1.0, 0.0]) - 0.2_f32.sqrt()).abs() < 1e-6);
        assert_eq!(without(&[1.0, 0.0], &[1.0, 0.0]), 0.0);
    }

    #[test]
    fn near_and_rare_terms_come_first_and_are_not_alike() {
        let texts = [
            "red nail polish",
            "red nail polish",
            "red nail polish gloss",
            "red shampoo gloss",
            "red shampoo",
            "red shampoo",
            "soap",
            "soap",
        ];
        let vocabulary = Vocabulary::new(&mut Words::new(&[], false), &texts.map(str::to_owned));
        let data = [
            [1.0, 0.0],
            [1.0, 0.0],
            [0.9, 0.436],
            [0.0, 1.0],
            [0.0, 1.0],
            [0.0, 1.0],
            [-1.0, 0.0],
            [-1.0, 0.0],
        ];
        let rows = Vectors::new(2, data.concat());
        let found = keywords(&rows, &vocabulary, 3);
        let text = |&t: &u32| vocabulary.terms[t as usize].text.as_str();
        let of = |i: usize| found[i].iter().map(text).collect::<Vec<_>>();
        // Its words and phrases are equally near and rare, the first by alphabet is taken, then
        // what has nothing in common with it; "red" is in most items.
        assert_eq!(of(0)[0], "nail");
        assert_eq!(of(4)[0], "red shampoo");
        assert!(!of(0).contains(&"shampoo") && of(6) == ["soap"]);
        assert_eq!(in_common("nail polish", "nail"), 1.0);
        assert_eq!(in_common("red nail polish", "nail file"), 0.5);
    }
}
