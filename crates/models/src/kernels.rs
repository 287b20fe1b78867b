//! The inner loops, compiled for the widest vectors the processor has (pulp chooses at run time).
//!
//! A loop is entered once per query or row through [`pulp::Arch::dispatch`]; the functions here
//! are inlined into it. Sums depend on the width of the vectors, never on the number of threads.

use pulp::{Arch, Simd, WithSimd};

/// A weight or score computed in double precision as it is stored.
#[expect(
    clippy::cast_possible_truncation,
    reason = "what is stored is f32 by design, and far below its limits"
)]
pub(crate) fn narrow(x: f64) -> f32 {
    x as f32
}

/// `a · b`, of equal lengths.
#[inline(always)]
pub(crate) fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let (a_wide, a_rest) = S::as_simd_f32s(a);
    let (b_wide, b_rest) = S::as_simd_f32s(b);
    let mut sum = simd.splat_f32s(0.0);
    for (&x, &y) in a_wide.iter().zip(b_wide) {
        sum = simd.mul_add_e_f32s(x, y, sum);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    simd.reduce_sum_f32s(sum) + rest
}

/// Four products with one vector at once.
#[inline(always)]
pub(crate) fn dot4<S: Simd>(simd: S, rows: [&[f32]; 4], b: &[f32]) -> [f32; 4] {
    let (b_wide, b_rest) = S::as_simd_f32s(b);
    let [(r0, _), (r1, _), (r2, _), (r3, _)] = four_wide::<S>(rows);
    let n = b_wide.len();
    let (r0, r1, r2, r3) = (&r0[..n], &r1[..n], &r2[..n], &r3[..n]);
    let zero = simd.splat_f32s(0.0);
    let (mut s0, mut s1, mut s2, mut s3) = (zero, zero, zero, zero);
    for (i, &y) in b_wide.iter().enumerate() {
        s0 = simd.mul_add_e_f32s(r0[i], y, s0);
        s1 = simd.mul_add_e_f32s(r1[i], y, s1);
        s2 = simd.mul_add_e_f32s(r2[i], y, s2);
        s3 = simd.mul_add_e_f32s(r3[i], y, s3);
    }
    let mut dots = [
        simd.reduce_sum_f32s(s0),
        simd.reduce_sum_f32s(s1),
        simd.reduce_sum_f32s(s2),
        simd.reduce_sum_f32s(s3),
    ];
    let tail = b.len() - b_rest.len();
    for (dot, row) in dots.iter_mut().zip(rows) {
        for (x, y) in row[tail..].iter().zip(b_rest) {
            *dot += x * y;
        }
    }
    dots
}

/// Products of four rows with four others; each is summed as [`dot`] sums it.
#[inline(always)]
fn dot4x4<S: Simd>(simd: S, rows: [&[f32]; 4], others: [&[f32]; 4]) -> [[f32; 4]; 4] {
    let [(r0, _), (r1, _), (r2, _), (r3, _)] = four_wide::<S>(rows);
    let [(o0, _), (o1, _), (o2, _), (o3, _)] = four_wide::<S>(others);
    let n = r0.len();
    let (r0, r1, r2, r3) = (&r0[..n], &r1[..n], &r2[..n], &r3[..n]);
    let (o0, o1, o2, o3) = (&o0[..n], &o1[..n], &o2[..n], &o3[..n]);
    // Loops over constants, which are unrolled: the sums have to stay in registers.
    let mut sums = [[simd.splat_f32s(0.0); 4]; 4];
    for i in 0..n {
        let (a, b) = ([r0[i], r1[i], r2[i], r3[i]], [o0[i], o1[i], o2[i], o3[i]]);
        for r in 0..4 {
            for o in 0..4 {
                sums[r][o] = simd.mul_add_e_f32s(a[r], b[o], sums[r][o]);
            }
        }
    }
    let mut dots = [[0.0; 4]; 4];
    for (r, sums) in sums.into_iter().enumerate() {
        for (o, sum) in sums.into_iter().enumerate() {
            let (_, a) = S::as_simd_f32s(rows[r]);
            let (_, b) = S::as_simd_f32s(others[o]);
            let rest: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
            dots[r][o] = simd.reduce_sum_f32s(sum) + rest;
        }
    }
    dots
}

/// Products of one row with four others; each is summed as [`dot`] sums it.
#[inline(always)]
fn dot1x4<S: Simd>(simd: S, row: &[f32], others: [&[f32]; 4]) -> [f32; 4] {
    let (r, rest) = S::as_simd_f32s(row);
    let [(o0, _), (o1, _), (o2, _), (o3, _)] = four_wide::<S>(others);
    let n = r.len();
    let (o0, o1, o2, o3) = (&o0[..n], &o1[..n], &o2[..n], &o3[..n]);
    let mut sums = [simd.splat_f32s(0.0); 4];
    for (i, &a) in r.iter().enumerate() {
        let b = [o0[i], o1[i], o2[i], o3[i]];
        for o in 0..4 {
            sums[o] = simd.mul_add_e_f32s(a, b[o], sums[o]);
        }
    }
    let mut dots = [0.0; 4];
    for o in 0..4 {
        let tail = &others[o][row.len() - rest.len()..];
        let tail: f32 = rest.iter().zip(tail).map(|(x, y)| x * y).sum();
        dots[o] = simd.reduce_sum_f32s(sums[o]) + tail;
    }
    dots
}

/// Products of all of some people with all of some items, both `[_, dim]`: `out` has a row of
/// `stride` values for each person, of which the first are written. A product is summed in the same
/// order whatever stands beside it. Where people are few, packing all items for a general matrix
/// product takes longer than the product.
pub(crate) fn products(
    (people, items): (&[f32], &[f32]),
    dim: usize,
    (out, stride): (&mut [f32], usize),
) {
    struct Work<'a>(&'a [f32], &'a [f32], usize, &'a mut [f32], usize);
    impl WithSimd for Work<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self(people, items, dim, out, stride) = self;
            let (asked, n) = (people.len() / dim, items.len() / dim);
            let person = |p: usize| &people[p * dim..][..dim];
            let fours = asked / 4 * 4;
            for item in (0..n).step_by(4) {
                // Beyond the end the last item stands in, and what comes of it is not written.
                let of_items = [0, 1, 2, 3].map(|k| &items[(item + k).min(n - 1) * dim..][..dim]);
                let end = (item + 4).min(n);
                let mut write = |p: usize, dots: [f32; 4]| {
                    let to = &mut out[p * stride + item..p * stride + end];
                    to.copy_from_slice(&dots[..end - item]);
                };
                for p in (0..fours).step_by(4) {
                    let of_people = [person(p), person(p + 1), person(p + 2), person(p + 3)];
                    let dots = dot4x4(simd, of_people, of_items);
                    for (p, dots) in (p..).zip(dots) {
                        write(p, dots);
                    }
                }
                for p in fours..asked {
                    write(p, dot1x4(simd, person(p), of_items));
                }
            }
        }
    }
    if !people.is_empty() && !items.is_empty() {
        Arch::new().dispatch(Work(people, items, dim, out, stride));
    }
}

/// `out += weight * row`.
#[inline(always)]
pub(crate) fn axpy<S: Simd>(simd: S, out: &mut [f32], weight: f32, row: &[f32]) {
    let (out_wide, out_rest) = S::as_mut_simd_f32s(out);
    let (wide, rest) = S::as_simd_f32s(row);
    let w = simd.splat_f32s(weight);
    for (o, &x) in out_wide.iter_mut().zip(wide) {
        *o = simd.mul_add_e_f32s(w, x, *o);
    }
    for (o, x) in out_rest.iter_mut().zip(rest) {
        *o += weight * x;
    }
}

/// `out += Σ weights[k] * rows[k]`: one pass over `out` for four rows.
#[inline(always)]
pub(crate) fn axpy4<S: Simd>(simd: S, out: &mut [f32], weights: [f32; 4], rows: [&[f32]; 4]) {
    let (out_wide, out_rest) = S::as_mut_simd_f32s(out);
    let [(r0, _), (r1, _), (r2, _), (r3, _)] = four_wide::<S>(rows);
    let n = out_wide.len();
    let (r0, r1, r2, r3) = (&r0[..n], &r1[..n], &r2[..n], &r3[..n]);
    let (w0, w1) = (simd.splat_f32s(weights[0]), simd.splat_f32s(weights[1]));
    let (w2, w3) = (simd.splat_f32s(weights[2]), simd.splat_f32s(weights[3]));
    for (i, o) in out_wide.iter_mut().enumerate() {
        let mut sum = simd.mul_add_e_f32s(w0, r0[i], *o);
        sum = simd.mul_add_e_f32s(w1, r1[i], sum);
        sum = simd.mul_add_e_f32s(w2, r2[i], sum);
        *o = simd.mul_add_e_f32s(w3, r3[i], sum);
    }
    let tail = rows[0].len() - out_rest.len();
    for (weight, row) in weights.iter().zip(rows) {
        for (o, x) in out_rest.iter_mut().zip(&row[tail..]) {
            *o += weight * x;
        }
    }
}

/// Each row as wide vectors and a rest. Spelled out: a closure handed to `array::map` is not
/// inlined here, and then its vectors travel through memory.
#[inline(always)]
fn four_wide<S: Simd>(rows: [&[f32]; 4]) -> [(&[S::f32s], &[f32]); 4] {
    [
        S::as_simd_f32s(rows[0]),
        S::as_simd_f32s(rows[1]),
        S::as_simd_f32s(rows[2]),
        S::as_simd_f32s(rows[3]),
    ]
}

/// `out += Σ weight * matrix[row]` over `(row, weight)` pairs; rows as long as `out`.
pub(crate) fn add_rows(out: &mut [f32], matrix: &[f32], rows: &[(usize, f32)]) {
    struct AddRows<'a> {
        out: &'a mut [f32],
        matrix: &'a [f32],
        rows: &'a [(usize, f32)],
    }
    impl WithSimd for AddRows<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let n = self.out.len();
            let row = |r: usize| &self.matrix[r * n..(r + 1) * n];
            let (fours, rest) = self.rows.as_chunks::<4>();
            for four in fours {
                let [(a, wa), (b, wb), (c, wc), (d, wd)] = *four;
                let rows = [row(a), row(b), row(c), row(d)];
                axpy4(simd, self.out, [wa, wb, wc, wd], rows);
            }
            for &(r, weight) in rest {
                axpy(simd, self.out, weight, row(r));
            }
        }
    }
    Arch::new().dispatch(AddRows { out, matrix, rows });
}

/// `out += Σ matrix[row]` over some rows as long as `out`.
pub(crate) fn sum_rows(out: &mut [f32], matrix: &[f32], rows: &[u32]) {
    struct SumRows<'a> {
        out: &'a mut [f32],
        matrix: &'a [f32],
        rows: &'a [u32],
    }
    impl WithSimd for SumRows<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let n = self.out.len();
            let row = |r: u32| &self.matrix[r as usize * n..(r as usize + 1) * n];
            let (fours, rest) = self.rows.as_chunks::<4>();
            for &[a, b, c, d] in fours {
                axpy4(simd, self.out, [1.0; 4], [row(a), row(b), row(c), row(d)]);
            }
            for &r in rest {
                axpy(simd, self.out, 1.0, row(r));
            }
        }
    }
    if let [value] = out {
        // A single column: its values lie one after another.
        *value += rows.iter().map(|&r| matrix[r as usize]).sum::<f32>();
    } else {
        Arch::new().dispatch(SumRows { out, matrix, rows });
    }
}

/// `a · b`, of equal lengths.
pub(crate) fn row_dot(a: &[f32], b: &[f32]) -> f32 {
    struct RowDot<'a>(&'a [f32], &'a [f32]);
    impl WithSimd for RowDot<'_> {
        type Output = f32;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            dot(simd, self.0, self.1)
        }
    }
    Arch::new().dispatch(RowDot(a, b))
}

/// `out += weight * row`, of equal lengths.
pub(crate) fn add_row(out: &mut [f32], weight: f32, row: &[f32]) {
    struct AddRow<'a> {
        out: &'a mut [f32],
        weight: f32,
        row: &'a [f32],
    }
    impl WithSimd for AddRow<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            axpy(simd, self.out, self.weight, self.row);
        }
    }
    Arch::new().dispatch(AddRow { out, weight, row });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_all_with_all_are_those_of_each_with_each() {
        let value = |i: usize| ((i * 7919) % 101) as f32 / 50.0 - 1.0;
        for (asked, n, dim) in [(1, 1, 1), (3, 6, 16), (4, 4, 37), (9, 13, 48), (2, 0, 5)] {
            let people: Vec<f32> = (0..asked * dim).map(value).collect();
            let items: Vec<f32> = (0..n * dim).map(|i| value(i + 31)).collect();
            let mut out = vec![7.0; asked * (n + 2)];
            products((&people, &items), dim, (&mut out, n + 2));
            for (person, row) in people.chunks_exact(dim).zip(out.chunks_exact(n + 2)) {
                for (item, got) in items.chunks_exact(dim).zip(row) {
                    // The same bits, so that an answer does not depend on who else asks.
                    assert_eq!(*got, row_dot(person, item));
                    let plain: f32 = person.iter().zip(item).map(|(a, b)| a * b).sum();
                    assert!((got - plain).abs() < 1e-4, "{got} {plain}");
                }
                assert_eq!(row[n..], [7.0, 7.0]);
            }
        }
    }

    #[test]
    fn wide_loops_agree_with_plain_ones_at_every_length() {
        for n in [1usize, 3, 15, 16, 17, 32, 67] {
            for count in 0..9usize {
                let value = |i: usize| f32::from(u8::try_from(i % 13).unwrap()) - 5.0;
                let matrix: Vec<f32> = (0..n * 9).map(value).collect();
                let rows: Vec<(usize, f32)> = (0..count).map(|r| (8 - r, value(r))).collect();
                let mut out = vec![1.0; n];
                add_rows(&mut out, &matrix, &rows);
                // Small integers: every order of summation is exact.
                for (c, &got) in out.iter().enumerate() {
                    let sum: f32 = rows.iter().map(|&(r, w)| w * matrix[r * n + c]).sum();
                    assert_eq!(got, 1.0 + sum, "n {n}, {count} rows, column {c}");
                }
                let named: Vec<u32> = (0..9).rev().take(count).collect();
                let mut out = vec![1.0; n];
                sum_rows(&mut out, &matrix, &named);
                add_row(&mut out, -2.0, &matrix[..n]);
                for (c, &got) in out.iter().enumerate() {
                    let sum: f32 = named.iter().map(|&r| matrix[r as usize * n + c]).sum();
                    assert_eq!(
                        got,
                        1.0 + sum - 2.0 * matrix[c],
                        "n {n}, {count}, column {c}"
                    );
                }
            }
        }
    }
}
