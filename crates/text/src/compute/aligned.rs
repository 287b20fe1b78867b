//! A buffer of f32 that starts on a cache line, so that no vector load straddles two.

/// Bytes of a cache line, and of the widest vector register.
const LINE: usize = 64;

/// A growable buffer whose first value lies on a multiple of 64 bytes.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    data: Vec<f32>,
    start: usize,
}

impl Aligned {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let data = vec![0.0; len + LINE / size_of::<f32>()];
        let start = data.as_ptr().align_offset(LINE);
        Self { data, start }
    }

    /// The first `len` values, grown with zeros where there are fewer; what they held is lost
    /// when the buffer grows.
    pub(crate) fn at_least(&mut self, len: usize) -> &mut [f32] {
        if self.data.len() < len + LINE / size_of::<f32>() {
            *self = Self::zeros(len);
        }
        &mut self.data[self.start..self.start + len]
    }

    /// The first `len` values of a buffer that has as many.
    pub(crate) fn get(&self, len: usize) -> &[f32] {
        &self.data[self.start..self.start + len]
    }
}
