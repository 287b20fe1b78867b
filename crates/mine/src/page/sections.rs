//! What stands in the sections of the page.

use super::map::short;
use super::{SHOWN, count, percent};
use crate::duplicates::Likeness;
use crate::interests::Demand;
use crate::mining::{Mined, Topic};
use crate::output::differing_columns;
use semrec_data::Dataset;
use std::fmt::Write as _;

/// Titles of a topic or a group of alike items that are shown.
const TITLES: usize = 5;

#[derive(Debug)]
pub(super) struct Group {
    pub(super) label: String,
    pub(super) note: String,
    pub(super) topics: Vec<TopicCard>,
}

#[derive(Debug)]
pub(super) struct TopicCard {
    pub(super) number: usize,
    pub(super) label: String,
    pub(super) note: String,
    pub(super) thin: bool,
    pub(super) change: String,
    pub(super) change_words: String,
    pub(super) spark: String,
    pub(super) words: String,
    pub(super) examples: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Sought {
    pub(super) label: String,
    pub(super) items: String,
    pub(super) events: String,
    pub(super) people: String,
    pub(super) demand: String,
    pub(super) at_least: String,
    pub(super) thin: bool,
}

#[derive(Debug)]
pub(super) struct Alike {
    pub(super) kind: &'static str,
    pub(super) titles: Vec<String>,
    pub(super) more: usize,
    pub(super) differing: String,
}

#[derive(Debug)]
pub(super) struct Level {
    pub(super) level: usize,
    pub(super) prefixes: String,
    pub(super) balance: String,
    pub(super) error: String,
    pub(super) together: String,
    pub(super) chance: String,
    pub(super) lift: String,
}

pub(super) fn headline(mined: &Mined) -> Vec<String> {
    let largest: Vec<&str> = mined
        .groups
        .iter()
        .take(4)
        .map(|g| g.label.as_str())
        .collect();
    let mut lines = vec![format!(
        "{} items in {} topics. The largest groups: {}.",
        count(mined.figures.items),
        mined.topics.len(),
        largest.join("; ")
    )];
    let thin = thinnest(mined);
    if let Some(first) = thin.first() {
        lines.push(format!(
            "{} {} sought more than supplied, first of all {}.",
            thin.len(),
            if thin.len() == 1 {
                "topic is"
            } else {
                "topics are"
            },
            first.0.label
        ));
    }
    lines
}

/// Topics that are thinly supplied, the surest first.
fn thinnest(mined: &Mined) -> Vec<(&Topic, &Demand)> {
    let with = mined
        .topics
        .iter()
        .filter_map(|t| Some((t, t.demand.as_ref()?)));
    let mut thin: Vec<(&Topic, &Demand)> = with.filter(|(_, d)| d.thin).collect();
    thin.sort_by(|a, b| b.1.at_least.total_cmp(&a.1.at_least));
    thin
}

pub(super) fn groups(mined: &Mined, dataset: &Dataset) -> Vec<Group> {
    let groups = mined.groups.iter().zip(0_u32..).map(|(group, number)| {
        let topics = mined.topics.iter().enumerate();
        let topics = topics.filter(|(_, t)| t.group == number);
        Group {
            label: group.label.clone(),
            note: format!("{} items, {} topics", count(group.items), group.topics),
            topics: topics.map(|(n, t)| card(n, t, dataset)).collect(),
        }
    });
    groups.collect()
}

fn card(number: usize, topic: &Topic, dataset: &Dataset) -> TopicCard {
    let mut note = format!("{} items", count(topic.items));
    if topic.outliers > 0 {
        write!(note, ", {} outliers near it", count(topic.outliers)).ok();
    }
    if let Some(demand) = &topic.demand {
        write!(note, ", {} events", count(demand.events)).ok();
    }
    let change = topic
        .demand
        .as_ref()
        .filter(|d| d.changed)
        .and_then(|d| d.change);
    let change = change.map_or_else(String::new, |c| {
        if c >= 1.0 {
            format!("rising, ×{c:.1}")
        } else {
            format!("falling, ×{c:.1}")
        }
    });
    let over_time = topic.demand.as_ref().and_then(|d| d.over_time.as_ref());
    let examples = topic
        .examples
        .iter()
        .map(|&i| short(dataset.items.title(i)));
    let mut shown: Vec<String> = Vec::new();
    for title in examples {
        if shown.len() < TITLES && !shown.contains(&title) {
            shown.push(title);
        }
    }
    TopicCard {
        number,
        label: topic.label.clone(),
        note,
        thin: topic.demand.as_ref().is_some_and(|d| d.thin),
        change_words: if change.is_empty() {
            "no sure change".to_owned()
        } else {
            change.clone()
        },
        change,
        spark: over_time.map_or_else(String::new, |shares| spark(shares)),
        words: topic.words.join(" · "),
        examples: shown,
    }
}

/// A line through shares, from 0 at the foot to their largest at the top.
fn spark(shares: &[f64]) -> String {
    let most = shares.iter().copied().fold(1e-12, f64::max);
    let step = 88.0 / (shares.len().max(2) - 1) as f64;
    let mut path = String::new();
    for (i, share) in shares.iter().enumerate() {
        let (x, y) = (2.0 + step * i as f64, 18.0 - 16.0 * share / most);
        write!(path, "{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" }).ok();
    }
    path
}

/// How many there are, and that only the first stand here.
pub(super) fn first_of(n: usize, order: &str) -> String {
    if n > SHOWN {
        format!("{}, {order}; {SHOWN} of them here", count(n))
    } else {
        format!("{}, {order}", count(n))
    }
}

pub(super) fn interests_note(mined: &Mined) -> String {
    if mined.figures.events == 0 {
        return "The data set has no interactions, so popularity, trends, interests and demand are left out.".to_owned();
    }
    let mut people: Vec<u32> = mined.people.iter().map(|p| p.user).collect();
    people.dedup();
    let sure = mined
        .people
        .iter()
        .map(|p| p.confidence)
        .fold((0.0, 0), |a, c| (a.0 + c, a.1 + 1));
    let mut note = format!(
        "{} people as mixtures of topics are in the table interests, each with its confidence: the part of the mixture that is their own and not the average person's (mean {:.2}).",
        count(people.len()),
        sure.0 / f64::from(sure.1.max(1))
    );
    if mined.figures.stretches.is_empty() {
        note.push_str(" The events have no times that could be compared, so trends are left out.");
    }
    note
}

pub(super) fn sought(mined: &Mined) -> Vec<Sought> {
    let with = mined
        .topics
        .iter()
        .filter_map(|t| Some((t, t.demand.as_ref()?)));
    let mut with: Vec<(&Topic, &Demand)> = with.collect();
    with.sort_by(|a, b| b.1.at_least.total_cmp(&a.1.at_least));
    let rows = with.into_iter().take(SHOWN).map(|(topic, demand)| Sought {
        label: topic.label.clone(),
        items: count(topic.items + topic.outliers),
        events: count(demand.events),
        people: count(demand.people),
        demand: format!("{:.2}", demand.demand),
        at_least: format!("{:.2}", demand.at_least),
        thin: demand.thin,
    });
    rows.collect()
}

pub(super) fn alike_note(mined: &Mined) -> String {
    let of = |kind: Likeness| {
        let groups = mined.alike.iter().filter(|a| a.kind == kind);
        groups.fold((0, 0), |n, a| (n.0 + 1, n.1 + a.items.len()))
    };
    let (same, nearly) = (of(Likeness::Duplicate), of(Likeness::Variant));
    format!(
        "{} groups of duplicates ({} items): the same words. {} groups of variants ({} items): a few words differ. The largest first.",
        count(same.0),
        count(same.1),
        count(nearly.0),
        count(nearly.1)
    )
}

pub(super) fn alike(mined: &Mined, dataset: &Dataset) -> Vec<Alike> {
    let shown = mined.alike.iter().take(2 * SHOWN).map(|group| {
        let titles = group.items.iter().take(TITLES);
        Alike {
            kind: match group.kind {
                Likeness::Duplicate => "duplicate",
                Likeness::Variant => "variant",
            },
            titles: titles.map(|&i| short(dataset.items.title(i))).collect(),
            more: group.items.len().saturating_sub(TITLES),
            differing: group.differing.join(" · "),
        }
    });
    shown.collect()
}

pub(super) fn contradictions_note(mined: &Mined) -> String {
    if !mined.figures.has_labels {
        return "The catalogue has no labels, so there is nothing that could contradict."
            .to_owned();
    }
    format!(
        "{} texts stand under different labels. What a mistake is among categories is none among places or sellers: the table says in which columns they differ.",
        count(mined.contradictions.len())
    )
}

pub(super) fn contradictions(mined: &Mined, dataset: &Dataset) -> Vec<(String, Vec<String>)> {
    let shown = mined.contradictions.iter().take(SHOWN).map(|items| {
        let mut labels: Vec<String> = items
            .iter()
            .map(|&i| dataset.items.labels(i).collect::<Vec<_>>().join(", "))
            .collect();
        labels.sort();
        labels.dedup();
        let more = labels.len().saturating_sub(TITLES);
        labels.truncate(TITLES);
        if more > 0 {
            labels.push(format!("and {} more", count(more)));
        }
        let columns = differing_columns(items, dataset).join(", ");
        labels.insert(0, format!("in {columns}:"));
        (short(dataset.items.title(items[0])), labels)
    });
    shown.collect()
}

pub(super) fn ids_note(mined: &Mined) -> String {
    let ids = &mined.figures.semantic_ids;
    let mut note = format!(
        "Each item as {} tokens of {} values, coarse to fine, and a last one that tells apart what has the same: {} of the items have tokens of their own without it, and at most {} share theirs.",
        ids.levels.len(),
        ids.tokens,
        percent(ids.unique),
        ids.largest_collision + 1
    );
    if mined.figures.events == 0 {
        note.push_str(" Without interactions it is not known how well prefixes tell what is touched together.");
    }
    note
}

pub(super) fn levels(mined: &Mined) -> Vec<Level> {
    let levels = mined.figures.semantic_ids.levels.iter().zip(1..);
    let share =
        |x: Option<f64>| x.map_or_else(|| "–".to_owned(), |x| format!("{:.3} %", 100.0 * x));
    let levels = levels.map(|(level, number)| Level {
        level: number,
        prefixes: count(level.prefixes),
        balance: format!("{:.3}", level.balance),
        error: format!("{:.3}", level.error),
        together: share(level.co_purchase),
        chance: share(level.by_chance),
        lift: match (level.co_purchase, level.by_chance) {
            (Some(a), Some(b)) if b > 0.0 => format!("{:.1}", a / b),
            _ => "–".to_owned(),
        },
    });
    levels.collect()
}

pub(super) fn quality_note(mined: &Mined) -> String {
    let f = &mined.figures;
    let items = &mined.items;
    let boilerplate = items.iter().filter(|i| i.boilerplate).count();
    let near = items.iter().filter(|i| i.near_mean.is_some()).count();
    let mut note = format!(
        "{} items have no text; {} have a clause that stands in many; {} say little, their vectors lying near the mean of all.",
        count(f.items - f.with_text),
        count(boilerplate),
        count(near)
    );
    if items.iter().any(|i| i.cut.is_some()) {
        let cut = items.iter().filter(|i| i.cut == Some(true)).count();
        write!(
            note,
            " {} texts are longer than the encoder reads, and their ends were cut.",
            count(cut)
        )
        .ok();
    }
    note
}
