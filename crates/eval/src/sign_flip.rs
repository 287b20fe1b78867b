//! The paired sign-flip permutation test (Fisher 1935), two-sided.
//!
//! If two models were equally good, the difference of a case could as well have had the other
//! sign. The p-value is the share of sign patterns whose sum is at least as far from zero as the
//! observed one. Cases without a difference change no sum and are dropped. Up to `2^m` patterns
//! of the `m` others are enumerated if that is no more than `permutations`, and p is exact;
//! otherwise patterns are drawn and `p = (1 + as far) / (1 + drawn)`, which never is 0
//! (Phipson and Smyth 2010).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// The two-sided p-value of paired differences; 1 if none differs.
///
/// ```
/// // Of the 2^3 sign patterns only + + + and - - - reach |6|: p = 2/8.
/// assert_eq!(semrec_eval::sign_flip(&[1.0, 2.0, 3.0, 0.0], 10_000, 42), 0.25);
/// ```
#[must_use]
pub fn sign_flip(differences: &[f64], permutations: u32, seed: u64) -> f64 {
    let nonzero: Vec<f64> = differences.iter().copied().filter(|&d| d != 0.0).collect();
    let patterns = u32::try_from(nonzero.len())
        .ok()
        .and_then(|m| 1u32.checked_shl(m));
    match patterns {
        Some(all) if all <= permutations => exact(&nonzero, all),
        _ => sampled(&nonzero, permutations, seed),
    }
}

fn exact(differences: &[f64], patterns: u32) -> f64 {
    let far = far_from_zero(differences);
    let as_far = (0..patterns)
        .filter(|&pattern| far(flipped(differences, [u64::from(pattern)].into_iter())))
        .count();
    share(as_far, patterns as usize)
}

fn sampled(differences: &[f64], permutations: u32, seed: u64) -> f64 {
    let far = far_from_zero(differences);
    let as_far = (0..permutations)
        .into_par_iter()
        .filter(|&permutation| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(u64::from(permutation));
            far(flipped(
                differences,
                std::iter::repeat_with(|| rng.next_u64()),
            ))
        })
        .count();
    share(1 + as_far, 1 + permutations as usize)
}

/// Whether a sum is as far from zero as the observed one. Sums that are equal on paper may
/// differ by rounding, far less than the tolerance and far less than any true difference.
fn far_from_zero(differences: &[f64]) -> impl Fn(f64) -> bool + Sync {
    let observed = differences.iter().sum::<f64>().abs();
    let tolerance = 1e-12 * differences.iter().map(|d| d.abs()).sum::<f64>();
    move |sum: f64| sum.abs() >= observed - tolerance
}

/// The sum with the signs turned whose bit is set; one word of bits for 64 differences.
fn flipped(differences: &[f64], words: impl Iterator<Item = u64>) -> f64 {
    let mut lanes = [0f64; 8];
    for (block, word) in differences.chunks(64).zip(words) {
        for (group, byte) in block.chunks(8).zip(word.to_le_bytes()) {
            for (bit, (lane, d)) in lanes.iter_mut().zip(group).enumerate() {
                let sign = u64::from(byte >> bit & 1) << 63;
                *lane += f64::from_bits(d.to_bits() ^ sign);
            }
        }
    }
    lanes.iter().sum()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of permutations are far below 2^52"
)]
fn share(part: usize, of: usize) -> f64 {
    part as f64 / of as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_by_hand() {
        // Signs of 1, 2, 4 reach sums ±7 ±5 ±3 ±1. With one negative, 1 + 2 - 4 = -1: all are
        // as far. With -1 + 2 + 4 = 5: ±7 and ±5 are, 4 of 8.
        assert_eq!(sign_flip(&[1.0, 2.0, -4.0], 100, 1), 1.0);
        assert_eq!(sign_flip(&[-1.0, 2.0, 4.0], 100, 1), 4.0 / 8.0);
        assert_eq!(sign_flip(&[-1.0, -2.0, -4.0], 100, 1), 2.0 / 8.0);
        assert_eq!(sign_flip(&[0.0, 0.0], 100, 1), 1.0);
        assert_eq!(sign_flip(&[], 100, 1), 1.0);
    }

    #[test]
    fn sampling_comes_close_to_enumeration() {
        // 12 differences: 4,096 patterns. The standard error of p at 100,000 draws is below
        // sqrt(.25 / 100,000) = 0.0016.
        let d = [
            0.5, -0.1, 0.3, 0.2, -0.4, 0.63, 0.1, -0.2, 0.35, 0.07, 0.9, -0.6,
        ];
        let exact = exact(&d, 1 << 12);
        let sampled = sampled(&d, 100_000, 42);
        assert!((exact - sampled).abs() < 0.006, "{exact} {sampled}");
    }

    #[test]
    fn more_than_one_word_of_signs_is_used() {
        // 200 differences of 1: a pattern as far as all equal has chance 2^-199.
        assert_eq!(sign_flip(&[1.0; 200], 999, 7), 1.0 / 1_000.0);
        let balanced: Vec<f64> = (0..200)
            .map(|i| if i % 2 == 0 { 1.0 } else { -1.0 })
            .collect();
        assert_eq!(sign_flip(&balanced, 999, 7), 1.0);
    }
}
