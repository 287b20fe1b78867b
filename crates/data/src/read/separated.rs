//! Lines cut at a separator, without quoting: RecBole, MIND and the older MovieLens files.

use super::lines::{Line, Lines};
use super::{Bad, Cells, Input, Limits, Rows, Step};
use crate::DataError;

/// How lines are cut and understood.
pub(super) struct Shape {
    /// Between cells.
    pub(super) separator: &'static str,
    /// Names of the columns.
    pub(super) columns: Vec<String>,
    /// Columns whose blanks separate members of a list.
    pub(super) lists: Vec<bool>,
    /// Whether lines that are not UTF-8 are Latin-1.
    pub(super) latin1: bool,
    /// From this cell on, flags `0` or `1` make up the last column: a list of these labels.
    pub(super) flags: Option<(usize, &'static [&'static str])>,
}

/// A reader of separated lines.
pub(super) struct Separated {
    lines: Lines,
    shape: Shape,
    limits: Limits,
    decoded: String,
}

impl Separated {
    pub(super) fn new(lines: Lines, shape: Shape, limits: Limits) -> Self {
        Self {
            lines,
            shape,
            limits,
            decoded: String::new(),
        }
    }

    /// A file without a header line.
    pub(super) fn headless(input: Input, shape: Shape, limits: Limits) -> Self {
        Self::new(Lines::new(input, limits), shape, limits)
    }

    fn fill(&mut self, row: &mut Cells) -> Option<Bad> {
        let line = self.lines.number;
        let text: &[u8] = if self.shape.latin1 && std::str::from_utf8(&self.lines.text).is_err() {
            self.decoded.clear();
            // Every byte of Latin-1 is the code point of the same number.
            self.decoded
                .extend(self.lines.text.iter().map(|b| char::from(*b)));
            self.decoded.as_bytes()
        } else {
            &self.lines.text
        };
        let mut cells = cut(text, self.shape.separator.as_bytes());
        let columns = &self.shape.columns;
        let plain = self.shape.flags.map_or(columns.len(), |(at, _)| at);
        let mut labels: Vec<u8> = Vec::new();
        let mut got = 0;
        for cell in &mut cells {
            if cell.len() > self.limits.field {
                let got = format!("{} bytes, the limit is {}", cell.len(), self.limits.field);
                let name = columns.get(got_column(row.len(), columns.len()));
                return Some(
                    Bad::new(line, "a field is too long", got)
                        .in_field(name.map_or("", String::as_str)),
                );
            }
            if got < plain {
                push(row, cell, self.shape.lists.get(got) == Some(&true));
            } else if let Some((at, names)) = self.shape.flags
                && let Some(name) = names.get(got - at)
                && cell.trim_ascii() == b"1"
            {
                if !labels.is_empty() {
                    labels.push(0x1f);
                }
                labels.extend_from_slice(name.as_bytes());
            }
            got += 1;
        }
        let expected = self
            .shape
            .flags
            .map_or(columns.len(), |(at, names)| at + names.len());
        if got != expected {
            return Some(Bad::new(
                line,
                "wrong number of columns",
                format!("{got} columns, expected {expected}"),
            ));
        }
        if self.shape.flags.is_some() {
            row.push(&labels);
        }
        None
    }
}

fn got_column(at: usize, n: usize) -> usize {
    at.min(n.saturating_sub(1))
}

fn push(row: &mut Cells, cell: &[u8], list: bool) {
    if !list {
        return row.push(cell);
    }
    let members: Vec<&[u8]> = cell
        .split(|b| *b == b' ')
        .filter(|m| !m.is_empty())
        .collect();
    row.push(&members.join(&0x1f));
}

/// The pieces between separators.
fn cut<'a>(text: &'a [u8], separator: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let all = rest?;
        let at = all.windows(separator.len()).position(|w| w == separator);
        match at {
            Some(at) => {
                rest = Some(&all[at + separator.len()..]);
                Some(&all[..at])
            }
            None => {
                rest = None;
                Some(all)
            }
        }
    })
}

impl Rows for Separated {
    fn columns(&self) -> &[String] {
        &self.shape.columns
    }

    fn read(&mut self, row: &mut Cells) -> Result<Step, DataError> {
        row.clear();
        match self.lines.next()? {
            Line::End => return Ok(Step::End),
            Line::TooLong => {
                let got = format!("more than {} bytes", self.limits.row());
                return Ok(Step::Bad(Bad::new(
                    self.lines.number,
                    "a line is too long",
                    got,
                )));
            }
            Line::Text => {}
        }
        row.line = self.lines.number;
        row.offset = self.lines.offset;
        Ok(self.fill(row).map_or(Step::Row, Step::Bad))
    }

    fn raw(&self) -> &[u8] {
        &self.lines.text
    }
}
