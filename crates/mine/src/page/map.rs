//! What the map shows: the data of the canvas, and the same as SVG.

use crate::mining::Mined;
use crate::{Map, MineError};
use askama::Template;
use semrec_data::Dataset;
use serde::Serialize;
use std::fmt::Write as _;

/// Letters of a title on the map.
const LETTERS: usize = 90;

#[derive(Debug, Serialize)]
struct MapData {
    #[serde(flatten)]
    map: Map,
    title: Vec<String>,
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
    let map = Map::of(mined);
    let titles = map.item.iter().map(|&i| short(dataset.items.title(i)));
    let data = MapData {
        title: titles.collect(),
        map,
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
    let map = Map::of(mined);
    let points: Vec<usize> = (0..map.len()).collect();
    let mut layers: Vec<Layer> = Vec::new();
    for points in points.chunk_by(|&a, &b| map.topic[a] == map.topic[b]) {
        let number = usize::try_from(map.topic[points[0]]).ok();
        let known = number.and_then(|n| Some((n, map.topics.get(n)?)));
        let mut path = String::new();
        for &point in points {
            let (x, y) = (f32::from(map.x[point]), f32::from(map.y[point]));
            write!(path, "M{:.0} {:.0}h0", x / 10.0, y / 10.0).ok();
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
            (90_000.0 / map.len().max(1) as f32).sqrt().clamp(1.2, 8.0)
        ),
        layers,
        names: names(&map),
    };
    Ok(svg.render()?)
}

/// As on the canvas in its light theme.
fn colour(topic: usize, group: u32) -> String {
    let hue = (f64::from(group) * 137.508 + 205.0) % 360.0;
    format!("hsl({hue:.0} 66% {}%)", 40 + 8 * (topic % 3))
}

/// The names of the groups at the medians of their items, those that would overlap left out.
fn names(map: &Map) -> Vec<(String, String, String)> {
    let mut places: Vec<(Vec<u16>, Vec<u16>)> = vec![Default::default(); map.groups.len()];
    for ((x, y), topic) in map.x.iter().zip(&map.y).zip(&map.topic) {
        let topic = usize::try_from(*topic).ok().and_then(|t| map.topics.get(t));
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
        let label = &map.groups[group];
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
