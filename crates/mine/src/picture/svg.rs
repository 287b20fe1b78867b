//! The map as SVG, on white: a path of dots for each topic, and the names of the groups.

use super::{Colour, HALO, LETTERS, MARGIN, OPACITY, Picture, SATURATION, SIDE};
use crate::MineError;
use crate::mining::Mined;
use askama::Template;
use semrec_data::Dataset;
use std::fmt::Write as _;

#[derive(Debug, Template)]
#[template(path = "map.svg", escape = "html")]
struct Svg {
    title: String,
    width: String,
    layers: Vec<(String, String, String)>,
    names: Vec<(String, String, String)>,
    margin: f32,
    side: f32,
    letters: f32,
    halo: f32,
    opacity: f32,
}

/// The map as SVG.
///
/// # Errors
/// [`MineError::Page`] if the template fails.
pub fn map_svg(mined: &Mined, dataset: &Dataset) -> Result<String, MineError> {
    let picture = Picture::of(mined);
    let layers = picture.layers.into_iter().map(|layer| {
        let mut path = String::new();
        for (x, y) in layer.dots {
            write!(path, "M{x:.0} {y:.0}h0").ok();
        }
        let colour = match layer.colour {
            Colour::Grey => "#c3c7cc".to_owned(),
            Colour::Hue(hue, light) => format!("hsl({hue:.0} {SATURATION}% {light}%)"),
        };
        (colour, path, layer.label)
    });
    let names = picture.names.into_iter();
    let names = names.map(|n| (format!("{:.0}", n.x), format!("{:.0}", n.y), n.text));
    let svg = Svg {
        title: format!("{}: a map of its items", dataset.name),
        width: format!("{:.1}", picture.dot),
        layers: layers.collect(),
        names: names.collect(),
        margin: MARGIN,
        side: SIDE,
        letters: LETTERS,
        halo: HALO,
        opacity: OPACITY,
    };
    Ok(svg.render()?)
}
