//! A store that begins with what a data set holds.

use crate::events::NEW;
use crate::items::current;
use crate::sql::{BATCH, Kind, Sql, Value as Cell};
use crate::store::{note, noted};
use crate::{Store, StoreError};
use semrec_data::{Dataset, Record};
use std::ops::Range;

/// Under which note the fingerprint of the data set is kept.
const SEEDED: &str = "seeded from";
/// Under which note it is kept up to which place the items are the data set's own.
const SAME: &str = "items of the data set up to";
/// Under which note it is kept up to which place the events are the data set's own.
const OWN: &str = "events of the data set up to";

impl Store {
    /// Takes over a data set, in one transaction: into an empty store its items, people and events; into one
    /// that was filled from another data set, items that it never had. Nothing where it was filled
    /// from this one. The place up to which [`Store::changed_items`] has nothing but what the data
    /// set says. `person` is what somebody of the data set is called in the store.
    ///
    /// # Errors
    /// [`StoreError`] if the disk refuses; nothing is there then.
    pub fn seed(
        &self,
        dataset: &Dataset,
        now: i64,
        person: &dyn Fn(&str) -> String,
    ) -> Result<u64, StoreError> {
        self.write(|sql| {
            let before = noted(sql, SEEDED)?;
            if before.as_ref() == Some(&dataset.fingerprint) {
                return same_items(sql);
            }
            add_items(sql, dataset, (before.is_some(), now))?;
            let same = match before {
                None => sql.number("SELECT coalesce(max(seq), 0) FROM items", &[])?,
                // The rest may be what another data set said.
                Some(_) => 0,
            };
            if before.is_none() {
                add_people(sql, dataset, person)?;
                add_events(sql, dataset, person)?;
                let own = sql.number("SELECT coalesce(max(seq), 0) FROM events", &[])?;
                note(sql, OWN, &own.to_string())?;
            }
            note(sql, SEEDED, &dataset.fingerprint)?;
            note(sql, SAME, &same.to_string())?;
            Ok(same)
        })
    }

    /// The place up to which the items are those of a data set, if the store was filled with it; 0 of
    /// another one.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn seeded_items(&self, fingerprint: &str) -> Result<u64, StoreError> {
        self.read(
            |sql| match noted(sql, SEEDED)?.as_deref() == Some(fingerprint) {
                true => same_items(sql),
                false => Ok(0),
            },
        )
    }

    /// The place of the newest event that the store was filled with.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn seeded_events(&self) -> Result<u64, StoreError> {
        let own = self.note(OWN)?;
        Ok(own.and_then(|place| place.parse().ok()).unwrap_or(0))
    }
}

fn same_items(sql: &mut Sql<'_>) -> Result<u64, StoreError> {
    let same = noted(sql, SAME)?;
    Ok(same.and_then(|place| place.parse().ok()).unwrap_or(0))
}

/// Items that the store never had, where it has some.
fn add_items(
    sql: &mut Sql<'_>,
    dataset: &Dataset,
    (has_some, now): (bool, i64),
) -> Result<(), StoreError> {
    let columns = [
        ("id", Kind::Text),
        ("object", Kind::Text),
        ("version", Kind::Whole),
        ("changed", Kind::Whole),
    ];
    for rows in batches(dataset.items.len()) {
        let mut records = Vec::new();
        for row in rows {
            if has_some && current(sql, dataset.items.ids.name(row))?.is_some() {
                continue;
            }
            let record = Record::of(&dataset.items, row);
            let text = serde_json::Value::Object(record.object()).to_string();
            records.push((record.id, text));
        }
        let rows = records
            .iter()
            .map(|(id, text)| vec![id.into(), text.into(), Cell::Whole(1), now.into()]);
        sql.insert(("items", &columns), rows, "")?;
    }
    Ok(())
}

/// People who say something of themselves.
fn add_people(
    sql: &mut Sql<'_>,
    dataset: &Dataset,
    person: &dyn Fn(&str) -> String,
) -> Result<(), StoreError> {
    let columns = [("id", Kind::Text), ("object", Kind::Text)];
    for rows in batches(dataset.users.len()) {
        let records = rows
            .map(|row| Record::of(&dataset.users, row))
            .filter(|record| !record.fields.is_empty());
        let said = records.map(|record| {
            let text = serde_json::Value::Object(record.object()).to_string();
            (person(&record.id), text)
        });
        let said: Vec<(String, String)> = said.collect();
        let rows = said.iter().map(|(id, text)| vec![id.into(), text.into()]);
        sql.insert(("users", &columns), rows, "ON CONFLICT (id) DO NOTHING")?;
    }
    Ok(())
}

/// Numbers of rows, some thousands at once.
fn batches(n: usize) -> impl Iterator<Item = Range<u32>> {
    let number = move |at: usize| u32::try_from(at.min(n)).unwrap_or(u32::MAX);
    let begins = (0..n).step_by(BATCH);
    begins.map(move |begin| number(begin)..number(begin + BATCH))
}

fn add_events(
    sql: &mut Sql<'_>,
    dataset: &Dataset,
    person: &dyn Fn(&str) -> String,
) -> Result<(), StoreError> {
    let users: Vec<String> = dataset.users.ids.iter().map(person).collect();
    let rows = dataset.interactions.rows().map(|row| {
        let kind = dataset.kinds.get(usize::from(row.kind));
        vec![
            Cell::from(&users[row.user as usize]),
            dataset.items.ids.name(row.event.item).into(),
            kind.map_or("", String::as_str).into(),
            Cell::Real(row.event.value.into()),
            row.event.time.into(),
            Cell::Null,
        ]
    });
    sql.insert(("events", &NEW), rows, "")
}
