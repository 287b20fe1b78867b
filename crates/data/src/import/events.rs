//! Reads the interactions, row by row, into 24 bytes each.

use super::Progress;
use super::cell;
use super::file::SourceFile;
use super::infer_events::EventColumns;
use super::options::ImportOptions;
use super::rejects::Rejects;
use crate::read::{Bad, Cells, HISTORY, Layout};
use crate::{Clock, DataError, Event, Ids, Part, Row};

/// The time of an event that precedes all timed ones of its user, until it is known.
const BEFORE: i64 = i64::MIN;
/// Kinds of event at most, so that one fits a byte.
const MAX_KINDS: usize = 256;

/// What was read so far.
pub(super) struct Log {
    pub(super) items: Ids,
    pub(super) users: Ids,
    pub(super) rows: Vec<Row>,
    pub(super) kinds: Vec<String>,
    /// Items of the catalogue, users of the user file; those behind are new.
    pub(super) known_items: usize,
    pub(super) known_users: usize,
    /// Events of such items, and such users.
    pub(super) events_of_known_items: u64,
    pub(super) events_of_known_users: u64,
    has_before: bool,
}

/// Counts for the report.
#[derive(Default)]
struct Seen {
    without_value: u64,
    future: u64,
    unsorted: u64,
    /// Time of each user's last event.
    last: Vec<i64>,
}

impl Seen {
    fn time(&mut self, row: &Row) {
        let user = row.user as usize;
        if self.last.len() <= user {
            self.last.resize(user + 1, i64::MIN);
        }
        self.unsorted += u64::from(row.event.time < self.last[user]);
        self.last[user] = row.event.time;
    }
}

impl Log {
    pub(super) fn new(items: Ids, users: Ids) -> Self {
        Self {
            known_items: items.len(),
            known_users: users.len(),
            items,
            users,
            rows: Vec::new(),
            kinds: Vec::new(),
            events_of_known_items: 0,
            events_of_known_users: 0,
            has_before: false,
        }
    }

    /// Reads one file; `part` is given where the file as a whole is one part of a split.
    pub(super) fn read(
        &mut self,
        file: &mut SourceFile,
        (columns, part): (&EventColumns, Option<Part>),
        options: &ImportOptions,
        io: (&mut Rejects, Progress<'_>),
    ) -> Result<(), DataError> {
        let mut seen = Seen::default();
        let history = file.layout == Layout::MindBehaviors;
        file.each_row(options, io, |cells, names| {
            let mut row = self.row(cells, columns, (names, history), &mut seen)?;
            if let Some(part) = part {
                row.part = part;
            }
            let late = columns.clock == Clock::Seconds
                && options.now.is_some_and(|now| row.event.time > now);
            seen.future += u64::from(late);
            seen.time(&row);
            self.rows.push(row);
            Ok(())
        })?;
        let mut note = |n: u64, what: &str| {
            if n > 0 {
                file.report.notes.push(format!("{n} {what}"));
            }
        };
        note(
            seen.without_value,
            "rows have no value; it is taken to be 1",
        );
        note(seen.future, "events lie in the future");
        file.report.unsorted = seen.unsorted;
        if self.has_before {
            self.place_history();
        }
        Ok(())
    }

    fn row(
        &mut self,
        cells: &Cells,
        columns: &EventColumns,
        (names, history): (&[String], bool),
        seen: &mut Seen,
    ) -> Result<Row, Bad> {
        let named = |i: usize| move |bad: Bad| bad.in_field(&names[i]);
        let user = cell::id(cells, columns.user).map_err(named(columns.user))?;
        let item = cell::id(cells, columns.item).map_err(named(columns.item))?;
        let value = match columns.value {
            None => 1.0,
            Some(i) => match cell::value(cells, i).map_err(named(i))? {
                Some(value) => value,
                None => {
                    seen.without_value += 1;
                    1.0
                }
            },
        };
        let kind = match columns.event {
            None => 0,
            Some(i) => self.kind(cells, i).map_err(named(i))?,
        };
        let part = match columns.split {
            None => Part::Train,
            Some(i) => part(cells, i).map_err(named(i))?,
        };
        let time = match columns.time {
            None => i64::try_from(self.rows.len()).unwrap_or(i64::MAX),
            Some(i) if history && cells.get(i).is_empty() && self.is_history(kind) => {
                self.has_before = true;
                BEFORE
            }
            Some(i) if columns.clock == Clock::Position => {
                cell::position(cells, i).map_err(named(i))?
            }
            Some(i) => cell::time(cells, i).map_err(named(i))?,
        };
        let item = self.items.intern(item);
        let user = self.users.intern(user);
        self.events_of_known_items += u64::from((item as usize) < self.known_items);
        self.events_of_known_users += u64::from((user as usize) < self.known_users);
        Ok(Row {
            user,
            event: Event { item, value, time },
            kind,
            part,
        })
    }

    fn is_history(&self, kind: u8) -> bool {
        self.kinds
            .get(usize::from(kind))
            .is_some_and(|k| k == HISTORY)
    }

    fn kind(&mut self, cells: &Cells, i: usize) -> Result<u8, Bad> {
        let text = cell::text(cells, i, 256)?;
        let name = if text.is_empty() { "unspecified" } else { text };
        let at = match self.kinds.iter().position(|k| k == name) {
            Some(at) => at,
            None if self.kinds.len() < MAX_KINDS => {
                self.kinds.push(name.to_owned());
                self.kinds.len() - 1
            }
            None => MAX_KINDS,
        };
        u8::try_from(at).map_err(|_| {
            let got = format!("'{}' as the 257th", cell::clip(name));
            Bad::new(cells.line, "too many kinds of event", got)
        })
    }

    /// Gives events of the history the time of their user's first timed event; being earlier in
    /// the file they stay before it.
    fn place_history(&mut self) {
        let mut first = vec![i64::MAX; self.users.len()];
        for row in self.rows.iter().filter(|r| r.event.time != BEFORE) {
            let known = &mut first[row.user as usize];
            *known = row.event.time.min(*known);
        }
        let earliest = first.iter().copied().min().unwrap_or(0);
        for row in self.rows.iter_mut().filter(|r| r.event.time == BEFORE) {
            let of_user = first[row.user as usize];
            // A user without a click comes before everyone, or at 0 if nobody clicked.
            row.event.time = match (of_user, earliest) {
                (i64::MAX, i64::MAX) => 0,
                (i64::MAX, earliest) => earliest,
                (of_user, _) => of_user,
            };
        }
        self.has_before = false;
    }
}

fn part(cells: &Cells, i: usize) -> Result<Part, Bad> {
    let text = cell::text(cells, i, 256)?;
    match text.to_ascii_lowercase().as_str() {
        "train" | "training" => Ok(Part::Train),
        "valid" | "validation" | "val" | "dev" => Ok(Part::Valid),
        "test" | "testing" | "eval" => Ok(Part::Test),
        _ => {
            let got = format!("'{}', expected train, valid or test", cell::clip(text));
            Err(Bad::new(cells.line, "not a part of a split", got))
        }
    }
}
