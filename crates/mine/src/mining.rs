//! All of it, from vectors to what is told.

use crate::ctfidf::class_terms;
use crate::duplicates::{self, Likeness};
use crate::interests::{Demand, Interests, PersonTopic, interests};
use crate::keywords::keywords;
use crate::layout::layout;
use crate::neighbours::Neighbours;
use crate::npmi::coherence;
use crate::numbers::index;
use crate::quality::{self, Boilerplate};
use crate::said::Said;
use crate::semantic_ids::{IdFigures, SemanticIds};
use crate::silhouette::{NONE, mean_silhouette, silhouettes};
use crate::topics::{Topics, Tried, WORDS, label, top_words};
use crate::vocabulary::Vocabulary;
use crate::words::Words;
use crate::{Config, MineError};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use semrec_data::{Dataset, Values};
use semrec_text::Vectors;
use serde::Serialize;

/// Items that stand for a topic.
const EXAMPLES: usize = 8;
/// Terms of a topic among which words and label are chosen.
pub(crate) const TERMS: usize = 60;

/// What is mined.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Catalogue and events.
    pub dataset: &'a Dataset,
    /// The encoder's vector of each item, `[n_items, dim]`.
    pub vectors: &'a Vectors,
    /// Which encoder.
    pub encoder: &'a str,
    /// Whether the encoder cut each item's text at its limit, if that is known.
    pub cut: Option<&'a [bool]>,
}

/// A topic, on the lower level.
#[derive(Clone, Debug, Serialize)]
pub struct Topic {
    /// Group, on the upper level.
    pub group: u32,
    /// Up to three terms that set it apart.
    pub label: String,
    /// Its ten heaviest words.
    pub words: Vec<String>,
    /// Items that belong to it.
    pub items: usize,
    /// Outliers that are nearest to it.
    pub outliers: usize,
    /// Mean silhouette of its items.
    pub silhouette: f64,
    /// Mean npmi of its words.
    pub coherence: f64,
    /// Items nearest to its middle, by index.
    pub examples: Vec<u32>,
    /// What people did with it; none without events.
    pub demand: Option<Demand>,
}

/// A group of topics, on the upper level.
#[derive(Clone, Debug, Serialize)]
pub struct TopicGroup {
    /// Up to three terms that set it apart.
    pub label: String,
    /// Its ten heaviest words.
    pub words: Vec<String>,
    /// Items that belong to its topics.
    pub items: usize,
    /// Topics it is made of.
    pub topics: usize,
    /// What people did with it; none without events.
    pub demand: Option<Demand>,
}

/// What is told of an item.
#[derive(Clone, Debug, Default)]
pub struct MinedItem {
    /// Its topic, or the nearest if it is an outlier; none without text.
    pub topic: Option<u32>,
    /// Whether it fits nowhere.
    pub outlier: bool,
    /// Its silhouette among the topics.
    pub silhouette: f32,
    /// Its place on the map.
    pub place: Option<[f32; 2]>,
    /// Its keywords, best first.
    pub keywords: Vec<String>,
    /// Its semantic id; the last token resolves collisions.
    pub tokens: Vec<u32>,
    /// Language of its text.
    pub language: &'static str,
    /// Whether a clause of it stands in many items.
    pub boilerplate: bool,
    /// Whether the encoder cut its text, if that is known.
    pub cut: Option<bool>,
    /// Its distance from the mean of all vectors as a share of the median's, if it is near.
    pub near_mean: Option<f32>,
    /// People who touched it.
    pub people: u32,
}

/// Items that are alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Alike {
    /// In which way.
    pub kind: Likeness,
    /// Two or more items, by index.
    pub items: Vec<u32>,
    /// Some words that not all have.
    pub differing: Vec<String>,
}

/// Figures of the whole.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Name of the data set.
    pub dataset: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Encoder of the vectors.
    pub encoder: String,
    /// Seed of every random draw.
    pub seed: u64,
    /// Items of the catalogue.
    pub items: usize,
    /// Items with a text.
    pub with_text: usize,
    /// Events; 0 where there are none.
    pub events: usize,
    /// Mean silhouette of the items that are no outliers, among themselves.
    pub silhouette: f64,
    /// Mean silhouette of all items, outliers in their nearest topic.
    pub silhouette_of_all: f64,
    /// Mean coherence of the topics.
    pub coherence: f64,
    /// Share of the items that are outliers.
    pub outliers: f64,
    /// Numbers of topics that were tried.
    pub tried: Vec<Tried>,
    /// Semantic ids as a whole.
    pub semantic_ids: IdFigures,
    /// Items of each language, the most frequent first.
    pub languages: Vec<(String, usize)>,
    /// Clauses that stand in many items.
    pub boilerplate: Vec<Boilerplate>,
    /// Whether the catalogue has labels that can contradict each other.
    pub has_labels: bool,
    /// Where each stretch of time begins, and the last ends, Unix seconds.
    pub stretches: Vec<i64>,
}

/// All that was found.
#[derive(Clone, Debug)]
pub struct Mined {
    /// Figures of the whole.
    pub figures: Figures,
    /// Topics, by group and size.
    pub topics: Vec<Topic>,
    /// Groups of topics, the largest first.
    pub groups: Vec<TopicGroup>,
    /// Each item of the catalogue.
    pub items: Vec<MinedItem>,
    /// Outliers, those that fit worst first, by index of the item.
    pub outliers: Vec<u32>,
    /// Duplicates and variants, the largest group first.
    pub alike: Vec<Alike>,
    /// Items with the same text and different labels.
    pub contradictions: Vec<Vec<u32>>,
    /// The topics of people; empty without events.
    pub people: Vec<PersonTopic>,
}

/// What all parts look at: the items with a text, as rows.
struct Rows<'a> {
    input: &'a Input<'a>,
    /// The item of each row.
    item: Vec<u32>,
    /// Whitened unit vectors of the rows.
    white: Vectors,
    texts: Vec<String>,
    languages: Vec<&'static str>,
    words: Words,
    vocabulary: Vocabulary,
}

/// Mines a catalogue. `progress` is told what is done, how much of it and of how much.
///
/// # Errors
/// [`MineError`] if a setting makes no sense, the vectors are not those of the items, or too few
/// items have a text.
pub fn mine(
    input: &Input<'_>,
    config: &Config,
    progress: &(dyn Fn(&str, usize, usize) + Sync),
) -> Result<Mined, MineError> {
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    progress("words", 0, 1);
    let rows = Rows::new(input, config)?;
    progress("neighbours", 0, 1);
    let near = Neighbours::find(&rows.white, config.neighbours, &mut rng)?;
    progress("topics", 0, 1);
    let topics = Topics::fit(&rows.white, &near, &rows.vocabulary, config, &mut rng);
    progress("keywords", 0, 1);
    let words = keywords(&rows.white, &rows.vocabulary, config.keywords);
    progress("duplicates", 0, 1);
    let (alike, contradictions) = rows.alike(&near, config);
    progress("semantic ids", 0, 1);
    let (levels, tokens) = (config.id_levels, config.id_tokens);
    let mut ids = SemanticIds::fit(&rows.white, levels, tokens, &mut rng);
    let row_of = rows.row_of();
    let events = &input.dataset.interactions;
    ids.measure(events, &row_of);
    progress("interests", 0, 1);
    let (by_topic, by_group) = rows.interests(&topics);
    let told = |done, of| progress("map", done, of);
    let places = layout(&rows.white, &near, config.rounds, config.seed, &told);
    progress("quality", 0, 1);
    let mut items = rows.items(&topics, &words, &mut ids);
    for (row, place) in places.into_iter().enumerate() {
        items[rows.item[row] as usize].place = Some(place);
    }
    let (boilerplate, near_mean) = rows.quality(&mut items);
    for (item, distance) in near_mean {
        items[item as usize].near_mean = Some(distance);
    }
    let figures = Figures {
        semantic_ids: ids.figures,
        boilerplate,
        stretches: by_topic.stretches.clone(),
        ..rows.figures(&topics, config)
    };
    Ok(Mined {
        topics: rows.topics(&topics, &by_topic),
        groups: rows.groups(&topics, &by_group),
        outliers: rows.outliers(&topics),
        people: by_topic.people,
        figures,
        items,
        alike,
        contradictions,
    })
}

/// The label, or a number where no term sets it apart.
pub(crate) fn named(label: String, kind: &str, number: usize) -> String {
    if label.is_empty() {
        format!("{kind} {number}")
    } else {
        label
    }
}

impl<'a> Rows<'a> {
    fn new(input: &'a Input<'a>, config: &Config) -> Result<Self, MineError> {
        let table = &input.dataset.items;
        if input.vectors.len() != table.len() {
            return Err(MineError::Vectors {
                vectors: input.vectors.len(),
                items: table.len(),
            });
        }
        let texts = (0..index(table.len())).map(|i| table.text(i));
        let Said {
            item,
            white,
            texts,
            languages,
            words,
            vocabulary,
        } = Said::of(texts.collect(), input.vectors, config)?;
        Ok(Self {
            input,
            item,
            white,
            texts,
            languages,
            words,
            vocabulary,
        })
    }

    fn items_of(&self, rows: &[u32]) -> Vec<u32> {
        rows.iter().map(|&r| self.item[r as usize]).collect()
    }

    /// The row of each item.
    fn row_of(&self) -> Vec<Option<u32>> {
        let mut of = vec![None; self.input.dataset.items.len()];
        for (row, &item) in self.item.iter().enumerate() {
            of[item as usize] = Some(index(row));
        }
        of
    }

    fn alike(&self, near: &Neighbours, config: &Config) -> (Vec<Alike>, Vec<Vec<u32>>) {
        let sets = duplicates::word_sets(&self.words, &self.texts);
        let found = duplicates::groups(&self.white, near, &sets, config.variants);
        let alike = found.into_iter().map(|group| Alike {
            kind: group.kind,
            items: self.items_of(&group.rows),
            differing: group.differing,
        });
        let table = &self.input.dataset.items;
        let said = |&i: &u32| {
            let fields = table.fields.iter().filter_map(|f| match &f.values {
                Values::Text(v) => Some(v[i as usize].as_str()),
                Values::Category(_) | Values::Number(_) | Values::Time(_) | Values::Image(_) => {
                    None
                }
            });
            fields.collect::<Vec<_>>().join(" . ")
        };
        if !self.has_labels() {
            return (alike.collect(), Vec::new());
        }
        let texts: Vec<String> = self.item.iter().map(said).collect();
        let labels: Vec<Vec<&str>> = self
            .item
            .iter()
            .map(|&i| {
                let mut labels: Vec<&str> = table.labels(i).collect();
                labels.sort_unstable();
                labels
            })
            .collect();
        let sets = duplicates::word_sets(&self.words, &texts);
        let found = duplicates::contradictions(&sets, &labels);
        let found = found.iter().map(|rows| self.items_of(rows)).collect();
        (alike.collect(), found)
    }

    fn has_labels(&self) -> bool {
        let fields = &self.input.dataset.items.fields;
        fields
            .iter()
            .any(|f| matches!(f.values, Values::Category(_)))
    }

    /// By topic and by group; outliers count for their nearest topic.
    fn interests(&self, topics: &Topics) -> (Interests, Interests) {
        let events = &self.input.dataset.interactions;
        if events.is_empty() {
            return (Interests::default(), Interests::default());
        }
        let count = |labels: &[u32], k: usize| {
            let mut of = vec![None; self.input.dataset.items.len()];
            let mut sizes = vec![0; k];
            for (row, &label) in labels.iter().enumerate() {
                of[self.item[row] as usize] = Some(label);
                sizes[label as usize] += 1;
            }
            interests(events, &of, &sizes)
        };
        let of_group = topics.labels.iter().map(|&l| topics.groups[l as usize]);
        let of_group: Vec<u32> = of_group.collect();
        (
            count(&topics.labels, topics.len()),
            count(&of_group, topics.n_groups()),
        )
    }

    fn items(&self, topics: &Topics, words: &[Vec<u32>], ids: &mut SemanticIds) -> Vec<MinedItem> {
        let people = self.input.dataset.interactions.item_counts();
        let cut = |item: usize| self.input.cut.and_then(|c| c.get(item).copied());
        let mut items: Vec<MinedItem> = people
            .into_iter()
            .enumerate()
            .map(|(item, people)| MinedItem {
                people,
                cut: cut(item),
                ..MinedItem::default()
            })
            .collect();
        for (row, &item) in self.item.iter().enumerate() {
            let told = &mut items[item as usize];
            told.topic = Some(topics.labels[row]);
            told.outlier = topics.core[row] == NONE;
            told.silhouette = topics.silhouettes[row];
            told.keywords = self.texts_of(&words[row]);
            told.tokens = std::mem::take(&mut ids.tokens[row]);
            told.language = self.languages[row];
        }
        items
    }

    fn texts_of(&self, terms: &[u32]) -> Vec<String> {
        let text = |&t: &u32| self.vocabulary.terms[t as usize].text.clone();
        terms.iter().map(text).collect()
    }

    fn quality(&self, items: &mut [MinedItem]) -> (Vec<Boilerplate>, Vec<(u32, f32)>) {
        let (boilerplate, has) = quality::boilerplate(&self.texts);
        for (row, has) in has.into_iter().enumerate() {
            items[self.item[row] as usize].boilerplate = has;
        }
        let own = self
            .item
            .iter()
            .flat_map(|&i| self.input.vectors.row(i as usize));
        let own = Vectors::new(self.input.vectors.dim(), own.copied().collect());
        let near = quality::near_the_mean(&own);
        let near = near
            .into_iter()
            .map(|(row, d)| (self.item[row as usize], d));
        (boilerplate, near.collect())
    }

    fn topics(&self, topics: &Topics, interests: &Interests) -> Vec<Topic> {
        let k = topics.len();
        let terms = class_terms(&self.vocabulary, &topics.core, k, TERMS);
        let postings = self.vocabulary.postings();
        let central = topics.central(&self.white);
        let mut nearest = vec![0; k];
        let mut sums = vec![0.0; k];
        for (row, &topic) in topics.labels.iter().enumerate() {
            if topics.core[row] == NONE {
                nearest[topic as usize] += 1;
            } else {
                sums[topic as usize] += f64::from(topics.silhouettes[row]);
            }
        }
        (0..k)
            .map(|topic| {
                let words = top_words(&self.vocabulary, &terms[topic], WORDS);
                let items = central[topic].len();
                let examples = central[topic].iter().take(EXAMPLES).copied();
                Topic {
                    group: topics.groups[topic],
                    label: named(label(&self.vocabulary, &terms[topic]), "topic", topic),
                    coherence: coherence(&words, postings, self.item.len()).unwrap_or(0.0),
                    words: self.texts_of(&words),
                    items,
                    outliers: nearest[topic],
                    silhouette: sums[topic] / items.max(1) as f64,
                    examples: self.items_of(&examples.collect::<Vec<_>>()),
                    demand: interests.topics.get(topic).cloned(),
                }
            })
            .collect()
    }

    fn groups(&self, topics: &Topics, interests: &Interests) -> Vec<TopicGroup> {
        let k = topics.n_groups();
        let labels = topics.group_labels();
        let terms = class_terms(&self.vocabulary, &labels, k, TERMS);
        (0..k)
            .map(|group| TopicGroup {
                label: named(label(&self.vocabulary, &terms[group]), "group", group),
                words: self.texts_of(&top_words(&self.vocabulary, &terms[group], WORDS)),
                items: labels.iter().filter(|&&l| l as usize == group).count(),
                topics: topics
                    .groups
                    .iter()
                    .filter(|&&g| g as usize == group)
                    .count(),
                demand: interests.topics.get(group).cloned(),
            })
            .collect()
    }

    fn outliers(&self, topics: &Topics) -> Vec<u32> {
        let mut rows: Vec<u32> = (0..index(self.item.len()))
            .filter(|&r| topics.core[r as usize] == NONE)
            .collect();
        rows.sort_by(|&a, &b| {
            let of = |r: u32| topics.silhouettes[r as usize];
            of(a).total_cmp(&of(b)).then(a.cmp(&b))
        });
        self.items_of(&rows)
    }

    /// The figures of the catalogue and its topics.
    fn figures(&self, topics: &Topics, config: &Config) -> Figures {
        let k = topics.len();
        let within = silhouettes(&self.white, &topics.core, k);
        let postings = self.vocabulary.postings();
        let out = topics.core.iter().filter(|&&l| l == NONE).count();
        let dataset = self.input.dataset;
        Figures {
            dataset: dataset.name.clone(),
            fingerprint: dataset.fingerprint.clone(),
            encoder: self.input.encoder.to_owned(),
            seed: config.seed,
            items: dataset.items.len(),
            with_text: self.item.len(),
            events: dataset.interactions.len(),
            silhouette: mean_silhouette(&within, &topics.core),
            silhouette_of_all: mean_silhouette(&topics.silhouettes, &topics.labels),
            coherence: crate::topics::mean_coherence(&self.vocabulary, postings, &topics.core, k),
            outliers: out as f64 / self.item.len() as f64,
            tried: topics.tried.clone(),
            semantic_ids: IdFigures::default(),
            languages: self.languages(),
            boilerplate: Vec::new(),
            has_labels: self.has_labels(),
            stretches: Vec::new(),
        }
    }

    /// How many texts each language has, the most frequent first.
    fn languages(&self) -> Vec<(String, usize)> {
        let mut names = self.languages.clone();
        names.sort_unstable();
        let mut counts: Vec<(String, usize)> = Vec::new();
        for name in names {
            match counts.last_mut() {
                Some((last, n)) if last == name => *n += 1,
                _ => counts.push((name.to_owned(), 1)),
            }
        }
        counts.sort_by_key(|c| std::cmp::Reverse(c.1));
        counts
    }
}
