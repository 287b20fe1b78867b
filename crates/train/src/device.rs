//! Where tensors are computed: on the CPU, or, compiled with the feature `wgpu` or `cuda`, on a
//! GPU.

use crate::TrainError;
use burn::tensor::{Device, Tensor};

/// The CPU, without gradients.
#[must_use]
pub fn cpu() -> Device {
    Device::flex()
}

/// What a training run computes on: the GPU this was compiled for, else the CPU.
#[must_use]
pub fn training_device() -> Device {
    #[cfg(feature = "cuda")]
    let device = Device::cuda(0);
    #[cfg(all(feature = "wgpu", not(feature = "cuda")))]
    let device = Device::wgpu(burn::tensor::DeviceKind::default());
    #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
    let device = cpu();
    device.autodiff()
}

/// The values of a tensor, row-major.
///
/// # Errors
/// [`TrainError::Device`] if the device cannot hand them over.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, TrainError> {
    let fail = |problem: String| TrainError::Device { problem };
    let data = tensor.try_into_data().map_err(|e| fail(format!("{e:?}")))?;
    data.try_into_vec::<f32>()
        .map_err(|e| fail(format!("{e:?}")))
}
