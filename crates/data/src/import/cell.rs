//! Single cells, checked: ids, numbers, text, labels.

use super::stats::Separator;
use super::timestamp;
use crate::read::{Bad, Cells, LIST};

/// Longest id in bytes.
const MAX_ID: usize = 4096;

/// A cell as text without blanks around it.
pub(super) fn text(cells: &Cells, i: usize, limit: usize) -> Result<&str, Bad> {
    let bytes = cells.get(i).trim_ascii();
    if bytes.len() > limit {
        let got = format!("{} bytes, the limit is {limit}", bytes.len());
        return Err(Bad::new(cells.line, "a field is too long", got));
    }
    std::str::from_utf8(bytes).map_err(|e| {
        let at = e.valid_up_to();
        Bad::new(
            cells.line,
            "invalid UTF-8",
            format!(
                "byte 0x{:02x} at byte {at} of the field, in the row that begins at byte {} of the file",
                bytes[at], cells.offset
            ),
        )
    })
}

/// An id: neither empty nor longer than 4 KiB.
pub(super) fn id(cells: &Cells, i: usize) -> Result<&str, Bad> {
    let id = text(cells, i, MAX_ID)?;
    if id.is_empty() {
        return Err(Bad::new(cells.line, "missing id", "an empty cell"));
    }
    Ok(id)
}

/// A finite number; 1 where the cell is empty.
pub(super) fn value(cells: &Cells, i: usize) -> Result<Option<f32>, Bad> {
    let text = text(cells, i, MAX_ID)?;
    if text.is_empty() {
        return Ok(None);
    }
    let value: f32 = text
        .parse()
        .map_err(|_| Bad::new(cells.line, "not a number", format!("'{}'", clip(text))))?;
    if !value.is_finite() {
        let got = format!("'{}'", clip(text));
        return Err(Bad::new(cells.line, "not a finite number", got));
    }
    Ok(Some(value))
}

/// A point in time in Unix seconds.
pub(super) fn time(cells: &Cells, i: usize) -> Result<i64, Bad> {
    let text = text(cells, i, MAX_ID)?;
    if text.is_empty() {
        return Err(Bad::new(cells.line, "missing time", "an empty cell"));
    }
    timestamp::parse(text).ok_or_else(|| {
        let got = format!("'{}'", clip(text));
        Bad::new(cells.line, "not a point in time", got)
    })
}

/// A place in a sequence.
pub(super) fn position(cells: &Cells, i: usize) -> Result<i64, Bad> {
    let text = text(cells, i, MAX_ID)?;
    let whole = text.parse::<i64>().ok();
    whole
        .or_else(|| text.parse::<f64>().ok().and_then(timestamp::whole))
        .ok_or_else(|| {
            let got = format!("'{}'", clip(text));
            Bad::new(cells.line, "not a position", got)
        })
}

/// Whether a cell says that nothing is known.
pub(super) fn is_missing(text: &str) -> bool {
    text.is_empty()
        || ["nan", "null", "none", "na", "n/a", "\\n", "-"]
            .iter()
            .any(|m| text.eq_ignore_ascii_case(m))
}

/// Text for people: members of a list side by side.
pub(super) fn prose(text: &str) -> String {
    text.replace(LIST, " ")
}

/// The labels of a cell, without repetitions; MovieLens' "(no genres listed)" is none.
pub(super) fn labels(text: &str, separator: Separator) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut push = |label: &str| {
        let label = label.trim();
        if !label.is_empty()
            && label != "(no genres listed)"
            && !out.iter().any(|known| known == label)
        {
            out.push(label.to_owned());
        }
    };
    match separator {
        // Which list it is was told by some cells; one that is not in brackets is one label.
        Separator::Brackets if text.starts_with('[') && text.ends_with(']') => {
            bracketed(&text[1..text.len() - 1])
                .iter()
                .for_each(|l| push(l));
        }
        Separator::Char(c) => text.split([c, LIST]).for_each(push),
        Separator::None | Separator::Brackets => text.split(LIST).for_each(push),
    }
    out
}

/// The members of `'a', "b, c"`.
fn bracketed(inner: &str) -> Vec<String> {
    let (mut out, mut label, mut quote) = (Vec::new(), String::new(), None);
    for c in inner.chars() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (None, '\'' | '"') if label.trim().is_empty() => quote = Some(c),
            (None, ',') => out.push(std::mem::take(&mut label)),
            (None, '[' | ']') => {}
            _ => label.push(c),
        }
    }
    out.push(label);
    out
}

/// The beginning of a cell, for messages.
pub(super) fn clip(text: &str) -> String {
    let mut out: String = text.chars().take(40).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_by_separator() {
        for (text, separator, expected) in [
            (
                "Action|Crime",
                Separator::Char('|'),
                vec!["Action", "Crime"],
            ),
            ("a, b,,a", Separator::Char(','), vec!["a", "b"]),
            ("New York", Separator::None, vec!["New York"]),
            ("a\u{1f}b c", Separator::None, vec!["a", "b c"]),
            (
                "['Health, Beauty', \"Men's\"]",
                Separator::Brackets,
                vec!["Health, Beauty", "Men's"],
            ),
            ("[['a', 'b']]", Separator::Brackets, vec!["a", "b"]),
            ("(no genres listed)", Separator::Char('|'), vec![]),
            ("", Separator::None, vec![]),
        ] {
            assert_eq!(labels(text, separator), expected, "{text}");
        }
    }
}
