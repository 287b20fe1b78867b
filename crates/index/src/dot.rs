//! The inner product of 32-bit floats, on registers of any width.

use pulp::Simd;

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
