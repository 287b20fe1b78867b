//! What every training run needs, whatever it trains: parameters and their gradients, optimisers,
//! schedules, dropout, losses, the loop over epochs with its validation and early stopping,
//! checkpoints and curves.
//!
//! Gradients come from `burn`; what is computed over all parameters or over the whole catalogue
//! (an optimiser step, a softmax) is written here, in one pass and bounded memory. Models and
//! their data are not known here.

mod activation;
mod checkpoint;
mod curve;
mod device;
mod dropout;
mod epochs;
mod error;
mod fingerprint;
mod held_out;
mod optimiser;
mod parameters;
mod run;
mod schedule;
mod softmax;
mod stopping;

pub use activation::silu;
pub use checkpoint::Checkpoint;
pub use curve::{Curve, Point};
pub use device::{cpu, training_device, values};
pub use dropout::{Dropout, drop_values, key_of};
pub use epochs::{Learner, Measured, News, Pace, Slope, Warmup, draws, negatives, train};
pub use error::TrainError;
pub use fingerprint::fingerprint;
pub use held_out::{HeldOut, hold_out, ndcg};
pub use optimiser::{Method, Optimiser};
pub use parameters::{Leaves, Parameter, Parameters};
pub use run::{Run, RunFiles, Within};
pub use schedule::{Decay, Schedule};
pub use softmax::{Loss, sampled_softmax_cross_entropy, softmax_cross_entropy};
pub use stopping::Stopping;
