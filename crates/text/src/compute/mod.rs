//! The arithmetic of the forward pass: matrix products, activations, normalisation, attention.
//!
//! Written once over [`pulp::Simd`] and compiled for AVX-512, AVX2, NEON and plain scalars; the
//! best the CPU has is chosen at run time, once per call. Matrix products of weights
//! ([`linear`]) have faster ways where the CPU has them: matrix tiles ([`amx`]) and sums of bytes
//! ([`vnni`]). These two and [`prefetch`] are the modules with unsafe code. Each output value is a
//! sum in a fixed order over its own row, so a text's vector depends neither on its neighbours in
//! a batch nor on the number of threads.

mod aligned;
mod amx;
mod attention;
mod bytes;
mod exponential;
mod half;
mod layer_norm;
mod linear;
mod matrix;
mod narrow;
mod pieces;
mod prefetch;
mod product;
mod relative;
mod rms_norm;
mod slopes;
mod split;
mod vnni;

pub(crate) use aligned::Aligned;
pub(crate) use attention::{Attention, AttentionScratch};
pub use exponential::{exp_shifted, silu_tangent};
pub(crate) use half::{from_f16, from_finite_f16, to_f16};
pub(crate) use layer_norm::layer_norm;
pub use linear::Kernels;
pub(crate) use linear::{Linear, LinearScratch};
pub(crate) use matrix::Matrix;
pub(crate) use product::Finish;
pub(crate) use relative::RelativeBias;
pub use relative::bucket as relative_bucket;
pub(crate) use rms_norm::rms_norm;
pub use slopes::activate_with_slopes;
