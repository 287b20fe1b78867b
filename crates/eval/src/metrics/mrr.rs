//! `mrr@k = 1 / place of the first hit`, 0 if there is none among the first k.

use crate::Places;

/// The reciprocal of the first hit's place.
#[must_use]
pub fn mrr(places: &Places, k: usize) -> f64 {
    match places.found().first() {
        Some(&first) if (first as usize) < k => 1.0 / (f64::from(first) + 1.0),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::mrr;
    use crate::metrics::tests::places;

    #[test]
    fn only_the_first_hit_counts() {
        // Hits at places 2 and 4.
        let p = places(&[7, 3, 9, 1], &[1, 3]);
        assert_eq!(mrr(&p, 4), 1.0 / 2.0);
        assert_eq!(mrr(&p, 2), 1.0 / 2.0);
        assert_eq!(mrr(&p, 1), 0.0);
        assert_eq!(mrr(&places(&[7], &[1]), 4), 0.0);
    }
}
