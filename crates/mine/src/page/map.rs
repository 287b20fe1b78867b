//! What the map on the page shows: the data of its canvas.

use crate::Map;
use crate::mining::Mined;
use semrec_data::Dataset;
use serde::Serialize;

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
