//! Inner products of many queries with many rows: one matrix product, on one thread.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// `out[q, r] = queries[q] · rows[r]`, all row-major with vectors of `dim` values.
///
/// # Panics
/// If the lengths do not fit each other.
pub(crate) fn products(queries: &[f32], rows: &[f32], dim: usize, out: &mut [f32]) {
    let (m, n) = (queries.len() / dim, rows.len() / dim);
    assert_eq!(queries.len(), m * dim, "whole queries");
    assert_eq!(rows.len(), n * dim, "whole rows");
    assert_eq!(out.len(), m * n, "a score for each pair");
    matmul(
        MatMut::from_row_major_slice_mut(out, m, n),
        Accum::Replace,
        MatRef::from_row_major_slice(queries, m, dim),
        MatRef::from_row_major_slice(rows, n, dim).transpose(),
        1.0,
        Par::Seq,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_plain_sum() {
        for (m, n, dim) in [(1, 1, 1), (3, 5, 7), (9, 70, 33)] {
            let queries: Vec<f32> = (0..m * dim).map(|i| (i % 7) as f32 - 3.0).collect();
            let rows: Vec<f32> = (0..n * dim).map(|i| (i % 11) as f32 / 4.0 - 1.0).collect();
            let mut out = vec![f32::NAN; m * n];
            products(&queries, &rows, dim, &mut out);
            for (i, q) in queries.chunks(dim).enumerate() {
                for (j, r) in rows.chunks(dim).enumerate() {
                    let want: f32 = q.iter().zip(r).map(|(q, x)| q * x).sum();
                    assert_eq!(out[i * n + j], want, "{m}x{n}x{dim} [{i}, {j}]");
                }
            }
        }
    }
}
