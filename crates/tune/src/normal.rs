//! The normal distribution between two ends.
//!
//! ```text
//! erf(x)  = 2/√π e^(−x²) Σ_n 2^n x^(2n+1) / (1·3·5···(2n+1))
//! erfc(x) = e^(−x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + 2/(x + …)))))
//! ```
//!
//! The series has positive terms only; the continued fraction serves where it is faster.

use rand::RngExt;
use std::f64::consts::{PI, SQRT_2};

/// From here on the continued fraction is used.
const FAR: f64 = 2.5;

/// The density at `z` standard deviations.
pub(crate) fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

/// The probability of lying between `a` and `b`, `a <= b`, in standard deviations.
pub(crate) fn mass(a: f64, b: f64) -> f64 {
    if a > 0.0 {
        above(a) - above(b)
    } else if b < 0.0 {
        above(-b) - above(-a)
    } else {
        1.0 - above(-a) - above(b)
    }
}

/// The probability of lying above `z >= 0`.
fn above(z: f64) -> f64 {
    0.5 * erfc(z / SQRT_2)
}

/// `1 - erf(x)` of `x >= 0`.
fn erfc(x: f64) -> f64 {
    let scale = (-x * x).exp() / PI.sqrt();
    if x < FAR {
        let mut term = x;
        let mut sum = x;
        let mut odd = 1.0;
        while term > sum * 1e-17 {
            odd += 2.0;
            term *= 2.0 * x * x / odd;
            sum += term;
        }
        1.0 - 2.0 * scale * sum
    } else {
        let tail = (1..=80)
            .rev()
            .fold(x, |tail, n| x + 0.5 * f64::from(n) / tail);
        scale / tail
    }
}

/// A draw between `low` and `high`, which hold `mean`: Box and Muller's normal, drawn again where
/// it lies outside. With a deviation of the width at most, every third one lies inside, or more.
pub(crate) fn draw(rng: &mut impl RngExt, mean: f64, deviation: f64, [low, high]: [f64; 2]) -> f64 {
    loop {
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        let x = mean + deviation * radius * (2.0 * PI * rng.random::<f64>()).cos();
        if (low..=high).contains(&x) {
            return x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Published values of the error function and of the normal distribution.
    #[test]
    fn the_tables_have_the_same() {
        for (x, expected) in [
            (0.0, 1.0),
            (0.5, 0.479_500_122_186_953_5),
            (1.0, 0.157_299_207_050_285_13),
            (2.0, 0.004_677_734_981_047_266),
            (3.0, 2.209_049_699_858_544e-5),
            (6.0, 2.151_973_671_249_891_3e-17),
        ] {
            let got = erfc(x);
            assert!((got - expected).abs() <= 1e-12 * expected, "{x}: {got}");
        }
        assert!((mass(-1.96, 1.96) - 0.950_004_209_703_559).abs() < 1e-12);
        assert!((mass(1.0, 2.0) - 0.135_905_121_983_278).abs() < 1e-12);
        assert!((mass(-2.0, -1.0) - mass(1.0, 2.0)).abs() < 1e-16);
        assert!((density(1.0) - 0.241_970_724_519_143_4).abs() < 1e-15);
    }

    /// Of a normal at its lower end with a deviation of the width, 0.6827 / 2 lies inside; of
    /// that, 0.1915 lies in the lower half.
    #[test]
    fn draws_are_spread_as_they_should_be() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let n = 20_000;
        let lower = (0..n)
            .map(|_| draw(&mut rng, 0.0, 1.0, [0.0, 1.0]))
            .filter(|x| *x < 0.5)
            .count();
        let share = lower as f64 / f64::from(n);
        assert!((share - 0.191_46 / 0.341_34).abs() < 0.01, "{share}");
    }
}
