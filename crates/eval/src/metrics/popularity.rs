//! `popularity = mean over the list of the number of training users who touched the item`.

use super::mean;
use semrec_data::Ranked;

/// The mean number of training users of the items of a list, 0 for an empty one.
#[must_use]
pub fn popularity(list: &[Ranked], item_users: &[u32]) -> f64 {
    let users = |r: &Ranked| f64::from(item_users[r.item as usize]);
    mean(list.iter().map(users).sum(), list.len())
}

#[cfg(test)]
mod tests {
    use super::popularity;
    use crate::metrics::tests::list;

    #[test]
    fn mean_of_counts() {
        let users = [8, 2, 0];
        assert_eq!(popularity(&list(&[0, 1]), &users), (8.0 + 2.0) / 2.0);
        assert_eq!(popularity(&list(&[2]), &users), 0.0);
        assert_eq!(popularity(&[], &users), 0.0);
    }
}
