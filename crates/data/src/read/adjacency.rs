//! Adjacency lists, as the collaborative-filtering benchmarks ship them: `user item item …`,
//! separated by blanks or tabs, one row for each pair.

use super::lines::{Line, Lines};
use super::{Bad, Cells, Input, Limits, Rows, Step};
use crate::DataError;
use std::ops::Range;

/// A reader of adjacency lists.
pub(super) struct Adjacency {
    lines: Lines,
    limits: Limits,
    columns: Vec<String>,
    user: Range<usize>,
    next: usize,
}

impl Adjacency {
    pub(super) fn new(input: Input, limits: Limits) -> Self {
        Self {
            lines: Lines::new(input, limits),
            limits,
            columns: vec!["user_id".into(), "item_id".into()],
            user: 0..0,
            next: 0,
        }
    }

    /// The next word of the line at or after `from`.
    fn word(&self, from: usize) -> Option<Range<usize>> {
        let text = &self.lines.text;
        let start = from + text.get(from..)?.iter().position(|b| !is_blank(*b))?;
        let rest = &text[start..];
        let n = rest.iter().position(|b| is_blank(*b)).unwrap_or(rest.len());
        Some(start..start + n)
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

impl Rows for Adjacency {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn read(&mut self, row: &mut Cells) -> Result<Step, DataError> {
        let mut item = self.word(self.next);
        while item.is_none() {
            match self.lines.next()? {
                Line::End => return Ok(Step::End),
                Line::TooLong => {
                    self.next = usize::MAX;
                    let got = format!("more than {} bytes", self.limits.row());
                    let bad = Bad::new(self.lines.number, "a line is too long", got);
                    return Ok(Step::Bad(bad));
                }
                Line::Text => {}
            }
            self.user = self.word(0).unwrap_or(0..0);
            item = self.word(self.user.end);
            if item.is_none() {
                self.next = usize::MAX;
                let got = String::from_utf8_lossy(&self.lines.text[self.user.clone()]);
                let got = format!("'{got}' alone");
                let bad = Bad::new(self.lines.number, "a user without items", got);
                return Ok(Step::Bad(bad));
            }
        }
        let item = item.unwrap_or(0..0);
        self.next = item.end;
        row.clear();
        row.line = self.lines.number;
        row.offset = self.lines.offset;
        row.push(&self.lines.text[self.user.clone()]);
        row.push(&self.lines.text[item]);
        Ok(Step::Row)
    }

    fn raw(&self) -> &[u8] {
        &self.lines.text
    }
}
