//! Records put together as a table, the way back from [`Record::of`].
//!
//! A field that the caller names has the role it is given. Others have the role of their values;
//! where those are of several kinds the field is text, so that nothing is lost.

use crate::{Cell, Field, Ids, Record, Role, Table, Values};
use std::collections::HashMap;

impl Table {
    /// A table of records, one row each, in their order; of two with one id the later one counts, in
    /// the earlier one's place. `roles` are the fields that come first, in their order.
    #[must_use]
    pub fn of_records(records: &[Record], roles: &[(&str, Role)]) -> Self {
        let mut ids = Ids::default();
        let mut of_row: Vec<&Record> = Vec::with_capacity(records.len());
        for record in records {
            let row = ids.intern(&record.id) as usize;
            if row == of_row.len() {
                of_row.push(record);
            } else {
                of_row[row] = record;
            }
        }
        let mut fields: Vec<(&str, Role)> = roles.to_vec();
        let mut places: HashMap<&str, usize> = (0..).zip(roles).map(|(i, r)| (r.0, i)).collect();
        for (name, cell) in of_row.iter().flat_map(|record| &record.fields) {
            let role = role_of(cell);
            let place = *places.entry(name).or_insert_with(|| {
                fields.push((name, role));
                fields.len() - 1
            });
            if place >= roles.len() && fields[place].1 != role {
                fields[place].1 = Role::Text;
            }
        }
        let fields = fields.into_iter().map(|(name, role)| Field {
            name: name.to_owned(),
            values: values(role, of_row.iter().map(|record| record.cell(name))),
        });
        Self {
            fields: fields.collect(),
            ids,
        }
    }
}

fn role_of(cell: &Cell) -> Role {
    match cell {
        Cell::Text(_) => Role::Text,
        Cell::Labels(_) => Role::Category,
        Cell::Number(_) => Role::Number,
        Cell::Time(_) => Role::Time,
        Cell::Image(_) => Role::Image,
    }
}

/// One column; a cell of another kind is read as the column's, or is missing where it cannot be.
fn values<'a>(role: Role, cells: impl Iterator<Item = Option<&'a Cell>>) -> Values {
    match role {
        Role::Text => Values::Text(cells.map(written).collect()),
        Role::Image => Values::Image(cells.map(written).collect()),
        Role::Category => Values::Category(
            cells
                .map(|cell| match cell {
                    Some(Cell::Labels(labels)) => labels.clone(),
                    Some(_) => vec![written(cell)],
                    None => Vec::new(),
                })
                .collect(),
        ),
        Role::Number => Values::Number(
            cells
                .map(|cell| match cell? {
                    Cell::Number(number) => Some(*number),
                    #[expect(clippy::cast_precision_loss, reason = "a time as a number")]
                    Cell::Time(seconds) => Some(*seconds as f64),
                    Cell::Text(_) | Cell::Labels(_) | Cell::Image(_) => None,
                })
                .collect(),
        ),
        Role::Time => Values::Time(
            cells
                .map(|cell| match cell? {
                    Cell::Time(seconds) => Some(*seconds),
                    #[expect(clippy::cast_possible_truncation, reason = "Unix seconds")]
                    Cell::Number(number) => Some(*number as i64),
                    Cell::Text(_) | Cell::Labels(_) | Cell::Image(_) => None,
                })
                .collect(),
        ),
    }
}

fn written(cell: Option<&Cell>) -> String {
    match cell {
        None => String::new(),
        Some(Cell::Text(text) | Cell::Image(text)) => text.clone(),
        Some(Cell::Labels(labels)) => labels.join(", "),
        Some(Cell::Number(number)) => number.to_string(),
        Some(Cell::Time(seconds)) => seconds.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, fields: &[(&str, Cell)]) -> Record {
        let fields = fields.iter().map(|(n, c)| ((*n).to_owned(), c.clone()));
        Record {
            id: id.to_owned(),
            fields: fields.collect(),
        }
    }

    #[test]
    fn records_become_columns_and_records_again() {
        let text = |t: &str| Cell::Text(t.into());
        let records = [
            record("a", &[("note", text("old")), ("price", Cell::Number(2.5))]),
            record("b", &[("title", text("Lamp")), ("size", text("XL"))]),
            record(
                "c",
                &[
                    ("tags", Cell::Labels(vec!["x".into(), "y".into()])),
                    ("size", Cell::Number(7.0)),
                ],
            ),
            record(
                "a",
                &[("title", text("Chair")), ("price", Cell::Number(3.0))],
            ),
        ];
        let table = Table::of_records(&records, &[("title", Role::Text), ("year", Role::Time)]);
        let names: Vec<&str> = table.fields.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["title", "year", "price", "size", "tags"]);
        assert_eq!(table.ids.iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(Record::of(&table, 0), records[3]);
        assert_eq!(Record::of(&table, 1), records[1]);
        // 'size' was text and a number: text it is.
        assert_eq!(Record::of(&table, 2).cell("size"), Some(&text("7")));
        assert_eq!(
            Record::of(&table, 2).cell("tags"),
            Some(&Cell::Labels(vec!["x".into(), "y".into()]))
        );
    }
}
