//! Topics: clusters of whitened vectors on two levels, their number chosen from the data.
//!
//! 1. Each vector is smoothed by the mean of its nearest items: what one title leaves out its
//!    neighbours say, and clusters become tighter.
//! 2. Spherical k-means with several numbers of topics around √n, the usual rule. The number with
//!    the largest sum of mean silhouette (on the vectors as they are) and a quarter of the mean
//!    coherence (npmi of the ten heaviest words) is taken: the first grows with the number, the
//!    second shrinks, and between numbers it differs by about four times as much.
//! 3. An item whose silhouette is below 0, so that it is on average nearer to the items of another
//!    topic, is an outlier, and so is one whose silhouette is below 0 once these are gone, up to a
//!    share. It keeps its nearest topic, and does not count in what
//!    is said of it.
//! 4. Ward's method joins topics to groups; their number has the best silhouette between half and
//!    twice the square root of the number of topics.
//!
//! Beyond [`SAMPLE`] items, steps 2 and 4 look at a sample evenly taken from all.

mod label;
mod ward;

pub(crate) use label::{label, top_words};

use crate::Config;
use crate::ctfidf::class_terms;
use crate::neighbours::Neighbours;
use crate::npmi::coherence;
use crate::numbers::index;
use crate::silhouette::{NONE, mean_silhouette, silhouettes};
use crate::vocabulary::Vocabulary;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use semrec_text::{KMeans, Vectors, dot, mean_rows, members, nearest};
use serde::Serialize;

/// Items on which numbers of topics are tried.
const SAMPLE: usize = 20_000;
/// Words that coherence looks at.
pub(crate) const WORDS: usize = 10;
/// Numbers of topics that are tried, as factors of √n.
const TRIED: [f64; 4] = [0.5, 0.71, 1.0, 1.41];
/// What coherence counts beside silhouette when the number is chosen.
pub(crate) const COHERENCE: f64 = 0.25;
/// Lloyd's steps while numbers are tried.
const STEPS: usize = 12;
/// Items of a topic, at least.
const FEWEST: usize = 3;
/// Times that outliers are looked for, at most.
const ROUNDS: usize = 10;

/// A number of topics that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// How many topics.
    pub topics: usize,
    /// Mean silhouette of all items.
    pub silhouette: f64,
    /// Mean coherence of the topics.
    pub coherence: f64,
}

/// Which topic each row belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    /// Topic of each row, its nearest if it is an outlier.
    pub(crate) labels: Vec<u32>,
    /// The same with [`NONE`] for outliers.
    pub(crate) core: Vec<u32>,
    /// Silhouette of each row among the topics.
    pub(crate) silhouettes: Vec<f32>,
    /// Unit mean of each topic's rows, without outliers.
    pub(crate) centres: Vectors,
    /// Group of each topic.
    pub(crate) groups: Vec<u32>,
    /// Numbers that were tried.
    pub(crate) tried: Vec<Tried>,
}

impl Topics {
    pub(crate) fn len(&self) -> usize {
        self.centres.len()
    }

    pub(crate) fn n_groups(&self) -> usize {
        self.groups.iter().max().map_or(0, |&g| g as usize + 1)
    }

    /// The group of each row, [`NONE`] for outliers.
    pub(crate) fn group_labels(&self) -> Vec<u32> {
        let of = |&l: &u32| self.groups.get(l as usize).copied().unwrap_or(NONE);
        self.core.iter().map(of).collect()
    }

    /// Finds the topics of unit rows.
    pub(crate) fn fit(
        rows: &Vectors,
        near: &Neighbours,
        vocabulary: &Vocabulary,
        config: &Config,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let smooth = smoothed(rows, near);
        let (tried, centres) = choose(rows, &smooth, vocabulary, config, rng);
        let kmeans = |centres: &Vectors| KMeans {
            k: centres.len(),
            steps: if rows.len() > SAMPLE { 4 } else { 15 },
            spherical: true,
        };
        let clusters = kmeans(&centres).refine(&smooth, centres);
        let labels = without_small(&smooth, &clusters.labels, &clusters.centres);
        let k = labels.iter().max().map_or(0, |&l| l as usize + 1);
        let groups = ward::groups(rows, &labels, k, SAMPLE);
        let (labels, groups) = by_size(&labels, &groups, k);
        let silhouettes = silhouettes(rows, &labels, k);
        let core = core(rows, &labels, &silhouettes, (k, config.outliers));
        let mut centres = Vectors::new(rows.dim(), mean_rows(rows, &members(&core, k)));
        centres.normalise();
        Self {
            labels,
            core,
            silhouettes,
            centres,
            groups,
            tried,
        }
    }

    /// The rows nearest to the middle of each topic, nearest first.
    pub(crate) fn central(&self, rows: &Vectors) -> Vec<Vec<u32>> {
        let mut members = members(&self.core, self.len());
        for (topic, members) in members.iter_mut().enumerate() {
            let centre = self.centres.row(topic);
            let score = |r: u32| dot(rows.row(r as usize), centre);
            let mut scored: Vec<(f32, u32)> = members.iter().map(|&r| (score(r), r)).collect();
            scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            *members = scored.into_iter().map(|(_, r)| r).collect();
        }
        members
    }
}

/// Each row with the mean of its nearest added, scaled to length 1.
fn smoothed(rows: &Vectors, near: &Neighbours) -> Vectors {
    let mut smooth = rows.clone();
    let dim = rows.dim();
    smooth
        .as_mut_slice()
        .par_chunks_mut(dim)
        .enumerate()
        .for_each(|(i, row)| {
            let near = near.of(i);
            for &(other, _) in near {
                let other = rows.row(other as usize);
                for (x, y) in row.iter_mut().zip(other) {
                    *x += y / near.len() as f32;
                }
            }
        });
    smooth.normalise();
    smooth
}

/// Centres for the number of topics that is best, or asked for, and all that were tried.
fn choose(
    rows: &Vectors,
    smooth: &Vectors,
    vocabulary: &Vocabulary,
    config: &Config,
    rng: &mut ChaCha8Rng,
) -> (Vec<Tried>, Vectors) {
    let step = rows.len().div_ceil(SAMPLE).max(1);
    let (sample, smooth_sample) = (rows.every(SAMPLE), smooth.every(SAMPLE));
    let numbers: Vec<usize> = match config.topics {
        Some(topics) => vec![topics],
        None => {
            let root = (rows.len() as f64).sqrt();
            let mut numbers: Vec<usize> = TRIED.iter().map(|f| rounded(root * f)).collect();
            numbers.dedup();
            numbers
        }
    };
    let postings = vocabulary.postings();
    let mut tried = Vec::new();
    let mut best: Option<(f64, Vectors)> = None;
    for k in numbers {
        let kmeans = KMeans {
            k,
            steps: STEPS,
            spherical: true,
        };
        let clusters = kmeans.fit(&smooth_sample, rng);
        let silhouettes = silhouettes(&sample, &clusters.labels, k);
        let silhouette = mean_silhouette(&silhouettes, &clusters.labels);
        let mut labels = vec![NONE; rows.len()];
        for (place, &label) in clusters.labels.iter().enumerate() {
            labels[place * step] = label;
        }
        let coherence = mean_coherence(vocabulary, postings, &labels, k);
        tried.push(Tried {
            topics: k,
            silhouette,
            coherence,
        });
        let score = silhouette + COHERENCE * coherence;
        if best.as_ref().is_none_or(|(s, _)| score > *s) {
            best = Some((score, clusters.centres));
        }
    }
    let centres = best.map_or_else(|| Vectors::zeros(1, rows.dim()), |(_, c)| c);
    (tried, centres)
}

/// Mean coherence over the topics whose words can be paired; 0 if there is none.
pub(crate) fn mean_coherence(
    vocabulary: &Vocabulary,
    postings: &[Vec<u32>],
    labels: &[u32],
    k: usize,
) -> f64 {
    let terms = class_terms(vocabulary, labels, k, 4 * WORDS);
    let each: Vec<f64> = terms
        .iter()
        .filter_map(|weighed| {
            let words = top_words(vocabulary, weighed, WORDS);
            coherence(&words, postings, vocabulary.len())
        })
        .collect();
    // A sum of nothing is −0.
    each.iter().fold(0.0, |sum, x| sum + x) / each.len().max(1) as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small positive number"
)]
fn rounded(x: f64) -> usize {
    (x.round() as usize).max(2)
}

/// Labels without clusters of fewer than [`FEWEST`] rows; those go to the next nearest, and
/// numbers are closed up.
fn without_small(rows: &Vectors, labels: &[u32], centres: &Vectors) -> Vec<u32> {
    let members = members(labels, centres.len());
    let kept: Vec<usize> = (0..members.len())
        .filter(|&c| members[c].len() >= FEWEST)
        .collect();
    if kept.is_empty() {
        return vec![0; labels.len()];
    }
    let data = kept.iter().flat_map(|&c| centres.row(c)).copied().collect();
    let found = nearest(rows, &Vectors::new(rows.dim(), data));
    found.iter().map(|f| f.centre).collect()
}

/// Numbers anew: groups by size, topics by group and size; topics without rows go.
fn by_size(labels: &[u32], groups: &[u32], k: usize) -> (Vec<u32>, Vec<u32>) {
    let members = members(labels, k);
    let mut group_size = vec![0; k];
    for (topic, members) in members.iter().enumerate() {
        group_size[groups[topic] as usize] += members.len();
    }
    let mut order: Vec<usize> = (0..k).filter(|&t| !members[t].is_empty()).collect();
    order.sort_by_key(|&t| {
        let group = groups[t];
        let sizes = (group_size[group as usize], members[t].len());
        (
            std::cmp::Reverse(sizes.0),
            group,
            std::cmp::Reverse(sizes.1),
            t,
        )
    });
    let mut number = vec![0_u32; k];
    let mut new_groups: Vec<u32> = Vec::new();
    let mut last = None;
    let mut group_number = 0;
    for (new, &topic) in order.iter().enumerate() {
        number[topic] = index(new);
        if last.is_some_and(|l| l != groups[topic]) {
            group_number += 1;
        }
        last = Some(groups[topic]);
        new_groups.push(group_number);
    }
    let labels = labels.iter().map(|&l| number[l as usize]).collect();
    (labels, new_groups)
}

/// Labels with [`NONE`] for outliers: the rows whose silhouettes are below 0, and those whose are once
/// these are gone.
fn core(rows: &Vectors, labels: &[u32], all: &[f32], (k, share): (usize, f64)) -> Vec<u32> {
    let mut core = without_outliers(labels, all, k, share);
    for _ in 1..ROUNDS {
        let left = silhouettes(rows, &core, k);
        let next = without_outliers(&core, &left, k, share);
        if next == core {
            break;
        }
        core = next;
    }
    core
}

/// Labels with [`NONE`] for the rows with the lowest silhouettes below 0, at most this share in all,
/// and never so many that a topic has none left.
fn without_outliers(labels: &[u32], silhouettes: &[f32], k: usize, share: f64) -> Vec<u32> {
    let mut order: Vec<usize> = (0..labels.len())
        .filter(|&i| labels[i] != NONE && silhouettes[i] < 0.0)
        .collect();
    order.sort_by(|&a, &b| silhouettes[a].total_cmp(&silhouettes[b]).then(a.cmp(&b)));
    let mut left: Vec<usize> = members(labels, k).iter().map(Vec::len).collect();
    let mut core = labels.to_vec();
    let mut out = labels.iter().filter(|&&label| label == NONE).count();
    for row in order {
        if (out + 1) as f64 > share * labels.len() as f64 {
            break;
        }
        let left = &mut left[labels[row] as usize];
        if *left > FEWEST {
            *left -= 1;
            core[row] = NONE;
            out += 1;
        }
    }
    core
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;
    use rand::{RngExt, SeedableRng};

    /// Three colours of lamps and three of chairs, each with a direction of its own.
    #[test]
    fn what_was_put_together_is_found() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let names = [
            "red lamp",
            "blue lamp",
            "green lamp",
            "oak chair",
            "elm chair",
            "fir chair",
        ];
        let (mut texts, mut data) = (Vec::new(), Vec::new());
        for i in 0..180 {
            let kind = i % 6;
            texts.push(names[kind].to_owned());
            let mut row = [0.0_f32; 8];
            row[kind] = 1.0;
            row[6 + kind / 3] = 1.2;
            data.extend(row.iter().map(|x| x + rng.random_range(-0.1..0.1_f32)));
        }
        let mut rows = Vectors::new(8, data);
        rows.normalise();
        let vocabulary = Vocabulary::new(&mut Words::new(&[], false), &texts);
        let near = Neighbours::find(&rows, 10, &mut rng).unwrap();
        let config = Config {
            topics: Some(6),
            ..Config::default()
        };
        let topics = Topics::fit(&rows, &near, &vocabulary, &config, &mut rng);
        assert_eq!(topics.len(), 6);
        for i in 0..180 {
            assert_eq!(topics.labels[i], topics.labels[i % 6], "item {i}");
        }
        let group = |i: usize| topics.groups[topics.labels[i] as usize];
        assert_eq!((group(0), group(1)), (group(1), group(2)));
        assert_eq!((group(3), group(4)), (group(4), group(5)));
        assert_ne!(group(0), group(3));
    }

    #[test]
    fn outliers_are_the_worst_and_leave_three() {
        let labels = [0, 0, 0, 0, 1, 1, 1];
        let silhouettes = [-0.1, -0.5, 0.2, -0.3, -0.9, 0.1, 0.1];
        let core = without_outliers(&labels, &silhouettes, 2, 0.9);
        assert_eq!(core, [0, NONE, 0, 0, 1, 1, 1]);
        let core = without_outliers(&labels, &silhouettes, 2, 0.1);
        assert_eq!(core, labels);
        // Of one that is gone nothing is asked again, and it counts in the share.
        let labels = [0, NONE, 0, 0, 0, 1, 1, 1];
        let silhouettes = [-0.1, -0.5, 0.2, -0.3, 0.1, 0.1, 0.1, 0.1];
        assert_eq!(without_outliers(&labels, &silhouettes, 2, 0.2), labels);
        let core = without_outliers(&labels, &silhouettes, 2, 0.3);
        assert_eq!(core, [0, NONE, 0, NONE, 0, 1, 1, 1]);
    }

    /// At 0° four rows, at 90° four; one at 60° and one at 46°, both put to those at 0°. The first is
    /// nearer to the others; the second, at a mean distance of 0.25 to 0.28 with it and 0.31 to 0.28
    /// without, is so once the first is gone.
    #[test]
    fn who_is_nearer_to_others_once_the_worst_are_gone_goes_too() {
        let degrees = [0.0_f32, 0.0, 0.0, 0.0, 90.0, 90.0, 90.0, 90.0, 60.0, 46.0];
        let data = degrees
            .iter()
            .flat_map(|d| [d.to_radians().cos(), d.to_radians().sin()]);
        let rows = Vectors::new(2, data.collect());
        let labels = [0, 0, 0, 0, 1, 1, 1, 1, 0, 0];
        let all = silhouettes(&rows, &labels, 2);
        assert!(all[8] < 0.0 && all[9] > 0.0, "{all:?}");
        let core = core(&rows, &labels, &all, (2, 0.9));
        assert_eq!(core, [0, 0, 0, 0, 1, 1, 1, 1, NONE, NONE]);
    }

    #[test]
    fn topics_are_numbered_by_group_and_size() {
        // Topic 1 has three rows, 2 has two, 0 has one; 0 and 1 are of group 1.
        let (labels, groups) = by_size(&[0, 1, 1, 1, 2, 2], &[1, 1, 0], 3);
        assert_eq!(labels, [1, 0, 0, 0, 2, 2]);
        assert_eq!(groups, [0, 0, 1]);
    }
}
