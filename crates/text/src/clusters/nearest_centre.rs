//! The nearest and the second nearest of some centres to each of many rows.
//!
//! Products of a block of rows with all centres are one matrix product. A block is a fixed number
//! of rows and has one thread, so the number of threads changes no digit.

use super::index;
use crate::Vectors;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Rows of a block.
const BLOCK: usize = 512;

/// What is nearest to a row: the score is `x·c − |c|²/2`, which is largest where the Euclidean
/// distance is smallest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// Its number.
    pub centre: u32,
    /// Its score.
    pub score: f32,
    /// That of the second nearest; minus infinity where there is one alone.
    pub second: f32,
}

/// The inner product of two vectors of one length.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums side by side, which the compiler makes one vector of.
    let mut sums = [0.0_f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8
        .remainder()
        .iter()
        .zip(b8.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a8.zip(b8) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// `[rows, k]` inner products of a block of rows with all centres.
fn products(rows: &[f32], centres: &Vectors, out: &mut Vec<f32>) {
    let (dim, k) = (centres.dim(), centres.len());
    let n = rows.len() / dim;
    out.clear();
    out.resize(n * k, 0.0);
    matmul(
        MatMut::from_row_major_slice_mut(out, n, k),
        Accum::Replace,
        MatRef::from_row_major_slice(rows, n, dim),
        MatRef::from_row_major_slice(centres.as_slice(), k, dim).transpose(),
        1.0,
        Par::Seq,
    );
}

/// Calls `each` for every row with its products with all centres; answers come in order.
pub fn for_each_row<T: Send>(
    rows: &Vectors,
    centres: &Vectors,
    each: impl Fn(usize, &[f32]) -> T + Sync,
) -> Vec<T> {
    let (dim, k) = (rows.dim(), centres.len());
    rows.as_slice()
        .par_chunks(BLOCK * dim)
        .enumerate()
        .flat_map_iter(|(block, rows)| {
            let mut out = Vec::new();
            products(rows, centres, &mut out);
            let answers: Vec<T> = out
                .chunks_exact(k)
                .enumerate()
                .map(|(i, products)| each(block * BLOCK + i, products))
                .collect();
            answers
        })
        .collect()
}

/// The nearest centre of each row.
#[must_use]
pub fn nearest(rows: &Vectors, centres: &Vectors) -> Vec<Nearest> {
    let halves: Vec<f32> = centres.rows().map(|c| dot(c, c) / 2.0).collect();
    for_each_row(rows, centres, |_, products| {
        let mut best = Nearest {
            centre: 0,
            score: f32::NEG_INFINITY,
            second: f32::NEG_INFINITY,
        };
        for (centre, (product, half)) in products.iter().zip(&halves).enumerate() {
            let score = product - half;
            if score > best.score {
                best.second = best.score;
                best.score = score;
                best.centre = index(centre);
            } else if score > best.second {
                best.second = score;
            }
        }
        best
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_product_counts_the_rest_too() {
        let a: Vec<f32> = (1_u8..=11).map(f32::from).collect();
        // 1² + … + 11² = 11·12·23 / 6
        assert_eq!(dot(&a, &a), 506.0);
    }

    /// Centres (0,0), (4,0), (0,3). Of (3,1) they are √10, √2 and √13 away; scores are 0,
    /// 12 − 8 = 4 and 3 − 4.5.
    #[test]
    fn the_nearest_by_hand() {
        let centres = Vectors::new(2, vec![0.0, 0.0, 4.0, 0.0, 0.0, 3.0]);
        let rows = Vectors::new(2, vec![3.0, 1.0, 0.0, 3.0]);
        let found = nearest(&rows, &centres);
        let want = Nearest {
            centre: 1,
            score: 4.0,
            second: 0.0,
        };
        assert_eq!(found[0], want);
        assert_eq!((found[1].centre, found[1].score), (2, 4.5));
    }
}
