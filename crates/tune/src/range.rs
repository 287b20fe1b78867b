//! What values a parameter may take: an interval, evenly or by powers, or one of a few.
//!
//! Written as `lo..hi` or `a,b,c`; `log:lo..hi` and `even:lo..hi` say how an interval is divided.
//! Drawn numbers are rounded to four significant digits, which a person can type again and an
//! `f32` holds.

use crate::TuneError;
use rand::RngExt;
use serde::{Serialize, Serializer};
use std::fmt;
use toml::Value;

/// Significant digits of a drawn number.
const DIGITS: i32 = 4;
/// An interval that spans at least this factor is divided by powers unless it says otherwise.
const WIDE: f64 = 100.0;

/// The values one parameter may take.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// Real numbers, `low <= x <= high`; with `log`, evenly in `ln x`.
    Real {
        /// Smallest value; above 0 with `log`.
        low: f64,
        /// Largest value.
        high: f64,
        /// Whether each power of ten counts alike.
        log: bool,
    },
    /// Whole numbers, `low <= x <= high`; with `log`, evenly in `ln x`.
    Whole {
        /// Smallest value; above 0 with `log`.
        low: i64,
        /// Largest value.
        high: i64,
        /// Whether each power of ten counts alike.
        log: bool,
    },
    /// One of these, which have no order.
    Choice(Vec<Value>),
}

impl Range {
    /// Real numbers, evenly.
    ///
    /// # Errors
    /// [`TuneError::Range`] unless `low < high`, both finite.
    pub fn uniform(low: f64, high: f64) -> Result<Self, TuneError> {
        let log = false;
        Self::Real { low, high, log }.checked()
    }

    /// Positive numbers, each power of ten alike.
    ///
    /// # Errors
    /// [`TuneError::Range`] unless `0 < low < high`, both finite.
    pub fn log_uniform(low: f64, high: f64) -> Result<Self, TuneError> {
        let log = true;
        Self::Real { low, high, log }.checked()
    }

    /// Reads `lo..hi`, `log:lo..hi`, `even:lo..hi` or `a,b,c`. `like` is a value the parameter may
    /// have: a whole number makes the interval one of whole numbers; `"auto"` is a real number that a
    /// model finds by itself. `declared` says how an
    /// interval is divided where the text does not; without either, one from above 0 that spans a
    /// factor of 100 goes by powers.
    ///
    /// # Errors
    /// [`TuneError::Range`] if the text is neither, or the range holds nothing.
    pub fn parse(text: &str, like: &Value, declared: Option<&Self>) -> Result<Self, TuneError> {
        let (asked, body) = match text.split_once(':') {
            Some(("log", body)) => (Some(true), body),
            Some(("even", body)) => (Some(false), body),
            _ => (None, text),
        };
        let Some((low, high)) = body.split_once("..") else {
            if asked.is_some() {
                return Err(bad(text, "expected two numbers, as in log:0.001..10"));
            }
            return choices(text, like);
        };
        let number = |s: &str| {
            let parsed = s.trim().replace('_', "").parse::<f64>().ok();
            parsed.filter(|x| x.is_finite()).ok_or_else(|| {
                bad(
                    text,
                    "expected two numbers, as in 0.1..10, or a list, as in a,b,c",
                )
            })
        };
        let (low, high) = (number(low)?, number(high.trim_start_matches('='))?);
        let log = asked.unwrap_or(match declared {
            Some(Self::Real { log, .. } | Self::Whole { log, .. }) => *log && low > 0.0,
            Some(Self::Choice(_)) | None => low > 0.0 && high / low >= WIDE,
        });
        if like.is_integer() {
            let low = whole(low).ok_or_else(|| bad(text, "expected whole numbers"))?;
            let high = whole(high).ok_or_else(|| bad(text, "expected whole numbers"))?;
            return Self::Whole { low, high, log }.checked();
        }
        if !(like.is_float() || is_auto(like)) {
            return Err(bad(
                text,
                &format!(
                    "the parameter is no number but a {}; expected a list, as in a,b,c",
                    like.type_str()
                ),
            ));
        }
        Self::Real { low, high, log }.checked()
    }

    /// Itself, if it holds more than one value.
    pub(crate) fn checked(self) -> Result<Self, TuneError> {
        let problem = match &self {
            Self::Real { low, high, .. }
                if !(low < high && low.is_finite() && high.is_finite()) =>
            {
                "the first number must be less than the second"
            }
            Self::Whole { low, high, .. } if low >= high => {
                "the first number must be less than the second"
            }
            Self::Real { low, log: true, .. } if *low <= 0.0 => {
                "an interval by powers must begin above 0"
            }
            Self::Whole { low, log: true, .. } if *low <= 0 => {
                "an interval by powers must begin above 0"
            }
            Self::Choice(values) if values.len() < 2 => {
                "a single value is no choice; expected lo..hi or a,b,c, and --set for one value"
            }
            Self::Choice(values) if (1..values.len()).any(|i| values[..i].contains(&values[i])) => {
                "a value is named twice"
            }
            Self::Real { .. } | Self::Whole { .. } | Self::Choice(_) => return Ok(self),
        };
        Err(bad(&self.to_string(), problem))
    }

    /// A value, each part of the range alike.
    pub(crate) fn draw(&self, rng: &mut impl RngExt) -> Value {
        match self {
            Self::Choice(values) => values[rng.random_range(0..values.len())].clone(),
            Self::Real { .. } | Self::Whole { .. } => {
                let [low, high] = self.bounds();
                self.value(low + (high - low) * rng.random::<f64>())
            }
        }
    }

    /// The ends of an interval on the axis it is divided on: whole numbers reach half a step
    /// beyond their ends, so that each has as much room. `[0, n]` for choices.
    pub(crate) fn bounds(&self) -> [f64; 2] {
        let axis = |log: bool, x: f64| if log { x.ln() } else { x };
        match *self {
            Self::Real { low, high, log } => [axis(log, low), axis(log, high)],
            #[expect(
                clippy::cast_precision_loss,
                reason = "ends of ranges are small numbers"
            )]
            Self::Whole { low, high, log } => {
                [axis(log, low as f64 - 0.5), axis(log, high as f64 + 0.5)]
            }
            #[expect(clippy::cast_precision_loss, reason = "a handful of choices")]
            Self::Choice(ref values) => [0.0, values.len() as f64],
        }
    }

    /// Where a value lies on that axis (of a choice, which one it is); `None` outside the range.
    #[must_use]
    pub fn place(&self, value: &Value) -> Option<f64> {
        let number = value.as_float().or_else(|| value.as_integer().map(exact));
        match self {
            #[expect(clippy::cast_precision_loss, reason = "a handful of choices")]
            Self::Choice(values) => values.iter().position(|v| v == value).map(|i| i as f64),
            Self::Real { low, high, log } => number
                .filter(|x| (*low..=*high).contains(x))
                .map(|x| if *log { x.ln() } else { x }),
            Self::Whole { low, high, log } => number
                .filter(|x| (exact(*low)..=exact(*high)).contains(x))
                .map(|x| if *log { x.ln() } else { x }),
        }
    }

    /// The value at a place between [`Range::bounds`], rounded and inside the range.
    pub(crate) fn value(&self, place: f64) -> Value {
        match self {
            Self::Real { low, high, log } => {
                let x = if *log { place.exp() } else { place };
                Value::Float(rounded(x, if *log { 0.0 } else { high - low }).clamp(*low, *high))
            }
            Self::Whole { low, high, log } => {
                let x = if *log { place.exp() } else { place };
                Value::Integer(whole(x.round()).unwrap_or(*low).clamp(*low, *high))
            }
            Self::Choice(values) => values[self.choice_at(place)].clone(),
        }
    }

    /// Which choice lies at a place.
    pub(crate) fn choice_at(&self, place: f64) -> usize {
        let Self::Choice(values) = self else { return 0 };
        let index = whole(place.floor()).and_then(|i| usize::try_from(i).ok());
        index.unwrap_or(0).min(values.len() - 1)
    }

    /// Whether its values are numbers.
    #[must_use]
    pub fn is_interval(&self) -> bool {
        !matches!(self, Self::Choice(_))
    }
}

fn bad(got: &str, problem: &str) -> TuneError {
    TuneError::Range {
        got: got.to_owned(),
        problem: problem.to_owned(),
    }
}

/// Whether a value is the word that stands for a number which a model finds by itself.
fn is_auto(value: &Value) -> bool {
    value.as_str() == Some("auto")
}

/// The values of `a,b,c`, as numbers where the parameter is one.
fn choices(text: &str, like: &Value) -> Result<Range, TuneError> {
    let value = |piece: &str| -> Result<Value, TuneError> {
        let piece = piece.trim();
        let parsed = toml::from_str::<toml::Table>(&format!("value = {piece}"))
            .ok()
            .and_then(|mut t| t.remove("value"))
            .unwrap_or_else(|| Value::String(piece.to_owned()));
        let same = match (&parsed, like) {
            (Value::Integer(i), Value::Float(_)) => Value::Float(exact(*i)),
            (Value::Integer(i), _) if is_auto(like) => Value::Float(exact(*i)),
            _ => parsed,
        };
        let fits = if is_auto(like) {
            same.is_float() || is_auto(&same)
        } else {
            same.type_str() == like.type_str()
        };
        if fits {
            Ok(same)
        } else {
            Err(bad(
                text,
                &format!(
                    "'{piece}' is a {}, and the parameter a {}",
                    same.type_str(),
                    if is_auto(like) {
                        "number or \"auto\""
                    } else {
                        like.type_str()
                    }
                ),
            ))
        }
    };
    let values: Result<Vec<Value>, TuneError> = text.split(',').map(value).collect();
    Range::Choice(values?).checked().map_err(|e| match e {
        TuneError::Range { problem, .. } => bad(text, &problem),
        other @ TuneError::Method(_) => other,
    })
}

/// To [`DIGITS`] significant digits: of the number itself, or of a width it lies in.
fn rounded(x: f64, width: f64) -> f64 {
    let size = x.abs().max(width);
    if size == 0.0 || !size.is_finite() {
        return x;
    }
    let decimals = DIGITS - 1 - floor_log10(size);
    // A power that is exact either way keeps 0.3 at 0.3 and not at 0.30000000000000004.
    let scale = 10f64.powi(decimals.abs());
    if decimals >= 0 {
        (x * scale).round() / scale
    } else {
        (x / scale).round() * scale
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the logarithm of an f64 is below 309"
)]
fn floor_log10(x: f64) -> i32 {
    x.log10().floor() as i32
}

/// The whole number a float is.
fn whole(x: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be whole and small"
    )]
    (x.fract() == 0.0 && x.abs() < 9e15).then_some(x as i64)
}

#[expect(clippy::cast_precision_loss, reason = "parameters are far below 2^53")]
fn exact(i: i64) -> f64 {
    i as f64
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = |log: &bool| if *log { "log:" } else { "even:" };
        match self {
            Self::Real { low, high, log } => write!(f, "{}{low}..{high}", scale(log)),
            Self::Whole { low, high, log } => write!(f, "{}{low}..{high}", scale(log)),
            Self::Choice(values) => {
                let names: Vec<String> = values.iter().map(written).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value as people write it: text without quotes.
#[must_use]
pub(crate) fn written(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Float(x) => x.to_string(),
        Value::Integer(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_)
        | Value::Table(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, like: impl Into<Value>) -> String {
        match Range::parse(text, &like.into(), None) {
            Ok(range) => range.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn written_ranges_are_read() {
        assert_eq!(parse("0.1..5", 1.0), "even:0.1..5");
        assert_eq!(parse("1e-3..10", 1.0), "log:0.001..10");
        assert_eq!(parse("even:1e-3..10", 1.0), "even:0.001..10");
        assert_eq!(parse("log:8..64", 16), "log:8..64");
        assert_eq!(parse("8..1000", 16), "log:8..1000");
        assert_eq!(parse("cosine, jaccard", "cosine"), "cosine,jaccard");
        assert_eq!(parse("0,1.5", 0.0), "0,1.5");
        assert_eq!(parse("0..1", "auto"), "even:0..1");
        assert_eq!(parse("auto,0,0.5", "auto"), "auto,0,0.5");
        let declared = Range::log_uniform(1.0, 2.0).unwrap();
        let got = Range::parse("3..5", &Value::Float(1.0), Some(&declared)).unwrap();
        assert_eq!(got.to_string(), "log:3..5");
        // A new beginning at 0 cannot go by powers.
        let got = Range::parse("0..5", &Value::Float(1.0), Some(&declared)).unwrap();
        assert_eq!(got.to_string(), "even:0..5");
    }

    #[test]
    fn what_is_no_range_is_said() {
        insta::assert_snapshot!(parse("5..1", 1.0), @"'even:5..1' is no range: the first number must be less than the second");
        insta::assert_snapshot!(parse("log:0..1", 1.0), @"'log:0..1' is no range: an interval by powers must begin above 0");
        insta::assert_snapshot!(parse("a..b", 1.0), @"'a..b' is no range: expected two numbers, as in 0.1..10, or a list, as in a,b,c");
        insta::assert_snapshot!(parse("1..2.5", 1), @"'1..2.5' is no range: expected whole numbers");
        insta::assert_snapshot!(parse("1..2", "cosine"), @"'1..2' is no range: the parameter is no number but a string; expected a list, as in a,b,c");
        insta::assert_snapshot!(parse("cosine", "cosine"), @"'cosine' is no range: a single value is no choice; expected lo..hi or a,b,c, and --set for one value");
        insta::assert_snapshot!(parse("a,b,a", "cosine"), @"'a,b,a' is no range: a value is named twice");
        insta::assert_snapshot!(parse("1,x", "auto"), @r#"'1,x' is no range: 'x' is a string, and the parameter a number or "auto""#);
        insta::assert_snapshot!(parse("1,x", 1), @"'1,x' is no range: 'x' is a string, and the parameter a integer");
    }

    #[test]
    fn drawn_numbers_have_four_digits_and_lie_inside() {
        let range = Range::log_uniform(1e-4, 1e3).unwrap();
        assert_eq!(range.value(0.123_456_f64.ln()), Value::Float(0.1235));
        assert_eq!(range.value(123.456_f64.ln()), Value::Float(123.5));
        assert_eq!(range.value(99.0), Value::Float(1e3));
        let even = Range::uniform(0.0, 1.0).unwrap();
        assert_eq!(even.value(0.000_123), Value::Float(0.0));
        assert_eq!(even.value(0.300_04), Value::Float(0.3));
        let whole = Range::Whole {
            low: 8,
            high: 64,
            log: true,
        };
        assert_eq!(whole.value(whole.bounds()[0]), Value::Integer(8));
        assert_eq!(whole.value(whole.bounds()[1]), Value::Integer(64));
        assert_eq!(whole.place(&Value::Integer(65)), None);
        assert_eq!(whole.place(&Value::Integer(8)), Some(8f64.ln()));
    }
}
