//! What came of tuning an encoder: the frozen one against the tuned one, and a plain sentence on
//! whether it helped. What `semrec finetune --json` writes, and what its page is made of.

use crate::{Comparison, DatasetFacts, ModelResult, Protocol, SliceComparison};
use serde::Serialize;

/// The level of a test.
const LEVEL: f64 = 0.05;

/// One model with the vectors of two encoders, on the same cases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BeforeAfter {
    /// With the frozen encoder.
    pub before: ModelResult,
    /// With the tuned one.
    pub after: ModelResult,
    /// The better one against the other.
    pub comparison: Comparison,
    /// The same on each slice.
    pub slice_comparisons: Vec<SliceComparison>,
    /// Other encoders on the same cases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Beside>,
}

/// Another encoder on the same cases, e.g. a general one where the frozen one was tuned elsewhere:
/// whether what was learned there helps here, before and after it was tuned again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Beside {
    /// With this encoder; its name is the encoder's.
    pub result: ModelResult,
    /// It and the frozen encoder, the better one first.
    pub frozen: Comparison,
    /// It and the tuned encoder, the better one first.
    pub tuned: Comparison,
}

impl Beside {
    /// How the frozen and the tuned encoder do against this one, which is called `name`.
    #[must_use]
    pub fn sentence(&self, of: &BeforeAfter) -> String {
        let name = &self.result.name;
        let metric = &of.comparison.metric;
        let own = self.result.metrics.get(metric).copied().unwrap_or(0.0);
        let (before, after) = of.values();
        let against = |value: f64, comparison: &Comparison| {
            let verdict = match () {
                () if comparison.p_value >= LEVEL || comparison.difference == 0.0 => {
                    "not surely different"
                }
                () if comparison.a == *name => "worse",
                () => "better",
            };
            format!("{value:.4}, {verdict} (p = {:.4})", comparison.p_value)
        };
        format!(
            "Beside {name} with {metric} of {own:.4}: the frozen encoder has {}; the tuned one {}.",
            against(before, &self.frozen),
            against(after, &self.tuned)
        )
    }
}

/// Whether tuning helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The tuned encoder is surely better.
    Helped,
    /// The frozen encoder is surely better.
    Hurt,
    /// Neither is.
    Unclear,
}

impl BeforeAfter {
    /// Whether tuning helped, by the comparison on all cases.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict_of(&self.comparison)
    }

    /// The same of one comparison.
    #[must_use]
    pub fn verdict_of(&self, comparison: &Comparison) -> Verdict {
        if comparison.p_value >= LEVEL || comparison.difference == 0.0 {
            Verdict::Unclear
        } else if comparison.a == self.after.name {
            Verdict::Helped
        } else {
            Verdict::Hurt
        }
    }

    /// Before and after by the metric that is compared.
    #[must_use]
    pub fn values(&self) -> (f64, f64) {
        let value = |m: &ModelResult| m.metrics.get(&self.comparison.metric).copied();
        (
            value(&self.before).unwrap_or(0.0),
            value(&self.after).unwrap_or(0.0),
        )
    }

    /// The verdict as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (before, after) = self.values();
        let Comparison {
            metric, p_value, ..
        } = &self.comparison;
        let change = if before > 0.0 {
            format!(", {:+.1} %", 100.0 * (after - before) / before)
        } else {
            String::new()
        };
        let figures = format!(
            "{metric} of {after:.4} with the tuned encoder against {before:.4} with the frozen \
             one{change} (paired test, p = {p_value:.4})"
        );
        match self.verdict() {
            Verdict::Helped => format!("Tuning helped: {figures}."),
            Verdict::Hurt => format!("Tuning did not help, it made things worse: {figures}."),
            Verdict::Unclear => format!(
                "It cannot be told whether tuning helped: {figures}; do without it, or try more \
                 data or another objective."
            ),
        }
    }
}

/// A value on the curve of a training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Steps done.
    pub step: u64,
    /// Epochs done, or the one that was being made.
    pub epoch: u64,
    /// What was measured, e.g. `train/loss`.
    pub name: String,
    /// Its value.
    pub value: f64,
}

/// Figures of one class of a classifier.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LabelFigures {
    /// The label.
    pub label: u8,
    /// Of what was called so, the share that is.
    pub precision: f64,
    /// Of what is so, the share that was called so.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// How many are so.
    pub support: usize,
}

/// Probabilities in a range, and what came of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// How many there are.
    pub count: usize,
    /// Their mean probability.
    pub probability: f64,
    /// The share of 1s among them.
    pub share: f64,
}

/// What a trained classifier is worth on pairs that were held out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PairFigures {
    /// Of the labels 0 and 1.
    pub labels: Vec<LabelFigures>,
    /// Share of right calls.
    pub accuracy: f64,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Mean negative log-likelihood, in nats.
    pub log_loss: f64,
    /// Expected calibration error.
    pub ece: f64,
    /// What it is made of.
    pub reliability: Vec<ReliabilityBin>,
}

/// Everything about one fine-tuning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finetuned {
    /// What it was tuned on.
    pub dataset: DatasetFacts,
    /// The encoder it began with.
    pub encoder: String,
    /// The objective and its settings.
    pub objective: serde_json::Value,
    /// The method and how it was trained.
    pub settings: serde_json::Value,
    /// How people are read beside the encoder, as `user_tower.json` has it, where that is known.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub tower: serde_json::Value,
    /// Values that were trained.
    pub trained: usize,
    /// Values of the encoder.
    pub parameters: usize,
    /// Seconds of the training in this run.
    pub seconds: f64,
    /// What the validation measured.
    pub measure: String,
    /// The epoch that was kept; 0 for the encoder as it was.
    pub kept_epoch: Option<u64>,
    /// The curve.
    pub curve: Vec<CurvePoint>,
    /// Of a classifier, its figures on the test part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs: Option<PairFigures>,
    /// How both encoders were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// Frozen against tuned.
    #[serde(flatten)]
    pub compared: Option<BeforeAfter>,
    /// Whether it helped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(better: &str, difference: f64, p_value: f64) -> BeforeAfter {
        let model = |name: &str, value: f64| {
            let mut model = ModelResult {
                name: name.to_owned(),
                ..ModelResult::default()
            };
            model.metrics.push("ndcg@10", value);
            model
        };
        let other = if better == "tuned" { "frozen" } else { "tuned" };
        let after = if better == "tuned" {
            0.02 + difference
        } else {
            0.02 - difference
        };
        BeforeAfter {
            beside: Vec::new(),
            before: model("frozen", 0.02),
            after: model("tuned", after),
            comparison: Comparison {
                a: better.to_owned(),
                b: other.to_owned(),
                metric: "ndcg@10".to_owned(),
                difference,
                p_value,
                p_holm: p_value,
            },
            slice_comparisons: Vec::new(),
        }
    }

    #[test]
    fn it_is_said_plainly() {
        assert_eq!(
            compared("tuned", 0.01, 0.0001).sentence(),
            "Tuning helped: ndcg@10 of 0.0300 with the tuned encoder against 0.0200 with the \
             frozen one, +50.0 % (paired test, p = 0.0001)."
        );
        assert_eq!(
            compared("frozen", 0.01, 0.01).sentence(),
            "Tuning did not help, it made things worse: ndcg@10 of 0.0100 with the tuned encoder \
             against 0.0200 with the frozen one, -50.0 % (paired test, p = 0.0100)."
        );
        let unclear = compared("tuned", 0.001, 0.05);
        assert_eq!(unclear.verdict(), Verdict::Unclear);
        assert!(unclear.sentence().starts_with("It cannot be told"));
        assert_eq!(compared("frozen", 0.0, 0.0).verdict(), Verdict::Unclear);
    }
}
