//! Asking for cache lines before they are read.
//!
//! The panels of a product are longer than the first-level cache holds, and what the processor
//! guesses of a tile's reads comes late by some hundredths of the time of a product. On other
//! processors than x86-64 nothing is asked for.

/// Values of a cache line of 64 bytes.
const LINE: usize = 16;

/// Asks for the values to be brought into the first-level cache.
#[inline(always)]
pub(crate) fn prefetch(values: &[f32]) {
    for line in values.chunks(LINE) {
        prefetch_line(line);
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[expect(unsafe_code, reason = "a hint that takes an address")]
fn prefetch_line(line: &[f32]) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: the instruction is of the baseline of x86-64, reads nothing that the program sees,
    // and faults for no address; this one is of values that are borrowed here.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn prefetch_line(_: &[f32]) {}
