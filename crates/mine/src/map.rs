//! The map of a catalogue: where items are, and what its parts are called.
//!
//! [`draw`] makes one of texts and vectors, without the rest of what mining finds;
//! [`Map::of`] takes that of a mined catalogue. What draws it in a browser are [`MAP_JS`],
//! [`MAP_CSS`] and [`MAP_HTML`], for every page alike.

use crate::ctfidf::class_terms;
use crate::layout::layout;
use crate::mining::{Mined, TERMS, named};
use crate::neighbours::Neighbours;
use crate::said::Said;
use crate::topics::{Topics, label};
use crate::{Config, MineError};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use semrec_text::Vectors;
use serde::Serialize;

/// The script: `semrecMap(element, data)` draws a [`Map`] with a title for each point.
pub const MAP_JS: &str = include_str!("../templates/map.js");
/// Its style, by the variables `--page`, `--card`, `--ink`, `--soft`, `--rule`, `--accent`.
pub const MAP_CSS: &str = include_str!("../templates/map.css");
/// The element it draws into.
pub const MAP_HTML: &str = include_str!("../templates/map.html");

/// Width and height of the map in the units of its data.
const WIDE: f32 = 10_000.0;

/// Points in the order of their topics, those that fit nowhere first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Map {
    /// Which item each point is, by index.
    #[serde(skip)]
    pub item: Vec<u32>,
    /// From left to right, 0 to 10,000.
    pub x: Vec<u16>,
    /// From top to bottom, in the same units.
    pub y: Vec<u16>,
    /// Its topic; −1 where it fits nowhere.
    pub topic: Vec<i32>,
    /// The topics.
    pub topics: Vec<MapTopic>,
    /// What the groups of topics are called.
    pub groups: Vec<String>,
}

/// A topic on the map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MapTopic {
    /// What it is called.
    pub label: String,
    /// Its group.
    pub group: u32,
}

/// An item, its place as it was laid out, and its topic.
type Point = (u32, [f32; 2], Option<u32>);

impl Map {
    /// That of a mined catalogue.
    pub(crate) fn of(mined: &Mined) -> Self {
        let all = (0..).zip(&mined.items);
        let points = all.filter_map(|(i, item)| {
            let topic = item.topic.filter(|_| !item.outlier);
            Some((i, item.place?, topic))
        });
        let topics = mined.topics.iter().map(|t| MapTopic {
            label: t.label.clone(),
            group: t.group,
        });
        let groups = mined.groups.iter().map(|g| g.label.clone());
        Self::placed(points.collect(), topics.collect(), groups.collect())
    }

    /// Places as whole numbers, with equal scales on both axes.
    fn placed(points: Vec<Point>, topics: Vec<MapTopic>, groups: Vec<String>) -> Self {
        let bound = |axis: usize| {
            let values = points.iter().map(|p| p.1[axis]);
            values.fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(x), b.max(x)))
        };
        let (x, y) = (bound(0), bound(1));
        let span = (x.1 - x.0).max(y.1 - y.0).max(1e-6);
        let middle = [(x.0 + x.1) / 2.0, (y.0 + y.1) / 2.0];
        let mut placed: Vec<(u32, u16, u16, i32)> = points
            .into_iter()
            .map(|(item, place, topic)| {
                let at =
                    |axis: usize| whole((place[axis] - middle[axis]) / span * WIDE + WIDE / 2.0);
                let topic = topic.and_then(|t| i32::try_from(t).ok()).unwrap_or(-1);
                (item, at(0), at(1), topic)
            })
            .collect();
        placed.sort_by_key(|p| (p.3, p.0));
        Self {
            item: placed.iter().map(|p| p.0).collect(),
            x: placed.iter().map(|p| p.1).collect(),
            y: placed.iter().map(|p| p.2).collect(),
            topic: placed.iter().map(|p| p.3).collect(),
            topics,
            groups,
        }
    }

    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.item.len()
    }

    /// Whether there is no point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.item.is_empty()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped before"
)]
fn whole(x: f32) -> u16 {
    x.clamp(0.0, WIDE).round() as u16
}

/// Draws the map of items with these texts and vectors, `[n_items, dim]`: the same as mining would,
/// for a fraction of its work. Items without a text are not on it. `progress` is told what is done,
/// how much of it and of how much.
///
/// # Errors
/// [`MineError`] if a setting makes no sense, the vectors are not those of the texts, or too few
/// items have a text.
pub fn draw(
    texts: Vec<String>,
    vectors: &Vectors,
    config: &Config,
    progress: &(dyn Fn(&str, usize, usize) + Sync),
) -> Result<Map, MineError> {
    if vectors.len() != texts.len() {
        return Err(MineError::Vectors {
            vectors: vectors.len(),
            items: texts.len(),
        });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    progress("words", 0, 1);
    let said = Said::of(texts, vectors, config)?;
    progress("neighbours", 0, 1);
    let near = Neighbours::find(&said.white, config.neighbours, &mut rng)?;
    progress("topics", 0, 1);
    let topics = Topics::fit(&said.white, &near, &said.vocabulary, config, &mut rng);
    let told = |done, of| progress("map", done, of);
    let places = layout(&said.white, &near, config.rounds, config.seed, &told);
    let labels = |of: &[u32], n: usize, kind: &str| -> Vec<String> {
        let terms = class_terms(&said.vocabulary, of, n, TERMS);
        let terms = terms.iter().enumerate();
        terms
            .map(|(at, terms)| named(label(&said.vocabulary, terms), kind, at))
            .collect()
    };
    let names = labels(&topics.core, topics.len(), "topic");
    let groups = labels(&topics.group_labels(), topics.n_groups(), "group");
    let points = said.item.iter().zip(places).zip(&topics.core);
    let points = points.map(|((&item, place), &topic)| {
        let fits = (topic as usize) < topics.len();
        (item, place, fits.then_some(topic))
    });
    let topics = names.into_iter().zip(&topics.groups);
    let topics = topics.map(|(label, &group)| MapTopic { label, group });
    Ok(Map::placed(points.collect(), topics.collect(), groups))
}
