//! One source file: found out, sampled, and being read.

use super::options::{FileKind, ImportOptions};
use super::rejects::Rejects;
use super::report::FileReport;
use super::stats::{Stats, sample};
use super::table::TELL;
use crate::read::{self, Bad, Cells, Format, Input, Layout, Limits, Rows, Step};
use crate::store::hex;
use crate::{DataError, import::Progress};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

#[derive(Debug)]
/// A file whose layout is known and whose first rows were looked at.
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    pub(super) kind: FileKind,
    pub(super) layout: Layout,
    pub(super) columns: Vec<String>,
    pub(super) stats: Vec<Stats>,
    pub(super) report: FileReport,
    limits: Limits,
    checksum: Option<JoinHandle<Result<String, DataError>>>,
}

impl SourceFile {
    /// Finds out how a file is laid out and what its first rows look like, and begins to compute
    /// its checksum.
    pub(super) fn prepare(
        path: &Path,
        part: &str,
        kind: FileKind,
        options: &ImportOptions,
    ) -> Result<Self, DataError> {
        let mut file = Self::look(path, part, kind, options)?;
        let copy = path.to_path_buf();
        file.checksum = Some(std::thread::spawn(move || checksum(&copy)));
        Ok(file)
    }

    /// As [`SourceFile::prepare`], without the checksum, which reads the whole file.
    pub(super) fn look(
        path: &Path,
        part: &str,
        kind: FileKind,
        options: &ImportOptions,
    ) -> Result<Self, DataError> {
        let limits = Limits {
            field: options.max_field_bytes,
        };
        let events = kind == FileKind::Interactions;
        // Adjacency lists describe events only; a catalogue beside them has another format. Facts
        // come beside data of any format.
        let elsewhere = match options.format {
            Format::Adjacency => !events,
            Format::Movielens | Format::Mind => kind == FileKind::Knowledge,
            Format::Auto
            | Format::Csv
            | Format::Jsonl
            | Format::Parquet
            | Format::Recbole
            | Format::Gorse => false,
        };
        let format = if elsewhere {
            Format::Auto
        } else {
            options.format
        };
        let layout = read::detect(path, format, events, limits)?;
        let input = open_as(path, &layout)?;
        let mut report = FileReport {
            part: part.into(),
            path: path.display().to_string(),
            bytes: input.size,
            format: layout.describe(),
            compression: input.compression.name().into(),
            ..FileReport::default()
        };
        let mut rows = read::open(input, &layout, limits)?;
        let columns = unique(rows.columns());
        let stats = sample(&mut *rows)?;
        let invalid = columns.iter().all(String::is_empty);
        if columns.is_empty() || invalid {
            return Err(DataError::format(
                path,
                "has no named column; expected a header with names",
            ));
        }
        if stats.iter().all(|s| s.rows == 0) {
            report
                .notes
                .push("none of the first rows could be read".into());
        }
        Ok(Self {
            path: path.to_path_buf(),
            kind,
            layout,
            columns,
            stats,
            report,
            limits,
            checksum: None,
        })
    }

    /// Whether the file itself names its columns.
    pub(super) fn has_header(&self) -> bool {
        !matches!(self.layout, Layout::Delimited { header: false, .. })
    }

    /// The file from its beginning, and how many of its bytes have been read.
    pub(super) fn rows(&self) -> Result<(Box<dyn Rows + Send>, Arc<AtomicU64>), DataError> {
        let input = open_as(&self.path, &self.layout)?;
        let done = input.done.clone();
        Ok((read::open(input, &self.layout, self.limits)?, done))
    }

    /// Hands out the cells of each row, with the names of the columns; a row that cannot be read, or
    /// that `take` refuses, is rejected.
    ///
    /// # Errors
    /// [`DataError`] if the file cannot be read, has no row, or more than the allowed share of them
    /// is rejected.
    pub(super) fn each_row(
        &mut self,
        options: &ImportOptions,
        (rejects, progress): (&mut Rejects, Progress<'_>),
        mut take: impl FnMut(&Cells, &[String]) -> Result<(), Bad>,
    ) -> Result<(), DataError> {
        let mut tally = rejects.tally(&self.path, options.max_rejected_share);
        let (mut rows, done) = self.rows()?;
        let mut cells = Cells::default();
        loop {
            let taken = match rows.read(&mut cells)? {
                Step::End => break,
                Step::Bad(bad) => Err(bad),
                Step::Row => take(&cells, &self.columns),
            };
            match taken {
                Ok(()) => tally.accepted += 1,
                Err(bad) => tally.reject(&bad, &*rows, &cells)?,
            }
            if tally.rows().is_multiple_of(TELL) {
                self.tell(progress, &done);
            }
        }
        self.tell(progress, &done);
        self.report.notes.extend(rows.notes());
        tally.finish(&mut self.report)
    }

    /// Says how far the file is read.
    pub(super) fn tell(&self, progress: Progress<'_>, done: &AtomicU64) {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        progress(
            &format!("reading {name}"),
            done.load(Ordering::Relaxed).min(self.report.bytes),
            self.report.bytes,
        );
    }

    /// The report, with the checksum.
    pub(super) fn into_report(mut self) -> Result<FileReport, DataError> {
        if let Some(handle) = self.checksum.take() {
            self.report.sha256 = handle.join().unwrap_or_else(|_| {
                Err(DataError::format(
                    &self.path,
                    "the checksum could not be computed",
                ))
            })?;
        }
        Ok(self.report)
    }
}

fn open_as(path: &Path, layout: &Layout) -> Result<Input, DataError> {
    let input = Input::open(path)?;
    if *layout != Layout::Parquet {
        input.expect_text()?;
    }
    Ok(input)
}

/// Column names, a repeated one with a number behind it.
fn unique(columns: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(columns.len());
    for name in columns {
        let mut candidate = name.clone();
        let mut n = 2;
        while !name.is_empty() && out.contains(&candidate) {
            candidate = format!("{name}_{n}");
            n += 1;
        }
        out.push(candidate);
    }
    out
}

fn checksum(path: &Path) -> Result<String, DataError> {
    let io = |e| DataError::io(path, e);
    let mut file = std::fs::File::open(path).map_err(io)?;
    let mut sha = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(io)? {
            0 => return Ok(hex(&sha.finalize())),
            n => sha.update(&buffer[..n]),
        }
    }
}
