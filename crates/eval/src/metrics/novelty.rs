//! `novelty = mean over the list of -log2(users who touched the item / training users)`, in bits
//! (Zhou et al. 2010, self-information).
//!
//! An item nobody touched has no logarithm: it counts as touched by one user, so it is as novel
//! as the rarest item that was seen, never infinitely so.

use super::{mean, ratio};
use semrec_data::Ranked;

/// The mean self-information of a list, 0 for an empty one. `item_users[i]` is the number of
/// training users who touched item `i`, `training_users` how many there are in all.
#[must_use]
pub fn novelty(list: &[Ranked], item_users: &[u32], training_users: usize) -> f64 {
    let bits = |r: &Ranked| {
        let users = item_users[r.item as usize].max(1) as usize;
        ratio(training_users.max(users), users).log2()
    };
    mean(list.iter().map(bits).sum(), list.len())
}

#[cfg(test)]
mod tests {
    use super::novelty;
    use crate::metrics::tests::list;

    #[test]
    fn rare_items_carry_more_bits() {
        // Of 8 users: all, 2 and nobody touched the items; 0, 2 and (as if one) 3 bits.
        let users = [8, 2, 0];
        assert_eq!(novelty(&list(&[0]), &users, 8), 0.0);
        assert_eq!(novelty(&list(&[0, 1]), &users, 8), (0.0 + 2.0) / 2.0);
        assert_eq!(
            novelty(&list(&[0, 1, 2]), &users, 8),
            (0.0 + 2.0 + 3.0) / 3.0
        );
        assert_eq!(novelty(&[], &users, 8), 0.0);
        // Nobody trained at all: nothing is rarer than anything else.
        assert_eq!(novelty(&list(&[1]), &[0, 0], 0), 0.0);
    }
}
