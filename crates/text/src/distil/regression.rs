//! Linear regression of texts' vectors on their tokens' vectors.
//!
//! The map W is solved by its normal equations, dim³. The corrections Δ solve
//! (XᵀX + λI)·Δ = Xᵀ·(Y − X·E) by conjugate gradients, all dimensions at once: a step costs twice
//! the tokens of all texts times dim, and the tokens that do not occur take no part, as their
//! correction is zero.

use crate::{TextError, Vectors, symmetric_eigen};
use faer::linalg::matmul::matmul;
use faer::linalg::solvers::Solve;
use faer::{Accum, Mat, MatRef, Par, Side};
use rayon::prelude::*;

/// Steps of the conjugate gradients.
const STEPS: usize = 25;
/// Penalty of the map W, relative to the mean of the diagonal it stands beside.
const MAP_PENALTY: f64 = 1e-3;

/// How often each token occurs in each text, over the number of the text's tokens.
#[derive(Debug)]
pub(super) struct Counts {
    /// For each text its different tokens, by their number among those that occur.
    texts: Vec<Vec<(u32, f32)>>,
    /// For each token that occurs its texts.
    tokens: Vec<Vec<(u32, f32)>>,
    /// Which tokens occur, ascending.
    occurring: Vec<u32>,
    /// How often each token of the vocabulary occurs.
    frequency: Vec<usize>,
}

impl Counts {
    /// Counts the tokens of texts.
    pub(super) fn new(sequences: &[Vec<u32>], vocabulary: usize) -> Self {
        let mut frequency = vec![0; vocabulary];
        for &token in sequences.iter().flatten() {
            frequency[token as usize] += 1;
        }
        let texts = sequences.iter().map(|sequence| {
            let share = 1.0 / sequence.len().max(1) as f32;
            let mut sorted = sequence.clone();
            sorted.sort_unstable();
            let runs = sorted.chunk_by(|a, b| a == b);
            runs.map(|run| (run[0], run.len() as f32 * share)).collect()
        });
        Self::of_rows(texts.collect(), frequency)
    }

    /// Some of the texts.
    pub(super) fn rows(&self, rows: &[usize]) -> Self {
        let whole = |&(at, x): &(u32, f32)| (self.occurring[at as usize], x);
        let texts = rows
            .iter()
            .map(|&i| self.texts[i].iter().map(whole).collect());
        Self::of_rows(texts.collect(), self.frequency.clone())
    }

    /// From rows by token number.
    fn of_rows(mut texts: Vec<Vec<(u32, f32)>>, frequency: Vec<usize>) -> Self {
        let mut place = vec![u32::MAX; frequency.len()];
        for &(token, _) in texts.iter().flatten() {
            place[token as usize] = 0;
        }
        let mut occurring = Vec::new();
        for (token, place) in (0u32..).zip(&mut place) {
            if *place == 0 {
                *place = u32::try_from(occurring.len()).unwrap_or(u32::MAX);
                occurring.push(token);
            }
        }
        let mut tokens = vec![Vec::new(); occurring.len()];
        for (i, text) in (0u32..).zip(&mut texts) {
            for (token, x) in text {
                *token = place[*token as usize];
                tokens[*token as usize].push((i, *x));
            }
        }
        Self {
            texts,
            tokens,
            occurring,
            frequency,
        }
    }

    /// How often a token occurs.
    pub(super) fn of(&self, token: usize) -> usize {
        self.frequency[token]
    }

    /// Number of tokens of all texts.
    pub(super) fn total(&self) -> usize {
        self.frequency.iter().sum()
    }

    /// Vectors of the tokens that occur, out of those of the whole vocabulary.
    fn gather(&self, vectors: &Vectors) -> Vectors {
        let rows = self.occurring.iter();
        let data = rows.flat_map(|&t| vectors.row(t as usize)).copied();
        Vectors::new(vectors.dim(), data.collect())
    }

    /// X·v for vectors of the tokens that occur.
    fn forward(&self, vectors: &Vectors) -> Vectors {
        combine(&self.texts, vectors)
    }

    /// Xᵀ·v for vectors of the texts.
    fn backward(&self, vectors: &Vectors) -> Vectors {
        combine(&self.tokens, vectors)
    }

    /// Mean cosine of the texts' mean token vectors to what they should be.
    pub(super) fn mean_cosine(&self, tokens: &Vectors, teacher: &Vectors) -> f64 {
        let mut texts = self.forward(&self.gather(tokens));
        texts.normalise();
        teacher.mean_cosine(&texts).unwrap_or(0.0)
    }
}

/// Weighted sums of rows, one for each list.
fn combine(lists: &[Vec<(u32, f32)>], vectors: &Vectors) -> Vectors {
    let dim = vectors.dim();
    let mut out = Vectors::zeros(lists.len(), dim);
    let rows = out.as_mut_slice().par_chunks_exact_mut(dim);
    rows.zip(lists).for_each(|(out, list)| {
        for &(i, x) in list {
            let row = vectors.row(i as usize);
            out.iter_mut().zip(row).for_each(|(sum, v)| *sum += x * v);
        }
    });
    out
}

fn view(vectors: &Vectors) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(vectors.as_slice(), vectors.len(), vectors.dim())
}

/// aᵀ·b in f64.
fn inner(a: &Vectors, b: &Vectors) -> Mat<f64> {
    let mut product = Mat::<f32>::zeros(a.dim(), b.dim());
    let accum = Accum::Replace;
    matmul(
        product.as_mut(),
        accum,
        view(a).transpose(),
        view(b),
        1.0,
        Par::rayon(0),
    );
    Mat::from_fn(a.dim(), b.dim(), |i, j| f64::from(product[(i, j)]))
}

/// Rows times a matrix.
pub(super) fn multiply(rows: &Vectors, matrix: &Mat<f64>) -> Vectors {
    #[expect(clippy::cast_possible_truncation, reason = "the vectors are f32")]
    let matrix = Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)] as f32);
    let mut out = Vectors::zeros(rows.len(), matrix.ncols());
    let columns = matrix.ncols();
    let target = faer::MatMut::from_row_major_slice_mut(out.as_mut_slice(), rows.len(), columns);
    matmul(
        target,
        Accum::Replace,
        view(rows),
        matrix.as_ref(),
        1.0,
        Par::rayon(0),
    );
    out
}

/// The `cut` directions in which vectors are longest, `[dim, cut]`.
pub(super) fn main_directions(vectors: &Vectors, cut: usize) -> Result<Mat<f64>, TextError> {
    let (_, eigenvectors) = symmetric_eigen(inner(vectors, vectors).as_ref())
        .map_err(|e| TextError::Whitening(format!("no main directions were found: {e:?}")))?;
    let dim = vectors.dim();
    // faer sorts eigenvalues upwards.
    Ok(Mat::from_fn(dim, cut, |i, j| {
        eigenvectors[(i, dim - 1 - j)]
    }))
}

/// The tokens' vectors of the whole vocabulary times the map that fits the texts best.
pub(super) fn map_all(
    counts: &Counts,
    tokens: &Vectors,
    teacher: &Vectors,
) -> Result<Vectors, TextError> {
    let texts = counts.forward(&counts.gather(tokens));
    let mut normal = inner(&texts, &texts);
    let dim = normal.nrows();
    let mean = (0..dim).map(|i| normal[(i, i)]).sum::<f64>() / dim as f64;
    for i in 0..dim {
        normal[(i, i)] += MAP_PENALTY * mean + f64::MIN_POSITIVE;
    }
    let factor = normal.llt(Side::Lower).map_err(|e| {
        TextError::Whitening(format!("the tokens' vectors cannot be fitted: {e:?}"))
    })?;
    Ok(multiply(tokens, &factor.solve(inner(&texts, teacher))))
}

/// The tokens' vectors with a correction for each that occurs.
pub(super) fn correct(
    counts: &Counts,
    tokens: &Vectors,
    teacher: &Vectors,
    penalty: f32,
) -> Vectors {
    let mut missing = counts.forward(&counts.gather(tokens));
    let pairs = missing.as_mut_slice().iter_mut().zip(teacher.as_slice());
    pairs.for_each(|(x, y)| *x = y - *x);
    let correction = solve(counts, &missing, penalty);
    let mut fitted = tokens.clone();
    for (&token, correction) in counts.occurring.iter().zip(correction.rows()) {
        let row = fitted.row_mut(token as usize).iter_mut();
        row.zip(correction).for_each(|(x, d)| *x += d);
    }
    fitted
}

/// Conjugate gradients on (XᵀX + λI)·Δ = Xᵀ·missing, each dimension with steps of its own.
fn solve(counts: &Counts, missing: &Vectors, penalty: f32) -> Vectors {
    let dim = missing.dim();
    let mut rest = counts.backward(missing);
    let mut found = Vectors::zeros(rest.len(), dim);
    let mut direction = rest.clone();
    let mut size = columns_inner(&rest, &rest);
    for _ in 0..STEPS {
        let mut image = counts.backward(&counts.forward(&direction));
        axpy(&mut image, &direction, &vec![penalty; dim]);
        let curvature = columns_inner(&direction, &image);
        let step = quotients(&size, &curvature);
        axpy(&mut found, &direction, &step);
        let back: Vec<f32> = step.iter().map(|x| -x).collect();
        axpy(&mut rest, &image, &back);
        let next = columns_inner(&rest, &rest);
        let keep = quotients(&next, &size);
        // direction = rest + keep·direction
        let rows = direction.as_mut_slice().par_chunks_exact_mut(dim);
        rows.zip(rest.as_slice().par_chunks_exact(dim))
            .for_each(|(direction, rest)| {
                for i in 0..dim {
                    direction[i] = rest[i] + keep[i] * direction[i];
                }
            });
        size = next;
    }
    found
}

/// y += x·diag(factors).
fn axpy(y: &mut Vectors, x: &Vectors, factors: &[f32]) {
    let dim = x.dim();
    let rows = y.as_mut_slice().par_chunks_exact_mut(dim);
    rows.zip(x.as_slice().par_chunks_exact(dim))
        .for_each(|(y, x)| {
            for i in 0..dim {
                y[i] += factors[i] * x[i];
            }
        });
}

/// The inner product of each pair of columns. Summed block by block in a fixed order, so that the
/// result does not depend on the number of threads.
fn columns_inner(a: &Vectors, b: &Vectors) -> Vec<f64> {
    /// Rows of a block.
    const BLOCK: usize = 1024;
    let dim = a.dim();
    let blocks: Vec<Vec<f64>> = a
        .as_slice()
        .par_chunks(BLOCK * dim)
        .zip(b.as_slice().par_chunks(BLOCK * dim))
        .map(|(a, b)| {
            let mut sums = vec![0.0; dim];
            for (a, b) in a.chunks_exact(dim).zip(b.chunks_exact(dim)) {
                for i in 0..dim {
                    sums[i] += f64::from(a[i]) * f64::from(b[i]);
                }
            }
            sums
        })
        .collect();
    let mut total = vec![0.0; dim];
    for block in blocks {
        total.iter_mut().zip(block).for_each(|(t, x)| *t += x);
    }
    total
}

#[expect(clippy::cast_possible_truncation, reason = "factors of f32 vectors")]
fn quotients(over: &[f64], under: &[f64]) -> Vec<f32> {
    let pairs = over.iter().zip(under);
    pairs
        .map(|(&a, &b)| if b > 0.0 { (a / b) as f32 } else { 0.0 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two texts, three tokens: "a b", "b b b c"; token 1 does not occur.
    fn counts() -> Counts {
        Counts::new(&[vec![0, 2], vec![2, 2, 3, 2]], 4)
    }

    #[test]
    fn counting() {
        let counts = counts();
        assert_eq!(counts.occurring, [0, 2, 3]);
        assert_eq!(counts.texts[0], [(0, 0.5), (1, 0.5)]);
        assert_eq!(counts.texts[1], [(1, 0.75), (2, 0.25)]);
        assert_eq!(counts.tokens[1], [(0, 0.5), (1, 0.75)]);
        assert_eq!((counts.of(2), counts.of(1), counts.total()), (4, 0, 6));
        let second = counts.rows(&[1]);
        assert_eq!(second.occurring, [2, 3]);
        assert_eq!(second.texts[0], [(0, 0.75), (1, 0.25)]);
    }

    #[test]
    fn conjugate_gradients_solve_the_normal_equations() {
        let counts = counts();
        let missing = Vectors::new(2, vec![1.0, -1.0, 0.5, 2.0]);
        let found = solve(&counts, &missing, 0.1);
        // (XᵀX + 0.1·I)·Δ must be Xᵀ·missing again.
        let mut image = counts.backward(&counts.forward(&found));
        axpy(&mut image, &found, &[0.1, 0.1]);
        let want = counts.backward(&missing);
        for (got, want) in image.as_slice().iter().zip(want.as_slice()) {
            assert!((got - want).abs() < 1e-5, "{got}, expected {want}");
        }
    }

    #[test]
    fn a_map_that_exists_is_found() {
        // The texts' vectors are their tokens' means, turned by a quarter: y = (-x₁, x₀).
        let tokens = Vectors::new(2, vec![1.0, 0.0, 9.0, 9.0, 0.0, 1.0, 1.0, 1.0]);
        let counts = counts();
        let texts = counts.forward(&counts.gather(&tokens));
        let turned = texts.rows().flat_map(|x| [-x[1], x[0]]).collect();
        let mapped = map_all(&counts, &tokens, &Vectors::new(2, turned)).unwrap();
        // The penalty of 10⁻³ pulls everything a little towards zero.
        for (got, want) in mapped
            .as_slice()
            .iter()
            .zip([0.0, 1.0, -9.0, 9.0, -1.0, 0.0])
        {
            assert!((got - want).abs() < 0.1, "{got}, expected {want}");
        }
    }
}
