//! The trials of a model in order, and the best so far as a line.

use super::axis::Axis;
use crate::report::format::Px;
use crate::report::scale::Tick;
use askama::Template;
use semrec_tune::{Study, Tuned};

/// The chart, laid out.
#[derive(Debug, Template)]
#[template(path = "history.svg")]
pub(super) struct History {
    alt: String,
    metric: String,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    points: Vec<Point>,
    /// An SVG path of steps.
    best: String,
    /// Where the model as it is stands.
    own: Option<Px>,
}

#[derive(Debug)]
pub(super) struct Point {
    pub(super) x: Px,
    pub(super) y: Px,
    pub(super) detail: String,
    /// What it is: `own`, `best` or nothing.
    pub(super) kind: &'static str,
}

/// Ends of the plot, in pixels.
pub(super) const LEFT: f64 = 58.0;
pub(super) const RIGHT: f64 = 500.0;
pub(super) const TOP: f64 = 26.0;
pub(super) const BOTTOM: f64 = 246.0;

impl History {
    pub(super) fn new(study: &Study, tuned: &Tuned) -> Self {
        let measured = measured(tuned);
        let up = Axis::around(measured.iter().map(|m| m.1), BOTTOM, TOP);
        let last = tuned.trials.len().saturating_sub(1).max(1);
        let across = Axis::even(0.0, count(last), LEFT + 6.0, RIGHT - 6.0);
        let point = |&(number, value): &(usize, f64)| Point {
            x: Px(across.at(count(number))),
            y: Px(up.at(value)),
            detail: super::detail(study, tuned, number),
            kind: super::kind(tuned, number),
        };
        let mut best = String::new();
        for (i, &(number, value)) in tuned.records().iter().enumerate() {
            let (x, y) = (Px(across.at(count(number))), Px(up.at(value)));
            best.push_str(&if i == 0 {
                format!("M{x} {y}")
            } else {
                format!("H{x}V{y}")
            });
        }
        if !best.is_empty() {
            best.push_str(&format!("H{}", Px(across.at(count(last)))));
        }
        Self {
            alt: format!(
                "{} of each trial of {} in order, and the best so far. {}",
                study.metric,
                tuned.model,
                super::summary(study, tuned)
            ),
            metric: study.metric.clone(),
            // Trials are whole.
            x_ticks: across
                .ticks()
                .into_iter()
                .filter(|t| !t.label.contains('.'))
                .collect(),
            y_ticks: up.ticks(),
            points: measured.iter().map(point).collect(),
            best,
            own: tuned.own.map(|own| Px(up.at(own))),
        }
    }
}

/// Number and value of the trials that can be compared.
pub(super) fn measured(tuned: &Tuned) -> Vec<(usize, f64)> {
    let full = tuned.trials.iter().filter(|t| t.is_full());
    full.filter_map(|t| Some((t.number, t.value?))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "trials are few")]
fn count(n: usize) -> f64 {
    n as f64
}
