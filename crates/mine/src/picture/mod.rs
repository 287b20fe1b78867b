//! The map as a picture that stands still: dots for the items, coloured by topic, and the names of
//! the groups, as SVG ([`map_svg`]) and as PNG ([`map_png`]). Both draw the same shapes.

mod lettering;
mod png;
mod svg;

pub use png::map_png;
pub use svg::map_svg;

use crate::Map;
use crate::mining::Mined;

/// Units left free around the map, which is 1,000 wide and high.
const MARGIN: f32 = 20.0;
/// Units in all.
const SIDE: f32 = 1000.0 + 2.0 * MARGIN;
/// Height of letters.
const LETTERS: f32 = 15.0;
/// Width of the white around letters, on both sides together.
const HALO: f32 = 4.0;
/// How much of what is below a dot it covers.
const OPACITY: f32 = 0.75;

/// What is drawn, in units.
#[derive(Debug)]
struct Picture {
    /// Diameter of a dot.
    dot: f32,
    layers: Vec<Layer>,
    names: Vec<Name>,
}

/// The items of a topic, or those that fit nowhere.
#[derive(Debug)]
struct Layer {
    colour: Colour,
    label: String,
    dots: Vec<(f32, f32)>,
}

/// A name, centred over its place.
#[derive(Debug)]
struct Name {
    x: f32,
    /// Where its letters stand.
    y: f32,
    text: String,
}

/// A colour by its hue in degrees and lightness in percent, or the grey of what fits nowhere.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Colour {
    Grey,
    Hue(f64, usize),
}

/// Saturation of all hues, in percent.
const SATURATION: f64 = 66.0;

impl Picture {
    fn of(mined: &Mined) -> Self {
        let map = Map::of(mined);
        let points: Vec<usize> = (0..map.len()).collect();
        let mut layers: Vec<Layer> = Vec::new();
        for points in points.chunk_by(|&a, &b| map.topic[a] == map.topic[b]) {
            let number = usize::try_from(map.topic[points[0]]).ok();
            let known = number.and_then(|n| Some((n, map.topics.get(n)?)));
            let place = |&p: &usize| (f32::from(map.x[p]) / 10.0, f32::from(map.y[p]) / 10.0);
            layers.push(Layer {
                colour: known.map_or(Colour::Grey, |(n, t)| colour(n, t.group)),
                label: known.map_or_else(|| "fits nowhere".to_owned(), |(_, t)| t.label.clone()),
                dots: points.iter().map(place).collect(),
            });
        }
        Self {
            dot: (90_000.0 / map.len().max(1) as f32).sqrt().clamp(1.2, 8.0),
            layers,
            names: names(&map),
        }
    }
}

/// As on the canvas in its light theme.
fn colour(topic: usize, group: u32) -> Colour {
    let hue = (f64::from(group) * 137.508 + 205.0) % 360.0;
    Colour::Hue(hue.round(), 40 + 8 * (topic % 3))
}

/// The names of the groups at the medians of their items, those that would overlap left out.
fn names(map: &Map) -> Vec<Name> {
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
        names.push(Name {
            x: x.clamp(half - 10.0, (1010.0 - half).max(half)),
            y,
            text: label.clone(),
        });
    }
    names
}
