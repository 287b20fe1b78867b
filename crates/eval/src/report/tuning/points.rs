//! One parameter against the metric: a point for each trial.

use super::axis::Axis;
use super::history::{BOTTOM, LEFT, Point, RIGHT, TOP, measured};
use crate::report::format::Px;
use crate::report::scale::Tick;
use askama::Template;
use semrec_tune::{Influence, Study, Tuned};

/// The chart, laid out.
#[derive(Debug, Template)]
#[template(path = "points.svg")]
pub(super) struct Points {
    alt: String,
    metric: String,
    parameter: String,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    points: Vec<Point>,
    /// Where the model as it is stands, if its own value has no place on the axis.
    own: Option<Px>,
}

impl Points {
    pub(super) fn new(study: &Study, tuned: &Tuned, influence: &Influence) -> Self {
        let measured = measured(tuned);
        let up = Axis::around(measured.iter().map(|m| m.1), BOTTOM, TOP);
        let across = Axis::of(&influence.range, LEFT + 6.0, RIGHT - 6.0);
        let place = |number: usize| {
            let value = tuned.trials[number].values.get(&influence.parameter)?;
            influence.range.place(value)
        };
        let points = measured.iter().filter_map(|&(number, value)| {
            Some(Point {
                x: Px(across.at(place(number)?)),
                y: Px(up.at(value)),
                detail: super::detail(study, tuned, number),
                kind: super::kind(tuned, number),
            })
        });
        let mut points: Vec<Point> = points.collect();
        // What stands out is drawn last, over the others.
        points.sort_by_key(|p| (p.kind == "best", p.kind == "own"));
        let own = measured.iter().find(|m| tuned.trials[m.0].setting == 0);
        Self {
            alt: format!(
                "{} against {} of {}, a point for each of {} trials.",
                influence.parameter,
                study.metric,
                tuned.model,
                points.len()
            ),
            metric: study.metric.clone(),
            parameter: influence.parameter.clone(),
            x_ticks: across.ticks(),
            y_ticks: up.ticks(),
            points,
            own: own.filter(|m| place(m.0).is_none()).map(|m| Px(up.at(m.1))),
        }
    }
}
