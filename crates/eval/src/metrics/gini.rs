//! `gini@k`: how unequally the places are spread over the whole catalogue.
//!
//! With exposures sorted ascending, `e_1 <= … <= e_n`:
//! `gini = sum over i of (2 i - n - 1) e_i / (n * sum of e)`. 0 if all items are shown equally
//! often, `(n - 1) / n` if one item has every place. Items never shown count.

/// The Gini coefficient of `exposure`, the number of lists each item stands in; 0 if nothing was
/// shown.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of items are far below 2^52"
)]
pub fn gini(exposure: &[u32]) -> f64 {
    let mut sorted = exposure.to_vec();
    sorted.sort_unstable();
    let n = sorted.len() as f64;
    let total: f64 = sorted.iter().map(|&e| f64::from(e)).sum();
    if total == 0.0 {
        return 0.0;
    }
    let weighted: f64 = (1..)
        .zip(&sorted)
        .map(|(i, &e): (usize, _)| (2.0 * i as f64 - n - 1.0) * f64::from(e))
        .sum();
    weighted / (n * total)
}

#[cfg(test)]
mod tests {
    use super::gini;

    #[test]
    fn by_hand() {
        assert_eq!(gini(&[2, 2, 2, 2]), 0.0);
        // One item has it all: (n - 1) / n = 3/4.
        assert_eq!(gini(&[0, 8, 0, 0]), 0.75);
        // Sorted 0 1 3, weights -2 0 2: (2 * 3) / (3 * 4) = 0.5.
        assert_eq!(gini(&[3, 0, 1]), 0.5);
        assert_eq!(gini(&[0, 0]), 0.0);
    }
}
