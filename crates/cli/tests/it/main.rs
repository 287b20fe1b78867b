//! The binary as people run it: the main job, files of vectors, smaller encoders,
//! searches, tuned encoders, mined catalogues, and bad luck.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod binary;
mod embed;
mod facts;
mod faults;
mod finetune;
mod flow;
mod mine;
mod serve;
mod smaller;
mod tune;
