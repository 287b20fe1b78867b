//! Lines of bounded length.

use super::{Input, Limits};
use crate::DataError;
use std::io::{BufRead, Read};

/// Reads a file line by line, never holding more than a row's limit.
pub(super) struct Lines {
    input: Input,
    limit: usize,
    /// The line just read, without its end.
    pub(super) text: Vec<u8>,
    /// Its number, from 1.
    pub(super) number: u64,
    /// Place of its first byte.
    pub(super) offset: u64,
    next_offset: u64,
}

/// What was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Text,
    TooLong,
    End,
}

impl Lines {
    pub(super) fn new(input: Input, limits: Limits) -> Self {
        Self {
            input,
            limit: limits.row(),
            text: Vec::new(),
            number: 0,
            offset: 0,
            next_offset: 0,
        }
    }

    /// Reads the next line that is not blank.
    pub(super) fn next(&mut self) -> Result<Line, DataError> {
        loop {
            let line = self.any()?;
            if line != Line::Text || !self.text.trim_ascii().is_empty() {
                return Ok(line);
            }
        }
    }

    fn any(&mut self) -> Result<Line, DataError> {
        self.text.clear();
        let limit = self.limit as u64 + 2;
        let n = self
            .input
            .reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.text)
            .map_err(|e| self.input.fault(&e))?;
        if n == 0 {
            return Ok(Line::End);
        }
        self.number += 1;
        self.offset = self.next_offset;
        self.next_offset += n as u64;
        if self.text.last() != Some(&b'\n') && n as u64 == limit {
            let skipped = self
                .input
                .reader
                .skip_until(b'\n')
                .map_err(|e| self.input.fault(&e))?;
            self.next_offset += skipped as u64;
            self.text.truncate(1024);
            self.text.shrink_to(4096);
            return Ok(Line::TooLong);
        }
        if self.text.last() == Some(&b'\n') {
            self.text.pop();
        }
        if self.text.last() == Some(&b'\r') {
            self.text.pop();
        }
        Ok(Line::Text)
    }
}
