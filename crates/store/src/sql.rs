//! One SQL for both data bases: parameters are `?1`, `?2`, …, and a row is read by the places of its
//! columns. What they spell differently is told apart where it is used.

use crate::StoreError;
use crate::postgres::Link;
use rusqlite::types::ToSqlOutput;
use rusqlite::{ToSql, params_from_iter};
use std::iter::repeat_n;

/// Rows held, and sent, at once.
pub(crate) const BATCH: usize = 10_000;

/// A value of a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Whole(i64),
    Real(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Null => Ok(rusqlite::types::Null.into()),
            Self::Whole(number) => Ok((*number).into()),
            Self::Real(number) => Ok((*number).into()),
            Self::Text(text) => text.to_sql(),
            Self::Bytes(bytes) => bytes.to_sql(),
        }
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Whole(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Value<'_> {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Whole,
    Real,
    Text,
    /// Text that may be missing.
    Perhaps,
}

/// A row of an answer.
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a postgres::Row),
}

impl Row<'_> {
    pub(crate) fn whole(&self, at: usize) -> Result<i64, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.get(at)?,
            Self::Postgres(row) => row.try_get(at)?,
        })
    }

    /// A whole number that is not negative: a place, a count, a version.
    pub(crate) fn count(&self, at: usize) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.whole(at)?).unwrap_or(0))
    }

    pub(crate) fn real(&self, at: usize) -> Result<f64, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.get(at)?,
            Self::Postgres(row) => row.try_get(at)?,
        })
    }

    pub(crate) fn text(&self, at: usize) -> Result<String, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.get(at)?,
            Self::Postgres(row) => row.try_get(at)?,
        })
    }

    pub(crate) fn perhaps(&self, at: usize) -> Result<Option<String>, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.get(at)?,
            Self::Postgres(row) => row.try_get(at)?,
        })
    }

    pub(crate) fn bytes(&self, at: usize) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.get(at)?,
            Self::Postgres(row) => row.try_get(at)?,
        })
    }
}

/// A connection, inside a transaction or not.
pub(crate) enum Sql<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(&'a mut Link),
}

impl Sql<'_> {
    /// Does a statement; how many rows it changed.
    pub(crate) fn change(&mut self, sql: &str, values: &[Value<'_>]) -> Result<usize, StoreError> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                Ok(statement.execute(params_from_iter(values))?)
            }
            Self::Postgres(link) => link.change(sql, values),
        }
    }

    /// Tells each row of an answer, as it comes.
    pub(crate) fn each(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        told: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(params_from_iter(values))?;
                while let Some(row) = rows.next()? {
                    told(&Row::Sqlite(row))?;
                }
                Ok(())
            }
            Self::Postgres(link) => link.each(sql, values, told),
        }
    }

    /// All rows of an answer.
    pub(crate) fn all<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.each(sql, values, &mut |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The first row of an answer, if there is one.
    pub(crate) fn first<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.all(sql, values, read)?.into_iter().next())
    }

    /// The number that a statement answers with.
    pub(crate) fn number(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        Ok(self.first(sql, values, |row| row.count(0))?.unwrap_or(0))
    }

    /// Adds rows to a table, in their order; some thousands of them are held at once. `rest` ends the
    /// statement.
    pub(crate) fn insert<'v>(
        &mut self,
        (table, columns): (&str, &[(&str, Kind)]),
        rows: impl IntoIterator<Item = Vec<Value<'v>>>,
        rest: &str,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => {
                let marks = repeat_n("?", columns.len()).collect::<Vec<_>>().join(", ");
                let names = names(columns);
                let sql = format!("INSERT INTO {table} ({names}) VALUES ({marks}) {rest}");
                let mut statement = connection.prepare_cached(&sql)?;
                for row in rows {
                    statement.execute(params_from_iter(&row))?;
                }
            }
            Self::Postgres(link) => {
                let mut rows = rows.into_iter();
                loop {
                    let batch: Vec<_> = rows.by_ref().take(BATCH).collect();
                    if batch.is_empty() {
                        break;
                    }
                    link.insert((table, columns), &batch, rest)?;
                }
            }
        }
        Ok(())
    }
}

/// The names of columns, as a statement has them.
pub(crate) fn names(columns: &[(&str, Kind)]) -> String {
    let names = columns.iter().map(|(name, _)| *name);
    names.collect::<Vec<_>>().join(", ")
}
