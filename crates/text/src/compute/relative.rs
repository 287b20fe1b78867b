//! Biases of attention by the distance between two tokens, in buckets (T5, MPNet).
//!
//! Raffel et al. 2020: half of the buckets is for keys after the query. Of a half with b buckets
//! the first b/2 hold one distance each, the others grow as powers up to distance 128 and take
//! everything beyond: b/2 + ⌊ln(d/(b/2)) / ln(128/(b/2)) · b/2⌋, at most b - 1. The biases of all
//! distances are laid out once, so that those of a query are a slice: heads·(2·limit - 1) values.

/// Distance from which on all share the last bucket.
const FARTHEST: f32 = 128.0;

/// A bias for each head and distance.
#[derive(Debug)]
pub(crate) struct RelativeBias {
    /// `[heads, 2·limit - 1]`, by key - query + limit - 1.
    values: Vec<f32>,
    limit: usize,
}

impl RelativeBias {
    /// Lays out the weights `[buckets, heads]` for sequences of up to `limit` tokens.
    pub(crate) fn new(weights: &[f32], heads: usize, limit: usize) -> Self {
        let buckets = weights.len() / heads;
        let width = 2 * limit - 1;
        let mut values = vec![0.0; heads * width];
        for (head, row) in values.chunks_exact_mut(width).enumerate() {
            for (i, value) in row.iter_mut().enumerate() {
                let after = i > limit - 1;
                *value = weights[bucket(i.abs_diff(limit - 1), after, buckets) * heads + head];
            }
        }
        Self { values, limit }
    }

    /// The biases of a query for the keys 0 to `len` - 1; `query` and `len` within the limit.
    pub(super) fn row(&self, head: usize, query: usize, len: usize) -> &[f32] {
        &self.values[head * (2 * self.limit - 1) + self.limit - 1 - query..][..len]
    }
}

/// The bucket of a key that is `distance` tokens before or after the query.
#[must_use]
pub fn bucket(distance: usize, after: bool, buckets: usize) -> usize {
    let half = buckets / 2;
    let exact = half / 2;
    let offset = if after { half } else { 0 };
    if distance < exact {
        return offset + distance;
    }
    let ratio = (distance as f32 / exact as f32).ln() / (FARTHEST / exact as f32).ln();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounding down is meant; the ratio is not negative"
    )]
    let grown = (ratio * (half - exact) as f32) as usize;
    offset + (exact + grown).min(half - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_begin_where_the_reference_has_them() {
        // Of the 32 of MPNet, those before the query by `relative_position_bucket` of
        // transformers: the first distance of each.
        let first = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91];
        for distance in 0..600 {
            let want = first.partition_point(|&f| f <= distance) - 1;
            assert_eq!(bucket(distance, false, 32), want, "distance {distance}");
            assert_eq!(bucket(distance, true, 32), 16 + want, "distance {distance}");
        }
    }

    #[test]
    fn a_row_is_the_biases_of_one_query() {
        // 4 buckets: distance 0, and beyond; before the query 0 and 1, after it 2 and 3.
        let weights = [0.0, 10.0, 1.0, 11.0, 2.0, 12.0, 3.0, 13.0];
        let bias = RelativeBias::new(&weights, 2, 5);
        assert_eq!(bias.row(0, 1, 4), [1.0, 0.0, 3.0, 3.0]);
        assert_eq!(bias.row(1, 3, 4), [11.0, 11.0, 11.0, 10.0]);
    }
}
