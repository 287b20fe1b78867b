//! Holm's step-down correction (1979): the chance of any false claim among all stays below the
//! level, without assuming that the tests are independent.

/// Adjusted p-values in the order given: with `m` tests sorted ascending, the i-th (from 0) is
/// multiplied by `m - i`, is at most 1 and never below the one before it.
///
/// ```
/// // Sorted .01 .03 .04: .01 * 3, .03 * 2, then .04 * 1 raised to .06.
/// assert_eq!(semrec_eval::holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
/// ```
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of comparisons are far below 2^52"
)]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0f64;
    for (rank, &test) in order.iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        largest = largest.max((p_values[test] * factor).min(1.0));
        adjusted[test] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::holm;

    #[test]
    fn never_above_one_nor_out_of_order() {
        assert_eq!(holm(&[0.5, 0.9]), [1.0, 1.0]);
        assert_eq!(holm(&[0.02]), [0.02]);
        assert!(holm(&[]).is_empty());
    }
}
