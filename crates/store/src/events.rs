//! Events: what people did, in the order in which it was told.

use crate::store::{signed, unsigned};
use crate::{Store, StoreError};
use rusqlite::{Row, params};

/// An event to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// Who.
    pub user: String,
    /// With which item.
    pub item: String,
    /// What, e.g. `click`.
    pub kind: String,
    /// Rating, quantity, or 1.
    pub value: f64,
    /// When: Unix seconds, or the place in the user's sequence where the data has no times.
    pub time: i64,
    /// Of two events with one key the first counts.
    pub key: Option<String>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is stored, at this place.
    New(u64),
    /// One of the same key was there.
    Before,
}

impl Taken {
    /// Whether it was not there before.
    #[must_use]
    pub fn is_new(self) -> bool {
        matches!(self, Self::New(_))
    }
}

/// An event that is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// Place among all events: what is told later has a higher one.
    pub seq: u64,
    /// Who.
    pub user: String,
    /// With which item.
    pub item: String,
    /// What.
    pub kind: String,
    /// Rating, quantity, or 1.
    pub value: f64,
    /// When.
    pub time: i64,
}

const COLUMNS: &str = "seq, user_id, item_id, kind, value, time";

impl Store {
    /// Stores events, all or (on an error) none.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn add_events(&self, events: &[NewEvent]) -> Result<Vec<Taken>, StoreError> {
        self.write(|writing| {
            let mut insert = writing.prepare_cached(
                "INSERT INTO events (user_id, item_id, kind, value, time, key)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (key) DO NOTHING",
            )?;
            let add = |event: &NewEvent| {
                let NewEvent {
                    user,
                    item,
                    kind,
                    value,
                    time,
                    key,
                } = event;
                let rows = insert.execute(params![user, item, kind, value, time, key])?;
                Ok(match rows {
                    0 => Taken::Before,
                    _ => Taken::New(unsigned(writing.last_insert_rowid())),
                })
            };
            events.iter().map(add).collect()
        })
    }

    /// The newest events of a user, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn events_of(&self, user: &str, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM events WHERE user_id = ?1 ORDER BY time DESC, seq DESC LIMIT ?2"
        );
        let read = self.read();
        let mut statement = read.prepare_cached(&sql)?;
        let rows = statement.query_map(params![user, signed(limit as u64)], event)?;
        let mut events = rows.collect::<Result<Vec<_>, _>>()?;
        events.reverse();
        Ok(events)
    }

    /// Events after a place in their order, of one kind if it is given, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn events_after(
        &self,
        seq: u64,
        kind: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM events WHERE seq > ?1 AND (?2 IS NULL OR kind = ?2) ORDER BY seq LIMIT ?3"
        );
        let read = self.read();
        let mut statement = read.prepare_cached(&sql)?;
        let limits = params![signed(seq), kind, signed(limit as u64)];
        let rows = statement.query_map(limits, event)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What a user did with an item, of one kind if it is given, in the order in which it was told.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn events_between(
        &self,
        user: &str,
        item: &str,
        kind: Option<&str>,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM events WHERE user_id = ?1 AND item_id = ?2 AND (?3 IS NULL OR kind = ?3) ORDER BY seq"
        );
        let read = self.read();
        let mut statement = read.prepare_cached(&sql)?;
        let rows = statement.query_map(params![user, item, kind], event)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Deletes what users did with items, of one kind where it is given; how many events those were.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn delete_events(&self, of: &[(&str, &str, Option<&str>)]) -> Result<usize, StoreError> {
        self.write(|writing| {
            let mut delete = writing.prepare_cached(
                "DELETE FROM events WHERE user_id = ?1 AND item_id = ?2 AND (?3 IS NULL OR kind = ?3)",
            )?;
            let each = of.iter().map(|(user, item, kind)| delete.execute(params![user, item, kind]));
            Ok(each.sum::<Result<usize, _>>()?)
        })
    }

    /// A user's events, newest first, at most `limit`: those before a time and, at that time, a place
    /// among all events. The next page begins before the last event of this one.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn events_before(
        &self,
        user: &str,
        (time, seq): (i64, u64),
        limit: usize,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM events WHERE user_id = ?1 AND (time, seq) < (?2, ?3)
             ORDER BY time DESC, seq DESC LIMIT ?4"
        );
        let read = self.read();
        let mut statement = read.prepare_cached(&sql)?;
        let limits = params![user, time, signed(seq), signed(limit as u64)];
        let rows = statement.query_map(limits, event)?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    }

    /// Tells all events after a place in their order.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn each_event(
        &self,
        after: u64,
        mut told: impl FnMut(StoredEvent),
    ) -> Result<(), StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE seq > ?1 ORDER BY seq");
        self.apart(|read| {
            let mut statement = read.prepare(&sql)?;
            for row in statement.query_map([signed(after)], event)? {
                told(row?);
            }
            Ok(())
        })
    }

    /// The newest events after a place, at most so many, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn newest_events(&self, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE seq > ?1 ORDER BY seq DESC LIMIT ?2");
        let read = self.read();
        let mut statement = read.prepare_cached(&sql)?;
        let rows = statement.query_map(params![signed(after), signed(limit as u64)], event)?;
        let mut events = rows.collect::<Result<Vec<_>, _>>()?;
        events.reverse();
        Ok(events)
    }

    /// How many events there are.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be counted.
    pub fn n_events(&self) -> Result<u64, StoreError> {
        let read = self.read();
        let count = read.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
        Ok(unsigned(count))
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<StoredEvent> {
    Ok(StoredEvent {
        seq: unsigned(row.get(0)?),
        user: row.get(1)?,
        item: row.get(2)?,
        kind: row.get(3)?,
        value: row.get(4)?,
        time: row.get(5)?,
    })
}
