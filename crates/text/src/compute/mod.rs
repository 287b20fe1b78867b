//! The arithmetic of the forward pass: matrix products, activations, normalisation, attention.
//!
//! Written once over [`pulp::Simd`] and compiled for AVX-512, AVX2, NEON and plain scalars; the
//! best the CPU has is chosen at run time, once per call. There is no unsafe code here. Each
//! output value is a sum in a fixed order over its own row, so a text's vector depends neither on
//! its neighbours in a batch nor on the number of threads.

mod aligned;
mod attention;
mod exponential;
mod layer_norm;
mod product;
mod relative;
mod rms_norm;

pub(crate) use aligned::Aligned;
pub(crate) use attention::{Attention, AttentionScratch};
pub(crate) use layer_norm::layer_norm;
pub(crate) use product::{Finish, Panels, multiply};
pub(crate) use relative::RelativeBias;
pub(crate) use rms_norm::rms_norm;
