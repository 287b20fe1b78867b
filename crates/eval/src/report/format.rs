//! How numbers are written for people.

use std::fmt;

/// A whole number with commas between thousands.
pub(super) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A metric by name: shares with four decimals, bits with two, user counts with one.
pub(super) fn figure(name: &str, value: f64) -> String {
    if name.starts_with("popularity@") {
        format!("{value:.1}")
    } else if name.starts_with("novelty@") {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

/// A p-value, not more exact than it was drawn.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 {
        "<\u{a0}0.001".into()
    } else {
        format!("{p:.3}")
    }
}

/// Seconds, in minutes where they are many.
pub(super) fn seconds(s: f64) -> String {
    match s {
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 100.0 => format!("{s:.1} s"),
        s => format!("{:.1} min", s / 60.0),
    }
}

/// A name cut to what a label has room for.
pub(super) fn short(name: &str, room: usize) -> String {
    if name.chars().count() <= room {
        return name.to_owned();
    }
    let kept: String = name.chars().take(room.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// A coordinate, to a tenth of a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Px(pub(super) f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}", self.0)
    }
}

/// Pixels a text takes in the charts' font, generous enough for the larger one on phones.
#[expect(
    clippy::cast_precision_loss,
    reason = "labels have a few dozen characters"
)]
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * 7.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(
            [0, 999, 22_363, 1_000_209].map(count),
            ["0", "999", "22,363", "1,000,209"]
        );
        assert_eq!(figure("ndcg@10", 0.041_25), "0.0413");
        assert_eq!(figure("novelty@10", 8.126), "8.13");
        assert_eq!(figure("popularity@10", 312.04), "312.0");
        assert_eq!([0.0001, 0.0123].map(p_value), ["<\u{a0}0.001", "0.012"]);
        assert_eq!(
            [0.0312, 12.34, 250.0].map(seconds),
            ["31 ms", "12.3 s", "4.2 min"]
        );
        assert_eq!(short("recent-popularity", 8), "recent-…");
        assert_eq!(short("ease", 8), "ease");
    }
}
