//! An item in Gorse's shape, and as this service has it: one flat object.
//!
//! | Gorse | here |
//! |---|---|
//! | `Comment` | `comment`, a text that is read |
//! | `Categories` | `categories`, labels |
//! | `Labels`, a list | `labels`, labels |
//! | `Labels`, an object | a field `labels.NAME` for each |
//! | `Timestamp` | `timestamp` |
//! | `IsHidden` | `is_hidden`, and `expires_at` long ago, so that it is in no answer |
//!
//! An item that was written in the other shape is told with its title as the comment and its other
//! fields as labels.

use super::Failed;
use jiff::Timestamp;
use semrec_data::unix_seconds;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Gorse's word for no time.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// Before each label of an object.
const LABEL: &str = "labels.";

/// An item as it is sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Sent {
    pub(crate) item_id: String,
    #[serde(flatten)]
    pub(crate) rest: Patch,
}

/// What is said of an item; nothing is said by null or absence.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Patch {
    #[serde(default)]
    is_hidden: Option<bool>,
    #[serde(default)]
    categories: Option<Vec<String>>,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    labels: Option<Value>,
    #[serde(default)]
    comment: Option<String>,
}

/// An item as it is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Told {
    item_id: String,
    is_hidden: bool,
    categories: Vec<String>,
    timestamp: String,
    labels: Value,
    comment: String,
}

/// A time in RFC 3339.
pub(crate) fn time(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds);
    time.map_or_else(|_| NEVER.to_owned(), |time| time.to_string())
}

/// The labels of an object, each a field; those within are named through all that they lie in.
fn flat(name: &str, value: Value, fields: &mut Map<String, Value>) {
    match value {
        Value::Object(inner) => {
            for (key, value) in inner {
                flat(&format!("{name}.{key}"), value, fields);
            }
        }
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            fields.insert(name.to_owned(), value);
        }
    }
}

/// The other way.
fn nested(fields: Map<String, Value>) -> Value {
    let mut whole = Map::new();
    for (name, value) in fields {
        set(&mut whole, &name, value);
    }
    Value::Object(whole)
}

fn set(object: &mut Map<String, Value>, name: &str, value: Value) {
    let Some((first, rest)) = name.split_once('.') else {
        object.insert(name.to_owned(), value);
        return;
    };
    let mut inner = match object.remove(first) {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    };
    set(&mut inner, rest, value);
    object.insert(first.to_owned(), inner.into());
}

impl Patch {
    /// Changes what an item says.
    ///
    /// # Errors
    /// [`Failed`] if the time is none.
    pub(crate) fn apply(self, object: &mut Map<String, Value>) -> Result<(), Failed> {
        if let Some(comment) = self.comment {
            object.insert("comment".to_owned(), comment.into());
        }
        if let Some(categories) = self.categories {
            object.insert("categories".to_owned(), categories.into());
        }
        if let Some(labels) = self.labels.filter(|labels| !labels.is_null()) {
            object.retain(|name, _| name != "labels" && !name.starts_with(LABEL));
            flat("labels", labels, object);
        }
        if let Some(time) = self
            .timestamp
            .filter(|time| !time.is_empty() && time != NEVER)
        {
            if unix_seconds(&json!(time)).is_none() {
                return Err(Failed::bad(format!(
                    "Timestamp is '{time}'; expected a date and time"
                )));
            }
            object.insert("timestamp".to_owned(), time.into());
        }
        if let Some(hidden) = self.is_hidden {
            let was = object.remove("is_hidden").is_some();
            if hidden {
                object.insert("is_hidden".to_owned(), true.into());
                object.insert("expires_at".to_owned(), 0.into());
            } else if was {
                object.remove("expires_at");
            }
        }
        Ok(())
    }
}

fn text(object: &mut Map<String, Value>, name: &str) -> Option<String> {
    match object.remove(name) {
        Some(Value::String(text)) => Some(text),
        Some(other) => Some(other.to_string()),
        None => None,
    }
}

impl Told {
    pub(crate) fn new(item_id: String, mut object: Map<String, Value>) -> Self {
        let is_hidden = object.remove("is_hidden").is_some();
        if is_hidden {
            object.remove("expires_at");
        }
        let categories = match object.remove("categories") {
            Some(Value::Array(many)) => many
                .into_iter()
                .filter_map(|v| Some(v.as_str()?.to_owned()))
                .collect(),
            Some(Value::String(one)) => vec![one],
            _ => Vec::new(),
        };
        let seconds = object
            .remove("timestamp")
            .and_then(|time| unix_seconds(&time));
        let comment = text(&mut object, "comment").or_else(|| text(&mut object, "title"));
        let labels = match object.remove("labels") {
            Some(list) => list,
            None if object.keys().any(|name| name.starts_with(LABEL)) => {
                let named = object.into_iter().filter_map(|(name, value)| {
                    let name = name.strip_prefix(LABEL)?.to_owned();
                    Some((name, value))
                });
                nested(named.collect())
            }
            None if object.is_empty() => Value::Null,
            None => Value::Object(object),
        };
        Self {
            item_id,
            is_hidden,
            categories,
            timestamp: seconds.map_or_else(|| NEVER.to_owned(), time),
            labels,
            comment: comment.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_comes_back() {
        for item in [
            json!({"ItemId": "1", "IsHidden": false, "Categories": ["a"], "Timestamp": "2026-01-01T00:00:00Z",
                "Labels": {"topics": ["x", "y"], "by": {"name": "Ann", "age": 3}}, "Comment": "A lamp"}),
            json!({"ItemId": "2", "IsHidden": true, "Categories": [], "Timestamp": NEVER,
                "Labels": ["x"], "Comment": ""}),
            json!({"ItemId": "3", "IsHidden": false, "Categories": [], "Timestamp": NEVER,
                "Labels": null, "Comment": "c"}),
        ] {
            let sent: Sent = serde_json::from_value(item.clone()).unwrap();
            let mut object = Map::new();
            sent.rest.apply(&mut object).unwrap();
            assert_eq!(object.contains_key("expires_at"), item["IsHidden"] == true);
            let told = serde_json::to_value(Told::new(sent.item_id, object)).unwrap();
            assert_eq!(told, item);
        }
    }

    #[test]
    fn what_is_not_said_stays() {
        let mut object = Map::new();
        let patch = |json: Value| serde_json::from_value::<Patch>(json).unwrap();
        patch(json!({"Comment": "a", "IsHidden": true, "Labels": ["x"]}))
            .apply(&mut object)
            .unwrap();
        patch(json!({"Comment": null, "IsHidden": false, "Categories": ["c"]}))
            .apply(&mut object)
            .unwrap();
        assert_eq!(
            Value::Object(object.clone()),
            json!({"comment": "a", "labels": ["x"], "categories": ["c"]})
        );
        assert!(
            patch(json!({"Timestamp": "soon"}))
                .apply(&mut object)
                .is_err()
        );
    }
}
