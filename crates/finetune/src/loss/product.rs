//! Products of row-major matrices, by all threads. No sum is divided among threads, so that the
//! result is the same for any number of them.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// A slice as a matrix of so many rows.
///
/// # Panics
/// If it cannot be divided into them.
pub(super) fn matrix(values: &[f32], rows: usize) -> MatRef<'_, f32> {
    let columns = values.len().checked_div(rows).unwrap_or(0);
    MatRef::from_row_major_slice(values, rows, columns)
}

/// `into = scale · a · b`, or that added to `into`; `a` is `[m, k]`, `b` is `[k, n]`.
///
/// # Panics
/// If the sizes do not fit together.
pub(super) fn multiply(
    into: &mut [f32],
    how: Accum,
    a: MatRef<'_, f32>,
    b: MatRef<'_, f32>,
    scale: f32,
) {
    let into = MatMut::from_row_major_slice_mut(into, a.nrows(), b.ncols());
    matmul(into, how, a, b, scale, Par::rayon(0));
}
