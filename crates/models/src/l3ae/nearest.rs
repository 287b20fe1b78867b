//! Item-item weights out of texts alone: near texts, the nearest far ahead of the rest.
//!
//! ```text
//! C_kj = scale · max(0, ⟨y_k, y_j⟩)^sharpness   for the `neighbours` nearest k of j,   C_jj = 0
//! ```
//!
//! over whitened vectors `y` of unit length. 8 bytes a neighbour.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use semrec_text::Vectors;

/// Columns whose cosines are held at once, by each thread.
const BLOCK: usize = 64;

/// What the weights are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel {
    pub(super) neighbours: usize,
    pub(super) sharpness: f32,
    pub(super) scale: f32,
}

/// Column `j` holds the rows `k` and weights `C_kj` above 0, rows in order.
pub(super) type Columns = Vec<Vec<(u32, f32)>>;

/// The weights among the rows of `vectors`, `[n, dim]`, of unit length or zero.
pub(super) fn nearest(vectors: &Vectors, kernel: Kernel) -> Columns {
    let (n, dim) = (vectors.len(), vectors.dim());
    let all = MatRef::from_row_major_slice(vectors.as_slice(), n, dim);
    let blocks: Vec<Columns> = vectors
        .as_slice()
        .par_chunks(BLOCK * dim)
        .enumerate()
        .map(|(block, rows)| {
            let count = rows.len() / dim;
            let mut cosines = vec![0.0f32; count * n];
            matmul(
                MatMut::from_row_major_slice_mut(&mut cosines, count, n),
                Accum::Replace,
                MatRef::from_row_major_slice(rows, count, dim),
                all.transpose(),
                1.0,
                Par::Seq,
            );
            cosines
                .chunks_exact(n)
                .zip(block * BLOCK..)
                .map(|(cosines, j)| column(cosines, j, kernel))
                .collect()
        })
        .collect();
    blocks.into_iter().flatten().collect()
}

fn column(cosines: &[f32], own: usize, kernel: Kernel) -> Vec<(u32, f32)> {
    let mut near: Vec<(u32, f32)> = (0u32..)
        .zip(cosines)
        .filter(|&(k, &cosine)| k as usize != own && cosine > 0.0)
        .map(|(k, &cosine)| (k, cosine))
        .collect();
    if near.len() > kernel.neighbours {
        near.select_nth_unstable_by(kernel.neighbours, |a, b| {
            b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
        });
        near.truncate(kernel.neighbours);
        near.sort_unstable_by_key(|&(k, _)| k);
    }
    // Room for every item above 0 would be as large as another item × item matrix.
    near.shrink_to_fit();
    for (_, weight) in &mut near {
        *weight = kernel.scale * weight.powf(kernel.sharpness);
    }
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cosines from (1, 0): 0.8, 0.6, -1; sharpness 2 and scale 10 make 6.4 and 3.6 of them.
    #[test]
    fn the_nearest_of_each_item_by_hand() {
        let vectors = Vectors::new(2, vec![1.0, 0.0, 0.8, 0.6, 0.6, 0.8, -1.0, 0.0, 0.0, 0.0]);
        let kernel = |neighbours| Kernel {
            neighbours,
            sharpness: 2.0,
            scale: 10.0,
        };
        let both = nearest(&vectors, kernel(2));
        assert_eq!(both[0].iter().map(|w| w.0).collect::<Vec<_>>(), [1, 2]);
        for ((_, got), expected) in both[0].iter().zip([6.4, 3.6]) {
            assert!((got - expected).abs() < 1e-5, "{both:?}");
        }
        assert_eq!(nearest(&vectors, kernel(1))[0].len(), 1);
        assert!(both[3].is_empty() && both[4].is_empty());
    }
}
