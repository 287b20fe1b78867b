//! JSON lines, or one JSON array, of objects. Gorse's exports are such files.
//!
//! An object inside the object becomes columns `outer.inner`; an array becomes a list, arrays
//! within it laid flat; an object in an array gives its `name`, else its text.

use super::elements::{Element, Elements};
use super::{Bad, Cells, Input, LIST, Limits, Rows, Step};
use crate::DataError;
use hashbrown::HashMap;
use serde_json::{Map, Value};

/// Objects read to find out which columns there are.
const SAMPLE: usize = 5000;
const MAX_COLUMNS: usize = 4096;

/// A reader of JSON objects.
pub(super) struct Json {
    elements: Elements,
    columns: Vec<String>,
    index: HashMap<String, usize>,
    limits: Limits,
    values: Vec<String>,
    late: HashMap<String, u64>,
}

impl Json {
    pub(super) fn new(input: Input, columns: Vec<String>, limits: Limits) -> Self {
        Self {
            elements: Elements::new(input, limits),
            index: columns.iter().cloned().zip(0..).collect(),
            values: vec![String::new(); columns.len()],
            columns,
            limits,
            late: HashMap::new(),
        }
    }

    fn fill(&mut self, row: &mut Cells) -> Option<Bad> {
        let line = self.elements.line;
        let object = match serde_json::from_slice::<Value>(&self.elements.text) {
            Ok(Value::Object(object)) => object,
            Ok(other) => {
                let got = format!("{}, expected an object", kind(&other));
                return Some(Bad::new(line, "not a JSON object", got));
            }
            Err(e) => {
                let got = match std::str::from_utf8(&self.elements.text) {
                    Ok(_) => e.to_string(),
                    Err(at) => format!(
                        "invalid UTF-8 at byte {} of the file",
                        self.elements.offset + at.valid_up_to() as u64
                    ),
                };
                return Some(Bad::new(line, "not JSON", got));
            }
        };
        self.values.iter_mut().for_each(String::clear);
        let (index, values, late) = (&self.index, &mut self.values, &mut self.late);
        let mut put = |name: &str, value: &Value| {
            if let Some(&i) = index.get(name) {
                scalar(value, &mut values[i]);
            } else if !value.is_null() && late.len() < MAX_COLUMNS {
                late.entry_ref(name).or_insert(line);
            }
        };
        flatten(&object, "", 0, &mut put);
        for (name, value) in self.columns.iter().zip(&self.values) {
            if value.len() > self.limits.field {
                let got = format!("{} bytes, the limit is {}", value.len(), self.limits.field);
                return Some(Bad::new(line, "a field is too long", got).in_field(name));
            }
            row.push(value.as_bytes());
        }
        None
    }
}

/// The columns of the first objects, in order of first sight.
pub(super) fn columns(input: Input, limits: Limits) -> Result<Vec<String>, DataError> {
    let path = input.path.clone();
    let mut elements = Elements::new(input, limits);
    let mut columns: Vec<String> = Vec::new();
    let mut index: HashMap<String, ()> = HashMap::new();
    let mut objects = 0;
    for _ in 0..SAMPLE {
        match elements.next()? {
            Element::End => break,
            Element::TooLong => continue,
            Element::Value => {}
        }
        if let Ok(Value::Object(object)) = serde_json::from_slice(&elements.text) {
            objects += 1;
            flatten(&object, "", 0, &mut |name, _| {
                if index.len() < MAX_COLUMNS && index.insert(name.to_owned(), ()).is_none() {
                    columns.push(name.to_owned());
                }
            });
        }
    }
    if objects == 0 {
        return Err(DataError::format(
            path,
            "holds no JSON object; expected one object a line, or an array of objects",
        ));
    }
    Ok(columns)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn flatten(
    object: &Map<String, Value>,
    prefix: &str,
    depth: usize,
    put: &mut dyn FnMut(&str, &Value),
) {
    for (name, value) in object {
        let full;
        let name = if prefix.is_empty() {
            name
        } else {
            full = format!("{prefix}.{name}");
            &full
        };
        match value {
            Value::Object(inner) if depth < 3 => flatten(inner, name, depth + 1, put),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => put(name, value),
        }
    }
}

fn scalar(value: &Value, out: &mut String) {
    match value {
        Value::Null => {}
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => out.push_str(&n.to_string()),
        Value::String(s) => out.extend(s.chars().map(|c| if c == LIST { ' ' } else { c })),
        Value::Array(members) => {
            for member in members {
                let mut one = String::new();
                scalar(member, &mut one);
                if !one.is_empty() {
                    if !out.is_empty() {
                        out.push(LIST);
                    }
                    out.push_str(&one);
                }
            }
        }
        Value::Object(object) => match object.get("name") {
            Some(Value::String(name)) => out.push_str(name),
            _ => out.push_str(&value.to_string()),
        },
    }
}

impl Rows for Json {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn read(&mut self, row: &mut Cells) -> Result<Step, DataError> {
        row.clear();
        match self.elements.next()? {
            Element::End => return Ok(Step::End),
            Element::TooLong => {
                let got = format!("more than {} bytes", self.limits.row());
                let bad = Bad::new(self.elements.line, "an object is too long", got);
                return Ok(Step::Bad(bad));
            }
            Element::Value => {}
        }
        row.line = self.elements.line;
        row.offset = self.elements.offset;
        Ok(self.fill(row).map_or(Step::Row, Step::Bad))
    }

    fn raw(&self) -> &[u8] {
        &self.elements.text
    }

    fn notes(&self) -> Vec<String> {
        let mut late: Vec<_> = self.late.iter().collect();
        late.sort();
        late.iter()
            .map(|(name, line)| {
                format!("'{name}' is first seen in line {line}, after the first {SAMPLE} objects, and ignored")
            })
            .collect()
    }
}
