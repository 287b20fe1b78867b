//! Dropout masks that depend on a seed, a step and a place alone, so that a run resumed from a
//! checkpoint draws what it would have drawn.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

/// Values of a mask made at once by a thread.
const CHUNK: usize = 1 << 14;

/// Where masks come from during one step.
#[derive(Debug)]
pub struct Dropout {
    key: u64,
    drawn: u64,
    share: f32,
    device: Device,
}

impl Dropout {
    /// Masks of one step; `share` of the values, below 1, is dropped.
    #[must_use]
    pub fn new(seed: u64, step: u64, share: f32, device: &Device) -> Self {
        Self {
            key: mix(seed ^ mix(step)),
            drawn: 0,
            share,
            device: device.clone(),
        }
    }

    /// The tensor with `share` of its values set to 0 and the others scaled by `1/(1 - share)`.
    #[must_use]
    pub fn apply<const D: usize>(&mut self, x: Tensor<D>) -> Tensor<D> {
        if self.share <= 0.0 {
            return x;
        }
        let dims = x.dims();
        let values = self.mask(dims.iter().product());
        x * Tensor::from_data(TensorData::new(values, dims), &self.device)
    }

    /// A mask of `n` values, 0 or `1/(1 - share)`.
    #[must_use]
    pub fn mask(&mut self, n: usize) -> Vec<f32> {
        self.drawn += 1;
        let key = mix(self.key ^ mix(self.drawn));
        let mut mask = vec![1.0f32; n];
        mask.par_chunks_mut(CHUNK)
            .enumerate()
            .for_each(|(c, chunk)| drop_values(chunk, key, c * CHUNK, self.share));
        mask
    }
}

/// Sets a share of values to 0 and scales the others by `1/(1 - share)`. Which ones follows from
/// the key and the place of the first value in what the key is for, a multiple of 4.
pub fn drop_values(values: &mut [f32], key: u64, first: usize, share: f32) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share below 1 of 2¹⁶"
    )]
    let threshold = (share * 65_536.0).round() as u64;
    let kept = 65_536.0 / (65_536.0 - threshold as f32);
    for (four, word) in values.chunks_mut(4).zip((first / 4) as u64..) {
        let bits = mix(key.wrapping_add(word.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        for (value, lane) in four.iter_mut().zip(0..) {
            let draw = (bits >> (16 * lane)) & 0xffff;
            *value *= if draw < threshold { 0.0 } else { kept };
        }
    }
}

/// A key of several numbers, in their order.
#[must_use]
pub fn key_of(numbers: &[u64]) -> u64 {
    numbers
        .iter()
        .fold(0, |key, &n| mix(key ^ mix(n.wrapping_add(1))))
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
