//! What items (and users) say of themselves: named columns over dense indices.

use crate::Ids;
use serde::{Deserialize, Serialize};

/// What a column is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read by the encoder.
    Text,
    /// One or several labels; filters use them, and the encoder reads them too.
    Category,
    /// A number; filters use it.
    Number,
    /// When the item appeared, Unix seconds.
    Time,
    /// Path or address of a picture.
    Image,
}

/// The values of one column, one entry a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Free text, empty where missing.
    Text(Vec<String>),
    /// Labels, none where missing.
    Category(Vec<Vec<String>>),
    /// Numbers.
    Number(Vec<Option<f64>>),
    /// Unix seconds.
    Time(Vec<Option<i64>>),
    /// Paths or addresses, empty where missing.
    Image(Vec<String>),
}

impl Values {
    /// What the column is used for.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Text(_) => Role::Text,
            Self::Category(_) => Role::Category,
            Self::Number(_) => Role::Number,
            Self::Time(_) => Role::Time,
            Self::Image(_) => Role::Image,
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(v) | Self::Image(v) => v.len(),
            Self::Category(v) => v.len(),
            Self::Number(v) => v.len(),
            Self::Time(v) => v.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name it has in the source.
    pub name: String,
    /// One value a row.
    pub values: Values,
}

/// Ids with named columns: the catalogue of items, or the table of users.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The ids, in row order.
    pub ids: Ids,
    /// The columns, in source order; each has one value for each id.
    pub fields: Vec<Field>,
}

impl Table {
    /// A table of bare ids.
    #[must_use]
    pub fn of_ids(ids: Ids) -> Self {
        Self {
            ids,
            fields: Vec::new(),
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// What the encoder reads of a row: its text fields in order, then its labels, joined by
    /// `". "`; empty if the row says nothing. A field equal to one before it is not repeated.
    #[must_use]
    pub fn text(&self, row: u32) -> String {
        let row = row as usize;
        let texts = self.fields.iter().filter_map(|field| match &field.values {
            Values::Text(v) => Some(v[row].as_str()),
            Values::Category(_) | Values::Number(_) | Values::Time(_) | Values::Image(_) => None,
        });
        let labels = self.fields.iter().filter_map(|field| match &field.values {
            Values::Category(v) => Some(&v[row][..]),
            Values::Text(_) | Values::Number(_) | Values::Time(_) | Values::Image(_) => None,
        });
        read_aloud(texts, labels)
    }

    /// Whether any column holds text or labels.
    #[must_use]
    pub fn has_text(&self) -> bool {
        self.fields
            .iter()
            .any(|f| matches!(f.values, Values::Text(_) | Values::Category(_)))
    }

    /// What a person calls the row: its first non-empty text field, else its id.
    #[must_use]
    pub fn title(&self, row: u32) -> &str {
        self.fields
            .iter()
            .filter_map(|f| match &f.values {
                Values::Text(v) => Some(v[row as usize].trim()),
                Values::Category(_) | Values::Number(_) | Values::Time(_) | Values::Image(_) => {
                    None
                }
            })
            .find(|t| !t.is_empty())
            .unwrap_or_else(|| self.ids.name(row))
    }

    /// The labels of a row, over all category columns.
    pub fn labels(&self, row: u32) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter_map(move |f| match &f.values {
                Values::Category(v) => Some(v[row as usize].iter().map(String::as_str)),
                Values::Text(_) | Values::Number(_) | Values::Time(_) | Values::Image(_) => None,
            })
            .flatten()
    }
}

/// What the encoder reads of some text fields and lists of labels, as [`Table::text`] says.
pub(crate) fn read_aloud<'a>(
    texts: impl Iterator<Item = &'a str>,
    labels: impl Iterator<Item = &'a [String]>,
) -> String {
    let texts = texts.map(|text| text.trim().trim_end_matches('.').to_owned());
    let labels = labels.map(|labels| labels.join(", "));
    let mut parts: Vec<String> = Vec::new();
    for part in texts.chain(labels) {
        if !part.is_empty() && !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts.join(". ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_joins_what_is_there() {
        let table = Table {
            ids: ["a", "b"].into_iter().collect(),
            fields: vec![
                Field {
                    name: "title".into(),
                    values: Values::Text(vec!["Heat (1995)".into(), String::new()]),
                },
                Field {
                    name: "genres".into(),
                    values: Values::Category(vec![vec!["Action".into(), "Crime".into()], vec![]]),
                },
                Field {
                    name: "plot".into(),
                    values: Values::Text(vec!["A thief.".into(), String::new()]),
                },
            ],
        };
        assert_eq!(table.text(0), "Heat (1995). A thief. Action, Crime");
        assert_eq!(table.text(1), "");
        assert_eq!(table.title(0), "Heat (1995)");
        assert_eq!(table.title(1), "b");
    }
}
