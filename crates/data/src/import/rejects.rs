//! Rows that are not accepted: counted by reason, and written down one by one.

use super::report::{FileReport, ReasonCount, grouped};
use crate::DataError;
use crate::read::{Bad, Cells, Rows};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

/// Characters of a row that are kept.
const RAW_CHARS: usize = 500;
/// So many rejected rows are kept before a hopeless file is given up.
const PATIENCE: u64 = 1_000_000;

/// Gathers rejected rows in a file without a name, which vanishes with the process.
#[derive(Debug, Default)]
pub(crate) struct Rejects {
    file: Option<BufWriter<File>>,
}

/// One line of `rejected.jsonl`.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    line: u64,
    field: &'a str,
    reason: &'a str,
    got: &'a str,
    /// How many rows are lost; 0 if the row is kept without the field.
    rows: u64,
    raw: &'a str,
}

/// The rejected rows of one file.
pub(super) struct Tally<'a> {
    rejects: &'a mut Rejects,
    path: PathBuf,
    name: String,
    pub(super) accepted: u64,
    rejected: u64,
    emptied: u64,
    max_share: f64,
    reasons: Vec<ReasonCount>,
}

impl Rejects {
    pub(super) fn tally(&mut self, path: &Path, max_share: f64) -> Tally<'_> {
        Tally {
            rejects: self,
            path: path.to_path_buf(),
            name: path.display().to_string(),
            accepted: 0,
            rejected: 0,
            emptied: 0,
            max_share,
            reasons: Vec::new(),
        }
    }

    /// Copies what was gathered.
    pub(crate) fn copy_to(&mut self, out: &mut dyn Write) -> std::io::Result<()> {
        if let Some(file) = &mut self.file {
            file.flush()?;
            let inner = file.get_mut();
            inner.rewind()?;
            std::io::copy(inner, out)?;
        }
        Ok(())
    }

    fn write(&mut self, line: &Line<'_>) -> std::io::Result<()> {
        if self.file.is_none() {
            self.file = Some(BufWriter::new(tempfile::tempfile()?));
        }
        if let Some(file) = &mut self.file {
            serde_json::to_writer(&mut *file, line)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl Tally<'_> {
    /// Counts and writes down one rejection; the row is still the one `rows` read last.
    pub(super) fn reject(
        &mut self,
        bad: &Bad,
        rows: &dyn Rows,
        cells: &Cells,
    ) -> Result<(), DataError> {
        self.rejected += bad.rows;
        self.note(bad, bad.rows, rows, cells)
    }

    /// Counts and writes down one cell that is left empty; the row itself is accepted.
    pub(super) fn empty(
        &mut self,
        bad: &Bad,
        rows: &dyn Rows,
        cells: &Cells,
    ) -> Result<(), DataError> {
        self.emptied += 1;
        self.note(bad, 0, rows, cells)
    }

    fn note(
        &mut self,
        bad: &Bad,
        lost: u64,
        rows: &dyn Rows,
        cells: &Cells,
    ) -> Result<(), DataError> {
        match self.reasons.iter_mut().find(|r| r.reason == bad.reason) {
            Some(r) => r.rows += bad.rows,
            None => self.reasons.push(ReasonCount {
                reason: bad.reason.into(),
                rows: bad.rows,
                first: describe(bad),
            }),
        }
        let raw = if rows.raw().is_empty() {
            let cells: Vec<_> = (0..cells.len()).map(|i| cells.get(i)).collect();
            clip(&cells.join(&b'\t'))
        } else {
            clip(rows.raw())
        };
        let line = Line {
            file: &self.name,
            line: bad.line,
            field: &bad.field,
            reason: bad.reason,
            got: &bad.got,
            rows: lost,
            raw: &raw,
        };
        self.rejects
            .write(&line)
            .map_err(|e| DataError::io("rejected.jsonl (temporary)", e))?;
        if self.rejected + self.emptied > PATIENCE {
            self.check()?;
        }
        Ok(())
    }

    pub(super) fn rows(&self) -> u64 {
        self.accepted + self.rejected
    }

    /// Fails if too large a share was rejected, in whole or in part.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
    fn check(&self) -> Result<(), DataError> {
        let bad = self.rejected + self.emptied;
        if bad == 0 || bad as f64 / self.rows() as f64 <= self.max_share {
            return Ok(());
        }
        let reasons: Vec<String> = self
            .reasons
            .iter()
            .map(|r| format!("{} × {} ({})", grouped(r.rows), r.reason, r.first))
            .collect();
        Err(DataError::Rejected {
            path: self.path.clone(),
            rejected: bad,
            rows: self.rows(),
            limit: self.max_share,
            reasons: reasons.join("; "),
            kept: None,
        })
    }

    /// Checks the share and fills in the counts.
    pub(super) fn finish(self, report: &mut FileReport) -> Result<(), DataError> {
        if self.rows() == 0 {
            return Err(DataError::format(
                &self.path,
                "has a header and no rows; expected at least one row",
            ));
        }
        self.check()?;
        report.rows = self.rows();
        report.accepted = self.accepted;
        report.rejected = self.rejected;
        report.emptied = self.emptied;
        report.reasons = self.reasons;
        Ok(())
    }
}

fn describe(bad: &Bad) -> String {
    if bad.field.is_empty() {
        format!("line {}: {}", bad.line, bad.got)
    } else {
        format!("line {}, '{}': {}", bad.line, bad.field, bad.got)
    }
}

/// The beginning of a row, as text.
fn clip(raw: &[u8]) -> String {
    let head = &raw[..raw.len().min(RAW_CHARS * 4)];
    let text = String::from_utf8_lossy(head);
    let mut out: String = text.chars().take(RAW_CHARS).collect();
    if out.len() < raw.len() && text.chars().count() >= RAW_CHARS {
        out.push('…');
    }
    out
}
