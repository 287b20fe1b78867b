//! The map as PNG, 1,600 pixels wide and high, for where SVG is not shown.

use super::lettering::Lettering;
use super::{Colour, HALO, LETTERS, MARGIN, OPACITY, Picture, SATURATION, SIDE};
use crate::MineError;
use crate::mining::Mined;
use tiny_skia::{Color, FillRule, LineJoin, Paint, PathBuilder, Pixmap, Stroke, Transform};

/// Width and height in pixels.
const PIXELS: u16 = 1600;
/// Ubuntu Light is thin: letters are thickened by this much of their height.
const BOLDER: f32 = 0.05;

/// The map as PNG.
///
/// # Errors
/// [`MineError::Picture`] if it cannot be encoded.
pub fn map_png(mined: &Mined) -> Result<Vec<u8>, MineError> {
    let pixels = u32::from(PIXELS);
    let pixmap = Pixmap::new(pixels, pixels);
    let mut pixmap = pixmap.ok_or_else(|| MineError::Picture("has no size".to_owned()))?;
    draw(&Picture::of(mined), &mut pixmap);
    let png = pixmap.encode_png();
    png.map_err(|e| MineError::Picture(e.to_string()))
}

fn draw(picture: &Picture, on: &mut Pixmap) {
    on.fill(Color::WHITE);
    let units = Transform::from_translate(MARGIN, MARGIN);
    let scale = f32::from(PIXELS) / SIDE;
    let units = units.post_scale(scale, scale);
    for layer in &picture.layers {
        let mut dots = PathBuilder::new();
        for &(x, y) in &layer.dots {
            dots.push_circle(x, y, picture.dot / 2.0);
        }
        if let Some(dots) = dots.finish() {
            let paint = paint(rgb(layer.colour), OPACITY);
            on.fill_path(&dots, &paint, FillRule::Winding, units, None);
        }
    }
    let lettering = Lettering::new();
    let (ink, white) = (paint([29, 33, 39], 1.0), paint([255, 255, 255], 1.0));
    let around = |width: f32| Stroke {
        width,
        line_join: LineJoin::Round,
        ..Stroke::default()
    };
    for name in &picture.names {
        let Some(letters) = lettering.text(&name.text, (name.x, name.y), LETTERS) else {
            continue;
        };
        on.stroke_path(&letters, &white, &around(HALO), units, None);
        on.fill_path(&letters, &ink, FillRule::Winding, units, None);
        on.stroke_path(&letters, &ink, &around(BOLDER * LETTERS), units, None);
    }
}

fn paint([r, g, b]: [u8; 3], opacity: f32) -> Paint<'static> {
    let mut paint = Paint::default();
    let share = |c: u8| f32::from(c) / 255.0;
    if let Some(colour) = Color::from_rgba(share(r), share(g), share(b), opacity) {
        paint.set_color(colour);
    }
    paint.anti_alias = true;
    paint
}

/// Red, green and blue (CSS Color 4, 7.1: `c = l − s·min(l, 1 − l)·max(−1, min(k − 3, 9 − k, 1))`
/// with `k` the hue in twelfths of a turn, from 0, 8 and 4 on).
fn rgb(colour: Colour) -> [u8; 3] {
    let Colour::Hue(hue, light) = colour else {
        return [195, 199, 204];
    };
    let light = light as f64 / 100.0;
    let reach = SATURATION / 100.0 * light.min(1.0 - light);
    [0.0, 8.0, 4.0].map(|from| {
        let k = (from + hue / 30.0) % 12.0;
        byte(light - reach * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0))
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped before"
)]
fn byte(share: f64) -> u8 {
    (share * 255.0).round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::super::{Layer, Name};
    use super::*;

    /// By CSS: hsl(0 66% 50%) is 0.5 ± 0.33, a hue of 120 the same in green.
    #[test]
    fn hues_are_those_of_css() {
        assert_eq!(rgb(Colour::Hue(0.0, 50)), [212, 43, 43]);
        assert_eq!(rgb(Colour::Hue(120.0, 50)), [43, 212, 43]);
        assert_eq!(rgb(Colour::Hue(205.0, 40)), rgb(Colour::Hue(565.0, 40)));
    }

    /// A dot of 100 units at the middle of the map is at the middle of the picture and covers three
    /// quarters of the white; the name over it is dark.
    #[test]
    fn dots_and_names_are_where_they_belong() {
        let name = |text: &str, y: f32| Name {
            x: 500.0,
            y,
            text: text.to_owned(),
        };
        let picture = Picture {
            dot: 100.0,
            layers: vec![Layer {
                colour: Colour::Hue(0.0, 50),
                label: String::new(),
                dots: vec![(500.0, 500.0)],
            }],
            names: vec![name("lamps", 200.0), name("新闻", 800.0)],
        };
        let pixels = u32::from(PIXELS);
        let mut drawn = Pixmap::new(pixels, pixels).unwrap();
        draw(&picture, &mut drawn);
        let drawn = Pixmap::decode_png(&drawn.encode_png().unwrap()).unwrap();
        let at = |x: u32, y: u32| {
            let p = drawn.pixel(x, y).unwrap();
            [p.red(), p.green(), p.blue()]
        };
        // 0.75 · 212 + 0.25 · 255 = 223, 0.75 · 43 + 64 = 96.
        let near = |a: [u8; 3], b: [u8; 3]| a.iter().zip(&b).all(|(a, b)| a.abs_diff(*b) < 3);
        assert!(near(at(800, 800), [223, 96, 96]), "{:?}", at(800, 800));
        assert_eq!(at(800, 800 + 90), [255; 3]);
        let dark = |rows: std::ops::Range<u32>| {
            let all = rows.flat_map(|y| (0..pixels).map(move |x| (x, y)));
            all.filter(|&(x, y)| at(x, y)[0] < 80).count()
        };
        // Letters stand at 200 and 800 units of 1040, with 20 before them.
        assert!(dark(315..340) > 200 && dark(1235..1265) > 200);
        assert_eq!(dark(400..1200), 0);
    }
}
