//! CSV, TSV and their kin: RFC 4180 quoting, any one-byte delimiter.
//!
//! The state machine is `csv-core`'s, fed by hand so that an over-long field is passed over
//! without being held, and a quote that is never closed is noticed instead of swallowing the rest
//! of the file as one good row.

use super::{Bad, Cells, Input, Limits, Rows, Step};
use crate::DataError;
use csv_core::ReadRecordResult;
use std::io::BufRead;

/// Columns of one row at most.
const MAX_COLUMNS: usize = 1 << 14;
/// How much of a row is kept for `rejected.jsonl`.
const RAW: usize = 1024;

/// A reader of delimited text.
pub(super) struct Delimited {
    input: Input,
    core: csv_core::Reader,
    delimiter: u8,
    columns: Vec<String>,
    limits: Limits,
    raw: Vec<u8>,
    offset: u64,
    /// Rows with more cells than columns, the additional ones empty.
    padded: u64,
    /// The first row, where it is data and not the header.
    first: Option<Cells>,
}

/// How reading one record ended.
struct Record {
    too_long: bool,
    unclosed: bool,
    lines: u64,
    end: bool,
}

impl Delimited {
    pub(super) fn new(
        input: Input,
        delimiter: u8,
        header: bool,
        limits: Limits,
    ) -> Result<Self, DataError> {
        let mut reader = Self {
            core: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            delimiter,
            input,
            columns: Vec::new(),
            limits,
            raw: Vec::new(),
            offset: 0,
            padded: 0,
            first: None,
        };
        let mut row = Cells::default();
        let record = reader.record(&mut row)?;
        if record.too_long || record.unclosed {
            return Err(DataError::format(
                &reader.input.path,
                "the first row is no header: a field in it is too long or its quote is never closed",
            ));
        }
        if header {
            for i in 0..row.len() {
                let name = std::str::from_utf8(row.get(i)).map_err(|_| {
                    DataError::format(
                        &reader.input.path,
                        "the header is not UTF-8; save the file as UTF-8",
                    )
                })?;
                reader.columns.push(name.trim().to_owned());
            }
        } else {
            reader.columns = (1..=row.len()).map(|i| format!("column{i}")).collect();
            reader.first = Some(row);
        }
        Ok(reader)
    }

    /// Reads one record of whatever number of cells.
    fn record(&mut self, row: &mut Cells) -> Result<Record, DataError> {
        self.raw.clear();
        row.offset = self.offset;
        if row.bytes.len() < 4096 {
            row.bytes.resize(4096, 0);
        }
        if row.ends.len() < 64 {
            row.ends.resize(64, 0);
        }
        let first_line = self.core.line();
        let (mut out, mut ended, mut quotes) = (0, 0, 0usize);
        let mut too_long = false;
        loop {
            let chunk = match self.input.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(e) => return Err(self.input.fault(&e)),
            };
            let at_end = chunk.is_empty();
            let before = self.core.line();
            let (result, n_in, n_out, n_ends) =
                self.core
                    .read_record(chunk, &mut row.bytes[out..], &mut row.ends[ended..]);
            let eaten = &chunk[..n_in];
            let room = RAW.saturating_sub(self.raw.len()).min(n_in);
            self.raw.extend_from_slice(&eaten[..room]);
            let whole = matches!(result, ReadRecordResult::Record | ReadRecordResult::End);
            if !whole || self.core.line() > before + 1 {
                quotes += eaten.iter().filter(|b| **b == b'"').count();
            }
            self.offset += n_in as u64;
            self.input.reader.consume(n_in);
            out += n_out;
            ended += n_ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    if row.bytes.len() < self.limits.row() && !too_long {
                        row.bytes.resize(row.bytes.len() * 2, 0);
                    }
                    let start = if ended == 0 { 0 } else { row.ends[ended - 1] };
                    if too_long || out >= self.limits.row() || out - start > self.limits.field {
                        (too_long, out, ended) = (true, 0, 0);
                    }
                }
                ReadRecordResult::OutputEndsFull => {
                    if row.ends.len() < MAX_COLUMNS && !too_long {
                        row.ends.resize(row.ends.len() * 2, 0);
                    } else {
                        (too_long, out, ended) = (true, 0, 0);
                    }
                }
                ReadRecordResult::Record | ReadRecordResult::End => {
                    let lines = self.core.line() - first_line;
                    row.len = if too_long { 0 } else { ended };
                    // Blank lines, and the second half of a CRLF, are read with what follows.
                    let blank = self.raw.iter().take_while(|b| matches!(b, b'\r' | b'\n'));
                    let (mut skipped, mut breaks) = (0, 0);
                    for byte in blank {
                        skipped += 1;
                        breaks += u64::from(*byte == b'\n');
                    }
                    self.raw.drain(..skipped);
                    row.offset += skipped as u64;
                    row.line = first_line + breaks;
                    let lines = lines - breaks;
                    return Ok(Record {
                        too_long: too_long || self.has_long_field(row),
                        unclosed: at_end && quotes % 2 == 1 && self.is_open(lines),
                        lines,
                        end: matches!(result, ReadRecordResult::End),
                    });
                }
            }
        }
    }

    fn has_long_field(&self, row: &Cells) -> bool {
        row.len > 0
            && row.ends[row.len - 1] > self.limits.field
            && (0..row.len).any(|i| row.get(i).len() > self.limits.field)
    }

    /// Whether an odd number of quotes means an open one and not an inch sign.
    fn is_open(&self, lines: u64) -> bool {
        lines > 1
            || self.raw.starts_with(b"\"")
            || self.raw.windows(2).any(|w| w == [self.delimiter, b'"'])
    }

    fn check(&mut self, record: &Record, row: &mut Cells) -> Option<Bad> {
        let line = row.line;
        if record.unclosed {
            let mut bad = Bad::new(
                line,
                "a quote is never closed",
                format!(
                    "everything up to the end of the file, {} lines",
                    record.lines
                ),
            );
            bad.rows = record.lines.max(1);
            return Some(bad);
        }
        if record.too_long {
            return Some(Bad::new(
                line,
                "a field is too long",
                format!("more than {} bytes", self.limits.field),
            ));
        }
        let (got, expected) = (row.len(), self.columns.len());
        if got == expected {
            return None;
        }
        let fits = if got > expected {
            (expected..got).all(|i| row.get(i).trim_ascii().is_empty())
        } else {
            self.columns[got..].iter().all(String::is_empty)
        };
        if fits {
            self.padded += 1;
            row.resize(expected);
            return None;
        }
        let mut bad = Bad::new(
            line,
            "wrong number of columns",
            format!("{got} columns, expected {expected}"),
        );
        bad.rows = record.lines.max(1);
        Some(bad)
    }
}

impl Rows for Delimited {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn read(&mut self, row: &mut Cells) -> Result<Step, DataError> {
        if let Some(first) = self.first.take() {
            *row = first;
            return Ok(Step::Row);
        }
        let record = self.record(row)?;
        if record.end {
            return Ok(Step::End);
        }
        Ok(self.check(&record, row).map_or(Step::Row, Step::Bad))
    }

    fn raw(&self) -> &[u8] {
        self.raw.trim_ascii_end()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let unnamed = self.columns.iter().filter(|c| c.is_empty()).count();
        if unnamed > 0 {
            notes.push(format!("{unnamed} columns without a name are ignored"));
        }
        if self.padded > 0 {
            notes.push(format!(
                "{} rows have more or fewer unnamed, empty columns than the header",
                self.padded
            ));
        }
        notes
    }
}
