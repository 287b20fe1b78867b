//! Buffers of f32 that start on a cache line, so that no vector load straddles two, and large ones
//! on huge pages, so that the processor looks up fewer addresses.

use memmap2::MmapMut;
use pulp::bytemuck;

/// Bytes of a cache line, and of the widest vector register.
const LINE: usize = 64;
/// Bytes of a huge page of x86-64, and of the usual ones of ARM64.
const HUGE: usize = 2 << 20;
/// Bytes of a value.
const SIZE: usize = size_of::<f32>();

/// A growable buffer whose first value lies on a multiple of 64 bytes.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    memory: Memory,
    start: usize,
}

#[derive(Debug)]
enum Memory {
    Heap(Vec<f32>),
    Pages(MmapMut),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Heap(Vec::new())
    }
}

impl Memory {
    fn values(&self) -> &[f32] {
        match self {
            Self::Heap(values) => values,
            Self::Pages(bytes) => bytemuck::cast_slice(bytes),
        }
    }

    fn values_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Heap(values) => values,
            Self::Pages(bytes) => bytemuck::cast_slice_mut(bytes),
        }
    }
}

impl Aligned {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        if let Some(buffer) = Self::huge(len) {
            return buffer;
        }
        let values = vec![0.0; len + LINE / SIZE];
        let start = values.as_ptr().align_offset(LINE);
        let memory = Memory::Heap(values);
        Self { memory, start }
    }

    /// `len` zeros on huge pages, where that many fill one and the system gives them; what is behind
    /// the last whole one stays on small pages.
    fn huge(len: usize) -> Option<Self> {
        if len * SIZE < HUGE {
            return None;
        }
        let bytes = MmapMut::map_anon(len * SIZE + HUGE).ok()?;
        let start = bytes.as_ptr().align_offset(HUGE);
        // A hint: without huge pages all is the same, but slower.
        #[cfg(target_os = "linux")]
        let _ = bytes.advise_range(memmap2::Advice::HugePage, start, len * SIZE / HUGE * HUGE);
        let memory = Memory::Pages(bytes);
        let start = start / SIZE;
        Some(Self { memory, start })
    }

    /// The first `len` values, grown with zeros where there are fewer; what they held is lost
    /// when the buffer grows.
    pub(crate) fn at_least(&mut self, len: usize) -> &mut [f32] {
        if self.memory.values().len() < self.start + len {
            *self = Self::zeros(len);
        }
        &mut self.memory.values_mut()[self.start..self.start + len]
    }

    /// The first `len` values of a buffer that has as many.
    pub(crate) fn get(&self, len: usize) -> &[f32] {
        &self.memory.values()[self.start..self.start + len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_hold_zeros_and_begin_where_they_should() {
        for len in [2, 1000, HUGE / SIZE - 1, HUGE / SIZE, 3 * HUGE / SIZE + 5] {
            let mut buffer = Aligned::default();
            for grown in [len / 2, len] {
                let values = buffer.at_least(grown);
                assert_eq!(values.len(), grown);
                assert!(values.iter().all(|&x| x == 0.0), "{grown} of {len}");
                let line = if grown * SIZE < HUGE { LINE } else { HUGE };
                assert_eq!(values.as_ptr().align_offset(line), 0, "{grown} of {len}");
            }
            buffer.at_least(len).fill(2.5);
            assert_eq!(buffer.at_least(len / 2).len(), len / 2);
            assert!(
                buffer.get(len).iter().all(|&x| x == 2.5),
                "{len} values stay"
            );
        }
    }
}
