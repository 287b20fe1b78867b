//! One item by itself, as a service is told of it: an id and named fields.
//!
//! Written as one flat JSON object, a field a key: text is a string, labels are a list of strings, a
//! number is a number, `true` and `false` are 1 and 0. A name that the catalogue knows has the role
//! it has there, so that one string may be a label, and a date be a time:
//!
//! ```
//! use semrec_data::{Cell, Record, Role};
//! let object = serde_json::json!({"title": "Lamp", "genres": "Light", "price": 9.5});
//! let roles = [("title", Role::Text), ("genres", Role::Category)];
//! let record = Record::read("7", object.as_object().unwrap(), &roles)?;
//! assert_eq!(record.text(), "Lamp. Light");
//! assert_eq!(record.cell("price"), Some(&Cell::Number(9.5)));
//! # Ok::<(), semrec_data::DataError>(())
//! ```

use crate::catalogue::read_aloud;
use crate::import::seconds_of;
use crate::{DataError, Role, Table, Values};
use serde_json::{Map, Value};

/// Longest text of a field, in bytes.
const LONGEST: usize = 64 * 1024;
/// Most fields of an item, and most labels of a field.
const MOST: usize = 256;
/// Fields that hold a time whatever the catalogue says.
const TIMES: [&str; 2] = ["timestamp", "expires_at"];

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Read by the encoder.
    Text(String),
    /// Labels.
    Labels(Vec<String>),
    /// A number; a truth is 1 or 0.
    Number(f64),
    /// Unix seconds.
    Time(i64),
    /// Path or address of a picture.
    Image(String),
}

/// An item by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Its fields that are not empty, in the order in which they are read.
    pub fields: Vec<(String, Cell)>,
}

impl Record {
    /// Reads the fields of an item; `roles` are those of the fields that the catalogue has.
    ///
    /// # Errors
    /// [`DataError::Unusable`] that names the field, what it has and what was expected.
    pub fn read(
        id: &str,
        object: &Map<String, Value>,
        roles: &[(&str, Role)],
    ) -> Result<Self, DataError> {
        if object.len() > MOST {
            let got = object.len();
            let problem = format!("the item has {got} fields; expected at most {MOST}");
            return Err(DataError::Unusable(problem));
        }
        let role = |name: &str| {
            let own = roles
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, role)| *role);
            let by_name = match name {
                "image" => Some(Role::Image),
                name if TIMES.contains(&name) => Some(Role::Time),
                _ => None,
            };
            own.or(by_name)
        };
        let mut fields = Vec::with_capacity(object.len());
        for (name, value) in object {
            let cell = cell(value, role(name)).map_err(|expected| {
                let problem = format!("field '{name}' is {}; expected {expected}", kind(value));
                DataError::Unusable(problem)
            })?;
            fields.extend(cell.map(|cell| (name.clone(), cell)));
        }
        // Fields that the catalogue has come in its order: so the same words are the same text.
        let place = |name: &str| roles.iter().position(|(n, _)| *n == name);
        fields.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
        let id = id.to_owned();
        Ok(Self { id, fields })
    }

    /// A row of a table.
    #[must_use]
    pub fn of(table: &Table, row: u32) -> Self {
        let at = row as usize;
        let fields = table.fields.iter().filter_map(|field| {
            let cell = match &field.values {
                Values::Text(v) => text(&v[at]).map(Cell::Text),
                Values::Category(v) => (!v[at].is_empty()).then(|| Cell::Labels(v[at].clone())),
                Values::Number(v) => v[at].map(Cell::Number),
                Values::Time(v) => v[at].map(Cell::Time),
                Values::Image(v) => text(&v[at]).map(Cell::Image),
            };
            Some((field.name.clone(), cell?))
        });
        Self {
            id: table.ids.name(row).to_owned(),
            fields: fields.collect(),
        }
    }

    /// The fields as one JSON object, which [`Record::read`] reads as the same.
    #[must_use]
    pub fn object(&self) -> Map<String, Value> {
        let value = |cell: &Cell| match cell {
            Cell::Text(text) | Cell::Image(text) => Value::from(text.as_str()),
            Cell::Labels(labels) => Value::from(labels.as_slice()),
            Cell::Number(number) => Value::from(*number),
            Cell::Time(seconds) => Value::from(*seconds),
        };
        let fields = self.fields.iter();
        fields
            .map(|(name, cell)| (name.clone(), value(cell)))
            .collect()
    }

    /// The value of a field.
    #[must_use]
    pub fn cell(&self, name: &str) -> Option<&Cell> {
        let mut fields = self.fields.iter();
        fields.find(|(n, _)| n == name).map(|(_, cell)| cell)
    }

    /// What the encoder reads of it, by the rule of [`Table::text`].
    #[must_use]
    pub fn text(&self) -> String {
        let texts = self.fields.iter().filter_map(|(_, cell)| match cell {
            Cell::Text(text) => Some(text.as_str()),
            Cell::Labels(_) | Cell::Number(_) | Cell::Time(_) | Cell::Image(_) => None,
        });
        let labels = self.fields.iter().filter_map(|(_, cell)| match cell {
            Cell::Labels(labels) => Some(&labels[..]),
            Cell::Text(_) | Cell::Number(_) | Cell::Time(_) | Cell::Image(_) => None,
        });
        read_aloud(texts, labels)
    }

    /// What a person calls it: its first text, else its id.
    #[must_use]
    pub fn title(&self) -> &str {
        let texts = self.fields.iter().filter_map(|(_, cell)| match cell {
            Cell::Text(text) => Some(text.trim()),
            Cell::Labels(_) | Cell::Number(_) | Cell::Time(_) | Cell::Image(_) => None,
        });
        let mut said = texts.filter(|text| !text.is_empty());
        said.next().unwrap_or(&self.id)
    }
}

fn text(value: &str) -> Option<String> {
    (!value.trim().is_empty()).then(|| value.to_owned())
}

/// A point in time as JSON: Unix seconds (or milliseconds and finer), or a date and time, of which UTC
/// is meant where it names no zone.
#[must_use]
pub fn unix_seconds(value: &Value) -> Option<i64> {
    match value {
        Value::String(date) => seconds_of(date),
        Value::Number(number) => seconds_of(&number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What a JSON value is, for people.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.len() > 80 => format!("a string of {} bytes", text.len()),
        Value::String(text) => format!("\"{text}\""),
        Value::Array(values) => format!("a list of {}", values.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The cell of a value; the error says what was expected.
fn cell(value: &Value, role: Option<Role>) -> Result<Option<Cell>, &'static str> {
    const STRING: &str = "a string of at most 65536 bytes";
    let string = |value: &str| match value.len() {
        0..=LONGEST => Ok(text(value)),
        _ => Err(STRING),
    };
    Ok(match (role, value) {
        (_, Value::Null) => None,
        (Some(Role::Time), value) => {
            let time = unix_seconds(value);
            Some(Cell::Time(time.ok_or("a date and time, or Unix seconds")?))
        }
        (Some(Role::Category), Value::String(label)) => {
            string(label)?.map(|label| Cell::Labels(vec![label]))
        }
        (Some(Role::Image), Value::String(path)) => string(path)?.map(Cell::Image),
        (Some(Role::Image), _) => return Err("a string, the picture's path or address"),
        (Some(Role::Number), Value::String(digits)) => {
            let number = digits.trim().parse().ok().filter(|x: &f64| x.is_finite());
            Some(Cell::Number(number.ok_or("a number")?))
        }
        (_, Value::String(said)) => string(said)?.map(Cell::Text),
        (Some(Role::Text), Value::Number(number)) => Some(Cell::Text(number.to_string())),
        (_, Value::Number(number)) => Some(Cell::Number(number.as_f64().ok_or("a number")?)),
        (_, Value::Bool(truth)) => Some(Cell::Number(f64::from(u8::from(*truth)))),
        (_, Value::Array(values)) if values.len() <= MOST => {
            let labels = values.iter().map(|value| match value {
                Value::String(label) => string(label),
                Value::Number(number) => Ok(Some(number.to_string())),
                Value::Null => Ok(None),
                Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err("a list of strings"),
            });
            let labels = labels.collect::<Result<Vec<_>, _>>()?;
            let labels: Vec<String> = labels.into_iter().flatten().collect();
            (!labels.is_empty()).then_some(Cell::Labels(labels))
        }
        (_, Value::Array(_)) => return Err("a list of at most 256 strings"),
        (_, Value::Object(_)) => {
            return Err("a string, a number, true, false, or a list of strings");
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Field, Ids};
    use serde_json::json;

    const ROLES: [(&str, Role); 5] = [
        ("title", Role::Text),
        ("brand", Role::Category),
        ("price", Role::Number),
        ("seen", Role::Time),
        ("picture", Role::Image),
    ];

    fn read(value: &Value) -> Result<Record, String> {
        let object = value.as_object().unwrap();
        Record::read("7", object, &ROLES).map_err(|e| e.to_string())
    }

    #[test]
    fn roles_of_the_catalogue_come_first_then_the_kind_of_value() {
        let record = read(&json!({
            "in_stock": true, "brand": "OPI", "tags": ["red", 7], "title": "Nail lacquer",
            "price": "9.5", "seen": "1970-01-02", "picture": "a.jpg", "expires_at": 60, "note": null,
            "blank": " "
        }));
        let expected = [
            ("title", Cell::Text("Nail lacquer".into())),
            ("brand", Cell::Labels(vec!["OPI".into()])),
            ("price", Cell::Number(9.5)),
            ("seen", Cell::Time(86_400)),
            ("picture", Cell::Image("a.jpg".into())),
            ("in_stock", Cell::Number(1.0)),
            ("tags", Cell::Labels(vec!["red".into(), "7".into()])),
            ("expires_at", Cell::Time(60)),
        ];
        let record = record.unwrap();
        let fields = record.fields.iter().map(|(n, c)| (n.as_str(), c.clone()));
        assert_eq!(fields.collect::<Vec<_>>(), expected);
        assert_eq!(record.text(), "Nail lacquer. OPI. red, 7");
        assert_eq!(record.title(), "Nail lacquer");
        let again = Record::read("7", &record.object(), &ROLES).unwrap();
        assert_eq!(again, record);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (value, expected) in [
            (
                json!({"price": "dear"}),
                "field 'price' is \"dear\"; expected a number",
            ),
            (
                json!({"title": {"en": "Lamp"}}),
                "field 'title' is an object; expected a string, a number, true, false, or a list of strings",
            ),
            (
                json!({"seen": "soon"}),
                "field 'seen' is \"soon\"; expected a date and time, or Unix seconds",
            ),
            (
                json!({"tags": [[]]}),
                "field 'tags' is a list of 1; expected a list of strings",
            ),
            (
                json!({"title": "x".repeat(65_537)}),
                "field 'title' is a string of 65537 bytes; expected a string of at most 65536 bytes",
            ),
        ] {
            assert_eq!(read(&value).unwrap_err(), expected);
        }
    }

    #[test]
    fn a_row_reads_as_its_table_does() {
        let mut table = Table::of_ids(["a", "b"].into_iter().collect::<Ids>());
        let field = |name: &str, values| Field {
            name: name.into(),
            values,
        };
        table.fields = vec![
            field("brand", Values::Category(vec![vec![], vec!["OPI".into()]])),
            field(
                "title",
                Values::Text(vec![String::new(), "Lacquer.".into()]),
            ),
        ];
        let record = Record::of(&table, 1);
        assert_eq!(
            (record.text(), record.title()),
            (table.text(1), table.title(1))
        );
        assert_eq!(Record::of(&table, 0).title(), "a");
    }
}
