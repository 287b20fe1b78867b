//! What the values of a column look like, over the first rows of a file.

use super::timestamp;
use crate::DataError;
use crate::read::{Cells, LIST, Rows, Step};
use hashbrown::{HashMap, HashSet};

/// Rows looked at.
const SAMPLE_ROWS: usize = 5000;
/// Bytes looked at.
const SAMPLE_BYTES: usize = 32 << 20;
/// Numbers from here on can be Unix seconds (March 1973).
const EARLIEST: f64 = 1e8;

/// Counts over the sampled values of one column.
#[derive(Clone, Debug, Default)]
pub(super) struct Stats {
    pub(super) rows: usize,
    pub(super) filled: usize,
    distinct: HashMap<String, usize>,
    numeric: usize,
    leading_zero: usize,
    times: usize,
    chars: usize,
    words: usize,
    list: usize,
    vectors: usize,
    bars: usize,
    commas: usize,
    brackets: usize,
    pictures: usize,
    pub(super) example: String,
}

/// How the labels of one cell are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    /// The cell is one label.
    None,
    /// At each of these.
    Char(char),
    /// `['a', "b"]`.
    Brackets,
}

/// Reads the beginning of a file.
pub(super) fn sample(rows: &mut dyn Rows) -> Result<Vec<Stats>, DataError> {
    let mut stats = vec![Stats::default(); rows.columns().len()];
    let mut cells = Cells::default();
    let (mut seen, mut bytes) = (0, 0);
    while seen < SAMPLE_ROWS && bytes < SAMPLE_BYTES {
        match rows.read(&mut cells)? {
            Step::End => break,
            Step::Bad(_) => {}
            Step::Row => {
                for (i, s) in stats.iter_mut().enumerate() {
                    let cell = String::from_utf8_lossy(cells.get(i));
                    bytes += cell.len();
                    s.add(cell.trim());
                }
            }
        }
        seen += 1;
    }
    Ok(stats)
}

fn is_vector(value: &str) -> bool {
    value.contains(LIST)
        && value.contains('.')
        && value.split(LIST).all(|x| x.parse::<f64>().is_ok())
}

fn ratio(a: usize, b: usize) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a sample of 5000 rows"
    )]
    let (a, b) = (a as f64, b as f64);
    if b == 0.0 { 0.0 } else { a / b }
}

impl Stats {
    pub(super) fn add(&mut self, value: &str) {
        self.rows += 1;
        if value.is_empty() {
            return;
        }
        self.filled += 1;
        if self.example.is_empty() {
            self.example = value
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .take(60)
                .collect();
        }
        let short: String = value.chars().take(256).collect();
        *self.distinct.entry(short).or_insert(0) += 1;
        let number = value.parse::<f64>().ok();
        self.numeric += usize::from(number.is_some());
        let digits = value.len() > 1 && value.bytes().all(|b| b.is_ascii_digit());
        self.leading_zero += usize::from(digits && value.starts_with('0'));
        let time = match number {
            Some(n) => n >= EARLIEST,
            None => value.len() < 40 && timestamp::parse(value).is_some(),
        };
        self.times += usize::from(time);
        self.chars += value.chars().count();
        self.words += value.split_whitespace().count();
        self.list += usize::from(value.contains(LIST));
        self.vectors += usize::from(is_vector(value));
        self.bars += usize::from(value.contains('|'));
        self.commas += usize::from(value.contains(','));
        self.brackets += usize::from(value.starts_with('[') && value.ends_with(']'));
        let lower = value.to_ascii_lowercase();
        let ending = [".jpg", ".jpeg", ".png", ".webp", ".gif"];
        self.pictures += usize::from(ending.iter().any(|e| lower.ends_with(e)));
    }

    /// Share of the filled cells that are numbers.
    pub(super) fn numeric(&self) -> f64 {
        ratio(self.numeric, self.filled)
    }

    /// Share of the filled cells that are lists of fractions: a vector and no labels.
    pub(super) fn vectors(&self) -> f64 {
        ratio(self.vectors, self.filled)
    }

    /// Share of the filled cells that can be timestamps.
    pub(super) fn times(&self) -> f64 {
        ratio(self.times, self.filled)
    }

    /// Share of the filled cells that are points in time or small numbers: a clock of some kind.
    pub(super) fn ordered(&self) -> f64 {
        self.numeric().max(self.times())
    }

    pub(super) fn pictures(&self) -> f64 {
        ratio(self.pictures, self.filled)
    }

    /// How often a value occurs on average.
    pub(super) fn repetition(&self) -> f64 {
        ratio(self.filled, self.distinct.len())
    }

    pub(super) fn distinct(&self) -> usize {
        self.distinct.len()
    }

    pub(super) fn average_words(&self) -> f64 {
        ratio(self.words, self.filled)
    }

    pub(super) fn average_chars(&self) -> f64 {
        ratio(self.chars, self.filled)
    }

    /// Whether digits with a leading zero make it a code rather than a number.
    pub(super) fn is_code(&self) -> bool {
        ratio(self.leading_zero, self.filled) > 0.01
    }

    /// Whether all values, compared without case, are in a list.
    pub(super) fn all_in(&self, list: &[&str]) -> bool {
        !self.distinct.is_empty()
            && self
                .values()
                .all(|v| list.contains(&v.to_lowercase().as_str()))
    }

    fn values(&self) -> impl Iterator<Item = &str> {
        self.distinct.keys().map(String::as_str)
    }

    /// How the labels of a cell are separated; `several` says that the name is a plural.
    pub(super) fn separator(&self, several: bool) -> Separator {
        let share = |n| ratio(n, self.filled);
        if self.list > 0 {
            Separator::Char(LIST)
        } else if share(self.brackets) > 0.9 {
            Separator::Brackets
        } else if share(self.bars) >= 0.05 {
            Separator::Char('|')
        } else if several && share(self.commas) >= 0.05 && self.repeats_parts(',') {
            Separator::Char(',')
        } else if several && self.repeats_parts(' ') && self.parts_stand_alone() {
            Separator::Char(' ')
        } else {
            Separator::None
        }
    }

    /// Whether what stands between separators comes again and again, as labels do.
    fn repeats_parts(&self, separator: char) -> bool {
        let parts = || {
            self.values()
                .flat_map(move |v| v.split(separator))
                .map(str::trim)
        };
        let distinct: HashSet<&str> = parts().collect();
        let all = parts().count();
        all > self.distinct.len() && all >= 3 * distinct.len()
    }

    /// Whether the words of longer cells occur as whole cells too ("Comedy Romance", "Comedy"),
    /// unlike those of names ("New York").
    fn parts_stand_alone(&self) -> bool {
        let parts: HashSet<&str> = self
            .values()
            .filter(|v| v.contains(' '))
            .flat_map(|v| v.split(' '))
            .collect();
        let alone = parts.iter().filter(|p| self.distinct.contains_key(**p));
        ratio(alone.count(), parts.len()) >= 0.8
    }
}
