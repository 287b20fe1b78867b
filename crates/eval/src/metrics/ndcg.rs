//! `ndcg@k = DCG@k / IDCG@k` with binary gain (Järvelin and Kekäläinen 2002).
//!
//! `DCG@k = sum over hits at place p (1-based, p <= k) of 1 / log2(p + 1)`, and `IDCG@k` is the
//! same sum over the places `1..=min(k, held-out)`: the ideal ranking opens with hits.

use crate::Places;

/// The discounted gain of the hits among the first `k`, as a share of the ideal one.
#[must_use]
pub fn ndcg(places: &Places, k: usize) -> f64 {
    let ideal: f64 = (0u32..).take(k.min(places.held_out())).map(discount).sum();
    let hits = &places.found()[..places.hits(k)];
    if ideal == 0.0 {
        return 0.0;
    }
    hits.iter().map(|&p| discount(p)).sum::<f64>() / ideal
}

/// The weight of a zero-based place.
fn discount(place: u32) -> f64 {
    1.0 / (f64::from(place) + 2.0).log2()
}

#[cfg(test)]
mod tests {
    use super::ndcg;
    use crate::metrics::tests::places;

    #[test]
    fn ideal_has_as_many_hits_as_fit() {
        // Hits at places 2 and 5, three held out.
        let p = places(&[7, 3, 9, 1, 5], &[3, 5, 8]);
        let (first, second, third) = (1.0, 1.0 / 3f64.log2(), 1.0 / 4f64.log2());
        let dcg = 1.0 / 3f64.log2() + 1.0 / 6f64.log2();
        assert!((ndcg(&p, 5) - dcg / (first + second + third)).abs() < 1e-15);
        // Only two places: the ideal has two hits.
        assert!((ndcg(&p, 2) - second / (first + second)).abs() < 1e-15);
        // One held out at place 3: 1 / log2(4) = 0.5.
        assert_eq!(ndcg(&places(&[1, 2, 3], &[3]), 10), 0.5);
        assert_eq!(ndcg(&places(&[1, 2, 3], &[3]), 0), 0.0);
    }
}
