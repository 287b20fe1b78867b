//! Activations whose values and slopes come from one pass over vector registers.
//!
//! The tensor library computes SiLU from scalar exponentials and its gradient from further passes.
//! Here the tangent of each value is found at once, y = slope·x + rest with both as constants, which
//! has the value and the gradient that SiLU has. On a GPU the library's own is used.

use crate::{TrainError, values};
use burn::tensor::{Tensor, TensorData, activation};
use rayon::prelude::*;
use semrec_text::silu_tangent;

/// Values handled at once by a thread.
const CHUNK: usize = 1 << 14;

/// x/(1 + e^-x) of each value; differentiable once.
///
/// # Errors
/// [`TrainError::Device`] if the device cannot hand the values over.
pub fn silu<const D: usize>(x: Tensor<D>) -> Result<Tensor<D>, TrainError> {
    if cfg!(any(feature = "wgpu", feature = "cuda")) {
        return Ok(activation::silu(x));
    }
    let (device, dims) = (x.device(), x.dims());
    let plain = if device.is_autodiff() {
        x.clone().inner()
    } else {
        x.clone()
    };
    let mut rest = values(plain)?;
    let mut slope = vec![0.0; rest.len()];
    rest.par_chunks_mut(CHUNK)
        .zip(slope.par_chunks_mut(CHUNK))
        .for_each(|(x, slope)| silu_tangent(x, slope));
    let tensor = |values| Tensor::from_data(TensorData::new(values, dims), &device);
    Ok(x * tensor(slope) + tensor(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cpu, training_device};

    #[test]
    fn the_same_as_the_tensor_librarys() {
        let at: Vec<f32> = (0..600).map(|i| i as f32 / 30.0 - 10.0).collect();
        let weights: Vec<f32> = (0..600).map(|i| (i % 7) as f32 - 3.0).collect();
        let of = |f: &dyn Fn(Tensor<2>) -> Tensor<2>| {
            let device = training_device();
            let data = |v: &[f32]| TensorData::new(v.to_vec(), [20, 30]);
            let x: Tensor<2> = Tensor::from_data(data(&at), &device).require_grad();
            let y = f(x.clone());
            let mut gradients = (y.clone() * Tensor::from_data(data(&weights), &device))
                .sum()
                .backward();
            let slope = x.grad_remove(&mut gradients).expect("it depends on x");
            (values(y.inner()).unwrap(), values(slope).unwrap())
        };
        let (ours, slopes) = of(&|x| silu(x).unwrap());
        let (theirs, their_slopes) = of(&activation::silu);
        for (a, b) in ours
            .iter()
            .chain(&slopes)
            .zip(theirs.iter().chain(&their_slopes))
        {
            assert!(
                (a - b).abs() < 2e-6 * (1.0 + b.abs()),
                "{a}, the library has {b}"
            );
        }
        let x = Tensor::<1>::from_data(TensorData::new(vec![1.0f32, -2.0], [2]), &cpu());
        let plain = values(silu(x).unwrap()).unwrap();
        assert!((plain[0] - 0.731_058_6).abs() < 1e-6 && (plain[1] + 0.238_405_84).abs() < 1e-6);
    }
}
