//! Ids and texts of one file, row by row, so that a file of any length is encoded within bounded
//! memory: one row is held, and for Parquet about 16 MiB of decoded rows beside one page.
//!
//! The readers, the roles of columns and what a row says are those of [`import`](super::import),
//! so that a row has the same text here as in a data set made of the same columns. What is left
//! out: nothing remembers the ids, so one that comes twice is given twice. A row that cannot be
//! read is an error with its line, and ends the reading.

use super::cell::{self, labels, prose};
use super::file::SourceFile;
use super::infer::{self, Sampled};
use super::names;
use super::options::{FileKind, ImportOptions, Roles};
use super::report::grouped;
use super::role::ColumnRole;
use super::stats::Separator;
use crate::catalogue::read_aloud;
use crate::read::{Bad, Cells, Layout, Rows, Step};
use crate::{DataError, Format};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Words of an id, on average: a column that is called like an id but holds prose is none.
const WORDS_OF_ID: f64 = 2.0;
/// Bad rows an error lists beside the first.
const LISTED: usize = 10;

/// Which file, and what of it.
#[derive(Clone, Debug, PartialEq)]
pub struct TextOptions {
    /// The file.
    pub path: PathBuf,
    /// Column of the ids. Default: one named `id`, or as ids of items or users are named in an
    /// import; where there is none, the number of the row, from 0.
    pub id: Option<String>,
    /// Columns of the text, in the order they are read. Default: those an import would let the
    /// encoder read, texts first, then labels.
    pub text: Vec<String>,
    /// Default: found out.
    pub format: Format,
    /// Longest text of a row, and longest field, in bytes. Default: 1 MiB.
    pub max_text_bytes: usize,
}

impl TextOptions {
    /// A file of which everything is found out.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            id: None,
            text: Vec::new(),
            format: Format::Auto,
            max_text_bytes: 1 << 20,
        }
    }
}

/// A file whose columns of ids and texts are known.
#[derive(Debug)]
pub struct TextSource {
    path: PathBuf,
    file: SourceFile,
    id: Option<usize>,
    texts: Vec<usize>,
    labels: Vec<(usize, Separator)>,
    max_text_bytes: usize,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRow {
    /// Its id, or its number in the file, from 0, where there are no ids.
    pub id: String,
    /// What it says; empty if nothing.
    pub text: String,
    /// How far the file is read with it, in the unit of [`TextRows::total`].
    pub position: u64,
}

/// The rows of a file.
pub struct TextRows {
    source: TextSource,
    rows: Box<dyn Rows + Send>,
    done: Arc<AtomicU64>,
    cells: Cells,
    number: u64,
    ended: bool,
}

impl TextSource {
    /// Looks at the beginning of a file and decides which columns are what.
    ///
    /// ```no_run
    /// use semrec_data::{TextOptions, TextSource};
    /// let source = TextSource::open(&TextOptions::new("items.csv"))?;
    /// for row in source.rows()? {
    ///     let row = row?;
    ///     println!("{}: {}", row.id, row.text);
    /// }
    /// # Ok::<(), semrec_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Io`] and [`DataError::Format`] for a file that cannot be read or understood, a
    /// column that is not there, or no column that holds text.
    pub fn open(options: &TextOptions) -> Result<Self, DataError> {
        let import = ImportOptions {
            format: options.format,
            max_field_bytes: options.max_text_bytes,
            ..ImportOptions::new(&options.path)
        };
        let file = SourceFile::look(&options.path, "texts", FileKind::Items, &import)?;
        let id = match &options.id {
            Some(name) => Some(column(&file, name)?),
            None => id_column(&file, &options.text),
        };
        let (texts, labels) = if options.text.is_empty() {
            inferred(&file, id)?
        } else {
            let named = options.text.iter().map(|name| column(&file, name));
            (named.collect::<Result<_, _>>()?, Vec::new())
        };
        Ok(Self {
            path: options.path.clone(),
            file,
            id,
            texts,
            labels,
            max_text_bytes: options.max_text_bytes,
        })
    }

    /// Name of the column of ids; `None` where rows are numbered.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.map(|i| self.file.columns[i].as_str())
    }

    /// Names of the columns of text, in the order they are read.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let labels = self.labels.iter().map(|(i, _)| *i);
        let all = self.texts.iter().copied().chain(labels);
        all.map(|i| self.file.columns[i].as_str())
    }

    /// How the file is laid out, for people.
    #[must_use]
    pub fn layout(&self) -> String {
        self.file.layout.describe()
    }

    /// The rows, from the first.
    ///
    /// # Errors
    /// As [`TextSource::open`].
    pub fn rows(self) -> Result<TextRows, DataError> {
        let (rows, done) = self.file.rows()?;
        Ok(TextRows {
            source: self,
            rows,
            done,
            cells: Cells::default(),
            number: 0,
            ended: false,
        })
    }

    fn text(&self, cells: &Cells) -> Result<String, Bad> {
        let limit = self.max_text_bytes;
        let cell = |i: usize| {
            cell::text(cells, i, limit).map_err(|bad| bad.in_field(&self.file.columns[i]))
        };
        let texts = self.texts.iter().map(|&i| cell(i).map(prose));
        let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
        let lists = self.labels.iter();
        let lists = lists.map(|&(i, separator)| cell(i).map(|text| labels(text, separator)));
        let lists: Vec<Vec<String>> = lists.collect::<Result<_, _>>()?;
        let text = read_aloud(
            texts.iter().map(String::as_str),
            lists.iter().map(|labels| &labels[..]),
        );
        if text.len() > limit {
            let got = format!("{} bytes, the limit is {limit}", text.len());
            return Err(Bad::new(cells.line, "the text of the row is too long", got));
        }
        Ok(text)
    }
}

impl TextRows {
    /// What all positions lead up to: the number of rows where the file tells it, else the bytes
    /// of the file.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows.total().unwrap_or(self.source.file.report.bytes)
    }

    fn reached(&self) -> u64 {
        match self.rows.total() {
            Some(_) => self.number,
            None => self.done.load(Ordering::Relaxed).min(self.total()),
        }
    }

    fn advance(&mut self) -> Result<Option<TextRow>, DataError> {
        match self.rows.read(&mut self.cells)? {
            Step::End if self.number == 0 => Err(DataError::format(
                &self.source.path,
                "has no rows; expected at least one",
            )),
            Step::End => Ok(None),
            Step::Bad(bad) => Err(self.refused(&bad)),
            Step::Row => match self.row() {
                Ok(row) => Ok(Some(row)),
                Err(bad) => Err(self.refused(&bad)),
            },
        }
    }

    /// An error that says where the row is and what to do about it. The rest of the file is read
    /// for others like it, so that they can be put right in one go.
    fn refused(&mut self, first: &Bad) -> DataError {
        let source = &self.source;
        let unit = if source.file.layout == Layout::Parquet {
            "row"
        } else {
            "line"
        };
        let field = if first.field.is_empty() {
            String::new()
        } else {
            format!(", column '{}'", first.field)
        };
        let mut problem = format!(
            "{unit} {}{field}: {} ({}); correct the row or take it out",
            first.line, first.reason, first.got
        );
        let path = source.path.clone();
        let (others, listed) = self.others();
        if others > 0 {
            let more = if others > listed.len() as u64 {
                ", …"
            } else {
                ""
            };
            problem.push_str(&format!(
                "; {} more cannot be read: {unit} {}{more}",
                grouped(others),
                listed.join(", ")
            ));
        }
        DataError::format(path, problem)
    }

    /// How many bad rows follow, and where the first of them are.
    fn others(&mut self) -> (u64, Vec<String>) {
        let (mut others, mut listed) = (0, Vec::new());
        loop {
            let bad = match self.rows.read(&mut self.cells) {
                Ok(Step::End) | Err(_) => return (others, listed),
                Ok(Step::Bad(bad)) => bad,
                Ok(Step::Row) => match self.row() {
                    Ok(_) => continue,
                    Err(bad) => bad,
                },
            };
            others += bad.rows;
            if listed.len() < LISTED {
                listed.push(bad.line.to_string());
            }
        }
    }

    fn row(&mut self) -> Result<TextRow, Bad> {
        let id = match self.source.id {
            Some(i) => cell::id(&self.cells, i)
                .map_err(|bad| bad.in_field(&self.source.file.columns[i]))?
                .to_owned(),
            None => self.number.to_string(),
        };
        let text = self.source.text(&self.cells)?;
        self.number += 1;
        Ok(TextRow {
            id,
            text,
            position: self.reached(),
        })
    }
}

impl Iterator for TextRows {
    type Item = Result<TextRow, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = self.advance().transpose();
        self.ended = !matches!(row, Some(Ok(_)));
        row
    }
}

impl std::fmt::Debug for TextRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextRows")
            .field("source", &self.source)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

fn column(file: &SourceFile, name: &str) -> Result<usize, DataError> {
    let found = file.columns.iter().position(|c| c == name);
    found.ok_or_else(|| missing(file, &format!("has no column '{name}'")))
}

fn missing(file: &SourceFile, problem: &str) -> DataError {
    let named = file.columns.iter().filter(|c| !c.is_empty());
    let named: Vec<String> = named.map(|c| format!("'{c}'")).collect();
    DataError::format(
        &file.path,
        format!("{problem}; there are {}", named.join(", ")),
    )
}

/// The column of ids by its name, if its values look like ids and it is no column of text.
fn id_column(file: &SourceFile, texts: &[String]) -> Option<usize> {
    let free: Vec<String> = file
        .columns
        .iter()
        .zip(&file.stats)
        .map(|(name, stats)| {
            let prose = texts.contains(name) || stats.average_words() > WORDS_OF_ID;
            if prose { String::new() } else { name.clone() }
        })
        .collect();
    let lists = [&["id"][..], names::ITEM, names::USER];
    lists.iter().find_map(|list| names::first(&free, list))
}

/// Columns of prose, and columns of labels with what separates them.
type TextColumns = (Vec<usize>, Vec<(usize, Separator)>);

/// What an import would let the encoder read.
fn inferred(file: &SourceFile, id: Option<usize>) -> Result<TextColumns, DataError> {
    let sampled = Sampled {
        path: &file.path,
        kind: FileKind::Items,
        columns: &file.columns,
        stats: &file.stats,
        header: file.has_header(),
    };
    let (mut texts, mut labels) = (Vec::new(), Vec::new());
    for i in (0..file.columns.len()).filter(|i| Some(*i) != id) {
        let decision = infer::field(&sampled, &Roles::default(), i);
        match decision.role {
            ColumnRole::Text => texts.push(i),
            ColumnRole::Category => labels.push((i, decision.separator)),
            ColumnRole::User
            | ColumnRole::Item
            | ColumnRole::Value
            | ColumnRole::Time
            | ColumnRole::Position
            | ColumnRole::Event
            | ColumnRole::Split
            | ColumnRole::Number
            | ColumnRole::Image
            | ColumnRole::Ignore => {}
        }
    }
    if texts.is_empty() && labels.is_empty() {
        return Err(missing(
            file,
            "has no column that looks like text, so it has to be named",
        ));
    }
    Ok((texts, labels))
}
