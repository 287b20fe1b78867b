//! The best items of a row of scores, in an order that does not depend on luck.

use std::cmp::Ordering;

/// One place of a ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Dense item index.
    pub item: u32,
    /// The model's score; comparable within one ranking only.
    pub score: f32,
}

/// The `k` highest finite scores, best first; equal scores in order of item index.
///
/// A score of minus infinity (or NaN) means "knows nothing of this item": it is never ranked, so
/// the result can be shorter than `k`. Cost: one pass and a heap of `k`.
///
/// ```
/// let scores = [0.5, f32::NEG_INFINITY, 0.9, 0.5];
/// let best: Vec<u32> = semrec_data::top_k(&scores, 3).iter().map(|r| r.item).collect();
/// assert_eq!(best, [2, 0, 3]);
/// ```
#[must_use]
pub fn top_k(scores: &[f32], k: usize) -> Vec<Ranked> {
    let mut best: Vec<Ranked> = Vec::with_capacity(2 * k.min(scores.len()));
    let mut floor = f32::NEG_INFINITY;
    if k == 0 {
        return best;
    }
    for (item, &score) in (0u32..).zip(scores) {
        // An equal score comes later in the catalogue, so it cannot displace what is there.
        if score > floor && score.is_finite() {
            best.push(Ranked { item, score });
            if best.len() == 2 * k {
                best.select_nth_unstable_by(k - 1, better_first);
                best.truncate(k);
                floor = best[k - 1].score;
            }
        }
    }
    best.sort_unstable_by(better_first);
    best.truncate(k);
    best
}

fn better_first(a: &Ranked, b: &Ranked) -> Ordering {
    b.score.total_cmp(&a.score).then(a.item.cmp(&b.item))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_full_stable_sort() {
        let mut state = 7u32;
        let scores: Vec<f32> = (0..500)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                f32::from(u8::try_from(state >> 27).unwrap()) - 3.0
            })
            .collect();
        for k in [0, 1, 2, 7, 20, 499, 500, 900] {
            let mut order: Vec<u32> = (0..500).collect();
            order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
            order.truncate(k);
            let got: Vec<u32> = top_k(&scores, k).iter().map(|r| r.item).collect();
            assert_eq!(got, order, "k = {k}");
        }
    }

    #[test]
    fn unknown_items_are_not_ranked() {
        assert!(top_k(&[f32::NEG_INFINITY, f32::NAN], 2).is_empty());
    }
}
