//! Events: what people did, in the order in which it was told.

use crate::changes::changed;
use crate::sql::{Kind, Row, Sql, Value};
use crate::{Store, StoreError};
use std::collections::HashSet;

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

/// Columns of events to be stored.
pub(crate) const NEW: [(&str, Kind); 6] = [
    ("user_id", Kind::Text),
    ("item_id", Kind::Text),
    ("kind", Kind::Text),
    ("value", Kind::Real),
    ("time", Kind::Whole),
    ("key", Kind::Perhaps),
];

impl Store {
    /// Stores events, all or (on an error) none.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn add_events(&self, events: &[NewEvent]) -> Result<Vec<Taken>, StoreError> {
        self.write(|sql| match sql {
            Sql::Sqlite(_) => events.iter().map(|event| add(sql, event)).collect(),
            Sql::Postgres(_) => add_together(sql, events),
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
        let mut events = self.read(|read| read.all(&sql, &[user.into(), limit.into()], event))?;
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
            "SELECT {COLUMNS} FROM events WHERE seq > ?1 AND (CAST(?2 AS TEXT) IS NULL OR kind = ?2) ORDER BY seq LIMIT ?3"
        );
        self.read(|read| read.all(&sql, &[seq.into(), kind.into(), limit.into()], event))
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
            "SELECT {COLUMNS} FROM events WHERE user_id = ?1 AND item_id = ?2 AND (CAST(?3 AS TEXT) IS NULL OR kind = ?3) ORDER BY seq"
        );
        self.read(|read| read.all(&sql, &[user.into(), item.into(), kind.into()], event))
    }

    /// Deletes what users did with items, of one kind where it is given; how many events those were.
    /// `now` in Unix seconds.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses.
    pub fn delete_events(
        &self,
        of: &[(&str, &str, Option<&str>)],
        now: i64,
    ) -> Result<usize, StoreError> {
        let delete = "DELETE FROM events WHERE user_id = ?1 AND item_id = ?2 AND (CAST(?3 AS TEXT) IS NULL OR kind = ?3)";
        self.write(|sql| {
            let mut deleted = 0;
            let mut users: Vec<&str> = Vec::new();
            for &(user, item, kind) in of {
                let rows = sql.change(delete, &[user.into(), item.into(), kind.into()])?;
                if rows > 0 {
                    users.push(user);
                    deleted += rows;
                }
            }
            changed(sql, &mut users, now)?;
            Ok(deleted)
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
        let values = [user.into(), time.into(), seq.into(), limit.into()];
        self.read(|read| read.all(&sql, &values, event))
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
            read.each(&sql, &[after.into()], &mut |row| {
                told(event(row)?);
                Ok(())
            })
        })
    }

    /// The newest events after a place, at most so many, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    pub fn newest_events(&self, after: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE seq > ?1 ORDER BY seq DESC LIMIT ?2");
        let mut events = self.read(|read| read.all(&sql, &[after.into(), limit.into()], event))?;
        events.reverse();
        Ok(events)
    }

    /// How many events there are.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be counted.
    pub fn n_events(&self) -> Result<u64, StoreError> {
        self.read(|read| read.number("SELECT count(*) FROM events", &[]))
    }
}

fn add(sql: &mut Sql<'_>, event: &NewEvent) -> Result<Taken, StoreError> {
    let insert = "INSERT INTO events (user_id, item_id, kind, value, time, key)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (key) DO NOTHING RETURNING seq";
    let place = sql.first(insert, &values(event), |row| row.count(0))?;
    Ok(place.map_or(Taken::Before, Taken::New))
}

/// Each event costs a way to the data base and back, unless all go together: under places that were
/// taken before, of which those come back that were not there already.
fn add_together(sql: &mut Sql<'_>, events: &[NewEvent]) -> Result<Vec<Taken>, StoreError> {
    let take = "SELECT nextval('events_seq_seq') FROM generate_series(1, CAST(?1 AS BIGINT))";
    let places = sql.all(take, &[events.len().into()], |row| row.whole(0))?;
    let rows = places.iter().zip(events).map(|(&place, event)| {
        let mut row = vec![Value::Whole(place)];
        row.extend(values(event));
        row
    });
    let rows: Vec<Vec<Value<'_>>> = rows.collect();
    let mut columns = vec![("seq", Kind::Whole)];
    columns.extend(NEW);
    let Sql::Postgres(link) = sql else {
        return Ok(Vec::new());
    };
    let rest = "ON CONFLICT (key) DO NOTHING RETURNING seq";
    let added = link.insert(("events", &columns), &rows, rest)?;
    let added: HashSet<i64> = added.into_iter().collect();
    let taken = places
        .into_iter()
        .map(|place| match added.contains(&place) {
            true => Taken::New(u64::try_from(place).unwrap_or(0)),
            false => Taken::Before,
        });
    Ok(taken.collect())
}

fn values(event: &NewEvent) -> [Value<'_>; 6] {
    let NewEvent {
        user,
        item,
        kind,
        value,
        time,
        key,
    } = event;
    [
        user.into(),
        item.into(),
        kind.into(),
        Value::Real(*value),
        Value::Whole(*time),
        key.as_deref().into(),
    ]
}

fn event(row: &Row<'_>) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent {
        seq: row.count(0)?,
        user: row.text(1)?,
        item: row.text(2)?,
        kind: row.text(3)?,
        value: row.real(4)?,
        time: row.whole(5)?,
    })
}
