//! How long evaluating and testing take.
fn main() {}
