//! Letters as shapes, without a font of the machine: Ubuntu Light, and for what it lacks (Chinese,
//! Korean, Japanese and most other scripts) the dots of GNU Unifont.
//!
//! Left out: shaping. Letters stand side by side, from left to right, which is right for Latin,
//! Greek, Cyrillic and Chinese, and legible if not beautiful elsewhere.

use ab_glyph::{Font, FontRef, GlyphId, OutlineCurve, Point};
use tiny_skia::{Path, PathBuilder, Rect};
use unifont::{Glyph, get_glyph};

/// Dots of a letter of Unifont, and those of them below the line that letters stand on.
const DOTS: f32 = 16.0;
const BELOW: f32 = 2.0;
/// Width of what no font has, of the height.
const BLANK: f32 = 0.3;

/// Both fonts.
pub(super) struct Lettering {
    font: Option<FontRef<'static>>,
}

/// What a letter is drawn by.
enum Letter {
    Outline(GlyphId),
    Dots(&'static Glyph),
    None,
}

impl Lettering {
    pub(super) fn new() -> Self {
        Self {
            font: FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).ok(),
        }
    }

    fn letter(&self, c: char) -> Letter {
        let id = self.font.as_ref().map(|font| font.glyph_id(c));
        match (id, get_glyph(c)) {
            (Some(id), _) if id.0 != 0 => Letter::Outline(id),
            (_, Some(glyph)) => Letter::Dots(glyph),
            (_, None) => Letter::None,
        }
    }

    /// Pixels of height one of a unit of the font.
    fn scale(font: &FontRef<'_>) -> f32 {
        1.0 / font.units_per_em().unwrap_or(1000.0)
    }

    /// Width of a letter of height one.
    fn advance(&self, letter: &Letter) -> f32 {
        match (letter, &self.font) {
            (Letter::Outline(id), Some(font)) => font.h_advance_unscaled(*id) * Self::scale(font),
            (Letter::Dots(Glyph::Halfwidth(_)), _) => 0.5,
            (Letter::Dots(Glyph::Fullwidth(_)), _) => 1.0,
            (Letter::Outline(_) | Letter::None, _) => BLANK,
        }
    }

    /// A text of this height, centred at `x` and standing on `y`; `None` if nothing of it shows.
    pub(super) fn text(&self, text: &str, (x, y): (f32, f32), height: f32) -> Option<Path> {
        let letters: Vec<Letter> = text.chars().map(|c| self.letter(c)).collect();
        let wide: f32 = letters.iter().map(|l| self.advance(l)).sum();
        let mut at = x - height * wide / 2.0;
        let mut path = PathBuilder::new();
        for letter in &letters {
            match (letter, &self.font) {
                (Letter::Outline(id), Some(font)) => {
                    outline(font, *id, (at, y, height * Self::scale(font)), &mut path);
                }
                (Letter::Dots(glyph), _) => dots(glyph, (at, y, height / DOTS), &mut path),
                (Letter::Outline(_) | Letter::None, _) => {}
            }
            at += height * self.advance(letter);
        }
        path.finish()
    }
}

/// The curves of a letter from `(x, y)` on; a unit of the font is `scale` wide, and goes upwards.
fn outline(
    font: &FontRef<'_>,
    id: GlyphId,
    (x, y, scale): (f32, f32, f32),
    path: &mut PathBuilder,
) {
    let Some(outline) = font.outline(id) else {
        return;
    };
    let to = |p: Point| (x + scale * p.x, y - scale * p.y);
    let mut last: Option<Point> = None;
    for curve in &outline.curves {
        let (OutlineCurve::Line(start, end)
        | OutlineCurve::Quad(start, _, end)
        | OutlineCurve::Cubic(start, _, _, end)) = curve;
        if last != Some(*start) {
            let (x, y) = to(*start);
            path.close();
            path.move_to(x, y);
        }
        let (ex, ey) = to(*end);
        match curve {
            OutlineCurve::Line(..) => path.line_to(ex, ey),
            OutlineCurve::Quad(_, c, _) => {
                let (cx, cy) = to(*c);
                path.quad_to(cx, cy, ex, ey);
            }
            OutlineCurve::Cubic(_, a, b, _) => {
                let ((ax, ay), (bx, by)) = (to(*a), to(*b));
                path.cubic_to(ax, ay, bx, by, ex, ey);
            }
        }
        last = Some(*end);
    }
    path.close();
}

/// The dots of a letter, those side by side as one bar.
fn dots(glyph: &Glyph, (x, y, dot): (f32, f32, f32), path: &mut PathBuilder) {
    let (rows, columns) = (0u8..16, 0u8..17);
    for row in rows {
        let on = |column: u8| glyph.get_pixel(usize::from(column), usize::from(row));
        let mut first = None;
        for column in columns.clone() {
            match (on(column), first) {
                (true, None) => first = Some(column),
                (false, Some(begin)) => {
                    let top = y + dot * (f32::from(row) - DOTS + BELOW);
                    let (left, right) = (x + dot * f32::from(begin), x + dot * f32::from(column));
                    if let Some(bar) = Rect::from_ltrb(left, top, right, top + dot) {
                        path.push_rect(bar);
                    }
                    first = None;
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(text: &str) -> Option<(f32, f32, f32, f32)> {
        let path = Lettering::new().text(text, (100.0, 50.0), 16.0)?;
        let b = path.bounds();
        Some((b.left(), b.top(), b.right(), b.bottom()))
    }

    /// "一" is one bar in the middle of 16 dots; twice as many letters are twice as wide.
    #[test]
    fn chinese_is_drawn_by_dots_and_centred() {
        let (left, top, right, bottom) = bounds("一").unwrap();
        assert!(
            (right - left) > 10.0 && (bottom - top) <= 2.0,
            "{left} {top} {right} {bottom}"
        );
        assert!(left >= 92.0 && right <= 108.0, "{left} {right}");
        let (left, _, right, _) = bounds("一一").unwrap();
        assert!(left < 88.0 && right > 112.0, "{left} {right}");
    }

    /// An l stands on the line and an o is lower; both are drawn by outlines of any height.
    #[test]
    fn latin_stands_on_its_line() {
        let (_, l, _, line) = bounds("l").unwrap();
        let (_, o, _, _) = bounds("o").unwrap();
        assert!(
            (line - 50.0).abs() < 0.5 && l < o && o < 45.0,
            "{l} {o} {line}"
        );
        assert_eq!(bounds(" "), None);
    }
}
