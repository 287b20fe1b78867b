//! A matrix whose rows are looked up one by one: the vectors of tokens.
//!
//! Of a vocabulary of 250,000 a catalogue uses a part, so the rows stay in the mapped file, in the
//! precision they have there, and are widened as they are read.

use crate::compute::from_finite_f16;
use memmap2::Mmap;
use std::sync::Arc;

/// A table `[rows, dim]`.
#[derive(Debug)]
pub(crate) struct Table {
    dim: usize,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Owned(Vec<f32>),
    Mapped {
        map: Arc<Mmap>,
        from: usize,
        stored: Stored,
    },
}

/// How the values lie in a file.
#[derive(Debug)]
pub(crate) enum Stored {
    /// Little-endian f32.
    Single,
    /// Little-endian f16, all finite.
    Half,
    /// Signed bytes; each row has what it is multiplied by.
    Bytes(Vec<f32>),
}

impl Stored {
    /// Bytes of a value.
    fn size(&self) -> usize {
        match self {
            Self::Single => 4,
            Self::Half => 2,
            Self::Bytes(_) => 1,
        }
    }
}

impl Table {
    /// A table in memory.
    pub(crate) fn new(values: Vec<f32>, dim: usize) -> Self {
        Self {
            dim,
            values: Values::Owned(values),
        }
    }

    /// A table that begins at a byte of a mapped file, which holds as many rows as are asked for.
    pub(crate) fn mapped(map: Arc<Mmap>, from: usize, dim: usize, stored: Stored) -> Self {
        Self {
            dim,
            values: Values::Mapped { map, from, stored },
        }
    }

    /// Writes row `i` to `out`, `[dim]`.
    pub(crate) fn read(&self, i: usize, out: &mut [f32]) {
        let (map, from, stored) = match &self.values {
            Values::Owned(values) => {
                out.copy_from_slice(&values[i * self.dim..(i + 1) * self.dim]);
                return;
            }
            Values::Mapped { map, from, stored } => (map, from, stored),
        };
        let width = self.dim * stored.size();
        let bytes = &map[from + i * width..from + (i + 1) * width];
        match stored {
            Stored::Single => {
                for (x, &bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *x = f32::from_le_bytes(bytes);
                }
            }
            Stored::Half => {
                for (x, &bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *x = from_finite_f16(u16::from_le_bytes(bytes));
                }
            }
            Stored::Bytes(scales) => {
                for (x, &byte) in out.iter_mut().zip(bytes) {
                    *x = f32::from(byte.cast_signed()) * scales[i];
                }
            }
        }
    }
}
