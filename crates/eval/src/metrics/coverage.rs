//! `coverage@k = distinct items in any first k / items in the catalogue`.

use super::ratio;

/// The share of the catalogue that was recommended to anyone; `exposure` counts, for each item,
/// the lists it stands in.
#[must_use]
pub fn coverage(exposure: &[u32]) -> f64 {
    let shown = exposure.iter().filter(|&&times| times > 0).count();
    ratio(shown, exposure.len())
}

#[cfg(test)]
mod tests {
    use super::coverage;

    #[test]
    fn counts_distinct_items() {
        // Two of five items were shown, one of them nine times.
        assert_eq!(coverage(&[0, 9, 0, 1, 0]), 2.0 / 5.0);
        assert_eq!(coverage(&[]), 0.0);
    }
}
