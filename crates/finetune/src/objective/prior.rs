//! What everybody touches, as one value of the vectors.
//!
//! Who touches what follows from the person and from the item alone:
//!
//! ```text
//! ln p(j | u) = cos(u, z_j) / τ + ln n_j + …
//! ```
//!
//! with `n_j` people who touch item `j`. Unit vectors have no place for the second part, and where
//! the same sells again it is the greater one. So the value `k` of each vector, the one that says
//! least of the texts, is given to it, and the user tower adds as much to that of each person:
//!
//! ```text
//! z_j ← unit(z_j, but σ (ln(1 + n_j) - m) at k)     u ← unit(Σ a_h z_h) + w/σ e_k
//! ```
//!
//! with `σ` = [`SCALE`], small enough that lengths and cosines hardly change, and `m` the mean of
//! `ln(1 + n)` over what people touched, so that a history says about nothing at `k`. The encoder learns
//! the value from the words as it does the others. `w`, in units of cosine, the validation part can
//! say and the training part cannot: within it an item's neighbours know its time.

use super::ahead::back_to_the_sphere;
use semrec_text::Prior;

/// What a unit of `ln(1 + n)` is in a vector.
const SCALE: f32 = 0.1;
/// The weights that are tried.
pub(crate) const WEIGHTS: [f32; 6] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3];
/// How much better a weight has to be than none: a value of the vectors is given away for it.
pub(crate) const WORTH: f64 = 1.02;

/// Unit vectors `[n, dim]` with a value for how many people touch each, and which value.
pub(crate) fn with_standing(vectors: &[f32], dim: usize, touched_by: &[f32]) -> (Vec<f32>, usize) {
    let mut squares = vec![0.0f64; dim];
    for vector in vectors.chunks_exact(dim) {
        let both = squares.iter_mut().zip(vector);
        both.for_each(|(sum, x)| *sum += f64::from(x * x));
    }
    let least = squares.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
    let coordinate = least.map_or(0, |(k, _)| k);
    let events: f32 = touched_by.iter().sum();
    let mean = touched_by.iter().map(|n| n * n.ln_1p()).sum::<f32>() / events.max(1.0);
    let mut out = vectors.to_vec();
    let values = |out: &mut [f32], of: &dyn Fn(f32) -> f32| {
        let rows = out.chunks_exact_mut(dim).zip(touched_by);
        rows.for_each(|(vector, &n)| vector[coordinate] = of(n));
        back_to_the_sphere(out, dim);
    };
    values(&mut out, &|_| 0.0);
    values(&mut out, &|n| SCALE * (n.ln_1p() - mean));
    (out, coordinate)
}

/// The tower's part of it, by a weight in units of cosine.
pub(crate) fn prior(coordinate: usize, weight: f32) -> Prior {
    Prior {
        coordinate,
        weight: weight / SCALE,
    }
}

/// Adds to people's vectors, `[n, dim]`, what they have in common.
pub(crate) fn add_prior(prior: Option<Prior>, people: &mut [f32], dim: usize) {
    if let Some(prior) = prior {
        let values = people.iter_mut().skip(prior.coordinate).step_by(dim);
        values.for_each(|x| *x += prior.weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second of three values says least. m = (8 ln 9 + 2 ln 3) / 10.
    #[test]
    fn the_value_that_says_least_says_how_many_by_hand() {
        let vectors = [0.6, 0.0, 0.8, 0.36, 0.8, -0.48, -0.6, 0.0, 0.8];
        let (out, coordinate) = with_standing(&vectors, 3, &[8.0, 2.0, 0.0]);
        assert_eq!(coordinate, 1);
        let mean = 0.8 * 9.0f32.ln() + 0.2 * 3.0f32.ln();
        let direction = [[0.6, 0.8], [0.6, -0.8], [-0.6, 0.8]];
        for ((v, n), [x, z]) in out.chunks_exact(3).zip([8.0f32, 2.0, 0.0]).zip(direction) {
            let standing = 0.1 * ((1.0 + n).ln() - mean);
            let length = (1.0 + standing * standing).sqrt();
            for (got, expected) in v.iter().zip([x, standing, z]) {
                assert!((got - expected / length).abs() < 1e-6, "{v:?}");
            }
        }
        // Of two who are alike otherwise, e times as many people are worth the weight.
        let prior = prior(coordinate, 0.15);
        let mut people = vec![0.0; 6];
        people[3] = 1.0;
        add_prior(Some(prior), &mut people, 3);
        assert_eq!(people, [0.0, 1.5, 0.0, 1.0, 1.5, 0.0]);
        let score = |v: &[f32]| v.iter().zip(&people).map(|(a, b)| a * b).sum::<f32>();
        let apart = score(&out[..3]) - score(&out[3..6]);
        assert!((apart - 0.15 * 3.0f32.ln()).abs() < 0.01, "{apart}");
        add_prior(None, &mut people, 3);
        assert_eq!(people[1], 1.5);
    }
}
