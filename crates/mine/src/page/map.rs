//! What the map shows: the data of the canvas, and the same as SVG.

use crate::MineError;
use crate::mining::Mined;
use askama::Template;
use semrec_data::Dataset;
use serde::Serialize;
use std::fmt::Write as _;

/// Width and height of the map in the units of its data.
const WIDE: f32 = 10_000.0;
/// Letters of a title on the map.
const LETTERS: usize = 90;

#[derive(Debug, Serialize)]
struct MapData<'a> {
    x: Vec<u16>,
    y: Vec<u16>,
    topic: Vec<i32>,
    title: Vec<String>,
    topics: Vec<Named<'a>>,
    groups: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Named<'a> {
    label: &'a str,
    group: u32,
}

/// Places of the items as whole numbers of 0 to 10,000, with equal scales on both axes; items in
/// the order of their topics, outliers (topic −1) first.
fn placed(mined: &Mined) -> Vec<(u32, u16, u16, i32)> {
    let places = || mined.items.iter().filter_map(|i| i.place);
    let bound = |axis: usize| {
        let values = places().map(move |p| p[axis]);
        values.fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(x), b.max(x)))
    };
    let (x, y) = (bound(0), bound(1));
    let span = (x.1 - x.0).max(y.1 - y.0).max(1e-6);
    let middle = [(x.0 + x.1) / 2.0, (y.0 + y.1) / 2.0];
    let all = (0..).zip(&mined.items);
    let mut placed: Vec<(u32, u16, u16, i32)> = all
        .filter_map(|(i, item)| {
            let place = item.place?;
            let at = |axis: usize| whole((place[axis] - middle[axis]) / span * WIDE + WIDE / 2.0);
            let topic = item.topic.filter(|_| !item.outlier);
            let topic = topic.and_then(|t| i32::try_from(t).ok()).unwrap_or(-1);
            Some((i, at(0), at(1), topic))
        })
        .collect();
    placed.sort_by_key(|p| (p.3, p.0));
    placed
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped before"
)]
fn whole(x: f32) -> u16 {
    x.clamp(0.0, WIDE).round() as u16
}

/// A title that fits on the map.
pub(super) fn short(title: &str) -> String {
    let mut short: String = title.chars().take(LETTERS).collect();
    if short.len() < title.len() {
        short.push('…');
    }
    short
}

/// The data as JSON that can stand inside a script element.
pub(super) fn data(mined: &Mined, dataset: &Dataset) -> String {
    let placed = placed(mined);
    let data = MapData {
        x: placed.iter().map(|p| p.1).collect(),
        y: placed.iter().map(|p| p.2).collect(),
        topic: placed.iter().map(|p| p.3).collect(),
        title: placed
            .iter()
            .map(|p| short(dataset.items.title(p.0)))
            .collect(),
        topics: mined
            .topics
            .iter()
            .map(|t| Named {
                label: &t.label,
                group: t.group,
            })
            .collect(),
        groups: mined.groups.iter().map(|g| g.label.as_str()).collect(),
    };
    // Numbers and texts always are JSON; "</script>" must not end the element.
    let json = serde_json::to_string(&data).unwrap_or_default();
    json.replace('<', "\\u003c")
}

#[derive(Debug, Template)]
#[template(path = "map.svg", escape = "html")]
struct Svg {
    title: String,
    width: String,
    layers: Vec<Layer>,
    names: Vec<(String, String, String)>,
}

#[derive(Debug)]
struct Layer {
    colour: String,
    path: String,
    label: String,
}

/// The map as SVG, on white: a path of dots for each topic, and the names of the groups.
///
/// # Errors
/// [`MineError::Page`] if the template fails.
pub fn map_svg(mined: &Mined, dataset: &Dataset) -> Result<String, MineError> {
    let placed = placed(mined);
    let mut layers: Vec<Layer> = Vec::new();
    for topic in placed.chunk_by(|a, b| a.3 == b.3) {
        let number = usize::try_from(topic[0].3).ok();
        let known = number.and_then(|n| Some((n, mined.topics.get(n)?)));
        let mut path = String::new();
        for (_, x, y, _) in topic {
            let (x, y) = (f32::from(*x) / 10.0, f32::from(*y) / 10.0);
            write!(path, "M{x:.0} {y:.0}h0").ok();
        }
        layers.push(Layer {
            colour: known.map_or_else(|| "#c3c7cc".to_owned(), |(n, t)| colour(n, t.group)),
            label: known.map_or_else(|| "fits nowhere".to_owned(), |(_, t)| t.label.clone()),
            path,
        });
    }
    let svg = Svg {
        title: format!("{}: a map of its items", dataset.name),
        width: format!(
            "{:.1}",
            (90_000.0 / placed.len().max(1) as f32)
                .sqrt()
                .clamp(1.2, 8.0)
        ),
        layers,
        names: names(mined, &placed),
    };
    Ok(svg.render()?)
}

/// As on the canvas in its light theme.
fn colour(topic: usize, group: u32) -> String {
    let hue = (f64::from(group) * 137.508 + 205.0) % 360.0;
    format!("hsl({hue:.0} 66% {}%)", 40 + 8 * (topic % 3))
}

/// The names of the groups at the medians of their items, those that would overlap left out.
fn names(mined: &Mined, placed: &[(u32, u16, u16, i32)]) -> Vec<(String, String, String)> {
    let mut places: Vec<(Vec<u16>, Vec<u16>)> = vec![Default::default(); mined.groups.len()];
    for (_, x, y, topic) in placed {
        let topic = usize::try_from(*topic)
            .ok()
            .and_then(|t| mined.topics.get(t));
        if let Some(places) = topic.and_then(|t| places.get_mut(t.group as usize)) {
            places.0.push(*x);
            places.1.push(*y);
        }
    }
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|&g| std::cmp::Reverse(places[g].0.len()));
    let mut taken: Vec<(f32, f32, f32)> = Vec::new();
    let mut names = Vec::new();
    for group in order {
        let (xs, ys) = &mut places[group];
        xs.sort_unstable();
        ys.sort_unstable();
        let (Some(x), Some(y)) = (xs.get(xs.len() / 2), ys.get(ys.len() / 2)) else {
            continue;
        };
        let (x, y) = (f32::from(*x) / 10.0, f32::from(*y) / 10.0);
        let label = &mined.groups[group].label;
        let half = label
            .chars()
            .map(|c| if c.is_ascii() { 4.2 } else { 7.8 })
            .sum::<f32>();
        let over = |t: &(f32, f32, f32)| (t.0 - x).abs() < t.2 + half && (t.1 - y).abs() < 18.0;
        if taken.iter().any(over) {
            continue;
        }
        taken.push((x, y, half));
        let x = x.clamp(half - 10.0, (1010.0 - half).max(half));
        names.push((format!("{x:.0}"), format!("{y:.0}"), label.clone()));
    }
    names
}
