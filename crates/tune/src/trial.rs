//! One question of a search, and what came of it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use toml::Value;

/// What a search wants measured next.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Which trial this is, from 0 on.
    pub number: usize,
    /// Which settings these are, from 0 on; 0 are the model's own. Successive halving asks about
    /// the same settings several times.
    pub setting: usize,
    /// Share of the effort to spend, above 0 and at most 1: of the rounds of fitting where the
    /// space names them, else of the people asked about.
    pub share: f64,
    /// The values of the parameters that are searched, by key.
    pub values: BTreeMap<String, Value>,
}

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Which trial, from 0 on.
    pub number: usize,
    /// Which settings, from 0 on; 0 are the model's own.
    pub setting: usize,
    /// Share of the effort that was spent.
    pub share: f64,
    /// The values of the parameters.
    pub values: BTreeMap<String, Value>,
    /// What was measured, to nine decimals; larger is better. `None` if it failed.
    pub value: Option<f64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Standard error of the value over the people asked about; 0 where it is not known.
    #[serde(default)]
    pub standard_error: f64,
    /// Whatever else was measured, by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// Wall-clock seconds of fitting.
    #[serde(default)]
    pub fit_seconds: f64,
    /// Wall-clock seconds of measuring.
    #[serde(default)]
    pub evaluate_seconds: f64,
}

impl Trial {
    fn of(question: Question) -> Self {
        Self {
            number: question.number,
            setting: question.setting,
            share: question.share,
            values: question.values,
            value: None,
            error: None,
            standard_error: 0.0,
            metrics: BTreeMap::new(),
            fit_seconds: 0.0,
            evaluate_seconds: 0.0,
        }
    }

    /// The answer to a question. A value that is no number counts as failed. It is kept to nine
    /// decimals, so that it is the same after it was written down and read again.
    #[must_use]
    pub fn measured(question: Question, value: f64) -> Self {
        if !value.is_finite() {
            return Self::failed(question, format!("the metric is {value}"));
        }
        Self {
            value: Some((value * 1e9).round() / 1e9),
            ..Self::of(question)
        }
    }

    /// No answer to a question, and why.
    #[must_use]
    pub fn failed(question: Question, error: impl Into<String>) -> Self {
        Self {
            error: Some(error.into()),
            ..Self::of(question)
        }
    }

    /// Whether all the effort went into it, so that its value can be compared.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.share >= 1.0
    }

    /// Whether this answers the question.
    #[must_use]
    pub fn answers(&self, question: &Question) -> bool {
        self.number == question.number
            && self.setting == question.setting
            && self.share == question.share
            && self.values == question.values
    }

    /// Wall-clock seconds in all.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.fit_seconds + self.evaluate_seconds
    }
}

/// The best of those that can be compared; the earliest of equals.
pub(crate) fn best(trials: &[Trial]) -> Option<&Trial> {
    let full = trials.iter().filter(|t| t.is_full() && t.value.is_some());
    full.min_by(|a, b| {
        b.value
            .partial_cmp(&a.value)
            .unwrap_or(std::cmp::Ordering::Equal)
    })
}
