//! The page: one HTML file that needs nothing else, no network, no font; its only script is the
//! map's. Style and themes are those of the evaluation's report.
//!
//! The map (`map.html`, `map.css`, `map.js` in `crates/mine/templates`) is a component of its own:
//! `semrecMap(element, data)` draws what [`map`] makes of the items.

mod map;
mod sections;

use crate::MineError;
use crate::mining::Mined;
use crate::topics::COHERENCE;
use askama::Template;
use sections::{Alike, Group, Level, Sought};
use semrec_data::Dataset;

/// Outliers, groups of alike items and the like that are shown, at most.
const SHOWN: usize = 25;

/// The style of all pages, once.
const STYLE: &str = include_str!("../../../eval/templates/report.css");

#[derive(Debug, Template)]
#[template(path = "mine.html")]
struct Page {
    style: &'static str,
    title: String,
    headline: Vec<String>,
    facts: Vec<(String, &'static str)>,
    protocol: String,
    topics_note: String,
    groups: Vec<Group>,
    outliers: Vec<String>,
    outliers_note: String,
    tried: Vec<(String, String, String, String)>,
    interests_note: String,
    sought: Vec<Sought>,
    alike_note: String,
    alike: Vec<Alike>,
    contradictions_note: String,
    contradictions: Vec<(String, Vec<String>)>,
    ids_note: String,
    levels: Vec<Level>,
    quality_note: String,
    languages: Vec<(String, String)>,
    boilerplate: Vec<(String, String)>,
    near_mean: Vec<String>,
    footer: String,
    map_data: String,
}

/// The page as HTML.
///
/// # Errors
/// [`MineError::Page`] if the template fails.
pub fn render(mined: &Mined, dataset: &Dataset) -> Result<String, MineError> {
    let f = &mined.figures;
    let title = |i: &u32| map::short(dataset.items.title(*i));
    let tried = f.tried.iter().map(|t| {
        let sum = t.silhouette + COHERENCE * t.coherence;
        let four = |x: f64| format!("{x:.3}");
        (
            count(t.topics),
            four(t.silhouette),
            four(t.coherence),
            four(sum),
        )
    });
    let near = mined.items.iter().zip(0_u32..);
    let mut near: Vec<(f32, u32)> = near.filter_map(|(i, n)| Some((i.near_mean?, n))).collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let page = Page {
        style: STYLE,
        title: f.dataset.clone(),
        headline: sections::headline(mined),
        facts: vec![
            (count(f.items), "items"),
            (count(mined.groups.len()), "groups"),
            (count(mined.topics.len()), "topics"),
            (percent(f.outliers), "fit nowhere"),
            (count(mined.alike.len()), "groups of duplicates and variants"),
        ],
        protocol: format!(
            "Encoder {}, seed {}. Coherence (npmi) {:.3}, silhouette {:.3} without outliers, {:.3} with all.",
            f.encoder, f.seed, f.coherence, f.silhouette, f.silhouette_of_all
        ),
        topics_note: "Topics are clusters of whitened text vectors, called by the terms that set them apart; groups are topics that are near each other. Below each: its ten heaviest words and the items nearest to its middle. A click on a name shows the topic on the map.".to_owned(),
        groups: sections::groups(mined, dataset),
        outliers: mined.outliers.iter().take(SHOWN).map(title).collect(),
        outliers_note: sections::first_of(mined.outliers.len(), "the worst fit first"),
        tried: tried.collect(),
        interests_note: sections::interests_note(mined),
        sought: sections::sought(mined),
        alike_note: sections::alike_note(mined),
        alike: sections::alike(mined, dataset),
        contradictions_note: sections::contradictions_note(mined),
        contradictions: sections::contradictions(mined, dataset),
        ids_note: sections::ids_note(mined),
        levels: sections::levels(mined),
        quality_note: sections::quality_note(mined),
        languages: f.languages.iter().map(|l| (l.0.clone(), count(l.1))).collect(),
        boilerplate: f.boilerplate.iter().map(|b| (b.text.clone(), count(b.items))).collect(),
        near_mean: near.iter().take(SHOWN).map(|n| title(&n.1)).collect(),
        footer: format!(
            "Data fingerprint {}. All of it, for every item, is in the tables beside this page.",
            f.fingerprint
        ),
        map_data: map::data(mined, dataset),
    };
    Ok(page.render()?)
}

/// `12,101`
fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12.3 %`
fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_as_people_write_them() {
        assert_eq!(super::count(999), "999");
        assert_eq!(super::count(1_234_567), "1,234,567");
        assert_eq!(super::percent(0.1234), "12.3 %");
    }
}
