//! `map@k = sum over hits at place p <= k of precision@p / min(k, held-out)`.
//!
//! The normaliser is the number of hits that could stand there, so a ranking that opens with all
//! held-out items has 1 for every k. (Some libraries divide by the hits found, which rewards
//! finding fewer.)

use super::{mean, ratio};
use crate::Places;

/// The average precision at the places of the hits among the first `k`.
#[must_use]
pub fn map(places: &Places, k: usize) -> f64 {
    let possible = k.min(places.held_out());
    let hits = &places.found()[..places.hits(k)];
    let sum: f64 = (1..)
        .zip(hits)
        .map(|(hits_so_far, &p)| ratio(hits_so_far, p as usize + 1))
        .sum();
    mean(sum, possible)
}

#[cfg(test)]
mod tests {
    use super::map;
    use crate::metrics::tests::places;

    #[test]
    fn divides_by_the_hits_there_could_be() {
        // Hits at places 2 and 5: precision 1/2 and 2/5; three held out.
        let p = places(&[7, 3, 9, 1, 5], &[3, 5, 8]);
        assert!((map(&p, 5) - (1.0 / 2.0 + 2.0 / 5.0) / 3.0).abs() < 1e-15);
        // min(k, held-out) = 2, one hit at place 2.
        assert_eq!(map(&p, 2), (1.0 / 2.0) / 2.0);
        assert_eq!(map(&places(&[3, 5, 8, 1], &[3, 5, 8]), 10), 1.0);
    }
}
