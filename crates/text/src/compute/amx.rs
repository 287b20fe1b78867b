//! Matrix tiles: the AMX unit of Intel server CPUs from Sapphire Rapids on.
//!
//! The unit multiplies tiles of 16 rows by 64 bytes: bf16 with f32 sums, or 8-bit integers with
//! 32-bit sums. The intrinsics are not in stable Rust, so the few instructions are written out.
//! Beside [`mapped`](crate::mapped) and [`vnni`](super::vnni) no module of the crate has unsafe
//! code. This one multiplies blocks whose sizes are part of their types and knows
//! nothing of matrices.
//!
//! A block of the result has 32 × 32 values in four tiles. Each step reads a piece of a and one of
//! b, 4 KiB each:
//!
//! - [`Tiles::split`]: 32 values of k, each the sum of two bf16, high and low:
//!   a·b ≈ high·high + high·low + low·high (Henry, Tang and Heinecke, "Leveraging the bfloat16
//!   artificial intelligence datatype for higher-precision computations", 2019). What is left out
//!   is below 2⁻¹⁷ of |a|·|b|, against 2⁻²⁴ for an f32 product.
//! - [`Tiles::int8`]: 128 values of k, signed bytes.

use super::pieces::{Block, BytePiece, SplitPiece};

/// Proof that the CPU has tiles and that the system lets this process use them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amx(());

pub(crate) use arch::Tiles;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[expect(
    unsafe_code,
    reason = "instructions without intrinsics, in functions that check all sizes"
)]
mod arch {
    use super::{Amx, Block, BytePiece, SplitPiece};
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;
    use std::marker::PhantomData;
    use std::sync::LazyLock;

    impl Amx {
        /// Asks the CPU and the system, once.
        pub(crate) fn detect() -> Option<Self> {
            static GRANTED: LazyLock<bool> = LazyLock::new(|| {
                // Leaf 7: bf16 on tiles, tiles, 8-bit integers on tiles.
                const BITS: u32 = 1 << 22 | 1 << 24 | 1 << 25;
                is_x86_feature_detected!("avx512f")
                    && __cpuid_count(0, 0).eax >= 7
                    && __cpuid_count(7, 0).edx & BITS == BITS
                    && permitted()
            });
            GRANTED.then_some(Self(()))
        }
    }

    /// The kernel hands out the 8 KiB of tile registers on request, process by process.
    fn permitted() -> bool {
        const REQUEST_COMPONENT: libc::c_long = 0x1023;
        const TILE_DATA: libc::c_long = 18;
        // SAFETY: the call takes two numbers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST_COMPONENT, TILE_DATA) == 0 }
    }

    /// Palette 1, eight tiles of 16 rows by 64 bytes; the layout is the instruction's.
    #[repr(C, align(64))]
    struct Shapes([u8; 64]);

    const SHAPES: Shapes = {
        let mut bytes = [0; 64];
        bytes[0] = 1;
        let mut tile = 0;
        while tile < 8 {
            bytes[16 + 2 * tile] = 64;
            bytes[48 + tile] = 16;
            tile += 1;
        }
        Shapes(bytes)
    };

    /// The tile registers of this thread, shaped; given back when dropped, so that a switch to
    /// another thread does not have to save them.
    #[derive(Debug)]
    pub(crate) struct Tiles(PhantomData<*const ()>);

    /// A block of sums: the steps given are those for one piece of a and one of b, at `{a}` and
    /// `{b}`, and add to the four tiles tmm0 to tmm3, row by row of tiles.
    macro_rules! sum_of_products {
        ($a:ident, $b:ident, $out:ident; $($step:literal,)+) => {{
            let steps = $a.len().min($b.len());
            if steps == 0 {
                *$out = Block::default();
                return;
            }
            // SAFETY: the loop reads `steps` pieces of 4,096 bytes from each slice, which hold as
            // many, and writes the 4,096 bytes of `out`. The registers are shaped, as `self`
            // exists and cannot leave its thread.
            unsafe {
                asm!(
                    "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                    "2:",
                    $($step,)+
                    "add {a}, 4096",
                    "add {b}, 4096",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{out} + {row}], tmm0",
                    "tilestored [{out} + {row} + 64], tmm1",
                    "tilestored [{out} + {row} + 2048], tmm2",
                    "tilestored [{out} + {row} + 2112], tmm3",
                    a = inout(reg) $a.as_ptr() => _,
                    b = inout(reg) $b.as_ptr() => _,
                    steps = inout(reg) steps => _,
                    line = in(reg) 64usize,
                    row = in(reg) 128usize,
                    out = in(reg) $out.0.as_mut_ptr(),
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack)
                );
            }
        }};
    }

    impl Tiles {
        /// Shapes the registers of the thread that calls.
        pub(crate) fn new(_: Amx) -> Self {
            // SAFETY: an `Amx` says that the instruction exists; it reads 64 bytes at the address.
            unsafe {
                asm!(
                    "ldtilecfg [{shapes}]",
                    shapes = in(reg) SHAPES.0.as_ptr(),
                    options(nostack, readonly)
                );
            }
            Self(PhantomData)
        }

        /// out = Σ a\[i\]·b\[i\] over the pieces both have.
        pub(crate) fn split(&self, a: &[SplitPiece], b: &[SplitPiece], out: &mut Block<f32>) {
            sum_of_products!(
                a, b, out;
                // a's low halves times b's high ones.
                "tileloadd tmm4, [{a} + {line}]",
                "tileloadd tmm6, [{b} + {line}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {line} + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a} + {line} + 1024]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // High times high.
                "tileloadd tmm4, [{a} + {line} + 2048]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{a} + {line} + 3072]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // High times low.
                "tileloadd tmm6, [{b} + {line} + 2048]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {line} + 3072]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
            );
        }

        /// out = Σ a\[i\]·b\[i\] over the pieces both have.
        pub(crate) fn int8(&self, a: &[BytePiece], b: &[BytePiece], out: &mut Block<i32>) {
            sum_of_products!(
                a, b, out;
                "tileloadd tmm4, [{a} + {line}]",
                "tileloadd tmm6, [{b} + {line}]",
                "tdpbssd tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {line} + 1024]",
                "tdpbssd tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a} + {line} + 1024]",
                "tdpbssd tmm2, tmm5, tmm6",
                "tdpbssd tmm3, tmm5, tmm7",
                "tileloadd tmm4, [{a} + {line} + 2048]",
                "tileloadd tmm6, [{b} + {line} + 2048]",
                "tdpbssd tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {line} + 3072]",
                "tdpbssd tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a} + {line} + 3072]",
                "tdpbssd tmm2, tmm5, tmm6",
                "tdpbssd tmm3, tmm5, tmm7",
            );
        }
    }

    impl Drop for Tiles {
        fn drop(&mut self) {
            // SAFETY: `new` has shaped the registers of this thread.
            unsafe {
                asm!("tilerelease", options(nostack, nomem));
            }
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod arch {
    use super::{Amx, Block, BytePiece, SplitPiece};
    use std::convert::Infallible;

    impl Amx {
        /// There are no tiles here.
        pub(crate) fn detect() -> Option<Self> {
            None
        }
    }

    /// Never made.
    #[derive(Debug)]
    pub(crate) struct Tiles(Infallible);

    impl Tiles {
        pub(crate) fn new(_: Amx) -> Self {
            unreachable!("no `Amx` is ever made here")
        }

        pub(crate) fn split(&self, _: &[SplitPiece], _: &[SplitPiece], _: &mut Block<f32>) {
            match self.0 {}
        }

        pub(crate) fn int8(&self, _: &[BytePiece], _: &[BytePiece], _: &mut Block<i32>) {
            match self.0 {}
        }
    }
}
