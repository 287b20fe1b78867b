//! Objectives as pure functions: vectors or scores in, the loss and its gradients out.
//!
//! Nothing here knows a network, a text or a catalogue; every gradient is written by hand and held
//! against PyTorch's by the tests.

pub(crate) mod binary;
pub(crate) mod corrupt;
pub(crate) mod distil;
pub(crate) mod elsa;
pub(crate) mod fgm;
#[cfg(test)]
pub(crate) mod golden;
pub(crate) mod info_nce;
mod product;
pub(crate) mod vocabulary;

/// Rows whose scores are held at once.
const ROWS: usize = 256;

/// What was summed in double precision, as it is handed on.
#[expect(
    clippy::cast_possible_truncation,
    reason = "losses and gradients are f32"
)]
pub(crate) fn single(x: f64) -> f32 {
    x as f32
}
