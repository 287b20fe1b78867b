//! `diversity = mean over pairs of the list of 1 - cosine of the items' vectors` (intra-list
//! distance, Ziegler et al. 2005).
//!
//! With unit vectors `v` of the `m` items that have one and `S` their sum, the mean pairwise
//! cosine is `(|S|² - sum of |v|²) / (m (m - 1))`, so a list costs `m * dim`, not `m² * dim`.

use semrec_data::Ranked;

/// The mean pairwise cosine distance of a list; `None` if fewer than two of its items have a
/// vector. `vectors` is `[n_items, dim]` row-major, unit rows, zero where an item has no text.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "a list has far fewer than 2^52 items"
)]
pub fn diversity(list: &[Ranked], vectors: &[f32], dim: usize) -> Option<f64> {
    let mut sum = vec![0f64; dim];
    let (mut own, mut m) = (0f64, 0usize);
    for ranked in list {
        let start = ranked.item as usize * dim;
        let vector = &vectors[start..start + dim];
        let norm: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        if norm > 0.0 {
            m += 1;
            own += norm;
            for (s, &x) in sum.iter_mut().zip(vector) {
                *s += f64::from(x);
            }
        }
    }
    if m < 2 {
        return None;
    }
    let all: f64 = sum.iter().map(|s| s * s).sum();
    Some(1.0 - (all - own) / (m * (m - 1)) as f64)
}

#[cfg(test)]
mod tests {
    use super::diversity;
    use crate::metrics::tests::list;

    #[test]
    fn mean_distance_of_pairs() {
        // Items 0 and 1 agree, 2 is orthogonal to both, 3 has no text.
        let vectors = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
        assert_eq!(diversity(&list(&[0, 1]), &vectors, 2), Some(0.0));
        assert_eq!(diversity(&list(&[0, 2]), &vectors, 2), Some(1.0));
        // Pairs 0-1, 0-2, 1-2: (0 + 1 + 1) / 3; the item without a vector is passed over.
        let three = diversity(&list(&[0, 1, 3, 2]), &vectors, 2).unwrap();
        assert!((three - 2.0 / 3.0).abs() < 1e-15);
        assert_eq!(diversity(&list(&[0, 3]), &vectors, 2), None);
    }
}
