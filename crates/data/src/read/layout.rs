//! Tells how a file is laid out, from its name and its first bytes.

use super::movielens::MovielensFile;
use super::{Format, Input, Limits, json, recbole};
use crate::DataError;
use std::path::Path;

/// What a reader has to know before it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Delimited { delimiter: u8, header: bool },
    Json { columns: Vec<String> },
    Parquet,
    Recbole,
    Movielens(MovielensFile),
    MindNews,
    MindBehaviors,
    Adjacency,
}

impl Layout {
    /// For people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Delimited { delimiter, header } => {
                let name = match delimiter {
                    b'\t' => "tab-separated".to_owned(),
                    b' ' => "blank-separated".to_owned(),
                    other => format!("csv with '{}'", char::from(*other)),
                };
                if *header {
                    name
                } else {
                    format!("{name}, no header")
                }
            }
            Self::Json { .. } => "json objects".into(),
            Self::Parquet => "parquet".into(),
            Self::Recbole => "recbole".into(),
            Self::Movielens(_) => "movielens".into(),
            Self::MindNews | Self::MindBehaviors => "mind".into(),
            Self::Adjacency => "adjacency lists".into(),
        }
    }
}

/// Finds the layout of a file; `events` says whether it holds interactions.
pub(crate) fn detect(
    path: &Path,
    format: Format,
    events: bool,
    limits: Limits,
) -> Result<Layout, DataError> {
    let input = Input::open(path)?;
    let parquet = input.head.starts_with(b"PAR1");
    if format == Format::Parquet || (format == Format::Auto && parquet) {
        return Ok(Layout::Parquet);
    }
    input.expect_text()?;
    let name = base_name(path);
    let head = Head::of(&input.head);
    match format {
        Format::Auto | Format::Parquet => automatic(input, &name, &head, events, limits),
        Format::Csv => delimited(&input, &head),
        Format::Jsonl | Format::Gorse => json_layout(input, limits),
        Format::Recbole => Ok(Layout::Recbole),
        Format::Movielens => movielens(&name, &head).map_or_else(
            || delimited(&input, &head),
            |file| Ok(Layout::Movielens(file)),
        ),
        Format::Mind => Ok(if events {
            Layout::MindBehaviors
        } else {
            Layout::MindNews
        }),
        Format::Adjacency => Ok(Layout::Adjacency),
    }
}

fn automatic(
    input: Input,
    name: &str,
    head: &Head,
    events: bool,
    limits: Limits,
) -> Result<Layout, DataError> {
    let first = input.head.trim_ascii_start().first().copied();
    if matches!(first, Some(b'{' | b'[')) {
        return json_layout(input, limits);
    }
    if head.lines.first().is_some_and(|l| recbole::is_header(l)) {
        return Ok(Layout::Recbole);
    }
    if let Some(file) = movielens(name, head) {
        return Ok(Layout::Movielens(file));
    }
    let tabs = |l: &String| l.matches('\t').count();
    match name {
        "behaviors.tsv" if head.lines.iter().all(|l| tabs(l) == 4) => {
            return Ok(Layout::MindBehaviors);
        }
        "news.tsv" if head.lines.iter().all(|l| tabs(l) == 7) => return Ok(Layout::MindNews),
        _ => {}
    }
    if events && head.is_adjacency() {
        return Ok(Layout::Adjacency);
    }
    delimited(&input, head)
}

fn json_layout(input: Input, limits: Limits) -> Result<Layout, DataError> {
    let columns = json::columns(input, limits)?;
    Ok(Layout::Json { columns })
}

/// The file name without the ending of a compression.
fn base_name(path: &Path) -> String {
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let bare = name
        .strip_suffix(".gz")
        .or_else(|| name.strip_suffix(".zst"));
    bare.unwrap_or(&name).to_owned()
}

fn movielens(name: &str, head: &Head) -> Option<MovielensFile> {
    let fields = |separator: &str| {
        let mut counts = head.lines.iter().map(|l| l.matches(separator).count() + 1);
        let first = counts.next()?;
        counts.all(|n| n == first).then_some(first)
    };
    match name {
        "u.data" if fields("\t") == Some(4) => Some(MovielensFile::UData),
        "u.item" if fields("|") == Some(24) => Some(MovielensFile::UItem),
        "u.user" if fields("|") == Some(5) => Some(MovielensFile::UUser),
        // A title may hold a "::" of its own, so only the first line is counted.
        _ => match head.lines.first()?.matches("::").count() {
            2 => Some(MovielensFile::Movies),
            3 => Some(MovielensFile::Ratings),
            4 => Some(MovielensFile::Users),
            _ => None,
        },
    }
}

fn delimited(input: &Input, head: &Head) -> Result<Layout, DataError> {
    let delimiter = head.delimiter();
    let cells: Vec<&str> = head
        .lines
        .first()
        .map(|l| l.split(char::from(delimiter)).collect())
        .unwrap_or_default();
    if cells.is_empty() {
        return Err(DataError::format(
            &input.path,
            "holds only blank lines; expected a header and rows",
        ));
    }
    // Names of columns are not numbers; a first row with one in it is data.
    let header = !cells
        .iter()
        .any(|c| c.trim().trim_matches('"').parse::<f64>().is_ok());
    Ok(Layout::Delimited { delimiter, header })
}

/// The first whole lines of a file.
struct Head {
    lines: Vec<String>,
}

impl Head {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines: Vec<String> = text
            .lines()
            .filter(|l| !l.trim().is_empty())
            .take(50)
            .map(str::to_owned)
            .collect();
        // The last line may be cut off by the end of what is looked at.
        if lines.len() > 1 && lines.len() < 50 && !text.ends_with('\n') {
            lines.pop();
        }
        Self { lines }
    }

    /// The delimiter that most often gives the same number of cells as in the first line.
    fn delimiter(&self) -> u8 {
        let Some(first) = self.lines.first() else {
            return b',';
        };
        let score = |delimiter: u8| {
            let n = count(first, delimiter);
            let same = self
                .lines
                .iter()
                .filter(|l| count(l, delimiter) == n)
                .count();
            if n == 0 { (0, 0) } else { (same, n) }
        };
        let mut best = (b',', (0, 0));
        for delimiter in [b',', b';', b'\t', b'|'] {
            let found = score(delimiter);
            // A first line that has the delimiter counts more than agreement: quoted fields
            // with line breaks disagree.
            if found.1 > 0 && (best.1.1 == 0 || found > best.1) {
                best = (delimiter, found);
            }
        }
        if best.1.1 == 0
            && self
                .lines
                .iter()
                .all(|l| count(l, b' ') == count(first, b' '))
        {
            return if count(first, b' ') > 0 { b' ' } else { b',' };
        }
        best.0
    }

    /// Lines of blank-separated words whose number differs from line to line.
    fn is_adjacency(&self) -> bool {
        let separators = |l: &String| l.contains([',', ';', '|', '"']);
        if self.lines.iter().any(separators) {
            return false;
        }
        let words = |l: &String| l.split_ascii_whitespace().count();
        let tabs = self.lines.iter().any(|l| l.contains('\t'));
        let counts: Vec<usize> = self.lines.iter().map(words).collect();
        let varies = counts.windows(2).any(|w| w[0] != w[1]);
        // One line alone cannot vary; numbers throughout are then taken for ids.
        let alone = counts.len() == 1
            && counts[0] > 4
            && self.lines[0]
                .split_ascii_whitespace()
                .all(|w| w.bytes().all(|b| b.is_ascii_digit()));
        let names = self.lines.first().is_some_and(|l| {
            ["user", "item", "uid"]
                .iter()
                .any(|n| l.to_lowercase().contains(n))
        });
        !names && (varies || alone) && !(tabs && self.lines.iter().any(|l| l.contains(' ')))
    }
}

/// Delimiters outside quotes.
fn count(line: &str, delimiter: u8) -> usize {
    let mut quoted = false;
    line.bytes()
        .filter(|b| {
            quoted ^= *b == b'"';
            *b == delimiter && !quoted
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        Head::of(text.as_bytes())
    }

    #[test]
    fn delimiters() {
        for (text, expected) in [
            ("a,b\n1,2\n", b','),
            ("a;b\n1,5;2\n", b';'),
            ("a\tb\n1\t2\n", b'\t'),
            ("a|b\n1|2\n", b'|'),
            ("id,genres\n1,a|b\n2,c|d|e\n", b','),
            ("id,text\n1,\"a;b;c\nd;e\"\n", b','),
            ("a b c\n1 2 3\n", b' '),
            ("alone\n1\n", b','),
        ] {
            assert_eq!(head(text).delimiter(), expected, "{text}");
        }
    }

    #[test]
    fn adjacency_is_lines_of_differing_length() {
        for (text, expected) in [
            ("0 1 2 3\n1 4 5\n", true),
            ("u1 a b\nu2 c\n", true),
            ("0 1 5\n1 2 4\n", false),
            ("user item\n1 2 4\n", false),
            ("0,1,2\n1,2\n", false),
            ("0 1 2 3 4 5\n", true),
        ] {
            assert_eq!(head(text).is_adjacency(), expected, "{text}");
        }
    }
}
