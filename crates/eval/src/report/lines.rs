//! One metric over the buckets of a slicing, a line for each model: quality by coldness.

use super::format::{Px, count, figure};
use super::scale::{Scale, Tick};
use super::series::Series;
use crate::{ModelResult, Slice};
use askama::Template;

/// The chart, laid out.
#[derive(Debug, Template)]
#[template(path = "lines.svg")]
pub(super) struct Lines {
    alt: String,
    ticks: Vec<Tick>,
    buckets: Vec<Bucket>,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Bucket {
    x: Px,
    name: String,
    cases: String,
}

#[derive(Debug)]
struct Line {
    colour: usize,
    best: bool,
    path: String,
    mark: &'static str,
    points: Vec<Point>,
}

#[derive(Debug)]
struct Point {
    x: Px,
    y: Px,
    detail: String,
}

const LEFT: f64 = 46.0;
const RIGHT: f64 = 508.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 250.0;

impl Lines {
    /// `slices` picks the buckets of a model; `what` names what they count. `None` if no bucket
    /// holds a case.
    pub(super) fn new(
        series: &[Series<'_>],
        metric: &str,
        what: &str,
        slices: fn(&ModelResult) -> &[Slice],
    ) -> Option<Self> {
        let drawn: Vec<&Series<'_>> = series.iter().filter(|s| s.coloured()).collect();
        let all = slices(drawn.first()?.model);
        let shown: Vec<usize> = (0..all.len()).filter(|&i| all[i].cases > 0).collect();
        if shown.is_empty() {
            return None;
        }
        let value = |s: &Series<'_>, i: usize| {
            let slice = slices(s.model).get(i)?;
            slice.metrics.get(metric).copied()
        };
        let largest = drawn
            .iter()
            .flat_map(|s| shown.iter().filter_map(|&i| value(s, i)))
            .fold(0.0, f64::max);
        let scale = Scale::new(largest, BOTTOM, TOP);
        let places = (0u32..).zip(&shown);
        let n = places.clone().map(|_| 1.0).sum::<f64>();
        let x = |place: u32| LEFT + (RIGHT - LEFT) * (f64::from(place) + 0.5) / n;
        let buckets = places.clone().map(|(place, &i)| Bucket {
            x: Px(x(place)),
            name: all[i].name.replace('-', "–"),
            cases: count(all[i].cases),
        });
        let line = |(rank, s): (usize, &&Series<'_>)| {
            let points: Vec<Point> = places
                .clone()
                .filter_map(|(place, &i)| {
                    let value = value(s, i)?;
                    Some(Point {
                        x: Px(x(place)),
                        y: Px(scale.at(value)),
                        detail: format!(
                            "{}, {} {what}: {}",
                            s.model.name,
                            all[i].name,
                            figure(metric, value)
                        ),
                    })
                })
                .collect();
            let corners: Vec<String> = points.iter().map(|p| format!("{} {}", p.x, p.y)).collect();
            Line {
                colour: s.colour,
                best: rank == 0,
                path: corners.join("L"),
                mark: s.mark(),
                points,
            }
        };
        // The best model is drawn last, on top of the others.
        let lines = drawn.iter().enumerate().rev().map(line).collect();
        Some(Self {
            alt: format!(
                "{metric} by number of {what}, a line for each model; the table below has the values."
            ),
            ticks: scale.ticks(),
            buckets: buckets.collect(),
            lines,
        })
    }
}
