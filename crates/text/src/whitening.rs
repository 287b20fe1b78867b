//! Centring and (partial) PCA whitening.
//!
//! Vectors of a pretrained encoder crowd into a narrow cone: any two texts look alike. Whitening
//! moves the mean to the origin and evens out the directions, after which the inner product of
//! unit vectors tells items apart:
//!
//! ```text
//! y = (x - mean) V diag((λ + ε)^(-power/2))
//! ```
//!
//! with the eigenvectors V and eigenvalues λ of the covariance (divided by n) of the fitted rows,
//! largest first. `power` 1 makes the covariance of y the identity, 0 only centres and rotates.
//! It is fitted on training items only; what it learns is a mean and a matrix. Out of scope:
//! shrinkage estimators of the covariance; ε bounds how much a direction that the training items
//! hardly use can be blown up.
//!
//! ```
//! use semrec_text::{Vectors, Whitening, WhiteningConfig};
//! let vectors = Vectors::new(2, vec![3.0, 1.0, 1.0, 1.0, 2.0, 4.0, 2.0, -2.0]);
//! let whitening = Whitening::fit(&vectors, 0..4, &WhiteningConfig::default())?;
//! assert_eq!(whitening.mean(), [2.0, 1.0]);
//! let white = whitening.apply(&vectors);
//! assert!((white.row(0).iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-6);
//! # Ok::<(), semrec_text::TextError>(())
//! ```

use crate::{TextError, Vectors, symmetric_eigen};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Rows handled at once: bounds the scratch memory to `CHUNK * dim` values.
const CHUNK: usize = 1024;

/// What kind of whitening to fit.
#[derive(Clone, Debug, PartialEq)]
pub struct WhiteningConfig {
    /// How many of the strongest directions to keep; all of them by default.
    pub dims: Option<usize>,
    /// 1 (default) for full whitening, 0 for centring and rotation only.
    pub power: f32,
    /// Added to each eigenvalue, relative to their mean; 0.01 by default, so that no direction is
    /// magnified more than ten times as much as an average one.
    pub eps: f32,
}

impl Default for WhiteningConfig {
    fn default() -> Self {
        Self {
            dims: None,
            power: 1.0,
            eps: 0.01,
        }
    }
}

/// A fitted whitening: `x` of `dim_in` values becomes `(x - mean) * matrix` of `dim_out`, scaled to
/// length 1. A zero row (an item without text) stays zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Whitening {
    mean: Vec<f32>,
    matrix: Vec<f32>,
    dim_out: usize,
}

impl Whitening {
    /// Fits on the given rows of `vectors`, leaving out those that are all zero.
    ///
    /// Costs n·d² multiplications for the covariance and about 10·d³ for the eigenvectors.
    ///
    /// # Errors
    /// [`TextError::Whitening`] if no row is left, a value is not finite, or the configuration
    /// makes no sense.
    pub fn fit(
        vectors: &Vectors,
        rows: impl Iterator<Item = usize>,
        config: &WhiteningConfig,
    ) -> Result<Self, TextError> {
        check(config)?;
        let rows: Vec<&[f32]> = rows
            .map(|i| vectors.row(i))
            .filter(|row| row.iter().any(|&x| x != 0.0))
            .collect();
        if rows.is_empty() {
            return Err(TextError::Whitening(
                "none of the training items has a text vector, so there is nothing to fit; give \
                 the items a text, or leave whitening out"
                    .into(),
            ));
        }
        let mean = mean_of(&rows, vectors.dim());
        if mean.iter().any(|x| !x.is_finite()) {
            return Err(TextError::Whitening(
                "a vector holds a value that is not finite".into(),
            ));
        }
        let covariance = covariance_of(&rows, &mean);
        let (values, eigenvectors) = symmetric_eigen(covariance.as_ref())
            .map_err(|e| TextError::Whitening(format!("no eigenvectors were found: {e:?}")))?;
        let dim = vectors.dim();
        let values: Vec<f64> = values.into_iter().map(|value| value.max(0.0)).collect();
        let average = values.iter().sum::<f64>() / dim as f64;
        let dim_out = config.dims.unwrap_or(dim).min(dim);
        let mut matrix = vec![0.0; dim * dim_out];
        for out in 0..dim_out {
            // faer sorts eigenvalues upwards, we keep the largest.
            let j = dim - 1 - out;
            let scale = scale(values[j], average, config);
            let column = eigenvectors.col(j);
            let sign = sign_of(column.iter().copied());
            for i in 0..dim {
                matrix[i * dim_out + out] = narrow(column[i] * sign * scale);
            }
        }
        Ok(Self {
            mean: mean.into_iter().map(narrow).collect(),
            matrix,
            dim_out,
        })
    }

    /// Restores a whitening from [`Whitening::mean`] and [`Whitening::matrix`].
    ///
    /// # Errors
    /// [`TextError::Whitening`] if the lengths do not fit each other or a value is not finite.
    pub fn from_parts(mean: Vec<f32>, matrix: Vec<f32>) -> Result<Self, TextError> {
        if mean.is_empty() || matrix.is_empty() || !matrix.len().is_multiple_of(mean.len()) {
            return Err(TextError::Whitening(format!(
                "a mean of {} values does not fit a matrix of {}; expected dim and dim * dim_out",
                mean.len(),
                matrix.len()
            )));
        }
        if mean.iter().chain(&matrix).any(|x| !x.is_finite()) {
            return Err(TextError::Whitening(
                "the stored mean or matrix holds a value that is not finite".into(),
            ));
        }
        let dim_out = matrix.len() / mean.len();
        Ok(Self {
            mean,
            matrix,
            dim_out,
        })
    }

    /// The mean that is taken off, `[dim_in]`.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The scaled eigenvectors, `[dim_in, dim_out]` row-major.
    #[must_use]
    pub fn matrix(&self) -> &[f32] {
        &self.matrix
    }

    /// Length of the vectors that go in.
    #[must_use]
    pub fn dim_in(&self) -> usize {
        self.mean.len()
    }

    /// Length of the vectors that come out.
    #[must_use]
    pub fn dim_out(&self) -> usize {
        self.dim_out
    }

    /// Whitens each row and scales it to length 1; zero rows stay zero. `[n, dim_out]`.
    ///
    /// # Panics
    /// If the vectors do not have `dim_in` values.
    #[must_use]
    pub fn apply(&self, vectors: &Vectors) -> Vectors {
        assert!(
            vectors.is_empty() || vectors.dim() == self.dim_in(),
            "vectors of {} values for a whitening of {}",
            vectors.dim(),
            self.dim_in()
        );
        let mut out = vec![0.0; vectors.len() * self.dim_out];
        out.par_chunks_mut(CHUNK * self.dim_out)
            .zip(vectors.as_slice().par_chunks(CHUNK * self.dim_in()))
            .for_each(|(out, rows)| self.apply_rows(rows, out));
        Vectors::new(self.dim_out, out)
    }

    /// Whitens one vector and scales it to length 1; a zero vector stays zero.
    ///
    /// # Panics
    /// If the vector does not have `dim_in` values.
    #[must_use]
    pub fn apply_one(&self, vector: &[f32]) -> Vec<f32> {
        assert_eq!(vector.len(), self.dim_in(), "length of the vector");
        let mut out = vec![0.0; self.dim_out];
        self.apply_rows(vector, &mut out);
        out
    }

    fn apply_rows(&self, rows: &[f32], out: &mut [f32]) {
        let (dim, n) = (self.dim_in(), rows.len() / self.dim_in());
        let is_text = |row: &[f32]| row.iter().any(|&x| x != 0.0);
        let mut centred = Vec::with_capacity(rows.len());
        for row in rows.chunks_exact(dim) {
            centred.extend(row.iter().zip(&self.mean).map(|(x, m)| x - m));
        }
        matmul(
            MatMut::from_row_major_slice_mut(out, n, self.dim_out),
            Accum::Replace,
            MatRef::from_row_major_slice(&centred, n, dim),
            MatRef::from_row_major_slice(&self.matrix, dim, self.dim_out),
            1.0,
            Par::Seq,
        );
        for (row, y) in rows
            .chunks_exact(dim)
            .zip(out.chunks_exact_mut(self.dim_out))
        {
            let norm = y.iter().map(|x| x * x).sum::<f32>().sqrt();
            if is_text(row) && norm > 0.0 {
                y.iter_mut().for_each(|x| *x /= norm);
            } else {
                y.fill(0.0);
            }
        }
    }
}

fn check(config: &WhiteningConfig) -> Result<(), TextError> {
    let bad = if config.dims == Some(0) {
        "dims is 0; expected at least 1".into()
    } else if !(0.0..=1.0).contains(&config.power) {
        format!("power is {}; expected 0 to 1", config.power)
    } else if !(config.eps >= 0.0 && config.eps.is_finite()) {
        format!("eps is {}; expected 0 or more", config.eps)
    } else {
        return Ok(());
    };
    Err(TextError::Whitening(bad))
}

fn mean_of(rows: &[&[f32]], dim: usize) -> Vec<f64> {
    let mut mean = vec![0.0; dim];
    for row in rows {
        for (m, &x) in mean.iter_mut().zip(*row) {
            *m += f64::from(x);
        }
    }
    mean.iter_mut().for_each(|m| *m /= rows.len() as f64);
    mean
}

/// Covariance of the rows, summed in f64 chunk by chunk in a fixed order.
fn covariance_of(rows: &[&[f32]], mean: &[f64]) -> Mat<f64> {
    let dim = mean.len();
    let mut covariance = Mat::zeros(dim, dim);
    let mut centred = Vec::with_capacity(CHUNK * dim);
    for chunk in rows.chunks(CHUNK) {
        centred.clear();
        for row in chunk {
            centred.extend(row.iter().zip(mean).map(|(&x, m)| f64::from(x) - m));
        }
        let centred = MatRef::from_row_major_slice(&centred, chunk.len(), dim);
        matmul(
            covariance.as_mut(),
            Accum::Add,
            centred.transpose(),
            centred,
            1.0 / rows.len() as f64,
            Par::Seq,
        );
    }
    covariance
}

/// The factor of one direction. Where the rows do not vary at all there is nothing to even out.
fn scale(value: f64, average: f64, config: &WhiteningConfig) -> f64 {
    let damped = value + f64::from(config.eps) * average;
    if damped <= average * 1e-12 {
        return if average > 0.0 { 0.0 } else { 1.0 };
    }
    damped.powf(-0.5 * f64::from(config.power))
}

/// An eigenvector is known up to its sign; its largest component is made positive, so that equal
/// data gives equal numbers.
fn sign_of(column: impl Iterator<Item = f64>) -> f64 {
    let largest = column.fold(0.0_f64, |a, x| if x.abs() > a.abs() { x } else { a });
    if largest < 0.0 { -1.0 } else { 1.0 }
}

#[expect(clippy::cast_possible_truncation, reason = "stored as f32 on purpose")]
fn narrow(x: f64) -> f32 {
    x as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unscaled(whitening: &Whitening, row: &[f32]) -> Vec<f32> {
        let centred: Vec<f32> = row
            .iter()
            .zip(&whitening.mean)
            .map(|(x, m)| x - m)
            .collect();
        (0..whitening.dim_out)
            .map(|j| {
                (0..centred.len())
                    .map(|i| centred[i] * whitening.matrix[i * whitening.dim_out + j])
                    .sum()
            })
            .collect()
    }

    fn config(eps: f32, power: f32, dims: Option<usize>) -> WhiteningConfig {
        WhiteningConfig { dims, power, eps }
    }

    /// As wide as an encoder's vectors: narrow matrices are not divided among threads.
    #[test]
    fn the_number_of_threads_changes_nothing() {
        let (n, dim) = (600, 384);
        let value = |k: usize| ((k * 2_654_435_761) % 1_000_003) as f32 / 1_000_003.0 - 0.5;
        let vectors = Vectors::new(dim, (0..n * dim).map(value).collect());
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let fit = || Whitening::fit(&vectors, 0..n, &config(0.01, 1.0, None)).unwrap();
            let whitening = pool.unwrap().install(fit);
            (whitening.mean().to_vec(), whitening.matrix().to_vec())
        };
        let one = with(1);
        for threads in [2, 3] {
            assert!(with(threads) == one, "{threads} threads");
        }
    }

    /// Rows (3,1) (1,1) (2,4) (2,-2): mean (2,1), covariance diag(2/4, 18/4), so the first
    /// direction is y with factor 1/√4.5, the second x with 1/√0.5.
    #[test]
    fn two_dimensions_by_hand() {
        let vectors = Vectors::new(2, vec![3.0, 1.0, 1.0, 1.0, 2.0, 4.0, 2.0, -2.0]);
        let full = Whitening::fit(&vectors, 0..4, &config(0.0, 1.0, None)).unwrap();
        assert_eq!(full.mean(), [2.0, 1.0]);
        let want = [0.0, 2.0_f32.sqrt(), 1.0 / 4.5_f32.sqrt(), 0.0];
        for (got, want) in full.matrix().iter().zip(want) {
            assert!((got - want).abs() < 1e-6, "{:?}", full.matrix());
        }
        let rotation = Whitening::fit(&vectors, 0..4, &config(0.0, 0.0, Some(1))).unwrap();
        assert_eq!(rotation.dim_out(), 1);
        assert!(rotation.matrix()[0].abs() < 1e-6 && (rotation.matrix()[1] - 1.0).abs() < 1e-6);
        // (2, 4) lies only along y, so its unit vector is (1, 0).
        let white = full.apply_one(&[2.0, 4.0]);
        assert!((white[0] - 1.0).abs() < 1e-6 && white[1].abs() < 1e-6);
    }

    #[test]
    fn covariance_of_the_fitted_rows_is_the_identity() {
        let (n, dim) = (200, 7);
        let data: Vec<f32> = (0..n * dim)
            .map(|i| ((i * i + 7 * i) % 101) as f32 * (1.0 + (i % dim) as f32))
            .collect();
        let vectors = Vectors::new(dim, data);
        let whitening = Whitening::fit(&vectors, 0..n, &config(0.0, 1.0, None)).unwrap();
        let white: Vec<Vec<f32>> = vectors.rows().map(|r| unscaled(&whitening, r)).collect();
        for i in 0..dim {
            for j in 0..dim {
                let c = white.iter().map(|y| y[i] * y[j]).sum::<f32>() / n as f32;
                let want = if i == j { 1.0 } else { 0.0 };
                assert!((c - want).abs() < 1e-4, "covariance[{i}][{j}] = {c}");
            }
        }
        let all = whitening.apply(&vectors);
        for (i, row) in vectors.rows().enumerate() {
            assert_eq!(all.row(i), whitening.apply_one(row), "row {i}");
        }
    }

    #[test]
    fn rows_without_text_neither_count_nor_change() {
        let with = Vectors::new(2, vec![0.0, 0.0, 3.0, 1.0, 1.0, 2.0, 0.0, 0.0]);
        let without = Vectors::new(2, vec![3.0, 1.0, 1.0, 2.0]);
        let fitted = Whitening::fit(&with, 0..4, &WhiteningConfig::default()).unwrap();
        let expected = Whitening::fit(&without, 0..2, &WhiteningConfig::default()).unwrap();
        assert_eq!(fitted, expected);
        assert_eq!(fitted.apply(&with).row(3), [0.0, 0.0]);
    }

    #[test]
    fn fewer_rows_than_dimensions() {
        let vectors = Vectors::new(4, vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        for rows in 1..=2 {
            let whitening = Whitening::fit(&vectors, 0..rows, &WhiteningConfig::default()).unwrap();
            let fresh = whitening.apply_one(&[0.0, 0.0, 1.0, 0.0]);
            assert!(
                fresh.iter().all(|x| x.is_finite()),
                "{rows} rows: {fresh:?}"
            );
        }
        let none = Whitening::fit(&Vectors::zeros(3, 4), 0..3, &WhiteningConfig::default());
        assert!(none.unwrap_err().to_string().contains("nothing to fit"));
    }

    #[test]
    fn parts_restore_and_are_checked() {
        let vectors = Vectors::new(2, vec![3.0, 1.0, 1.0, 1.0, 2.0, 4.0]);
        let fitted = Whitening::fit(&vectors, 0..3, &WhiteningConfig::default()).unwrap();
        let again =
            Whitening::from_parts(fitted.mean().to_vec(), fitted.matrix().to_vec()).unwrap();
        assert_eq!(again, fitted);
        assert!(Whitening::from_parts(vec![0.0; 2], vec![0.0; 3]).is_err());
        assert!(Whitening::from_parts(vec![0.0; 2], vec![f32::NAN; 4]).is_err());
    }
}
