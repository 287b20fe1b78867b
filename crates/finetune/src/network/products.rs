//! Matrix products over row-major slices, each on the thread that asks for it.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// A matrix in a slice: rows, columns, and the distance between two rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) stride: usize,
}

impl View {
    /// Rows without gaps.
    pub(super) fn of(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns,
            stride: columns,
        }
    }

    /// Some columns of wider rows.
    pub(super) fn within(rows: usize, columns: usize, stride: usize) -> Self {
        Self {
            rows,
            columns,
            stride,
        }
    }

    pub(super) fn read(self, values: &[f32]) -> MatRef<'_, f32> {
        MatRef::from_row_major_slice_with_stride(values, self.rows, self.columns, self.stride)
    }

    pub(super) fn write(self, values: &mut [f32]) -> MatMut<'_, f32> {
        // As the transpose, because faer 0.24.4 takes rows for columns in the function for rows.
        MatMut::from_column_major_slice_with_stride_mut(
            values,
            self.columns,
            self.rows,
            self.stride,
        )
        .transpose_mut()
    }
}

/// Whether a product replaces what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Into {
    Replace,
    Add,
}

/// `to = scale · a · b`, or that added to it.
pub(super) fn product(
    to: MatMut<'_, f32>,
    into: Into,
    (a, b): (MatRef<'_, f32>, MatRef<'_, f32>),
    scale: f32,
) {
    let accum = match into {
        Into::Replace => Accum::Replace,
        Into::Add => Accum::Add,
    };
    matmul(to, accum, a, b, scale, Par::Seq);
}
