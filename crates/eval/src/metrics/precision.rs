//! `precision@k = hits in the first k / k`.
//!
//! The divisor is `k` even if the list is shorter: an empty place is a place not used.

use super::ratio;
use crate::Places;

/// The share of the first `k` places that hold a hit.
#[must_use]
pub fn precision(places: &Places, k: usize) -> f64 {
    ratio(places.hits(k), k)
}

#[cfg(test)]
mod tests {
    use super::precision;
    use crate::metrics::tests::places;

    #[test]
    fn divides_by_k() {
        // Hits at places 2 and 4 of a list of 4.
        let p = places(&[7, 3, 9, 1], &[1, 3, 8]);
        assert_eq!(precision(&p, 2), 1.0 / 2.0);
        assert_eq!(precision(&p, 4), 2.0 / 4.0);
        assert_eq!(precision(&p, 10), 2.0 / 10.0);
        assert_eq!(precision(&p, 0), 0.0);
    }
}
