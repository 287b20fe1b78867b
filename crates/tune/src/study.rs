//! What came of the searches of a few models on one data set: the JSON, and what the page shows.

use crate::influence::{Influence, influences};
use crate::search::{Method, Search};
use crate::trial::{Trial, best};
use serde::Serialize;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Study {
    /// Name of the data set.
    pub dataset: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// How events were divided; the part called validation was asked about, the part called test
    /// was not touched.
    pub split: String,
    /// Which items were ranked.
    pub candidates: String,
    /// What was maximised, as in `ndcg@10`.
    pub metric: String,
    /// Events the models were fitted on.
    pub fitted_on: usize,
    /// People of the validation part.
    pub people: usize,
    /// Seed of the split, the models and the search.
    pub seed: u64,
    /// The models in the order they were asked for.
    pub models: Vec<Tuned>,
}

/// What came of one model.
#[derive(Clone, Debug, Serialize)]
pub struct Tuned {
    /// Its name.
    pub model: String,
    /// How it was searched.
    pub method: Method,
    /// Why the search ended before all trials were made, if it did.
    pub ended_early: Option<String>,
    /// Parameters that were set to one value.
    pub fixed: Table,
    /// The model's own settings, measured in full, if they were.
    pub own: Option<f64>,
    /// Number of the best trial.
    pub best: Option<usize>,
    /// How each parameter mattered.
    pub influences: Vec<Influence>,
    /// All trials.
    pub trials: Vec<Trial>,
}

impl Tuned {
    /// What a search found.
    #[must_use]
    pub fn new(model: &str, search: &Search, fixed: Table, ended_early: Option<String>) -> Self {
        let trials = search.trials().to_vec();
        let own = trials.iter().find(|t| t.setting == 0 && t.is_full());
        Self {
            model: model.to_owned(),
            method: search.plan().method,
            ended_early,
            fixed,
            own: own.and_then(|t| t.value),
            best: best(&trials).map(|t| t.number),
            influences: influences(&search.plan().space, &trials),
            trials,
        }
    }

    /// The best trial.
    #[must_use]
    pub fn best_trial(&self) -> Option<&Trial> {
        self.trials.get(self.best?)
    }

    /// The parameters to give the model for the settings of a trial: what was searched, and what
    /// was set.
    #[must_use]
    pub fn params(&self, trial: &Trial) -> Table {
        with_values(&self.fixed, &trial.values)
    }

    /// Of the trials that can be compared, those that beat all before them: number and value.
    #[must_use]
    pub fn records(&self) -> Vec<(usize, f64)> {
        let mut records: Vec<(usize, f64)> = Vec::new();
        for trial in self.trials.iter().filter(|t| t.is_full()) {
            if let Some(value) = trial.value
                && records.last().is_none_or(|&(_, best)| value > best)
            {
                records.push((trial.number, value));
            }
        }
        records
    }
}

/// A table with these values in it; a dot in a key leads into a table.
#[must_use]
pub fn with_values(table: &Table, values: &BTreeMap<String, Value>) -> Table {
    let mut out = table.clone();
    for (name, value) in values {
        put(&mut out, name, value);
    }
    out
}

fn put(table: &mut Table, name: &str, value: &Value) {
    match name.split_once('.') {
        None => {
            table.insert(name.to_owned(), value.clone());
        }
        Some((first, rest)) => {
            let empty = || Value::Table(Table::new());
            let inner = table.entry(first).or_insert_with(empty);
            if !inner.is_table() {
                *inner = empty();
            }
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::value_at;

    #[test]
    fn keys_with_dots_lead_into_tables() {
        let fixed: Table = "a = 1\n[params.als]\nfactors = 8".parse().unwrap();
        let values = [
            ("params.ease.lambda".to_owned(), Value::Float(2.5)),
            ("l2".to_owned(), Value::Integer(3)),
        ];
        let got = with_values(&fixed, &values.into());
        insta::assert_snapshot!(got.to_string(), @"
        a = 1
        l2 = 3

        [params.als]
        factors = 8

        [params.ease]
        lambda = 2.5
        ");
        assert_eq!(
            value_at(&got, "params.ease.lambda"),
            Some(&Value::Float(2.5))
        );
        assert_eq!(value_at(&got, "a.b"), None);
    }
}
