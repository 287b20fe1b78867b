//! Matrix products in f32 with weights that are kept in two bytes or one.
//!
//! A panel of [`WIDTH`] columns is unpacked into the second-level cache and multiplied with all
//! rows before the next one: k·n conversions to m·n·k multiplications.

use super::half::{from_finite_f16, to_f16};
use super::matrix::Matrix;
use super::product::{Finish, Product, WIDTH};
use pulp::{Simd, WithSimd};

/// Weights in panels of columns, `[panel, k, WIDTH]`.
#[derive(Debug)]
pub(crate) enum NarrowWeights {
    /// f16, by its bits.
    Half(Vec<u16>),
    /// Bytes, and the scales of the columns, `[panel, WIDTH]`.
    Bytes(Vec<i8>, Vec<[f32; WIDTH]>),
}

impl NarrowWeights {
    /// Packs a matrix of `k` inputs; one that is in f32 becomes f16.
    pub(crate) fn pack(weight: Matrix, k: usize) -> Self {
        match weight {
            Matrix::Single(values) => {
                let halves: Vec<u16> = values.into_iter().map(to_f16).collect();
                Self::Half(columns(&halves, k))
            }
            Matrix::Half(values) => Self::Half(columns(&values, k)),
            Matrix::Bytes { values, scales } => {
                let panels = scales.chunks(WIDTH).map(|scales| {
                    let mut panel = [0.0; WIDTH];
                    panel[..scales.len()].copy_from_slice(scales);
                    panel
                });
                Self::Bytes(columns(&values, k), panels.collect())
            }
        }
    }

    /// Writes a panel of `[k, WIDTH]` values in f32.
    #[inline(always)]
    fn unpack(&self, panel: usize, columns: &mut [f32]) {
        let from = panel * columns.len();
        match self {
            Self::Half(values) => {
                let values = &values[from..from + columns.len()];
                for (x, &half) in columns.iter_mut().zip(values) {
                    *x = from_finite_f16(half);
                }
            }
            Self::Bytes(values, scales) => {
                let values = values[from..from + columns.len()].as_chunks::<WIDTH>().0;
                let scales = &scales[panel];
                for (line, values) in columns.as_chunks_mut::<WIDTH>().0.iter_mut().zip(values) {
                    for i in 0..WIDTH {
                        line[i] = f32::from(values[i]) * scales[i];
                    }
                }
            }
        }
    }
}

/// The rows of a matrix as columns of panels.
fn columns<T: Copy + Default>(values: &[T], k: usize) -> Vec<T> {
    let n = values.len() / k;
    let mut panels = vec![T::default(); n.div_ceil(WIDTH) * WIDTH * k];
    for (i, row) in values.chunks_exact(k).enumerate() {
        let panel = &mut panels[i / WIDTH * WIDTH * k..][..WIDTH * k];
        for (line, &x) in panel.as_chunks_mut::<WIDTH>().0.iter_mut().zip(row) {
            line[i % WIDTH] = x;
        }
    }
    panels
}

/// out = finish(a·b + bias) for rows of a without gaps.
pub(crate) struct NarrowProduct<'a> {
    /// `[m, k]`.
    pub(crate) a: &'a [f32],
    pub(crate) k: usize,
    pub(crate) b: &'a NarrowWeights,
    /// `[n]`.
    pub(crate) bias: &'a [f32],
    /// `[m, n]`.
    pub(crate) out: &'a mut [f32],
    pub(crate) finish: Finish,
    /// For one panel, `[k, WIDTH]`.
    pub(crate) columns: &'a mut [f32],
}

impl WithSimd for NarrowProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let n = self.bias.len();
        if self.out.is_empty() {
            return;
        }
        for (panel, bias) in self.bias.chunks(WIDTH).enumerate() {
            self.b.unpack(panel, self.columns);
            Product::<WIDTH> {
                a: self.a,
                a_stride: self.k,
                b: self.columns,
                k: self.k,
                n: bias.len(),
                bias,
                out: &mut self.out[panel * WIDTH..],
                out_stride: n,
                finish: self.finish,
            }
            .run(simd);
        }
    }
}
