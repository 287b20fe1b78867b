//! Inner products of a query with rows of any [`Precision`], on the widest registers the CPU has.
//!
//! The query is a row of the same precision. Whole numbers are multiplied and summed without
//! rounding, so the scores of `Int8` rows are the same on every processor; sums of floats are
//! taken in as many parts as a register has lanes, and may differ in the last digits between
//! processors.
//!
//! | precision | AVX-512 | AVX2 | elsewhere |
//! |---|---|---|---|
//! | `F32` | multiply-add | multiply-add | the same, by `pulp` (NEON, plain) |
//! | `F16` | converted 16 at a time | plain loops in vector form | plain loops in vector form |
//! | `Int8` | 16-bit products summed in pairs | the same | a plain loop, which compilers vectorise |
//!
//! Left out: `vpdpbusd`, which multiplies bytes without widening them; it would need unsafe code of
//! ours, where `pulp` offers the others without.

use crate::dot::inner_product;
use crate::precision::{Precision, codes, floats, halves};
use pulp::{Arch, Simd, WithSimd};
use std::sync::OnceLock;

/// What the processor can do beyond what every one can.
#[derive(Clone, Copy, Debug)]
enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    Plain,
}

/// The best level here, found out once.
fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| levels()[0])
}

/// All levels that work here, best first.
fn levels() -> Vec<Level> {
    let mut levels = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        levels.extend(pulp::x86::V4::try_new().map(Level::Avx512));
        levels.extend(pulp::x86::V3::try_new().map(Level::Avx2));
    }
    levels.push(Level::Plain);
    levels
}

/// Writes the inner product of `query` with each row; all are rows of vectors of `dim` values.
pub(crate) fn scores(
    precision: Precision,
    dim: usize,
    query: &[u32],
    rows: &[&[u32]],
    out: &mut [f32],
) {
    scores_at(
        level(),
        Task {
            precision,
            dim,
            query,
            rows,
            out,
        },
    );
}

/// The inner product of two rows.
pub(crate) fn score(precision: Precision, dim: usize, a: &[u32], b: &[u32]) -> f32 {
    let mut out = [0.0];
    scores(precision, dim, a, &[b], &mut out);
    out[0]
}

struct Task<'a> {
    precision: Precision,
    dim: usize,
    query: &'a [u32],
    rows: &'a [&'a [u32]],
    out: &'a mut [f32],
}

fn scores_at(level: Level, task: Task<'_>) {
    match (task.precision, level) {
        (Precision::F32, _) => Arch::new().dispatch(F32(task)),
        #[cfg(target_arch = "x86_64")]
        (Precision::F16, Level::Avx512(simd)) => simd.vectorize(x86::F16Avx512(simd, task)),
        (Precision::F16, _) => Arch::new().dispatch(F16(task)),
        #[cfg(target_arch = "x86_64")]
        (Precision::Int8, Level::Avx512(simd)) => simd.vectorize(x86::Int8Avx512(simd, task)),
        #[cfg(target_arch = "x86_64")]
        (Precision::Int8, Level::Avx2(simd)) => simd.vectorize(x86::Int8Avx2(simd, task)),
        (Precision::Int8, Level::Plain) => Arch::new().dispatch(Int8(task)),
    }
}

struct F32<'a>(Task<'a>);

impl WithSimd for F32<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let query = floats(self.0.query);
        for (row, out) in self.0.rows.iter().zip(self.0.out) {
            *out = inner_product(simd, query, floats(row));
        }
    }
}

struct F16<'a>(Task<'a>);

impl WithSimd for F16<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let (query, query_rest) = halves(self.0.query).as_chunks::<LANES>();
        for (row, out) in self.0.rows.iter().zip(self.0.out) {
            let (row, row_rest) = halves(row).as_chunks::<LANES>();
            let mut sums = [0.0; LANES];
            for (q, x) in query.iter().zip(row) {
                for i in 0..LANES {
                    sums[i] += widened(q[i]) * widened(x[i]);
                }
            }
            *out = sums.iter().sum::<f32>() + half_tail(query_rest, row_rest);
        }
    }
}

/// Sums that the compiler puts side by side into registers.
const LANES: usize = 32;

/// The value of a finite binary16, by shifts and one product, which vectorise: the exponent of
/// binary32 is 112 larger, and a product puts subnormal numbers right as well.
#[inline(always)]
fn widened(half: u16) -> f32 {
    const SCALE: f32 = f32::from_bits((127 + 112) << 23);
    let (sign, size) = (
        u32::from(half & 0x8000) << 16,
        u32::from(half & 0x7fff) << 13,
    );
    let size = f32::from_bits(size) * SCALE;
    f32::from_bits(size.to_bits() | sign)
}

#[inline(always)]
fn half_tail(query: &[u16], row: &[u16]) -> f32 {
    let pairs = query.iter().zip(row);
    pairs.map(|(&q, &x)| widened(q) * widened(x)).sum()
}

struct Int8<'a>(Task<'a>);

impl WithSimd for Int8<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Task {
            dim,
            query,
            rows,
            out,
            ..
        } = self.0;
        let (query, query_step) = codes(query, dim);
        for (row, out) in rows.iter().zip(out) {
            let (row, step) = codes(row, dim);
            *out = scaled(code_tail(query, row), query_step, step);
        }
    }
}

#[inline(always)]
fn code_tail(query: &[i8], row: &[i8]) -> i32 {
    let pairs = query.iter().zip(row);
    pairs.map(|(&q, &x)| i32::from(q) * i32::from(x)).sum()
}

/// The score of a sum of products of codes. The sum is below 2³⁰, the product of the steps is
/// taken first on all levels alike.
#[inline(always)]
fn scaled(sum: i32, query_step: f32, step: f32) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "24 bits of the sum are enough")]
    let sum = sum as f32;
    sum * (query_step * step)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! What is written for one kind of processor. The tokens of `pulp` are the proof that it is
    //! this kind, so the intrinsics are safe.

    use super::{Task, code_tail, codes, half_tail, halves, scaled};
    use pulp::x86::{V3, V4};
    use pulp::{NullaryFnOnce, cast};
    use std::arch::x86_64::{__m128i, __m256i};

    pub(super) struct F16Avx512<'a>(pub(super) V4, pub(super) Task<'a>);

    impl NullaryFnOnce for F16Avx512<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, task) = self;
            let wide = |h: [u16; 16]| simd.avx512f._mm512_cvtph_ps(cast::<_, __m256i>(h));
            let (query, query_rest) = halves(task.query).as_chunks::<16>();
            let (query_pairs, query_odd) = query.as_chunks::<2>();
            for (row, out) in task.rows.iter().zip(task.out) {
                let (row, row_rest) = halves(row).as_chunks::<16>();
                let (row_pairs, row_odd) = row.as_chunks::<2>();
                let mut sums = [simd.avx512f._mm512_setzero_ps(); 2];
                for (q, x) in query_pairs.iter().zip(row_pairs) {
                    for i in 0..2 {
                        sums[i] = simd
                            .avx512f
                            ._mm512_fmadd_ps(wide(q[i]), wide(x[i]), sums[i]);
                    }
                }
                for (q, x) in query_odd.iter().zip(row_odd) {
                    sums[0] = simd.avx512f._mm512_fmadd_ps(wide(*q), wide(*x), sums[0]);
                }
                let sum = simd.avx512f._mm512_add_ps(sums[0], sums[1]);
                let sum = simd.avx512f._mm512_reduce_add_ps(sum);
                *out = sum + half_tail(query_rest, row_rest);
            }
        }
    }

    pub(super) struct Int8Avx512<'a>(pub(super) V4, pub(super) Task<'a>);

    impl NullaryFnOnce for Int8Avx512<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, task) = self;
            let wide = |c: [i8; 32]| simd.avx512bw._mm512_cvtepi8_epi16(cast::<_, __m256i>(c));
            let (query, query_step) = codes(task.query, task.dim);
            let (query, query_rest) = query.as_chunks::<32>();
            for (row, out) in task.rows.iter().zip(task.out) {
                let (row, step) = codes(row, task.dim);
                let (row, row_rest) = row.as_chunks::<32>();
                let mut sum = simd.avx512f._mm512_setzero_si512();
                for (q, x) in query.iter().zip(row) {
                    let pairs = simd.avx512bw._mm512_madd_epi16(wide(*q), wide(*x));
                    sum = simd.avx512f._mm512_add_epi32(sum, pairs);
                }
                let sum = simd.avx512f._mm512_reduce_add_epi32(sum);
                *out = scaled(sum + code_tail(query_rest, row_rest), query_step, step);
            }
        }
    }

    pub(super) struct Int8Avx2<'a>(pub(super) V3, pub(super) Task<'a>);

    impl NullaryFnOnce for Int8Avx2<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(simd, task) = self;
            let wide = |c: [i8; 16]| simd.avx2._mm256_cvtepi8_epi16(cast::<_, __m128i>(c));
            let (query, query_step) = codes(task.query, task.dim);
            let (query, query_rest) = query.as_chunks::<16>();
            for (row, out) in task.rows.iter().zip(task.out) {
                let (row, step) = codes(row, task.dim);
                let (row, row_rest) = row.as_chunks::<16>();
                let mut sum = simd.avx._mm256_setzero_si256();
                for (q, x) in query.iter().zip(row) {
                    let pairs = simd.avx2._mm256_madd_epi16(wide(*q), wide(*x));
                    sum = simd.avx2._mm256_add_epi32(sum, pairs);
                }
                let lanes: [i32; 8] = cast(sum);
                let sum = lanes.iter().sum::<i32>() + code_tail(query_rest, row_rest);
                *out = scaled(sum, query_step, step);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;

    fn all_levels(precision: Precision, query: &[f32], vectors: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let encoded = precision.row(query);
        let rows: Vec<Vec<u32>> = vectors.iter().map(|v| precision.row(v)).collect();
        let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        let scores = |level| {
            let mut out = vec![f32::NAN; rows.len()];
            let dim = query.len();
            scores_at(
                level,
                Task {
                    precision,
                    dim,
                    query: &encoded,
                    rows: &rows,
                    out: &mut out,
                },
            );
            out
        };
        levels().into_iter().map(scores).collect()
    }

    fn plain(query: &[f32], vector: &[f32]) -> f32 {
        query.iter().zip(vector).map(|(q, x)| q * x).sum()
    }

    #[test]
    fn every_level_agrees_with_the_plain_sum() {
        for dim in [1, 2, 7, 16, 31, 33, 48, 64, 100, 384, 385] {
            // Whole quarters: exact in binary16 and in any order of summation.
            let vector = |seed: usize| -> Vec<f32> {
                let value = |i: usize| ((i * 37 + seed * 101) % 17) as f32 / 4.0 - 2.0;
                (0..dim).map(value).collect()
            };
            let (query, vectors) = (vector(1), [vector(2), vector(3), vec![0.0; dim]]);
            let want: Vec<f32> = vectors.iter().map(|v| plain(&query, v)).collect();
            for precision in [Precision::F32, Precision::F16] {
                for got in all_levels(precision, &query, &vectors) {
                    assert_eq!(got, want, "dim {dim}");
                }
            }
            // Codes: what the rounded vectors multiply to, and the same on every level.
            let rounded = |v: &[f32]| Precision::Int8.decode(dim, &Precision::Int8.row(v));
            let levels = all_levels(Precision::Int8, &query, &vectors);
            for got in &levels {
                assert_eq!(got, &levels[0], "dim {dim}");
                for (got, vector) in got.iter().zip(&vectors) {
                    let want = plain(&rounded(&query), &rounded(vector));
                    assert!((got - want).abs() < 1e-3, "dim {dim}: {got}, {want}");
                }
            }
        }
    }

    #[test]
    fn sums_of_extreme_codes_do_not_overflow() {
        let dim = crate::precision::MAX_DIM;
        let query = vec![-1.0; dim];
        for got in all_levels(Precision::Int8, &query, &[vec![1.0; dim], query.clone()]) {
            let of_ours = got.iter().map(|s| (s / dim as f32).abs() - 1.0);
            assert!(of_ours.clone().all(|wrong| wrong.abs() < 1e-5), "{got:?}");
            assert!(got[0] < 0.0 && got[1] > 0.0);
        }
    }

    #[test]
    fn every_finite_half_is_widened_exactly() {
        for bits in 0..=u16::MAX {
            let half = f16::from_bits(bits);
            if half.is_finite() {
                assert_eq!(widened(bits).to_bits(), half.to_f32().to_bits());
            }
        }
    }
}
