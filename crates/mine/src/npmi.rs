//! Coherence of a topic's words: normalised pointwise mutual information (Bouma 2009) over items.
//!
//! With p the share of items that have a word, or both words,
//!
//! ```text
//! npmi(a, b) = ln(p(a, b) / (p(a) p(b))) / −ln p(a, b)
//! ```
//!
//! from −1 (never together) over 0 (by chance) to 1 (only together). The coherence of a topic is
//! the mean over all pairs of its ten heaviest words.

/// The npmi of two words, from the items they are in, in order, and the number of all items.
#[must_use]
pub fn npmi(a: &[u32], b: &[u32], items: usize) -> f64 {
    let both = intersection(a, b);
    if both == 0 {
        return -1.0;
    }
    let n = items as f64;
    let share = both as f64 / n;
    if both == items {
        return 1.0;
    }
    (share / (a.len() as f64 / n * (b.len() as f64 / n))).ln() / -share.ln()
}

/// The mean npmi over all pairs of words; none of fewer than two.
#[must_use]
pub fn coherence(words: &[u32], postings: &[Vec<u32>], items: usize) -> Option<f64> {
    let of = |w: u32| postings[w as usize].as_slice();
    let pairs: Vec<f64> = (1..words.len())
        .flat_map(|i| (0..i).map(move |j| (i, j)))
        .map(|(i, j)| npmi(of(words[i]), of(words[j]), items))
        .collect();
    (!pairs.is_empty()).then(|| pairs.iter().sum::<f64>() / pairs.len() as f64)
}

fn intersection(a: &[u32], b: &[u32]) -> usize {
    let (mut i, mut j, mut both) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                both += 1;
                i += 1;
                j += 1;
            }
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 8 items, a is in {0, 1, 2, 3}, b in {2, 3}: both in 2, so
    /// ln((2/8) / (4/8 · 2/8)) / −ln(2/8) = ln 2 / ln 4 = 0.5.
    #[test]
    fn pairs_by_hand() {
        let (a, b) = ([0, 1, 2, 3], [2, 3]);
        assert!((npmi(&a, &b, 8) - 0.5).abs() < 1e-12);
        assert!((npmi(&b, &b, 8) - 1.0).abs() < 1e-12);
        assert_eq!(npmi(&b, &[5], 8), -1.0);
        assert_eq!(npmi(&a, &a, 4), 1.0);
        // Half of the items each, together in a quarter: by chance.
        assert!(npmi(&a, &[0, 1, 6, 7], 8).abs() < 1e-12);
        let postings = [a.to_vec(), b.to_vec(), vec![5]];
        let mean = coherence(&[0, 1, 2], &postings, 8).unwrap();
        assert!((mean - (0.5 - 1.0 - 1.0) / 3.0).abs() < 1e-12);
        assert_eq!(coherence(&[0], &postings, 8), None);
    }
}
