//! Hard negatives: the texts nearest to a person by the current vectors that are neither liked nor
//! too near to what is to be found.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// People multiplied at once.
const TOGETHER: usize = 256;

/// What is a hard negative.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hardness {
    /// Of each example.
    pub count: usize,
    /// A text whose cosine with the target is above `1 - margin` is none: it may well be liked.
    pub margin: f32,
}

impl Default for Hardness {
    fn default() -> Self {
        Self {
            count: 1,
            margin: 0.05,
        }
    }
}

/// For each of the people, `[n, dim]`, whose target is the text `targets[i]` of a table
/// `[texts, dim]` of unit vectors: the nearest texts that `may(i, text)` allows and that are not
/// nearer to the target than the margin allows, nearest first.
pub(crate) fn hard_negatives(
    (people, targets): (&[f32], &[u32]),
    (table, dim): (&[f32], usize),
    may: impl Fn(usize, u32) -> bool + Sync,
    hardness: Hardness,
) -> Vec<Vec<u32>> {
    let n = table.len() / dim;
    let items = MatRef::from_row_major_slice(table, n, dim);
    let mut found = Vec::with_capacity(targets.len());
    for (chunk, people) in people.chunks(TOGETHER * dim).enumerate() {
        let rows = people.len() / dim;
        let mut scores = vec![0.0f32; rows * n];
        matmul(
            MatMut::from_row_major_slice_mut(&mut scores, rows, n),
            Accum::Replace,
            MatRef::from_row_major_slice(people, rows, dim),
            items.transpose(),
            1.0,
            Par::rayon(0),
        );
        let first = chunk * TOGETHER;
        let of: Vec<Vec<u32>> = scores
            .par_chunks(n)
            .enumerate()
            .map(|(row, scores)| {
                let row = first + row;
                let target = &table[targets[row] as usize * dim..][..dim];
                let near = |text: u32| {
                    let own = &table[text as usize * dim..][..dim];
                    let cosine: f32 = own.iter().zip(target).map(|(a, b)| a * b).sum();
                    cosine > 1.0 - hardness.margin
                };
                let fits = |text: u32| text != targets[row] && may(row, text) && !near(text);
                nearest(scores, hardness.count, fits)
            })
            .collect();
        found.extend(of);
    }
    found
}

/// The first few by score that fit, the smaller number first among equals. Sorts no more than it
/// has to: those that do not fit are few.
fn nearest(scores: &[f32], count: usize, fits: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut order: Vec<u32> = (0u32..).take(scores.len()).collect();
    let by_score = |a: &u32, b: &u32| {
        let of = |i: &u32| scores[*i as usize];
        of(b).total_cmp(&of(a)).then(a.cmp(b))
    };
    let mut kept = Vec::new();
    let mut done = 0;
    while kept.len() < count && done < order.len() {
        let rest = &mut order[done..];
        let looked_at = rest.len().min(4 * count + 32);
        if looked_at < rest.len() {
            rest.select_nth_unstable_by(looked_at, by_score);
        }
        rest[..looked_at].sort_unstable_by(by_score);
        let wanted = count - kept.len();
        let fitting = rest[..looked_at].iter().copied().filter(|&t| fits(t));
        kept.extend(fitting.take(wanted));
        done += looked_at;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The person looks along (1, 0). Cosines of the texts with it: 0: 1 (the target), 1: 0.8,
    /// 2: 0.6, 3: 0, 4: 0.96. With the target they are the same, so that text 4 is too near.
    #[test]
    fn nearest_of_what_is_neither_liked_nor_too_near() {
        let table = [1.0, 0.0, 0.8, 0.6, 0.6, 0.8, 0.0, 1.0, 0.96, 0.28];
        let of = |count, liked: &[u32]| {
            let hardness = Hardness { count, margin: 0.1 };
            let may = |_: usize, text: u32| !liked.contains(&text);
            hard_negatives((&[1.0, 0.0], &[0]), (&table, 2), may, hardness)
        };
        assert_eq!(of(2, &[]), [vec![1, 2]]);
        assert_eq!(of(2, &[1]), [vec![2, 3]]);
        assert_eq!(of(9, &[]), [vec![1, 2, 3]]);
    }

    #[test]
    fn many_that_do_not_fit_are_passed_over() {
        let scores: Vec<f32> = (0..500).map(|i| i as f32).collect();
        assert_eq!(nearest(&scores, 2, |t| t < 100), [99, 98]);
        assert!(nearest(&scores, 2, |_| false).is_empty());
    }
}
