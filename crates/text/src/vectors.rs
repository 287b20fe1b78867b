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

    /// Scales every non-zero row to length 1.
    pub fn normalise(&mut self) {
        for row in self.data.chunks_exact_mut(self.dim.max(1)) {
            let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            if norm > 0.0 {
                row.iter_mut().for_each(|x| *x /= norm);
            }
        }
    }
}
