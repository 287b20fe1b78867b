//! Numbers in the width they are kept in.

/// A number as the index of an item, a topic or a term. There are fewer than 2³².
pub(crate) fn index(i: usize) -> u32 {
    u32::try_from(i).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "stored as f32 on purpose")]
pub(crate) fn narrow(x: f64) -> f32 {
    x as f32
}
