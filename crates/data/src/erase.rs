//! A data set without some of its people.

use crate::{Dataset, Ids, ImportReport, Interactions, Row, Table, Values};

impl Dataset {
    /// The same data set without the people that `is_meant` names, their events and what is said of
    /// them.
    #[must_use]
    pub fn without_people(mut self, is_meant: impl Fn(&str) -> bool) -> Self {
        let stays: Vec<bool> = self.users.ids.iter().map(|id| !is_meant(id)).collect();
        if stays.iter().all(|&stays| stays) {
            return self;
        }
        let mut ids = Ids::default();
        let numbers: Vec<Option<u32>> = self
            .users
            .ids
            .iter()
            .zip(&stays)
            .map(|(id, &stays)| stays.then(|| ids.intern(id)))
            .collect();
        let rows: Vec<Row> = self
            .interactions
            .rows()
            .filter_map(|row| {
                let user = numbers[row.user as usize]?;
                Some(Row { user, ..row })
            })
            .collect();
        let log = Interactions::from_rows(&rows, ids.len(), self.items.len(), self.clock());
        self.users.ids = ids;
        let users = thinned(self.users, &stays);
        let less = Self::new(self.name, self.items, users, log, self.kinds);
        match self.knowledge {
            None => less,
            Some(graph) => less.with_knowledge(graph),
        }
    }
}

/// Leaves the values of those who stay.
fn thinned(mut table: Table, stays: &[bool]) -> Table {
    for field in &mut table.fields {
        match &mut field.values {
            Values::Text(v) | Values::Image(v) => thin(v, stays),
            Values::Category(v) => thin(v, stays),
            Values::Number(v) => thin(v, stays),
            Values::Time(v) => thin(v, stays),
        }
    }
    table
}

fn thin<T>(values: &mut Vec<T>, stays: &[bool]) {
    let mut stays = stays.iter();
    values.retain(|_| stays.next().copied().unwrap_or(true));
}

impl ImportReport {
    /// The report without examples out of files that say something of people.
    #[must_use]
    pub fn without_examples_of_people(mut self) -> Self {
        let of_people = |part: &str| matches!(part, "users" | "interactions" | "test-interactions");
        for file in self.files.iter_mut().filter(|file| of_people(&file.part)) {
            for column in &mut file.columns {
                column.example.clear();
            }
            for reason in &mut file.reasons {
                reason.first.clear();
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, Event, Field, Part};

    fn row(user: u32, item: u32, kind: u8) -> Row {
        let event = Event {
            item,
            value: 1.0,
            time: i64::from(item),
        };
        Row {
            user,
            event,
            kind,
            part: Part::Train,
        }
    }

    fn ids(names: &[&str]) -> Ids {
        let mut ids = Ids::default();
        names.iter().for_each(|name| _ = ids.intern(name));
        ids
    }

    fn shop() -> Dataset {
        let users = Table {
            ids: ids(&["ann", "bo", "cy"]),
            fields: vec![
                Field {
                    name: "about".into(),
                    values: Values::Text(vec!["a".into(), "b".into(), "c".into()]),
                },
                Field {
                    name: "age".into(),
                    values: Values::Number(vec![Some(1.0), None, Some(3.0)]),
                },
            ],
        };
        let rows = [row(0, 0, 0), row(1, 1, 1), row(1, 0, 0), row(2, 1, 1)];
        let log = Interactions::from_rows(&rows, 3, 2, Clock::Position);
        let kinds = vec!["click".into(), "buy".into()];
        Dataset::new("shop", Table::of_ids(ids(&["x", "y"])), users, log, kinds)
    }

    #[test]
    fn those_who_stay_keep_what_they_did_and_what_is_said_of_them() {
        let less = shop().without_people(|id| id == "bo");
        assert_eq!(less.users.ids.iter().collect::<Vec<_>>(), ["ann", "cy"]);
        let said: Vec<_> = less.users.fields.iter().map(|f| f.values.clone()).collect();
        assert_eq!(
            said,
            [
                Values::Text(vec!["a".into(), "c".into()]),
                Values::Number(vec![Some(1.0), Some(3.0)])
            ]
        );
        let rows: Vec<_> = less.interactions.rows().collect();
        assert_eq!(rows, [row(0, 0, 0), row(1, 1, 1)]);
        assert_ne!(less.fingerprint, shop().fingerprint);
        let before = less.fingerprint.clone();
        assert_eq!(less.without_people(|id| id == "bo").fingerprint, before);
    }

    #[test]
    fn what_is_written_of_it_can_be_read_when_nobody_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let less = shop().without_people(|_| true);
        let path = dir.path().join("less");
        less.save(&path, &ImportReport::default()).unwrap();
        let read = Dataset::load(&path).unwrap();
        assert_eq!((read.users.len(), read.interactions.len()), (0, 0));
        assert_eq!(read.items.len(), 2);
    }
}
