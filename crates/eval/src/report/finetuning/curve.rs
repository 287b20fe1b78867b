//! A value over the steps of a training: a line through its points, and large points where it was
//! measured after an epoch.

use crate::Finetuned;
use crate::report::format::Px;
use crate::report::scale::Tick;
use crate::report::tuning::Axis;
use askama::Template;

/// The chart, laid out.
#[derive(Debug, Template)]
#[template(path = "curve.svg")]
pub(super) struct Curve {
    alt: String,
    label: String,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    /// An SVG path.
    line: String,
    points: Vec<Point>,
    /// Where it stood before the first step.
    own: Option<Px>,
}

#[derive(Debug)]
struct Point {
    x: Px,
    y: Px,
    detail: String,
    kind: &'static str,
}

const LEFT: f64 = 58.0;
const RIGHT: f64 = 500.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 246.0;

impl Curve {
    /// The values of the first name that has any as a line; those of the last as points. `None` if
    /// there is none.
    pub(super) fn new(of: &Finetuned, names: &[&str], label: &str) -> Option<Self> {
        let named = |name: &str| -> Vec<(f64, f64, u64)> {
            let points = of.curve.iter().filter(|p| p.name == name);
            #[expect(clippy::cast_precision_loss, reason = "steps are few")]
            let places = points.map(|p| (p.step as f64, p.value, p.epoch));
            places.collect()
        };
        let line = names.iter().map(|n| named(n)).find(|p| !p.is_empty())?;
        let points = named(names.last()?);
        let all = || line.iter().chain(&points);
        let last = all().map(|p| p.0).fold(1.0, f64::max);
        let up = Axis::around(all().map(|p| p.1), BOTTOM, TOP);
        let across = Axis::even(0.0, last, LEFT + 6.0, RIGHT - 6.0);
        let corners = line.iter().map(|p| {
            let (x, y) = (Px(across.at(p.0)), Px(up.at(p.1)));
            format!("{x} {y}")
        });
        let corners: Vec<String> = corners.collect();
        let marked = points.iter().map(|&(step, value, epoch)| Point {
            x: Px(across.at(step)),
            y: Px(up.at(value)),
            detail: format!("epoch {epoch}: {label} {value:.4}"),
            kind: if of.kept_epoch == Some(epoch) {
                "best"
            } else {
                ""
            },
        });
        let start = points.iter().find(|p| p.2 == 0);
        Some(Self {
            alt: format!(
                "{label} over {last} steps, from {:.4} to {:.4}; the table of epochs has the values.",
                line.first()?.1,
                line.last()?.1
            ),
            label: label.to_owned(),
            // Steps are whole.
            x_ticks: across
                .ticks()
                .into_iter()
                .filter(|t| !t.label.contains('.'))
                .collect(),
            y_ticks: up.ticks(),
            line: format!("M{}", corners.join("L")),
            points: marked.collect(),
            own: start.map(|p| Px(up.at(p.1))),
        })
    }
}
