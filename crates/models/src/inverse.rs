//! The inverse of a symmetric positive definite matrix, in f32 and two matrices of memory.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor;
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::{Accum, MatMut, Par};
use rayon::prelude::*;

/// The inverse of the `n × n` matrix whose upper triangle (row-major) is in `matrix`; `None` if it
/// is not positive definite to f32 precision.
pub(crate) fn invert_positive_definite(mut matrix: Vec<f32>, n: usize) -> Option<Vec<f32>> {
    if n == 0 {
        return Some(matrix);
    }
    let par = Par::rayon(0);
    // The upper triangle by rows is the lower one by columns, which is how faer looks at it.
    let mut l = MatMut::from_column_major_slice_mut(&mut matrix, n, n);
    let scratch = factor::cholesky_in_place_scratch::<f32>(n, par, Default::default());
    let mut buffer = MemBuffer::new(scratch);
    factor::cholesky_in_place(
        l.as_mut(),
        Default::default(),
        par,
        MemStack::new(&mut buffer),
        Default::default(),
    )
    .ok()?;
    let mut other = vec![0.0f32; n * n];
    let mut l_inverse = MatMut::from_column_major_slice_mut(&mut other, n, n);
    invert_lower_triangular(l_inverse.as_mut(), l.as_ref(), par);
    matmul(
        l.as_mut(),
        BlockStructure::TriangularLower,
        Accum::Replace,
        l_inverse.as_ref().transpose(),
        BlockStructure::TriangularUpper,
        l_inverse.as_ref(),
        BlockStructure::TriangularLower,
        1.0,
        par,
    );
    mirror_into(&mut other, &matrix, n);
    Some(other)
}

/// The whole matrix from its upper triangle, by square tiles so that both sides stay in cache.
fn mirror_into(whole: &mut [f32], upper: &[f32], n: usize) {
    const TILE: usize = 64;
    whole
        .par_chunks_mut(TILE * n)
        .enumerate()
        .for_each(|(band, rows)| {
            let from = band * TILE;
            for tile in (0..=from).step_by(TILE) {
                for (i, row) in (from..).zip(rows.chunks_exact_mut(n)) {
                    for j in tile..(tile + TILE).min(i) {
                        row[j] = upper[j * n + i];
                    }
                }
            }
            for (i, row) in (from..).zip(rows.chunks_exact_mut(n)) {
                row[i..].copy_from_slice(&upper[i * n + i..(i + 1) * n]);
            }
        });
}
