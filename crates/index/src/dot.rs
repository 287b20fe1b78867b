//! The inner product, with as many sums under way as the processor has lanes.

/// Partial sums; the compiler keeps them in vector registers.
const LANES: usize = 16;

/// `Σ a_k b_k` over the shorter of the two; exact up to the order of summation, which does not
/// depend on the machine.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let n = a.len().min(b.len());
    let (a_chunks, a_rest) = a[..n].as_chunks::<LANES>();
    let (b_chunks, b_rest) = b[..n].as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_plain_sum_at_every_length() {
        for n in 0..70u8 {
            let a: Vec<f32> = (0..n).map(|i| f32::from(i % 7) - 3.0).collect();
            let b: Vec<f32> = (0..n).map(|i| f32::from(i % 5) - 2.0).collect();
            // Small integers: every order of summation is exact.
            let plain: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            assert_eq!(dot(&a, &b), plain, "length {n}");
        }
    }
}
