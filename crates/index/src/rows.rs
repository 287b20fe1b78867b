//! Rows one after another, in memory of ours or in a mapped file.

use crate::IndexError;
use crate::precision::Precision;
use memmap2::Mmap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// 32-bit words that are read in place.
#[derive(Debug)]
pub(crate) enum Words {
    /// In memory of ours.
    Owned(Vec<u32>),
    /// Bytes of a mapped file, whose start and length are multiples of 4.
    Mapped(Arc<Mmap>, Range<usize>),
}

impl Words {
    #[inline]
    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Self::Owned(words) => words,
            Self::Mapped(map, range) => pulp::bytemuck::cast_slice(&map[range.clone()]),
        }
    }
}

/// Maps a file for reading.
///
/// # Errors
/// If the system does not map it.
#[expect(
    unsafe_code,
    reason = "a mapping lives in a file that others could write to"
)]
pub(crate) fn map(path: &Path, file: &File) -> Result<Arc<Mmap>, IndexError> {
    // SAFETY: bytes of the mapping must not change while it is read. This crate never writes to a
    // file under its final name: `save` fills a new file and renames it, so that an older mapping
    // keeps the older file. The documentation of `open` asks the same of everyone else. What is
    // read are words and bytes, for which every pattern is valid.
    let map = unsafe { Mmap::map(file) };
    Ok(Arc::new(
        map.map_err(|e| IndexError::file("mapping", path, e))?,
    ))
}

/// Rows of one precision; row `i` is that of item `i`.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) precision: Precision,
    pub(crate) dim: usize,
    pub(crate) words: Words,
}

impl Rows {
    /// The row of an item, if there are that many.
    #[inline]
    pub(crate) fn get(&self, item: u32) -> Option<&[u32]> {
        let width = self.precision.words(self.dim);
        let start = (item as usize).checked_mul(width)?;
        self.words.as_slice().get(start..start.checked_add(width)?)
    }
}

/// One bit an item: whether it is there.
#[derive(Debug)]
pub(crate) struct Presence(pub(crate) Words);

impl Presence {
    /// Words that `items` bits take.
    pub(crate) fn words(items: u32) -> usize {
        (items as usize).div_ceil(32)
    }

    #[inline]
    pub(crate) fn has(&self, item: u32) -> bool {
        let word = self.0.as_slice().get(item as usize / 32);
        word.is_some_and(|word| word >> (item % 32) & 1 == 1)
    }

    pub(crate) fn count(&self) -> usize {
        let ones = self
            .0
            .as_slice()
            .iter()
            .map(|word| word.count_ones() as usize);
        ones.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_bits_end_where_they_end() {
        let rows = Rows {
            precision: Precision::F32,
            dim: 2,
            words: Words::Owned(vec![1, 2, 3, 4]),
        };
        assert_eq!(rows.get(1), Some(&[3, 4][..]));
        assert_eq!((rows.get(2), rows.get(u32::MAX)), (None, None));
        // Items 0, 1 and 33 of 34.
        let bits = Presence(Words::Owned(vec![3, 2]));
        let there: Vec<u32> = (0..70).filter(|&item| bits.has(item)).collect();
        assert_eq!(there, [0, 1, 33]);
        assert_eq!((bits.count(), Presence::words(34)), (3, 2));
    }
}
