//! MIND, the Microsoft News Dataset: `news.tsv` and `behaviors.tsv`.
//!
//! A line of `behaviors.tsv` is an impression: the user, the time, the clicks they had made
//! before, and what they were shown (`N1-1` clicked, `N2-0` not). The clicks become events
//! `click` with the time of the impression; the earlier clicks, which are the same in all lines of
//! a user, become events `history` once, with an empty time: they are placed before everything
//! else of that user. What was shown and not clicked is no event; the note counts it.

use super::lines::{Line, Lines};
use super::separated::{Separated, Shape};
use super::{Bad, Cells, Input, Limits, Rows, Step};
use crate::{DataError, Ids};
use std::ops::Range;

/// The name of events that have no time of their own but precede all others of their user.
pub(crate) const HISTORY: &str = "history";

pub(super) fn news(input: Input, limits: Limits) -> Separated {
    let columns = [
        "item_id",
        "category",
        "subcategory",
        "title",
        "abstract",
        "url",
        "title_entities",
        "abstract_entities",
    ];
    let shape = Shape {
        separator: "\t",
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        lists: Vec::new(),
        latin1: false,
        flags: None,
    };
    Separated::headless(input, shape, limits)
}

/// A reader of `behaviors.tsv`, one row a click.
pub(super) struct Behaviors {
    lines: Lines,
    limits: Limits,
    columns: Vec<String>,
    seen: Ids,
    fields: [Range<usize>; 5],
    /// Where the next item of the current line begins, and whether it is in the history.
    next: usize,
    in_history: bool,
    open: bool,
    not_clicked: u64,
}

impl Behaviors {
    pub(super) fn new(input: Input, limits: Limits) -> Self {
        Self {
            lines: Lines::new(input, limits),
            limits,
            columns: ["user_id", "item_id", "timestamp", "event"]
                .map(str::to_owned)
                .to_vec(),
            seen: Ids::default(),
            fields: Default::default(),
            next: 0,
            in_history: false,
            open: false,
            not_clicked: 0,
        }
    }

    fn begin(&mut self) -> Result<Option<Step>, DataError> {
        match self.lines.next()? {
            Line::End => return Ok(Some(Step::End)),
            Line::TooLong => {
                let got = format!("more than {} bytes", self.limits.row());
                let bad = Bad::new(self.lines.number, "a line is too long", got);
                return Ok(Some(Step::Bad(bad)));
            }
            Line::Text => {}
        }
        let text = &self.lines.text;
        let mut start = 0;
        let mut n = 0;
        for cell in text.split(|b| *b == b'\t') {
            if let Some(field) = self.fields.get_mut(n) {
                *field = start..start + cell.len();
            }
            start += cell.len() + 1;
            n += 1;
        }
        let user = self.fields[1].clone();
        let user = (n == 5)
            .then(|| std::str::from_utf8(&text[user]))
            .transpose();
        let Ok(Some(user)) = user else {
            let got = if n == 5 {
                "a user id that is not UTF-8".to_owned()
            } else {
                format!("{n} columns, expected 5")
            };
            let bad = Bad::new(self.lines.number, "not a line of behaviors.tsv", got);
            return Ok(Some(Step::Bad(bad)));
        };
        let known = self.seen.len();
        self.in_history = self.seen.intern(user) as usize == known;
        self.next = self.fields[if self.in_history { 3 } else { 4 }].start;
        self.open = true;
        Ok(None)
    }

    /// The next item of the current line.
    fn item(&mut self) -> Option<Range<usize>> {
        loop {
            let field = &self.fields[if self.in_history { 3 } else { 4 }];
            if self.next >= field.end {
                if !self.in_history {
                    self.open = false;
                    return None;
                }
                self.in_history = false;
                self.next = self.fields[4].start;
                continue;
            }
            let rest = &self.lines.text[self.next..field.end];
            let n = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
            let item = self.next..self.next + n;
            self.next = item.end + 1;
            if n > 0 {
                return Some(item);
            }
        }
    }
}

impl Rows for Behaviors {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn read(&mut self, row: &mut Cells) -> Result<Step, DataError> {
        loop {
            if !self.open
                && let Some(step) = self.begin()?
            {
                return Ok(step);
            }
            let Some(item) = self.item() else {
                continue;
            };
            let text = &self.lines.text;
            let (item, time, event): (&[u8], &[u8], &str) = if self.in_history {
                (&text[item], b"", HISTORY)
            } else if let Some(id) = text[item.clone()].strip_suffix(b"-1") {
                (id, &text[self.fields[2].clone()], "click")
            } else if text[item.clone()].ends_with(b"-0") {
                self.not_clicked += 1;
                continue;
            } else {
                let got = String::from_utf8_lossy(&text[item]).into_owned();
                let bad = Bad::new(
                    self.lines.number,
                    "an impression without -0 or -1",
                    format!("'{got}'"),
                );
                return Ok(Step::Bad(bad.in_field("impressions")));
            };
            row.clear();
            row.line = self.lines.number;
            row.offset = self.lines.offset;
            row.push(&text[self.fields[1].clone()]);
            row.push(item);
            row.push(time);
            row.push(event.as_bytes());
            return Ok(Step::Row);
        }
    }

    fn raw(&self) -> &[u8] {
        &self.lines.text
    }

    fn notes(&self) -> Vec<String> {
        vec![format!(
            "{} impressions that were shown and not clicked are no events",
            self.not_clicked
        )]
    }
}
