//! Rotary positions: queries and keys are turned by an angle that grows with the place.
//!
//! Su et al. 2021, in the layout of `transformers`: values i and i + d/2 of a head of d are a
//! pair, (a, b) ← (a·cos - b·sin, b·cos + a·sin), with the angle place·frequency of the pair.

use crate::compute::Attention;
use pulp::Arch;

/// The frequencies of the pairs of a head.
#[derive(Debug)]
pub(super) struct Rotary {
    pub(super) frequencies: Vec<f32>,
}

/// Cosines and sines of the places seen so far, `[places, pairs]`.
#[derive(Debug, Default)]
pub(super) struct Turns {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rotary {
    /// Turns the queries and keys in the rows of the fused projection of one sequence.
    pub(super) fn turn(
        &self,
        arch: Arch,
        attention: &Attention,
        qkv: &mut [f32],
        turns: &mut Turns,
    ) {
        let pairs = self.frequencies.len();
        let width = attention.width();
        turns.grow(qkv.len() / width, &self.frequencies);
        let turned = (attention.heads + attention.kv_heads) * attention.dim;
        arch.dispatch(|| {
            let places = turns.cos.chunks_exact(pairs);
            let places = places.zip(turns.sin.chunks_exact(pairs));
            for (row, (cos, sin)) in qkv.chunks_exact_mut(width).zip(places) {
                for head in row[..turned].chunks_exact_mut(2 * pairs) {
                    rotate(head, cos, sin);
                }
            }
        });
    }
}

#[inline(always)]
fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (first, second) = head.split_at_mut(cos.len());
    let pairs = first.iter_mut().zip(second);
    for ((a, b), (&cos, &sin)) in pairs.zip(cos.iter().zip(sin)) {
        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
    }
}

impl Turns {
    /// Adds what is missing up to `places` places.
    fn grow(&mut self, places: usize, frequencies: &[f32]) {
        for place in self.cos.len() / frequencies.len()..places {
            // The angle is rounded as the reference rounds it; only then it is exact.
            let angles = frequencies.iter().map(|f| f64::from(place as f32 * f));
            for angle in angles {
                #[expect(clippy::cast_possible_truncation, reason = "rounded, as torch does")]
                let (sin, cos) = (angle.sin() as f32, angle.cos() as f32);
                self.sin.push(sin);
                self.cos.push(cos);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::FRAC_PI_2;

    #[test]
    fn quarter_turns_by_hand() {
        let attention = Attention {
            heads: 1,
            kv_heads: 1,
            dim: 4,
            causal: true,
            bias: None,
        };
        // The first pair, values 0 and 2 of a head, turns by 90 degrees a place, the second not.
        let rotary = Rotary {
            frequencies: vec![FRAC_PI_2, 0.0],
        };
        let row = [
            1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0,
        ];
        let mut qkv = row.repeat(3);
        let mut turns = Turns::default();
        rotary.turn(Arch::new(), &attention, &mut qkv[..12], &mut turns);
        rotary.turn(Arch::new(), &attention, &mut qkv, &mut turns);
        let want = [
            row,
            [
                -3.0, 2.0, 1.0, 4.0, -7.0, 6.0, 5.0, 8.0, 9.0, 10.0, 11.0, 12.0,
            ],
            [
                -1.0, 2.0, -3.0, 4.0, -5.0, 6.0, -7.0, 8.0, 9.0, 10.0, 11.0, 12.0,
            ],
        ];
        for (got, want) in qkv.iter().zip(want.as_flattened()) {
            assert!((got - want).abs() < 1e-5, "{qkv:?}");
        }
    }
}
