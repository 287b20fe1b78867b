//! How often each text is read in an epoch.
//!
//! Near its least, the loss grows with the square of how far a vector is from where it should be,
//! times how many examples hold it. So a text is read as often as it is in examples: what an
//! encoder has of memory goes where it is asked for.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

/// Places in the order of their reading, each about `number · share / Σ share` times.
pub(super) fn visits(shares: &[f64], number: usize, rng: &mut impl Rng) -> Vec<u32> {
    let sum: f64 = shares.iter().sum();
    let mut order = Vec::with_capacity(number);
    for (place, share) in (0u32..).zip(shares) {
        let expected = number as f64 * share / sum;
        let more = rng.random::<f64>() < expected.fract();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the fraction is drawn beside it"
        )]
        let times = expected as usize + usize::from(more);
        order.resize(order.len() + times, place);
    }
    order.shuffle(rng);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_train::draws;

    #[test]
    fn a_text_is_read_as_often_as_it_is_in_examples() {
        let shares = [0.5, 0.02, 0.0, 0.0001];
        let mut counts = [0.0f64; 4];
        for epoch in 0..2000 {
            let order = visits(&shares, 52, &mut draws(1, 3, epoch));
            assert!((49..=54).contains(&order.len()), "{order:?}");
            for place in order {
                counts[place as usize] += 1.0 / 2000.0;
            }
        }
        for (count, share) in counts.iter().zip(shares) {
            let expected = 52.0 * share / 0.5201;
            assert!((count - expected).abs() < 0.05, "{counts:?}");
        }
        assert_eq!(counts[2], 0.0);
    }
}
