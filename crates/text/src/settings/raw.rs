//! The values of a JSON object, asked for by name: what is absent or null takes a default, what
//! has the wrong type is an error that says so.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The largest size that is believed: products of two must stay far from overflow before the
/// weights are looked at.
const MAX_SIZE: u64 = 1 << 28;

/// A JSON object.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Raw(Map<String, Value>);

impl Raw {
    /// The value of this name, null being none.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(format!("{name} is {value}; expected {expected}")),
        }
    }

    /// A count from 1 to 2^28.
    pub(super) fn size(&self, name: &str) -> Result<Option<usize>, String> {
        self.typed(name, "1 to 2^28", |value| {
            let size = value.as_u64().filter(|size| (1..=MAX_SIZE).contains(size));
            size.and_then(|size| usize::try_from(size).ok())
        })
    }

    /// A count that must be there.
    pub(super) fn required(&self, name: &str) -> Result<usize, String> {
        self.size(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, String> {
        self.typed(name, "a number", Value::as_f64)
    }

    /// The small number under the root of a normalisation.
    pub(super) fn eps(&self, name: &str, default: f64) -> Result<f32, String> {
        let eps = self.number(name)?.unwrap_or(default);
        if !(0.0..1.0).contains(&eps) {
            return Err(format!("{name} is {eps}; expected 0 to 1"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "rounded, as torch does")]
        let eps = eps as f32;
        Ok(eps)
    }

    /// A flag.
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        let flag = self.typed(name, "true or false", Value::as_bool)?;
        Ok(flag.unwrap_or(default))
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("{name} is {other}; expected a text")),
        }
    }

    /// An object in the object.
    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, String> {
        self.typed(name, "an object", |value| {
            value.as_object().cloned().map(Self)
        })
    }

    /// Refuses a flag that is not as the forward pass has it.
    pub(super) fn must_be(&self, name: &str, want: bool) -> Result<(), String> {
        if self.flag(name, want)? == want {
            return Ok(());
        }
        Err(format!("{name} is {}; only {want} is supported", !want))
    }

    /// Names and values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}
