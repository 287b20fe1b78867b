//! Sums of products of bytes on vector registers: AVX-512 VNNI and AVX-VNNI.
//!
//! The same blocks and pieces as [`amx`](super::amx), for CPUs without tiles: `vpdpbusd` adds four
//! products of an unsigned and a signed byte to a 32-bit sum, and a line of a piece of b is just
//! what it takes. The unsigned side is a, so its bytes come with 128 added
//! ([`Vnni::OFFSET`]); who calls takes 128·Σb off again.

use super::pieces::{Block, BytePiece};

/// Proof that the CPU has the instruction, and how wide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vnni(Width);

#[derive(Clone, Copy, Debug)]
enum Width {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Vnni {
    /// What the bytes of a are too large by.
    pub(crate) const OFFSET: i32 = 128;

    /// Asks the CPU.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
                return Some(Self(Width::Avx512));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni") {
                return Some(Self(Width::Avx2));
            }
        }
        None
    }

    /// out = Σ a\[i\]·b\[i\] over the pieces both have, the bytes of a read as unsigned.
    pub(crate) fn block(self, a: &[BytePiece], b: &[BytePiece], out: &mut Block<i32>) {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "calls functions compiled for the CPU found")]
        match self.0 {
            // SAFETY: `detect` found AVX-512 VNNI.
            Width::Avx512 => unsafe { x86::avx512(a, b, out) },
            // SAFETY: `detect` found AVX-VNNI.
            Width::Avx2 => unsafe { x86::avx2(a, b, out) },
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = (a, b, out);
            match self.0 {}
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Block, BytePiece};
    use std::arch::x86_64::{
        __m256i, __m512i, _mm256_dpbusd_avx_epi32, _mm256_set1_epi32, _mm256_setzero_si256,
        _mm512_dpbusd_epi32, _mm512_set1_epi32, _mm512_setzero_si512,
    };

    /// Rows whose sums are in registers at once: 16 of 32 registers.
    const ROWS_512: usize = 8;
    /// Rows whose sums are in registers at once: 8 of 16 registers.
    const ROWS_256: usize = 2;

    /// Four bytes of a row of a.
    #[inline(always)]
    fn four(piece: &[i8; 4096], at: usize) -> i32 {
        let four: [i8; 4] = [piece[at], piece[at + 1], piece[at + 2], piece[at + 3]];
        i32::from_le_bytes(four.map(i8::cast_unsigned))
    }

    #[expect(unsafe_code, reason = "bytes as the register that holds them")]
    #[target_feature(enable = "avx512f")]
    fn load_512(line: &[i8]) -> __m512i {
        let bytes: [i8; 64] = line.first_chunk().copied().unwrap_or([0; 64]);
        // SAFETY: both are 64 bytes without padding, and any bytes are a register.
        unsafe { std::mem::transmute(bytes) }
    }

    #[expect(unsafe_code, reason = "bytes as the register that holds them")]
    #[target_feature(enable = "avx2")]
    fn load_256(line: &[i8]) -> __m256i {
        let bytes: [i8; 32] = line.first_chunk().copied().unwrap_or([0; 32]);
        // SAFETY: both are 32 bytes without padding, and any bytes are a register.
        unsafe { std::mem::transmute(bytes) }
    }

    #[expect(unsafe_code, reason = "a register as the numbers in it")]
    #[target_feature(enable = "avx512f")]
    fn numbers_512(sums: __m512i) -> [i32; 16] {
        // SAFETY: both are 64 bytes without padding, and any bytes are numbers.
        unsafe { std::mem::transmute(sums) }
    }

    #[expect(unsafe_code, reason = "a register as the numbers in it")]
    #[target_feature(enable = "avx2")]
    fn numbers_256(sums: __m256i) -> [i32; 8] {
        // SAFETY: both are 32 bytes without padding, and any bytes are numbers.
        unsafe { std::mem::transmute(sums) }
    }

    /// A block, eight rows by two registers of columns at a time.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn avx512(a: &[BytePiece], b: &[BytePiece], out: &mut Block<i32>) {
        for first in (0..32).step_by(ROWS_512) {
            let mut sums = [[_mm512_setzero_si512(); 2]; ROWS_512];
            for (a, b) in a.iter().zip(b) {
                for half in 0..2 {
                    let rows = half * 2048 + first / 16 * 1024 + first % 16 * 64;
                    for line in 0..16 {
                        let at = half * 2048 + line * 64;
                        let columns = [
                            load_512(&b.0[at..at + 64]),
                            load_512(&b.0[at + 1024..at + 1088]),
                        ];
                        for (r, sums) in sums.iter_mut().enumerate() {
                            let x = _mm512_set1_epi32(four(&a.0, rows + r * 64 + line * 4));
                            for (sum, column) in sums.iter_mut().zip(columns) {
                                *sum = _mm512_dpbusd_epi32(*sum, x, column);
                            }
                        }
                    }
                }
            }
            for (r, [left, right]) in sums.into_iter().enumerate() {
                let row: &mut [i32] = &mut out.0[(first + r) * 32..(first + r + 1) * 32];
                row[..16].copy_from_slice(&numbers_512(left));
                row[16..].copy_from_slice(&numbers_512(right));
            }
        }
    }

    /// A block, two rows by four registers of columns at a time.
    #[target_feature(enable = "avx2,avxvnni")]
    pub(super) fn avx2(a: &[BytePiece], b: &[BytePiece], out: &mut Block<i32>) {
        for first in (0..32).step_by(ROWS_256) {
            let mut sums = [[_mm256_setzero_si256(); 4]; ROWS_256];
            for (a, b) in a.iter().zip(b) {
                for half in 0..2 {
                    let rows = half * 2048 + first / 16 * 1024 + first % 16 * 64;
                    for line in 0..16 {
                        let at = half * 2048 + line * 64;
                        let columns = [at, at + 32, at + 1024, at + 1056]
                            .map(|at| load_256(&b.0[at..at + 32]));
                        for (r, sums) in sums.iter_mut().enumerate() {
                            let x = _mm256_set1_epi32(four(&a.0, rows + r * 64 + line * 4));
                            for (sum, column) in sums.iter_mut().zip(columns) {
                                *sum = _mm256_dpbusd_avx_epi32(*sum, x, column);
                            }
                        }
                    }
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                let row: &mut [i32] = &mut out.0[(first + r) * 32..(first + r + 1) * 32];
                for (part, sum) in row.chunks_exact_mut(8).zip(sums) {
                    part.copy_from_slice(&numbers_256(sum));
                }
            }
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// The widths this CPU has; the narrow one comes with client CPUs, so it may be neither.
    fn widths() -> Vec<Vnni> {
        let narrow = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni");
        let narrow = narrow.then_some(Vnni(Width::Avx2));
        Vnni::detect().into_iter().chain(narrow).collect()
    }

    #[test]
    fn both_widths_agree_with_the_plain_loop() {
        let piece = |seed: usize| {
            let mut piece = BytePiece::default();
            for (i, x) in piece.0.iter_mut().enumerate() {
                *x = u8::try_from((i * 31 + i / 5 + seed * 77) % 256)
                    .unwrap()
                    .cast_signed();
            }
            piece
        };
        let a = [piece(1), piece(2)];
        let b = [piece(3), piece(4)];
        let mut want = Block::<i32>::default();
        for (a, b) in a.iter().zip(&b) {
            for (i, j, k) in
                (0..32).flat_map(|i| (0..32).flat_map(move |j| (0..128).map(move |k| (i, j, k))))
            {
                let tiles = k / 64 * 2048;
                let x = a.0[tiles + i / 16 * 1024 + i % 16 * 64 + k % 64];
                let y = b.0[tiles + j / 16 * 1024 + k % 64 / 4 * 64 + j % 16 * 4 + k % 4];
                want.0[i * 32 + j] += i32::from(x.cast_unsigned()) * i32::from(y);
            }
        }
        for vnni in widths() {
            let mut got = Block::default();
            vnni.block(&a, &b, &mut got);
            assert_eq!(got.0, want.0, "{vnni:?}");
        }
    }
}
