//! `hit@k = 1` if any held-out item stands among the first k, else 0.

use crate::Places;

/// Whether there is a hit among the first `k`, as 1 or 0.
#[must_use]
pub fn hit(places: &Places, k: usize) -> f64 {
    f64::from(u8::from(places.hits(k) > 0))
}

#[cfg(test)]
mod tests {
    use super::hit;
    use crate::metrics::tests::places;

    #[test]
    fn one_is_enough() {
        let p = places(&[7, 3, 9, 1], &[1, 3]);
        assert_eq!(hit(&p, 1), 0.0);
        assert_eq!(hit(&p, 2), 1.0);
        assert_eq!(hit(&p, 4), 1.0);
    }
}
