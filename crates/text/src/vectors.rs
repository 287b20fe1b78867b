//! A matrix of vectors, one a row.

/// `[n, dim]` f32 values, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vectors {
    dim: usize,
    data: Vec<f32>,
}

impl Vectors {
    /// Takes `n * dim` values, row after row.
    ///
    /// # Panics
    /// If `dim` is 0 or the length is no multiple of it.
    #[must_use]
    pub fn new(dim: usize, data: Vec<f32>) -> Self {
        assert!(
            dim > 0 && data.len().is_multiple_of(dim),
            "a whole number of rows"
        );
        Self { dim, data }
    }

    /// `n` rows of zeros.
    #[must_use]
    pub fn zeros(n: usize, dim: usize) -> Self {
        Self::new(dim, vec![0.0; n * dim])
    }

    /// Length of one vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len().checked_div(self.dim).unwrap_or(0)
    }

    /// Whether there is no vector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// One vector.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.dim..(i + 1) * self.dim]
    }

    /// One vector, to change.
    pub fn row_mut(&mut self, i: usize) -> &mut [f32] {
        &mut self.data[i * self.dim..(i + 1) * self.dim]
    }

    /// All values, row after row.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// All values, row after row, given away.
    #[must_use]
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }

    /// All values, to change.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// All vectors in order.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.data.chunks_exact(self.dim.max(1))
    }

    /// About `most` rows, evenly taken from all.
    #[must_use]
    pub fn every(&self, most: usize) -> Self {
        let step = self.len().div_ceil(most.max(1)).max(1);
        let data = self.rows().step_by(step).flatten().copied().collect();
        Self::new(self.dim, data)
    }

    /// Scales every non-zero row to length 1.
    pub fn normalise(&mut self) {
        for row in self.data.chunks_exact_mut(self.dim.max(1)) {
            to_unit_length(row);
        }
    }

    /// Mean inner product of the rows of unit vectors with those of `other`, over the rows that
    /// are not zero here; none where there is no such row, or the dimensions differ.
    #[must_use]
    pub fn mean_cosine(&self, other: &Self) -> Option<f64> {
        if self.dim != other.dim {
            return None;
        }
        let (mut sum, mut count) = (0.0, 0_usize);
        for (a, b) in self.rows().zip(other.rows()) {
            if a.iter().any(|&x| x != 0.0) {
                sum += a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
                count += 1;
            }
        }
        (count > 0).then(|| sum / count as f64)
    }
}

/// Scales a vector to length 1; zero stays zero.
pub(crate) fn to_unit_length(row: &mut [f32]) {
    let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm > 0.0 {
        row.iter_mut().for_each(|x| *x /= norm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_cosine_is_over_the_rows_that_say_something() {
        let one = Vectors::new(2, vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        let other = Vectors::new(2, vec![1.0, 0.0, 0.0, 1.0, 0.8, 0.6]);
        // (1 + .6) / 2
        let got = one.mean_cosine(&other).unwrap();
        assert!((got - 0.8).abs() < 1e-6, "{got}");
        assert_eq!(one.mean_cosine(&Vectors::zeros(3, 3)), None);
        assert_eq!(Vectors::zeros(2, 2).mean_cosine(&other), None);
    }
}
