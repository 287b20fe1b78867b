//! What the models promise: against references, in storage, on odd input.

mod collaborative;
mod facts;
mod fixture;
mod graph;
mod linear;
mod sasrec;
mod tensors;
mod text;
