//! The parameters that are searched, and over what.

use crate::range::Range;
use rand::RngExt;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// One parameter that is searched.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its key; a dot leads into a table, as in `params.ease.lambda`.
    pub name: String,
    /// What it may be.
    pub range: Range,
}

/// All parameters that are searched, in the order they are shown in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Space {
    parameters: Vec<Parameter>,
    rounds: Option<String>,
}

impl Space {
    /// Adds a parameter, or gives one that is there another range.
    #[must_use]
    pub fn with(mut self, name: &str, range: Range) -> Self {
        match self.parameters.iter_mut().find(|p| p.name == name) {
            Some(parameter) => parameter.range = range,
            None => self.parameters.push(Parameter {
                name: name.to_owned(),
                range,
            }),
        }
        self
    }

    /// Adds positive numbers, each power of ten alike. For declarations: a range that is none is
    /// a mistake in the code.
    ///
    /// # Panics
    /// Unless `0 < low < high`.
    #[must_use]
    pub fn by_powers(self, name: &str, low: f64, high: f64) -> Self {
        assert!(0.0 < low && low < high, "{name}: {low}..{high} by powers");
        let log = true;
        self.with(name, Range::Real { low, high, log })
    }

    /// Adds real numbers, evenly.
    ///
    /// # Panics
    /// Unless `low < high`.
    #[must_use]
    pub fn even(self, name: &str, low: f64, high: f64) -> Self {
        assert!(low < high, "{name}: {low}..{high}");
        let log = false;
        self.with(name, Range::Real { low, high, log })
    }

    /// Adds positive whole numbers, each power of ten alike.
    ///
    /// # Panics
    /// Unless `0 < low < high`.
    #[must_use]
    pub fn whole_by_powers(self, name: &str, low: i64, high: i64) -> Self {
        assert!(0 < low && low < high, "{name}: {low}..{high} by powers");
        let log = true;
        self.with(name, Range::Whole { low, high, log })
    }

    /// Adds a choice among names.
    ///
    /// # Panics
    /// If there are fewer than two.
    #[must_use]
    pub fn one_of(self, name: &str, values: &[&str]) -> Self {
        assert!(values.len() > 1, "{name}: a choice needs two values");
        let values = values.iter().map(|&v| Value::String(v.to_owned()));
        self.with(name, Range::Choice(values.collect()))
    }

    /// Names the parameter that counts rounds of fitting: what successive halving gives little of
    /// at first. It is searched by the other methods if it has a range.
    #[must_use]
    pub fn with_rounds(mut self, name: &str) -> Self {
        self.rounds = Some(name.to_owned());
        self
    }

    /// Takes a parameter out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|p| p.name != name);
        self
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The parameter that counts rounds of fitting, if the model has one.
    #[must_use]
    pub fn rounds(&self) -> Option<&str> {
        self.rounds.as_deref()
    }

    /// The range of a parameter.
    #[must_use]
    pub fn range(&self, name: &str) -> Option<&Range> {
        let found = self.parameters.iter().find(|p| p.name == name);
        found.map(|p| &p.range)
    }

    /// Whether nothing is searched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// A value of each parameter, each part of its range alike.
    pub(crate) fn draw(&self, rng: &mut impl RngExt) -> BTreeMap<String, Value> {
        let drawn = self.parameters.iter();
        drawn.map(|p| (p.name.clone(), p.range.draw(rng))).collect()
    }

    /// The values that a table of parameters has for what is searched.
    pub(crate) fn values_of(&self, table: &Table) -> BTreeMap<String, Value> {
        let values = self.parameters.iter().filter_map(|p| {
            let value = value_at(table, &p.name)?;
            Some((p.name.clone(), value.clone()))
        });
        values.collect()
    }
}

/// The value at a key that may lead into tables.
#[must_use]
pub fn value_at<'a>(table: &'a Table, name: &str) -> Option<&'a Value> {
    match name.split_once('.') {
        Some((first, rest)) => value_at(table.get(first)?.as_table()?, rest),
        None => table.get(name),
    }
}
