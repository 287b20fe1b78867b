//! The small system behind every row of a matrix factorisation:
//!
//! ```text
//! (G + λ I + Σ_k w_k y_k y_k') x = Σ_k w_k y_k
//! ```
//!
//! over the factors `y_k` of what the row touched, with weights `w_k`; `G` is shared by all rows.
//! Solved by blocks of `b` factors from a warm start (`subspace.rs`: `d b n + 2 d² + d b²/3`), by
//! conjugate gradients from a warm start ([`System::improve`]: `d² + 4 d n` flops a step,
//! n the number of `y_k`) or exactly by Cholesky ([`System::factorised`]: `d³/3 + d² n`).

use crate::kernels::{axpy, axpy4, dot, dot4};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Rows of factors summed at once in a Gramian; partial sums are added in order, so that the
/// result does not depend on the number of threads.
const MIN_CHUNK: usize = 512;
const MAX_CHUNKS: usize = 64;

/// `weight Y'Y`, `[d, d]`, of `factors`, `[n, d]`.
pub(crate) fn gramian(factors: &[f32], d: usize, weight: f32) -> Vec<f32> {
    let rows = (factors.len() / d).div_ceil(MAX_CHUNKS).max(MIN_CHUNK);
    let parts: Vec<Mat<f32>> = factors
        .par_chunks(rows * d)
        .map(|chunk| {
            let y = MatRef::from_row_major_slice(chunk, chunk.len() / d, d);
            let mut part = Mat::zeros(d, d);
            add_gram(part.as_mut(), y, weight);
            part
        })
        .collect();
    let mut sum = vec![0.0; d * d];
    for part in parts {
        for (column, out) in sum.chunks_exact_mut(d).enumerate() {
            for (row, out) in out.iter_mut().enumerate() {
                *out += part[(row.max(column), row.min(column))];
            }
        }
    }
    sum
}

/// Adds `weight Y'Y` to the lower triangle of `out`.
pub(crate) fn add_gram(out: MatMut<'_, f32>, y: MatRef<'_, f32>, weight: f32) {
    matmul(
        out,
        BlockStructure::TriangularLower,
        Accum::Add,
        y.transpose(),
        BlockStructure::Rectangular,
        y,
        BlockStructure::Rectangular,
        weight,
        Par::Seq,
    );
}

/// One row's system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System<'a> {
    /// `[n, d]`: the factors of the other side.
    pub(crate) factors: &'a [f32],
    /// `[d, d]`, symmetric.
    pub(crate) gram: &'a [f32],
    pub(crate) lambda: f32,
    /// Which factors the row touched.
    pub(crate) touched: &'a [u32],
    /// Their weights, as many.
    pub(crate) weights: &'a [f32],
}

/// Room for [`System::improve`].
#[derive(Debug)]
pub(crate) struct Scratch {
    residual: Vec<f32>,
    direction: Vec<f32>,
    product: Vec<f32>,
}

impl Scratch {
    pub(crate) fn new(d: usize) -> Self {
        Self {
            residual: vec![0.0; d],
            direction: vec![0.0; d],
            product: vec![0.0; d],
        }
    }
}

impl System<'_> {
    /// Brings `x` nearer to the solution by some steps of conjugate gradients.
    pub(crate) fn improve(&self, x: &mut [f32], steps: usize, scratch: &mut Scratch) {
        Arch::new().dispatch(Improve {
            system: *self,
            x,
            steps,
            scratch,
        });
    }

    /// The Cholesky factor of the left-hand side; `None` if it is not positive definite in f32.
    pub(crate) fn factorised(&self, d: usize) -> Option<Factorised> {
        let mut left = Mat::from_fn(d, d, |i, j| {
            self.gram[i * d + j] + if i == j { self.lambda } else { 0.0 }
        });
        let roots: Vec<f32> = self.weights.iter().map(|w| w.sqrt()).collect();
        let mut rows = Vec::with_capacity(d * self.touched.len());
        for (&k, root) in self.touched.iter().zip(&roots) {
            rows.extend(self.row(k, d).iter().map(|y| root * y));
        }
        let y = MatRef::from_row_major_slice(&rows, self.touched.len(), d);
        add_gram(left.as_mut(), y, 1.0);
        Factorised::of(left)
    }

    /// The right-hand side.
    pub(crate) fn right(&self, d: usize) -> Vec<f32> {
        let mut right = vec![0.0; d];
        for (&k, weight) in self.touched.iter().zip(self.weights) {
            for (r, y) in right.iter_mut().zip(self.row(k, d)) {
                *r += weight * y;
            }
        }
        right
    }

    #[inline(always)]
    pub(crate) fn row(&self, k: u32, d: usize) -> &[f32] {
        &self.factors[k as usize * d..(k as usize + 1) * d]
    }

    /// `out = Σ w y target - (G + λ I + Σ w y y') x`: with a target of 1 what is still wrong with
    /// `x`, with a target of 0 the left-hand side times `-x`.
    #[inline(always)]
    fn residual<S: Simd>(&self, simd: S, x: &[f32], target: f32, out: &mut [f32]) {
        let d = x.len();
        for (o, &v) in out.iter_mut().zip(x) {
            *o = -self.lambda * v;
        }
        let (fours, rest) = x.as_chunks::<4>();
        let gram_row = |k: usize| &self.gram[k * d..(k + 1) * d];
        for (k, &[a, b, c, e]) in fours.iter().enumerate() {
            let k = 4 * k;
            let rows = [
                gram_row(k),
                gram_row(k + 1),
                gram_row(k + 2),
                gram_row(k + 3),
            ];
            axpy4(simd, out, [-a, -b, -c, -e], rows);
        }
        for (k, &value) in (4 * fours.len()..).zip(rest) {
            axpy(simd, out, -value, gram_row(k));
        }
        let (fours, rest) = self.touched.as_chunks::<4>();
        let (four_weights, rest_weights) = self.weights.as_chunks::<4>();
        for (&[a, b, c, e], weights) in fours.iter().zip(four_weights) {
            let rows = [
                self.row(a, d),
                self.row(b, d),
                self.row(c, d),
                self.row(e, d),
            ];
            let mut errors = dot4(simd, rows, x);
            for (error, weight) in errors.iter_mut().zip(weights) {
                *error = weight * (target - *error);
            }
            axpy4(simd, out, errors, rows);
        }
        for (&k, &weight) in rest.iter().zip(rest_weights) {
            let row = self.row(k, d);
            axpy(simd, out, weight * (target - dot(simd, row, x)), row);
        }
    }
}

struct Improve<'a, 's> {
    system: System<'a>,
    x: &'s mut [f32],
    steps: usize,
    scratch: &'s mut Scratch,
}

impl WithSimd for Improve<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            system,
            x,
            steps,
            scratch,
        } = self;
        let Scratch {
            residual,
            direction,
            product,
        } = scratch;
        system.residual(simd, x, 1.0, residual);
        direction.copy_from_slice(residual);
        let mut size = dot(simd, residual, residual);
        for _ in 0..steps {
            if size < f32::MIN_POSITIVE {
                break;
            }
            system.residual(simd, direction, 0.0, product);
            let step = -size / dot(simd, direction, product);
            axpy(simd, x, step, direction);
            axpy(simd, residual, step, product);
            let new_size = dot(simd, residual, residual);
            let ratio = new_size / size;
            for (p, &r) in direction.iter_mut().zip(residual.iter()) {
                *p = r + ratio * *p;
            }
            size = new_size;
        }
    }
}

/// A left-hand side ready to be solved against any right-hand side.
#[derive(Debug)]
pub(crate) struct Factorised {
    factor: Mat<f32>,
}

impl Factorised {
    /// The Cholesky factor of a matrix by its lower triangle; `None` if it is not positive definite
    /// in f32.
    pub(crate) fn of(mut left: Mat<f32>) -> Option<Self> {
        let scratch = llt::factor::cholesky_in_place_scratch::<f32>(
            left.nrows(),
            Par::Seq,
            Default::default(),
        );
        llt::factor::cholesky_in_place(
            left.as_mut(),
            Default::default(),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        )
        .ok()?;
        Some(Self { factor: left })
    }

    /// Replaces a right-hand side by the solution.
    pub(crate) fn solve(&self, right: &mut [f32]) {
        let d = right.len();
        let scratch = llt::solve::solve_in_place_scratch::<f32>(d, 1, Par::Seq);
        llt::solve::solve_in_place(
            self.factor.as_ref(),
            MatMut::from_column_major_slice_mut(right, d, 1),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
        );
    }
}
