//! Half precision (IEEE binary16) to single and back.

use half::f16;

/// Half to single.
pub(crate) fn from_f16(half: u16) -> f32 {
    f16::from_bits(half).to_f32()
}

/// Half to single for finite values, for loops over weights: a few operations on bits, which the
/// compiler vectorises where it is inlined.
#[inline(always)]
pub(crate) fn from_finite_f16(half: u16) -> f32 {
    // The five bits of exponent and ten of mantissa, moved into place, are too small by 2¹¹².
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * 2f32.powi(112);
    f32::from_bits(magnitude.to_bits() | u32::from(half & 0x8000) << 16)
}

/// The nearest half, ties to even; what is beyond 65,504 becomes 65,504, NaN zero.
pub(crate) fn to_f16(x: f32) -> u16 {
    const MOST: f32 = 65_504.0;
    if x.is_nan() {
        return 0;
    }
    f16::from_f32(x.clamp(-MOST, MOST)).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_half_survives_the_way_there_and_back() {
        for half in 0..=u16::MAX {
            let x = from_f16(half);
            if x.is_finite() {
                assert_eq!(to_f16(x), half, "{half:#x} = {x}");
                assert_eq!(from_finite_f16(half), x, "{half:#x}");
            }
        }
    }

    #[test]
    fn known_values_and_ties() {
        let cases = [
            (1.0, 0x3c00),
            (-2.0, 0xc000),
            (65_504.0, 0x7bff),
            (1e9, 0x7bff),
            (f32::INFINITY, 0x7bff),
            (f32::NAN, 0),
            (2f32.powi(-24), 1),
            (2f32.powi(-26), 0),
            // Between 1 and its successor 1 + 2⁻¹⁰: ties go to the even mantissa.
            (1.0 + 2f32.powi(-11), 0x3c00),
            (1.0 + 3.0 * 2f32.powi(-11), 0x3c02),
        ];
        for (x, want) in cases {
            assert_eq!(to_f16(x), want, "{x}");
        }
    }
}
