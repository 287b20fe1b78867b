//! A parameter that is a number, or found from the training events.

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A number, or `"auto"`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Setting {
    /// Found from the training events.
    #[default]
    Auto,
    /// This.
    Is(f32),
}

impl Setting {
    /// The values to choose among.
    pub(crate) fn among(self, values: &[f32]) -> Vec<f32> {
        match self {
            Self::Auto => values.to_vec(),
            Self::Is(value) => vec![value],
        }
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => to.serialize_str("auto"),
            Self::Is(value) => to.serialize_f32(*value),
        }
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Setting;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or \"auto\"")
            }
            #[expect(clippy::cast_possible_truncation, reason = "a parameter of a model")]
            fn visit_f64<E: Error>(self, value: f64) -> Result<Setting, E> {
                Ok(Setting::Is(value as f32))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Setting, E> {
                self.visit_f64(value as f64)
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Setting, E> {
                self.visit_f64(value as f64)
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Setting, E> {
                match value {
                    "auto" => Ok(Setting::Auto),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        from.deserialize_any(Word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Both {
        a: Setting,
        b: Setting,
    }

    #[test]
    fn numbers_and_the_word_go_there_and_back() {
        for (text, a, b) in [
            ("a = \"auto\"\nb = 0.5\n", Setting::Auto, Setting::Is(0.5)),
            ("a = 1.0\nb = \"auto\"\n", Setting::Is(1.0), Setting::Auto),
        ] {
            let both: Both = toml::from_str(text).unwrap();
            assert_eq!(both, Both { a, b });
            assert_eq!(toml::to_string(&both).unwrap(), text);
        }
        let whole: Both = toml::from_str("a = 1\nb = 0").unwrap();
        assert_eq!(whole.a, Setting::Is(1.0));
        let error = toml::from_str::<Both>("a = \"much\"\nb = 0").unwrap_err();
        assert!(
            error.message().contains("expected a number or \"auto\""),
            "{error}"
        );
    }
}
