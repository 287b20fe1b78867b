//! The cells of one row in one buffer, used again for the next row.

/// Cells end to end, with the place where each ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cells {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
    pub(super) len: usize,
    /// Line of the file the row begins in, from 1.
    pub(crate) line: u64,
    /// Place of the row's first byte in the (decompressed) file.
    pub(crate) offset: u64,
}

impl Cells {
    /// Number of cells.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// One cell; empty past the last.
    pub(crate) fn get(&self, i: usize) -> &[u8] {
        if i >= self.len {
            return &[];
        }
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.len = 0;
    }

    pub(super) fn push(&mut self, cell: &[u8]) {
        self.bytes.extend_from_slice(cell);
        self.ends.push(self.bytes.len());
        self.len += 1;
    }

    /// Cuts off or adds empty cells.
    pub(super) fn resize(&mut self, n: usize) {
        let end = if self.len == 0 {
            0
        } else {
            self.ends[self.len - 1]
        };
        self.ends.truncate(self.len);
        self.ends.resize(n, end);
        self.len = n;
    }
}
