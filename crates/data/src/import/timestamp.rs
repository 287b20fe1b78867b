//! Points in time as data has them: Unix seconds, milliseconds, microseconds or nanoseconds, ISO
//! 8601 with or without a zone, and two older forms. Without a zone UTC is meant.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Unix seconds, if `text` is a point in time.
///
/// | text | taken for |
/// |---|---|
/// | `881250949`, `881250949.5` | seconds, below 10¹¹ |
/// | `1418415155000` | milliseconds, below 10¹⁴ |
/// | `1418415155000000` | microseconds, below 10¹⁷; above, nanoseconds |
/// | `2014-12-12 20:12:35 UTC`, `2014-12-12T20:12:35+01:00`, `2014-12-12` | ISO 8601 |
/// | `11/15/2019 8:55:22 AM`, `01-Jan-1995` | MIND, MovieLens 100K |
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(n) = text.parse::<i64>() {
        return Some(scale(n));
    }
    if !text.bytes().any(|b| b.is_ascii_digit()) || text.len() > 64 {
        return None;
    }
    if let Ok(x) = text.parse::<f64>() {
        return whole(x).map(scale);
    }
    let bare = text
        .strip_suffix("UTC")
        .or_else(|| text.strip_suffix("GMT"))
        .map_or(text, str::trim_end);
    let civil = |t: DateTime| t.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp());
    let at: Option<Timestamp> = bare
        .parse::<Timestamp>()
        .ok()
        .or_else(|| bare.parse::<DateTime>().ok().and_then(civil))
        .or_else(|| {
            DateTime::strptime("%m/%d/%Y %I:%M:%S %p", bare)
                .ok()
                .and_then(civil)
        })
        .or_else(|| {
            Date::strptime("%d-%b-%Y", bare)
                .ok()
                .and_then(|d| civil(d.at(0, 0, 0, 0)))
        });
    at.map(Timestamp::as_second)
}

/// The whole part of a number that an `i64` holds.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked, and the fraction of a second is meant to go"
)]
pub(super) fn whole(x: f64) -> Option<i64> {
    (x.is_finite() && x.abs() < 9e18).then_some(x as i64)
}

fn scale(n: i64) -> i64 {
    let unit = match n.unsigned_abs() {
        0..100_000_000_000 => 1,
        100_000_000_000..100_000_000_000_000 => 1_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000_000,
        _ => 1_000_000_000,
    };
    n.div_euclid(unit)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn forms() {
        // 2014-12-12 20:12:35 UTC is 1418415155 (date -u -d '2014-12-12 20:12:35' +%s).
        for (text, expected) in [
            ("881250949", Some(881_250_949)),
            ("881250949.9", Some(881_250_949)),
            ("1.26e9", Some(1_260_000_000)),
            ("1418415155000", Some(1_418_415_155)),
            ("1418415155000000", Some(1_418_415_155)),
            ("1418415155000000000", Some(1_418_415_155)),
            ("2014-12-12 20:12:35 UTC", Some(1_418_415_155)),
            ("2014-12-12 20:12:35", Some(1_418_415_155)),
            ("2014-12-12T20:12:35Z", Some(1_418_415_155)),
            ("2014-12-12T20:12:35.250Z", Some(1_418_415_155)),
            ("2014-12-12T21:12:35+01:00", Some(1_418_415_155)),
            ("2014-12-12", Some(1_418_342_400)),
            ("12/12/2014 8:12:35 PM", Some(1_418_415_155)),
            ("12-Dec-2014", Some(1_418_342_400)),
            ("-1", Some(-1)),
            ("yesterday", None),
            ("", None),
            ("inf", None),
            ("2014-13-12", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
