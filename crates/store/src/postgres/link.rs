//! A connection to PostgreSQL, which keeps the statements it has prepared.

use super::PATIENCE;
use crate::StoreError;
use crate::sql::{Kind, Row, Sql, Value, names};
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::ToSql;
use postgres::{Client, Statement};
use std::collections::HashMap;
use std::error::Error;
use std::{fmt, io};

/// A connection.
pub(crate) struct Link {
    /// There until this is dropped.
    client: Option<Client>,
    statements: HashMap<String, Statement>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}

impl Link {
    /// Takes over a connection. What is acknowledged is on the disk, whatever the data base does for
    /// others.
    pub(super) fn new(mut client: Client, schema: &str) -> Result<Self, StoreError> {
        let wait = PATIENCE.as_millis();
        client.batch_execute(&format!(
            "SET search_path TO {schema}; SET lock_timeout TO {wait}; SET client_min_messages TO warning;
             SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') = 'off'"
        ))?;
        Ok(Self {
            client: Some(client),
            statements: HashMap::new(),
        })
    }

    pub(super) fn is_there(&self) -> bool {
        self.client
            .as_ref()
            .is_some_and(|client| !client.is_closed())
    }

    fn client(&mut self) -> Result<&mut Client, StoreError> {
        let gone = || StoreError::Away("the connection is closed".to_owned());
        self.client.as_mut().ok_or_else(gone)
    }

    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(self.client()?.batch_execute(sql)?)
    }

    /// Does the work in a transaction; an error takes all of it back.
    pub(super) fn within<T>(
        &mut self,
        begin: &str,
        work: impl FnOnce(&mut Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.batch(begin)?;
        match work(&mut Sql::Postgres(self)) {
            Ok(done) => {
                let ended = self.batch("COMMIT");
                if let Err(StoreError::Away(problem)) = ended {
                    // It may have been done before the connection was lost.
                    return Err(StoreError::Unsure(problem));
                }
                ended?;
                Ok(done)
            }
            Err(e) => {
                // Without a connection there is nothing to take back.
                self.batch("ROLLBACK").ok();
                Err(e)
            }
        }
    }

    fn prepared(&mut self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client()?.prepare(&sql.replace('?', "$"))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(crate) fn change(&mut self, sql: &str, values: &[Value<'_>]) -> Result<usize, StoreError> {
        let statement = self.prepared(sql)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(parameter).collect();
        let rows = self.client()?.execute(&statement, &values)?;
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }

    pub(crate) fn each(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        told: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let statement = self.prepared(sql)?;
        let client = self.client()?;
        let mut rows = client.query_raw(&statement, values.iter().map(parameter))?;
        while let Some(row) = rows.next()? {
            told(&Row::Postgres(&row))?;
        }
        Ok(())
    }

    /// Adds rows, all at once. What `rest` returns of each that was added: a number.
    pub(crate) fn insert(
        &mut self,
        (table, columns): (&str, &[(&str, Kind)]),
        rows: &[Vec<Value<'_>>],
        rest: &str,
    ) -> Result<Vec<i64>, StoreError> {
        let kinds = columns.iter().zip(1..).map(|((_, kind), number)| {
            let kind = match kind {
                Kind::Whole => "bigint",
                Kind::Real => "float8",
                Kind::Text | Kind::Perhaps => "text",
            };
            format!("?{number}::{kind}[]")
        });
        let (names, kinds) = (names(columns), kinds.collect::<Vec<_>>().join(", "));
        let sql = format!("INSERT INTO {table} ({names}) SELECT * FROM unnest({kinds}) {rest}");
        let statement = self.prepared(&sql)?;
        let arrays = columns.iter().enumerate();
        let arrays: Vec<Box<dyn ToSql + Sync + '_>> = arrays
            .map(|(at, &(_, kind))| array(rows, at, kind))
            .collect();
        let values: Vec<&(dyn ToSql + Sync)> = arrays.iter().map(AsRef::as_ref).collect();
        let returned = self.client()?.query(&statement, &values)?;
        let numbers = returned.iter().map(|row| Ok(row.try_get(0)?));
        numbers.collect()
    }
}

impl Drop for Link {
    /// Says good-bye, and waits for that: on a thread of its own, as whoever drops this may drive
    /// futures.
    fn drop(&mut self) {
        let client = self.client.take();
        std::thread::spawn(move || drop(client)).join().ok();
    }
}

fn parameter<'a>(value: &'a Value<'_>) -> &'a (dyn ToSql + Sync) {
    match value {
        Value::Null => &None::<&str>,
        Value::Whole(number) => number,
        Value::Real(number) => number,
        Value::Text(text) => text,
        Value::Bytes(bytes) => bytes,
    }
}

/// A column of rows.
fn array<'a>(rows: &[Vec<Value<'a>>], at: usize, kind: Kind) -> Box<dyn ToSql + Sync + 'a> {
    let column = rows.iter().map(|row| row[at]);
    match kind {
        Kind::Whole => Box::new(column.map(whole).collect::<Vec<_>>()),
        Kind::Real => Box::new(column.map(real).collect::<Vec<_>>()),
        Kind::Text | Kind::Perhaps => Box::new(column.map(text).collect::<Vec<_>>()),
    }
}

fn whole(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Whole(number) => Some(number),
        Value::Null | Value::Real(_) | Value::Text(_) | Value::Bytes(_) => None,
    }
}

fn real(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Real(number) => Some(number),
        Value::Null | Value::Whole(_) | Value::Text(_) | Value::Bytes(_) => None,
    }
}

fn text(value: Value<'_>) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        Value::Null | Value::Whole(_) | Value::Real(_) | Value::Bytes(_) => None,
    }
}

impl From<postgres::Error> for StoreError {
    fn from(error: postgres::Error) -> Self {
        let problem = told(&error);
        let Some(code) = error.code() else {
            let lost =
                error.is_closed() || error.source().is_some_and(<dyn Error>::is::<io::Error>);
            return match lost {
                true => Self::Away(problem),
                false => Self::Postgres(problem),
            };
        };
        if *code == SqlState::DISK_FULL {
            return Self::Full;
        }
        let away = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::LOCK_NOT_AVAILABLE,
        ];
        if away.contains(code) || code.code().starts_with("08") {
            return Self::Away(problem);
        }
        Self::Postgres(problem)
    }
}

/// What happened, and why.
fn told(error: &postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return error.message().to_owned();
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let why = error.to_string();
        if !text.contains(&why) {
            text = format!("{text}: {why}");
        }
        source = error.source();
    }
    text
}
