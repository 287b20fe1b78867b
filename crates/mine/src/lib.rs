//! What is in a catalogue, and what people come for: topics, keywords, duplicates, semantic ids,
//! interests, a map, and what is wrong with the texts.
//!
//! [`mine`] finds it all, from the encoder's vectors, the texts and, where there are any, the
//! events; [`tables()`] and [`render`] tell it. It is the same for a seed, whatever the number of
//! threads. [`draw()`] draws the map alone. The parts that can be of use by themselves are public: [`Words`], [`Vocabulary`],
//! [`class_terms`], [`coherence`], [`silhouettes`].
//!
//! Memory beside the input: about 128 values of 4 bytes an item three times over (whitened,
//! smoothed, in the index), 15 neighbours and 30 edges of the map of 8 bytes, words of its text;
//! `docs/mining.md` has the measured figures.

mod config;
mod ctfidf;
mod duplicates;
mod error;
mod interests;
mod keywords;
mod layout;
mod map;
mod mining;
mod neighbours;
mod npmi;
mod numbers;
mod output;
mod page;
mod picture;
mod quality;
mod said;
mod semantic_ids;
mod silhouette;
mod tables;
mod topics;
mod vocabulary;
mod words;

pub use config::Config;
pub use ctfidf::{POWER, Weighed, class_terms};
pub use duplicates::Likeness;
pub use error::MineError;
pub use interests::{Demand, PersonTopic};
pub use map::{MAP_CSS, MAP_HTML, MAP_JS, Map, MapTopic, draw};
pub use mining::{Alike, Figures, Input, Mined, MinedItem, Topic, TopicGroup, mine};
pub use npmi::{coherence, npmi};
pub use output::tables;
pub use page::render;
pub use picture::{map_png, map_svg};
pub use quality::Boilerplate;
pub use semantic_ids::{IdFigures, IdLevel};
pub use silhouette::{NONE, mean_silhouette, silhouettes};
pub use tables::{Column, Table};
pub use topics::Tried;
pub use vocabulary::{Term, Vocabulary};
pub use words::{Word, Words};
