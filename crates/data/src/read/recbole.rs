//! RecBole's atomic files: tab-separated, with a type behind each name of the header, as in
//! `item_id:token`, `class:token_seq`, `rating:float`. Members of a sequence are separated by
//! blanks.

use super::lines::{Line, Lines};
use super::separated::{Separated, Shape};
use super::{Input, Limits};
use crate::DataError;

const TYPES: [&str; 4] = ["token", "token_seq", "float", "float_seq"];

/// Whether a line is such a header.
pub(super) fn is_header(line: &str) -> bool {
    !line.is_empty()
        && line.split('\t').all(|name| {
            name.rsplit_once(':')
                .is_some_and(|(_, kind)| TYPES.contains(&kind.trim()))
        })
}

pub(super) fn open(input: Input, limits: Limits) -> Result<Separated, DataError> {
    let path = input.path.clone();
    let mut lines = Lines::new(input, limits);
    let line = lines.next()?;
    let header = std::str::from_utf8(&lines.text).unwrap_or("");
    if line != Line::Text || !is_header(header) {
        let got: String = header.chars().take(80).collect();
        return Err(DataError::format(
            path,
            format!(
                "is no RecBole file: its first line is '{got}', expected tab-separated names with types, as in 'user_id:token'"
            ),
        ));
    }
    let (mut columns, mut lists) = (Vec::new(), Vec::new());
    for name in header.split('\t') {
        let (name, kind) = name.rsplit_once(':').unwrap_or((name, "token"));
        columns.push(name.trim().to_owned());
        lists.push(kind.trim().ends_with("_seq"));
    }
    let shape = Shape {
        separator: "\t",
        columns,
        lists,
        latin1: false,
        flags: None,
    };
    Ok(Separated::new(lines, shape, limits))
}
