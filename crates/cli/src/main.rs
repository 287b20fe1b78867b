//! The binary `semrec`.
fn main() {}
