//! Leading eigenvectors of a symmetric map without negative eigenvalues that is only ever applied,
//! never formed, by randomised subspace iteration (Halko, Martinsson and Tropp 2011).
//!
//! A random block is mapped and made orthonormal again, `ROUNDS` times; then the map is
//! diagonalised within what the block spans. The block is wider than what is asked for, so that the
//! directions near the cut have time to settle; those nearest to it may still be mixed with their
//! neighbours outside, which have nearly the same eigenvalue.
//!
//! The map may use all threads. The rest is done by one: faer cuts a decomposition by the number of
//! threads it is given, which would change the last digits.

use crate::ModelError;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::householder;
use faer::linalg::matmul::matmul;
use faer::linalg::qr::no_pivoting::factor;
use faer::{Accum, Conj, Mat, MatMut, MatRef, Par};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use semrec_text::symmetric_eigen;

/// Times the block is mapped.
const ROUNDS: usize = 8;
/// Columns of the block beyond those asked for.
const SPARE: usize = 16;
/// An eigenvalue below this share of the greatest is taken for 0.
const NOTHING: f32 = 1e-5;

/// A map of vectors of `size` values.
#[derive(Clone, Copy)]
pub(crate) struct Map<'a> {
    /// Of which model, for messages.
    pub(crate) model: &'static str,
    pub(crate) size: usize,
    /// Maps each column of a block `[size, width]`, row-major.
    pub(crate) apply: &'a dyn Fn(&[f32], usize) -> Vec<f32>,
}

/// Eigenvectors and what belongs to them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spectrum {
    /// `[size, found]` row-major.
    pub(crate) vectors: Vec<f32>,
    /// `[found]`, in the order of the vectors: greatest last.
    pub(crate) values: Vec<f32>,
}

/// At most `rank` leading eigenvectors.
///
/// # Errors
/// [`ModelError::Training`] if the eigenvectors do not converge.
pub(crate) fn leading(map: Map<'_>, rank: usize, seed: u64) -> Result<Spectrum, ModelError> {
    let n = map.size;
    let width = (rank + SPARE).min(n);
    if rank == 0 || width == 0 {
        return Ok(Spectrum::default());
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut block: Vec<f32> = vec![0.0; n * width];
    block.fill_with(|| rng.random_range(-1.0..1.0));
    for _ in 0..ROUNDS {
        block = orthonormal(&(map.apply)(&block, width), width);
    }
    let (values, vectors) = within(map, &block, width)?;
    // faer sorts eigenvalues upwards, and so they stay.
    let floor = NOTHING * values[width - 1];
    let found = (values.iter().rev().take(rank))
        .take_while(|&&value| value > floor)
        .count();
    let mut basis = vec![0.0; n * found];
    matmul(
        MatMut::from_row_major_slice_mut(&mut basis, n, found),
        Accum::Replace,
        MatRef::from_row_major_slice(&block, n, width),
        vectors.as_ref().subcols(width - found, found),
        1.0,
        Par::Seq,
    );
    Ok(Spectrum {
        vectors: basis,
        values: values[width - found..].to_vec(),
    })
}

/// Eigenvalues of the map within what the block spans, upwards, and eigenvectors, `[width, width]`.
fn within(map: Map<'_>, block: &[f32], width: usize) -> Result<(Vec<f32>, Mat<f32>), ModelError> {
    let n = block.len() / width;
    let mut matrix = Mat::<f32>::zeros(width, width);
    matmul(
        matrix.as_mut(),
        Accum::Replace,
        MatRef::from_row_major_slice(block, n, width).transpose(),
        MatRef::from_row_major_slice(&(map.apply)(block, width), n, width),
        1.0,
        Par::Seq,
    );
    symmetric_eigen(matrix.as_ref()).map_err(|e| ModelError::Training {
        model: map.model,
        problem: format!("no eigenvectors were found: {e:?}"),
    })
}

/// Orthonormal columns that span what those of `block`, `[n, width]` row-major, span, by Householder
/// reflections; columns that depend on the others are replaced by some that do not.
fn orthonormal(block: &[f32], width: usize) -> Vec<f32> {
    let n = block.len() / width;
    let mut basis = Mat::zeros(n, width);
    basis.copy_from(MatRef::from_row_major_slice(block, n, width));
    let size = factor::recommended_block_size::<f32>(n, width);
    let mut coefficients = Mat::zeros(size, width);
    let scratch = factor::qr_in_place_scratch::<f32>(n, width, size, Par::Seq, Default::default());
    factor::qr_in_place(
        basis.as_mut(),
        coefficients.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    );
    let mut q = Mat::<f32>::identity(n, width);
    let scratch = householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<f32>(
        n, size, width,
    );
    householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
        basis.as_ref(),
        coefficients.as_ref(),
        Conj::No,
        q.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
    );
    let mut out = vec![0.0; n * width];
    MatMut::from_row_major_slice_mut(&mut out, n, width).copy_from(q);
    out
}
