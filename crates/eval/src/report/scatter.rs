//! Coverage against accuracy: a point for each model, named beside it.

use super::format::{Px, figure, short, text_width};
use super::scale::{Scale, Tick};
use super::series::Series;
use askama::Template;

/// The chart, laid out.
#[derive(Debug, Template)]
#[template(path = "scatter.svg")]
pub(super) struct Scatter {
    alt: String,
    across: String,
    up: String,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    points: Vec<Point>,
}

#[derive(Debug)]
struct Point {
    colour: usize,
    mark: &'static str,
    x: Px,
    y: Px,
    label: Label,
    name: String,
    detail: String,
}

/// Where a name stands.
#[derive(Clone, Copy, Debug)]
struct Label {
    x: Px,
    y: Px,
    anchor: &'static str,
    /// Whether it is far enough from its point to need a line.
    leader: bool,
}

const LEFT: f64 = 50.0;
const RIGHT: f64 = 500.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 286.0;

impl Scatter {
    pub(super) fn new(series: &[Series<'_>], across: &str, up: &str) -> Self {
        let value = |s: &Series<'_>, metric| s.model.metrics.get(metric).copied().unwrap_or(0.0);
        let largest = |metric| series.iter().map(|s| value(s, metric)).fold(0.0, f64::max);
        let x_scale = Scale::new(largest(across), LEFT, RIGHT);
        let y_scale = Scale::new(largest(up), BOTTOM, TOP);
        let at: Vec<(f64, f64)> = series
            .iter()
            .map(|s| (x_scale.at(value(s, across)), y_scale.at(value(s, up))))
            .collect();
        let names: Vec<String> = series.iter().map(|s| short(&s.model.name, 24)).collect();
        let labels = place(&at, &names);
        let points: Vec<Point> = series
            .iter()
            .zip(names)
            .zip(at.iter().zip(labels))
            .map(|((s, name), (&(x, y), label))| Point {
                colour: s.colour,
                mark: s.mark(),
                x: Px(x),
                y: Px(y),
                label,
                name,
                detail: format!(
                    "{}: {across} {}, {up} {}",
                    s.model.name,
                    figure(across, value(s, across)),
                    figure(up, value(s, up))
                ),
            })
            .collect();
        let spoken: Vec<&str> = points.iter().map(|p| p.detail.as_str()).collect();
        Self {
            alt: format!("{across} against {up}. {}.", spoken.join("; ")),
            across: across.to_owned(),
            up: up.to_owned(),
            x_ticks: x_scale.ticks(),
            y_ticks: y_scale.ticks(),
            points,
        }
    }
}

/// A box on the page: left, top, right, bottom.
type Frame = [f64; 4];

/// Gives each name the first free place around its point, nearest places first; a name without
/// any free place takes the one that overlaps least.
fn place(points: &[(f64, f64)], names: &[String]) -> Vec<Label> {
    let marks: Vec<Frame> = points
        .iter()
        .map(|&(x, y)| [x - 6.0, y - 6.0, x + 6.0, y + 6.0])
        .collect();
    let mut taken: Vec<Frame> = Vec::new();
    let mut labels = vec![None; points.len()];
    // From top to bottom, so that the lines to names further off do not cross.
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| points[a].1.total_cmp(&points[b].1));
    for i in order {
        let (x, y) = points[i];
        let best = candidates(x, y, text_width(&names[i]))
            .map(|(label, frame)| {
                let crowd: f64 = marks
                    .iter()
                    .chain(&taken)
                    .map(|other| overlap(&frame, other))
                    .sum();
                let crossed = match label.leader {
                    true => crossed((x, y), (label.x.0, label.y.0), &taken),
                    false => 0.0,
                };
                (label, frame, crowd + crossed + outside(&frame))
            })
            .min_by(|a, b| a.2.total_cmp(&b.2));
        if let Some((label, frame, _)) = best {
            taken.push(frame);
            labels[i] = Some(label);
        }
    }
    labels.into_iter().flatten().collect()
}

/// Places around a point, nearest first (`min_by` keeps the first of equals).
fn candidates(x: f64, y: f64, width: f64) -> impl Iterator<Item = (Label, Frame)> {
    let near = [
        (9.0, 4.0),
        (-5.0, -9.0),
        (-5.0, 18.0),
        (9.0, -8.0),
        (9.0, 16.0),
    ];
    let far = (1..=7).flat_map(|i| {
        let step = 13.0 * f64::from(i);
        let (up, down) = (-4.0 - step, 12.0 + step);
        [(16.0, up), (16.0, down), (44.0, up), (44.0, down)]
    });
    let offsets = near.into_iter().chain(far);
    offsets.flat_map(move |(dx, dy)| {
        [("start", 1.0), ("end", -1.0)].map(|(anchor, side)| {
            let (text_x, text_y) = (x + side * dx, y + dy);
            let (a, b) = (text_x, text_x + side * width);
            let label = Label {
                x: Px(text_x),
                y: Px(text_y),
                anchor,
                leader: dx > 10.0,
            };
            (label, [a.min(b), text_y - 11.0, a.max(b), text_y + 3.0])
        })
    })
}

fn overlap(a: &Frame, b: &Frame) -> f64 {
    let wide = a[2].min(b[2]) - a[0].max(b[0]);
    let high = a[3].min(b[3]) - a[1].max(b[1]);
    wide.max(0.0) * high.max(0.0)
}

/// What a line costs that runs through names: as much as an overlap, or more.
fn crossed(from: (f64, f64), to: (f64, f64), names: &[Frame]) -> f64 {
    let inside = |&(x, y): &(f64, f64)| {
        let holds = |f: &Frame| f[0] <= x && x <= f[2] && f[1] <= y && y <= f[3];
        names.iter().any(holds)
    };
    (1..10)
        .map(|i| f64::from(i) / 10.0)
        .map(|t| (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1)))
        .filter(inside)
        .map(|_| 40.0)
        .sum()
}

/// How much of a frame lies beyond the chart, much dearer than an overlap.
fn outside(frame: &Frame) -> f64 {
    let beyond = [
        LEFT - frame[0],
        TOP - 14.0 - frame[1],
        frame[2] - RIGHT - 20.0,
        frame[3] - BOTTOM,
    ];
    beyond.iter().map(|b| b.max(0.0) * 100.0).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_close_points_do_not_cover_each_other() {
        let points: Vec<(f64, f64)> = (0..8)
            .map(|i| (240.0 + 3.0 * f64::from(i), 150.0 + 2.0 * f64::from(i % 3)))
            .collect();
        let names = vec!["recent-popularity".to_owned(); 8];
        let labels = place(&points, &names);
        let width = text_width(&names[0]);
        let frames: Vec<Frame> = labels
            .iter()
            .map(|l| {
                let left = match l.anchor {
                    "start" => l.x.0,
                    _ => l.x.0 - width,
                };
                [left, l.y.0 - 11.0, left + width, l.y.0 + 3.0]
            })
            .collect();
        for (i, a) in frames.iter().enumerate() {
            assert_eq!(outside(a), 0.0);
            for b in &frames[..i] {
                assert_eq!(overlap(a, b), 0.0, "{a:?} {b:?}");
            }
        }
    }
}
