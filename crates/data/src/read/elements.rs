//! JSON values one after the other: lines of them, or the members of one array, each of bounded
//! length. Only brackets and strings are followed here; whether a value is good JSON is decided
//! by the parser that gets it.

use super::{Input, Limits};
use crate::DataError;
use std::io::BufRead;

/// Cuts a file into its JSON values.
pub(super) struct Elements {
    input: Input,
    limit: usize,
    /// The value just read.
    pub(super) text: Vec<u8>,
    /// The line it begins in, from 1.
    pub(super) line: u64,
    /// Place of its first byte.
    pub(super) offset: u64,
    at_line: u64,
    at: u64,
    array: bool,
    started: bool,
}

/// What was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Value,
    TooLong,
    End,
}

impl Elements {
    pub(super) fn new(input: Input, limits: Limits) -> Self {
        Self {
            input,
            limit: limits.row(),
            text: Vec::new(),
            line: 1,
            offset: 0,
            at_line: 1,
            at: 0,
            array: false,
            started: false,
        }
    }

    /// Reads the next value. In a file of lines a value ends with its line, so that a broken one
    /// spoils no other; in an array it ends at the comma or bracket of the array.
    pub(super) fn next(&mut self) -> Result<Element, DataError> {
        self.text.clear();
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        let mut too_long = false;
        loop {
            let chunk = match self.input.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(e) => return Err(self.input.fault(&e)),
            };
            if chunk.is_empty() {
                return Ok(match (self.text.is_empty(), too_long) {
                    (_, true) => Element::TooLong,
                    (true, false) => Element::End,
                    (false, false) => Element::Value,
                });
            }
            let mut used = 0;
            let mut done = false;
            for &byte in chunk {
                used += 1;
                self.at += 1;
                if byte == b'\n' {
                    self.at_line += 1;
                }
                if !self.started && !byte.is_ascii_whitespace() {
                    self.started = true;
                    if byte == b'[' {
                        self.array = true;
                        continue;
                    }
                }
                let ends = if self.array {
                    depth == 0 && !in_string && (byte == b',' || byte == b']')
                } else {
                    byte == b'\n'
                };
                if ends {
                    if self.text.is_empty() {
                        continue;
                    }
                    done = true;
                    break;
                }
                if self.text.is_empty() {
                    if byte.is_ascii_whitespace() {
                        continue;
                    }
                    self.line = self.at_line;
                    self.offset = self.at - 1;
                }
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if in_string => escaped = true,
                    b'"' => in_string = !in_string,
                    b'{' | b'[' if !in_string => depth += 1,
                    b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if self.text.len() < self.limit {
                    self.text.push(byte);
                } else {
                    too_long = true;
                }
            }
            self.input.reader.consume(used);
            if done {
                return Ok(if too_long {
                    Element::TooLong
                } else {
                    Element::Value
                });
            }
        }
    }
}
