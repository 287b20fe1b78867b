//! Eigenvectors of a symmetric matrix.
//!
//! One thread does it all: faer cuts the decomposition by the number of threads it is given, which
//! would change the last digits.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{
    ComputeEigenvectors, EvdError, self_adjoint_evd, self_adjoint_evd_scratch,
};
use faer::traits::RealField;
use faer::{Mat, MatRef, Par};

/// The eigenvalues of a symmetric matrix, upwards, and the eigenvectors as columns in their order;
/// its lower triangle is read.
///
/// # Errors
/// [`EvdError`] if they do not converge.
pub fn symmetric_eigen<T: RealField>(matrix: MatRef<'_, T>) -> Result<(Vec<T>, Mat<T>), EvdError> {
    let n = matrix.nrows();
    let mut values = Diag::<T>::zeros(n);
    let mut vectors = Mat::<T>::zeros(n, n);
    let settings = Default::default();
    let scratch = self_adjoint_evd_scratch::<T>(n, ComputeEigenvectors::Yes, Par::Seq, settings);
    self_adjoint_evd(
        matrix,
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        settings,
    )?;
    let values = values.column_vector().iter().cloned().collect();
    Ok((values, vectors))
}
