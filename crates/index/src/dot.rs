//! Inner products of one query with many rows, on the widest registers the CPU has.

use pulp::{Arch, Simd, WithSimd};

/// Writes the inner product of `query` with each row of `rows`, `[out.len(), query.len()]`.
pub(crate) fn dots(query: &[f32], rows: &[f32], out: &mut [f32]) {
    Arch::new().dispatch(Dots { query, rows, out });
}

struct Dots<'a> {
    query: &'a [f32],
    rows: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.rows.chunks_exact(self.query.len().max(1));
        for (row, out) in rows.zip(self.out) {
            *out = inner_product(simd, self.query, row);
        }
    }
}

/// The inner product of two vectors of one length, within a function compiled for `S`.
///
/// Four independent sums hide the latency of the multiply-add; from a few megabytes on, the
/// speed is that of the memory.
#[inline(always)]
pub(crate) fn inner_product<S: Simd>(simd: S, query: &[f32], row: &[f32]) -> f32 {
    let (query, query_tail) = S::as_simd_f32s(query);
    let (row, row_tail) = S::as_simd_f32s(row);
    let (query_blocks, query_rest) = query.as_chunks::<4>();
    let (row_blocks, row_rest) = row.as_chunks::<4>();
    let mut sums = [simd.splat_f32s(0.0); 4];
    for (q, x) in query_blocks.iter().zip(row_blocks) {
        for i in 0..4 {
            sums[i] = simd.mul_add_e_f32s(q[i], x[i], sums[i]);
        }
    }
    for (&q, &x) in query_rest.iter().zip(row_rest) {
        sums[0] = simd.mul_add_e_f32s(q, x, sums[0]);
    }
    let low = simd.add_f32s(sums[0], sums[1]);
    let high = simd.add_f32s(sums[2], sums[3]);
    let tail: f32 = query_tail.iter().zip(row_tail).map(|(q, x)| q * x).sum();
    simd.reduce_sum_f32s(simd.add_f32s(low, high)) + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_plain_sum() {
        for dim in [1, 7, 16, 37, 64, 100, 384] {
            let query: Vec<f32> = (0..dim).map(|i| (i % 7) as f32 - 3.0).collect();
            let rows: Vec<f32> = (0..5 * dim).map(|i| (i % 11) as f32 / 4.0 - 1.0).collect();
            let mut out = [f32::NAN; 5];
            dots(&query, &rows, &mut out);
            for (row, got) in rows.chunks(dim).zip(out) {
                // Whole quarters of small numbers: exact in any order of summation.
                let want: f32 = query.iter().zip(row).map(|(q, x)| q * x).sum();
                assert_eq!(got, want, "dim {dim}");
            }
        }
    }
}
