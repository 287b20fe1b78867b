//! How the vectors of the tokens become the vector of the text.

/// A way of pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The mean over the tokens.
    Mean,
    /// The sum over the tokens by the root of their number.
    MeanSqrtLen,
    /// The mean with weights 1, 2, 3 … along the text (SGPT, Muennighoff 2022).
    WeightedMean,
    /// The largest value of any token, in each dimension.
    Max,
    /// The first token's.
    First,
    /// The last token's.
    Last,
}

impl Pooling {
    /// Pools the vectors of one text's tokens, `[len, out.len()]`; zero where there are none.
    pub fn pool(self, states: &[f32], out: &mut [f32]) {
        let width = out.len();
        let len = states.len() / width;
        if len == 0 {
            out.fill(0.0);
            return;
        }
        let n = len as f32;
        match self {
            Self::Mean => sum(states, out, |_| 1.0, n),
            Self::MeanSqrtLen => sum(states, out, |_| 1.0, n.sqrt()),
            Self::WeightedMean => sum(states, out, |i| (i + 1) as f32, n * (n + 1.0) / 2.0),
            Self::Max => {
                out.copy_from_slice(&states[..width]);
                for state in states[width..].chunks_exact(width) {
                    out.iter_mut().zip(state).for_each(|(m, &x)| *m = m.max(x));
                }
            }
            Self::First => out.copy_from_slice(&states[..width]),
            Self::Last => out.copy_from_slice(&states[(len - 1) * width..]),
        }
    }
}

/// The weighted sum of the tokens' vectors, divided.
fn sum(states: &[f32], out: &mut [f32], weight: impl Fn(usize) -> f32, divisor: f32) {
    out.fill(0.0);
    for (i, state) in states.chunks_exact(out.len()).enumerate() {
        let weight = weight(i);
        out.iter_mut()
            .zip(state)
            .for_each(|(sum, x)| *sum += weight * x);
    }
    out.iter_mut().for_each(|x| *x /= divisor);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Four tokens of two values.
        let states = [1.0, -8.0, 2.0, 4.0, 0.0, -6.0, 5.0, 2.0];
        let cases = [
            (Pooling::Mean, [2.0, -2.0]),
            (Pooling::MeanSqrtLen, [4.0, -4.0]),
            // (1·1 + 2·2 + 3·0 + 4·5)/10, (-1·8 + 2·4 - 3·6 + 4·2)/10
            (Pooling::WeightedMean, [2.5, -1.0]),
            (Pooling::Max, [5.0, 4.0]),
            (Pooling::First, [1.0, -8.0]),
            (Pooling::Last, [5.0, 2.0]),
        ];
        for (pooling, want) in cases {
            let mut out = [f32::NAN; 2];
            pooling.pool(&states, &mut out);
            assert_eq!(out, want, "{pooling:?}");
            pooling.pool(&[], &mut out);
            assert_eq!(out, [0.0; 2], "{pooling:?} of nothing");
        }
    }
}
