//! `recall@k = hits in the first k / held-out items`.
//!
//! The divisor is the number of held-out items, not `min(k, held-out)`: with more than `k` of
//! them the best possible value is below 1.

use super::ratio;
use crate::Places;

/// The share of the held-out items that stand among the first `k`.
#[must_use]
pub fn recall(places: &Places, k: usize) -> f64 {
    ratio(places.hits(k), places.held_out())
}

#[cfg(test)]
mod tests {
    use super::recall;
    use crate::metrics::tests::places;

    #[test]
    fn divides_by_what_was_held_out() {
        // Ranking 7 3 9 1 5; held out 3, 5 and 8.
        let p = places(&[7, 3, 9, 1, 5], &[3, 5, 8]);
        assert_eq!(recall(&p, 1), 0.0 / 3.0);
        assert_eq!(recall(&p, 2), 1.0 / 3.0);
        assert_eq!(recall(&p, 5), 2.0 / 3.0);
        // Three held out, one place: 1/3 is the best there is.
        assert_eq!(recall(&places(&[3], &[3, 5, 8]), 1), 1.0 / 3.0);
        assert_eq!(recall(&places(&[], &[3]), 10), 0.0);
    }
}
