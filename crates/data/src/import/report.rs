//! What an import read and how it understood it, to be printed and kept.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What was read, inferred and refused. Printed by [`fmt::Display`], kept in `dataset.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportReport {
    /// One entry a file.
    #[serde(default)]
    pub files: Vec<FileReport>,
    /// Items that interactions name and the catalogue lacks; they were added without text.
    #[serde(default)]
    pub unknown_items: u64,
    /// A few of them.
    #[serde(default)]
    pub unknown_item_examples: Vec<String>,
}

/// How one file was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileReport {
    /// `items`, `users`, `interactions`, `test-interactions`, `facts` or `links`.
    pub part: String,
    /// The file.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
    /// Its format, e.g. `csv (',')`.
    pub format: String,
    /// `none`, `gzip` or `zstd`.
    pub compression: String,
    /// Rows read: accepted and rejected.
    pub rows: u64,
    /// Rows that are in the data set.
    pub accepted: u64,
    /// Rows that are not; see `rejected.jsonl`.
    pub rejected: u64,
    /// Cells that cannot be read in rows that were accepted without them; also in
    /// `rejected.jsonl`.
    #[serde(default)]
    pub emptied: u64,
    /// Events that stand before an earlier one of their user; they were sorted.
    #[serde(default)]
    pub unsorted: u64,
    /// How often a row, or a cell, was rejected for what.
    #[serde(default)]
    pub reasons: Vec<ReasonCount>,
    /// What else there is to know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What each column was taken for.
    #[serde(default)]
    pub columns: Vec<ColumnReport>,
}

/// How often rows were rejected for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// The reason without the particulars of a row.
    pub reason: String,
    /// Rows.
    pub rows: u64,
    /// The first such row, in full.
    pub first: String,
}

/// What one column was taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnReport {
    /// Its name in the file.
    pub name: String,
    /// `user`, `item`, `value`, `time`, `position`, `event`, `split`, `text`, `category`,
    /// `number`, `image` or `ignore`; of facts and links `head`, `relation`, `tail`, `item`,
    /// `entity` or `ignore`.
    pub role: String,
    /// What the decision rests on.
    pub why: String,
    /// A value of it.
    #[serde(default)]
    pub example: String,
}

impl ImportReport {
    /// Rows rejected over all files.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.files.iter().map(|f| f.rejected).sum()
    }

    /// Whether there is anything to write down in `rejected.jsonl`.
    pub(crate) fn has_rejects(&self) -> bool {
        self.files.iter().any(|f| f.rejected + f.emptied > 0)
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, file) in self.files.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{file}")?;
        }
        if self.unknown_items > 0 {
            writeln!(
                f,
                "\n{} items are in the interactions but not in the catalogue, such as {}; they were added without text",
                grouped(self.unknown_items),
                self.unknown_item_examples.join(", ")
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {}", self.part, self.path, self.format)?;
        if self.compression != "none" {
            write!(f, ", {}", self.compression)?;
        }
        writeln!(
            f,
            ": {} rows, {} accepted, {} rejected",
            grouped(self.rows),
            grouped(self.accepted),
            grouped(self.rejected)
        )?;
        if self.emptied > 0 {
            writeln!(
                f,
                "  note: {} cells cannot be read and are left empty",
                grouped(self.emptied)
            )?;
        }
        let widest = |get: fn(&ColumnReport) -> &str| {
            self.columns.iter().map(|c| get(c).chars().count()).max()
        };
        let name = widest(|c| &c.name).unwrap_or(0).min(28);
        let role = widest(|c| &c.role).unwrap_or(0);
        for c in &self.columns {
            write!(f, "  {:name$}  {:role$}  {}", c.name, c.role, c.why)?;
            if !c.example.is_empty() {
                write!(f, ", e.g. {}", c.example)?;
            }
            writeln!(f)?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        for r in &self.reasons {
            writeln!(
                f,
                "  rejected: {} × {} ({})",
                grouped(r.rows),
                r.reason,
                r.first
            )?;
        }
        Ok(())
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}
