//! One metric of every model as bars with their 95% intervals.

use super::format::{Px, figure, short, text_width};
use super::scale::{Scale, Tick};
use super::series::Series;
use askama::Template;

/// The chart, laid out.
#[derive(Debug, Template)]
#[template(path = "bars.svg")]
pub(super) struct Bars {
    alt: String,
    height: Px,
    left: Px,
    axis: Px,
    ticks: Vec<Tick>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    detail: String,
    value: String,
    colour: usize,
    y: Px,
    end: Px,
    interval: Option<[Px; 2]>,
}

const WIDTH: f64 = 520.0;
const ROW: f64 = 27.0;

impl Bars {
    pub(super) fn new(series: &[Series<'_>], metric: &str) -> Self {
        let names: Vec<String> = series.iter().map(|s| short(&s.model.name, 22)).collect();
        let widest = names.iter().map(|n| text_width(n)).fold(40.0, f64::max);
        let (left, right) = (widest + 12.0, WIDTH - 62.0);
        let value = |s: &Series<'_>| s.model.metrics.get(metric).copied().unwrap_or(0.0);
        let interval = |s: &Series<'_>| s.model.ci95.get(metric).copied();
        let largest = series
            .iter()
            .map(|s| interval(s).map_or(value(s), |[_, high]| high))
            .fold(0.0, f64::max);
        let scale = Scale::new(largest, left, right);
        let mut axis = 6.0;
        let mut rows = Vec::new();
        for (s, name) in series.iter().zip(names) {
            let written = figure(metric, value(s));
            let detail = match interval(s) {
                Some([low, high]) => format!(
                    "{}: {written}, 95% interval {} to {}",
                    s.model.name,
                    figure(metric, low),
                    figure(metric, high)
                ),
                None => format!("{}: {written}", s.model.name),
            };
            rows.push(Row {
                name,
                detail,
                value: written,
                colour: s.colour,
                y: Px(axis + ROW / 2.0),
                end: Px(scale.at(value(s)) - left),
                interval: interval(s).map(|ends| ends.map(|x| Px(scale.at(x)))),
            });
            axis += ROW;
        }
        let spoken: Vec<&str> = rows.iter().map(|r| r.detail.as_str()).collect();
        Self {
            alt: format!("{metric} of each model. {}.", spoken.join("; ")),
            height: Px(axis + 26.0),
            left: Px(left),
            axis: Px(axis),
            ticks: scale.ticks(),
            rows,
        }
    }
}
