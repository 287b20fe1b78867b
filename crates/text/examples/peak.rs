//! Measures what one core of this CPU can multiply, for `recipes/encoder-speed.sh`.
//!
//! usage: peak
//!
//! Prints one JSON line: multiply-adds in f32 on the widest registers, and where there are matrix
//! tiles their bf16 and 8-bit rates, in GFLOP/s (two operations a multiply-add); nothing is read
//! from memory. The rate that counts for f32 to split precision is a third of bf16's.

#![expect(
    clippy::print_stdout,
    reason = "printing its figures is what it is for"
)]

use pulp::{Arch, Simd, WithSimd};
use std::time::Instant;

/// Multiply-adds of each of [`CHAINS`] registers.
const STEPS: usize = 4_000_000;
/// Independent sums: enough to hide the latency of two units, few enough for 16 registers.
const CHAINS: usize = 12;

struct Adds;

impl WithSimd for Adds {
    type Output = (f64, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f64, f32) {
        let factor = simd.splat_f32s(std::hint::black_box(0.999_999));
        let addend = simd.splat_f32s(std::hint::black_box(1e-6));
        let mut sums = [simd.splat_f32s(1.0); CHAINS];
        let start = Instant::now();
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, factor, addend);
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let all = sums.into_iter().fold(addend, |a, b| simd.add_f32s(a, b));
        let operations = 2.0 * (STEPS * CHAINS * S::F32_LANES) as f64;
        (operations / seconds / 1e9, simd.reduce_sum_f32s(all))
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[expect(
    unsafe_code,
    reason = "instructions without intrinsics, on registers only"
)]
mod tiles {
    use std::arch::asm;
    use std::time::Instant;

    const STEPS: usize = 1_000_000;

    #[repr(C, align(64))]
    struct Shapes([u8; 64]);

    /// GFLOP/s of bf16 and of bytes.
    pub(super) fn peaks() -> Option<[f64; 2]> {
        const BITS: u32 = 1 << 22 | 1 << 24 | 1 << 25;
        let there = std::arch::x86_64::__cpuid_count(7, 0).edx & BITS == BITS;
        // SAFETY: the call takes two numbers and touches no memory of ours.
        if !there || unsafe { libc::syscall(libc::SYS_arch_prctl, 0x1023_i64, 18_i64) } != 0 {
            return None;
        }
        let mut shapes = Shapes([0; 64]);
        shapes.0[0] = 1;
        for tile in 0..8 {
            shapes.0[16 + 2 * tile] = 64;
            shapes.0[48 + tile] = 16;
        }
        let seconds = |bytes: bool| {
            let start = Instant::now();
            // SAFETY: the CPU has tiles and the system lets us use them; 64 bytes are read, and
            // the registers are given back.
            unsafe {
                asm!(
                    "ldtilecfg [{shapes}]",
                    "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                    "tilezero tmm4", "tilezero tmm5", "tilezero tmm6", "tilezero tmm7",
                    "test {bytes}, {bytes}",
                    "jnz 3f",
                    "2:",
                    "tdpbf16ps tmm0, tmm4, tmm6", "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm2, tmm5, tmm6", "tdpbf16ps tmm3, tmm5, tmm7",
                    "dec {steps}",
                    "jnz 2b",
                    "jmp 4f",
                    "3:",
                    "tdpbssd tmm0, tmm4, tmm6", "tdpbssd tmm1, tmm4, tmm7",
                    "tdpbssd tmm2, tmm5, tmm6", "tdpbssd tmm3, tmm5, tmm7",
                    "dec {steps}",
                    "jnz 3b",
                    "4:",
                    "tilerelease",
                    shapes = in(reg) shapes.0.as_ptr(),
                    bytes = in(reg) usize::from(bytes),
                    steps = inout(reg) STEPS => _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack, readonly)
                );
            }
            start.elapsed().as_secs_f64()
        };
        let products = (4 * STEPS * 16 * 16) as f64 * 2.0;
        Some([
            products * 32.0 / seconds(false) / 1e9,
            products * 64.0 / seconds(true) / 1e9,
        ])
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod tiles {
    /// There are none here.
    pub(super) fn peaks() -> Option<[f64; 2]> {
        None
    }
}

fn main() {
    /// Rounds; the best is the peak, as anything that disturbs only slows down.
    const ROUNDS: usize = 5;
    let (mut adds, mut bf16, mut int8) = (0.0_f64, 0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        let (rate, sum) = Arch::new().dispatch(Adds);
        std::hint::black_box(sum);
        adds = adds.max(rate);
        if let Some([b, i]) = tiles::peaks() {
            (bf16, int8) = (bf16.max(b), int8.max(i));
        }
    }
    println!(
        "{}",
        serde_json::json!({
            "peak": "one core", "f32_gflops": adds.round(), "tiles_bf16_gflops": bf16.round(),
            "tiles_int8_gflops": int8.round(),
        })
    );
}
