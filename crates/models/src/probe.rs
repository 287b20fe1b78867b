//! How well vectors find the newest training event of people from those before it: what `content`
//! chooses its reading by, without a look at what is held out. (Where events of any time will be asked
//! about, one of any time from all others. On MovieLens-1M in order the newest one is found best by the
//! one before it, since people rate what the site shows them side by side; but ndcg@10 among held-out
//! items, whose events lie anywhere, was half as high by that reading.)
//!
//! ```text
//! gain(user) = 1 / log2(1 + rank) if rank <= depth, else 0
//! ```
//!
//! with the rank of that item among all that have a vector and are not in the history, by the
//! cosine to the recency-weighted sum of the history's vectors. Another reading has to be clearly
//! better among the first ten, which are shown, and among the first hundred, where more people have a
//! say. The one alone was not enough: on Amazon Industrial vectors that are not whitened have more of
//! the newest items among the hundred and lose by it on test events; on Amazon Beauty a tenth of whose
//! items is held out a steeper recency has more of them among the ten, and loses.

use crate::Horizon;
use crate::history::{recency_for, recent};
use crate::kernels::products;
use crate::texts::has_text;
use rayon::prelude::*;
use semrec_data::{Event, Interactions};
use semrec_text::Vectors;

/// People asked at most, and at least where that many products would take too long.
const MOST: usize = 5_000;
const LEAST: usize = 1_000;
/// Multiplications beyond which fewer people are asked.
const WORK: usize = 25_000_000_000;
/// People multiplied at once, and items.
const CHUNK: usize = 64;
const BLOCK: usize = 512;
/// Ranks that count.
const DEPTHS: [u32; 2] = [10, 100];

/// An item of a person, and what they did besides, or before it.
struct Case {
    asked: u32,
    others: Vec<Event>,
}

/// The people that are asked.
#[derive(Default)]
pub(crate) struct Probe {
    cases: Vec<Case>,
}

impl Probe {
    /// Draws people evenly from those with two items or more that have a vector, and asks about the
    /// newest of them, or with [`Horizon::AnyTime`] about another one for each person.
    pub(crate) fn new(interactions: &Interactions, vectors: &Vectors, horizon: Horizon) -> Self {
        let n_users = u32::try_from(interactions.n_users()).unwrap_or(u32::MAX);
        let known: Vec<bool> = vectors.rows().map(has_text).collect();
        let case = |user: u32| {
            let events = interactions.of_user(user);
            let items = recent(events, 0.0, |i| known[i as usize]);
            if items.len() < 2 {
                return None;
            }
            let age = match horizon {
                Horizon::Later | Horizon::Next => 0,
                Horizon::AnyTime => user as usize % items.len(),
            };
            let asked = items[age].item;
            let others = events.iter().filter(|e| e.item != asked).copied();
            Some(Case {
                asked,
                others: others.collect(),
            })
        };
        let able: Vec<u32> = (0..n_users)
            .filter(|&user| interactions.of_user(user).len() > 1)
            .collect();
        let most = (WORK / (vectors.len() * vectors.dim()).max(1)).clamp(LEAST, MOST);
        let step = able.len().div_ceil(most).max(1);
        let cases = able.into_iter().step_by(step).filter_map(case).collect();
        Self { cases }
    }

    /// How many items stand above the one that each person is asked about.
    pub(crate) fn above(
        &self,
        interactions: &Interactions,
        vectors: &Vectors,
        recency: f32,
    ) -> Vec<u32> {
        let recency = recency_for(interactions.clock(), recency);
        let known: Vec<bool> = vectors.rows().map(has_text).collect();
        self.cases
            .par_chunks(CHUNK)
            .flat_map_iter(|cases| ranks(cases, vectors, (&known, recency)))
            .collect()
    }
}

/// What it is worth that so many stand above.
fn gain(above: u32, depth: u32) -> f64 {
    if above < depth {
        1.0 / f64::from(2 + above).log2()
    } else {
        0.0
    }
}

/// How many items stand above each person's one.
fn ranks(cases: &[Case], vectors: &Vectors, (known, recency): (&[bool], f32)) -> Vec<u32> {
    let dim = vectors.dim();
    let mut people = vec![0.0; cases.len() * dim];
    let mut asked = Vec::with_capacity(cases.len() * dim);
    for (case, person) in cases.iter().zip(people.chunks_exact_mut(dim)) {
        for touched in recent(&case.others, recency, |i| known[i as usize]) {
            let vector = vectors.row(touched.item as usize);
            for (p, y) in person.iter_mut().zip(vector) {
                *p += touched.weight * y;
            }
        }
        asked.extend_from_slice(vectors.row(case.asked as usize));
    }
    let mut scores = vec![0.0; cases.len() * cases.len()];
    products((&people, &asked), dim, (&mut scores, cases.len()));
    let own: Vec<f32> = (0..cases.len())
        .map(|c| scores[c * cases.len() + c])
        .collect();
    let mut above = vec![0u32; cases.len()];
    let mut block = vec![0.0; cases.len() * BLOCK];
    for (items, first) in vectors
        .as_slice()
        .chunks(BLOCK * dim)
        .zip((0..).step_by(BLOCK))
    {
        let wide = items.len() / dim;
        products((&people, items), dim, (&mut block, BLOCK));
        for ((row, above), own) in block.chunks_exact(BLOCK).zip(&mut above).zip(&own) {
            let better = row[..wide].iter().zip(&known[first..]);
            *above += better.map(|(s, &k)| u32::from(k && s > own)).sum::<u32>();
        }
    }
    // Items of the history are not recommended again.
    for ((case, person), (above, own)) in cases
        .iter()
        .zip(people.chunks_exact(dim))
        .zip(above.iter_mut().zip(&own))
    {
        for touched in recent(&case.others, recency, |i| known[i as usize]) {
            let mut score = [0.0];
            let vector = vectors.row(touched.item as usize);
            products((person, vector), dim, (&mut score, 1));
            *above -= u32::from(score[0] > *own);
        }
    }
    above
}

/// Whether `b` is better than `a`, both of the same people, by more than twice the standard error of
/// the mean difference: among the first ten, and among the first hundred.
pub(crate) fn clearly_better(b: &[u32], a: &[u32]) -> bool {
    let n = a.len() as f64;
    a.len() > 1
        && DEPTHS.iter().all(|&depth| {
            let both = || b.iter().zip(a);
            let differences = || both().map(|(&b, &a)| gain(b, depth) - gain(a, depth));
            let mean = differences().sum::<f64>() / n;
            let variance = differences().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
            mean > 2.0 * (variance / n).sqrt()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::{Clock, Part, Row};

    /// Four items on a line of angles; who touched 0 and then 1 is asked, who touched one item, or
    /// one twice, is not.
    #[test]
    fn the_newest_item_is_looked_for_by_those_before_it() {
        let vectors = Vectors::new(2, vec![1.0, 0.0, 0.6, 0.8, 0.8, 0.6, 0.0, 1.0, 0.0, 0.0]);
        let row = |user: u32, item: u32, time: i64| Row {
            user,
            event: Event {
                item,
                value: 1.0,
                time,
            },
            kind: 0,
            part: Part::Train,
        };
        let rows = [
            row(0, 0, 0),
            row(0, 1, 1),
            row(1, 2, 0),
            row(2, 3, 0),
            row(2, 3, 1),
            row(3, 0, 0),
            row(3, 2, 1),
            row(3, 4, 2),
            row(4, 0, 0),
            row(4, 1, 1),
            row(4, 3, 2),
        ];
        let log = Interactions::from_rows(&rows, 5, 5, Clock::Position);
        let probe = Probe::new(&log, &vectors, Horizon::Later);
        // User 0: item 2 (.8) stands above item 1 (.6). User 3 has item 2 as their newest one that
        // says anything: nothing above. User 4, of 0 and 1: (1, 0) · 2^-r + (.6, .8); with r = 0
        // item 2 (1.76) stands above item 3 (.8), and 1 is in the history.
        assert_eq!(probe.above(&log, &vectors, 0.0), [1, 0, 1]);
        // With r = 40 the person is item 1: item 2 (.96) is above item 3 (.8).
        assert_eq!(probe.above(&log, &vectors, 40.0), [1, 0, 1]);
        // At any time: user 3, whose items 2 and 0 say something, about the older one, 3 % 2 places
        // back: by (.8, .6) item 1 (.96) stands above it (.8). User 4 about item 1, 4 % 3 places back:
        // by (1, 0) + (0, 1) nothing does, for item 2 has 1.4 as well.
        let probe = Probe::new(&log, &vectors, Horizon::AnyTime);
        assert_eq!(probe.above(&log, &vectors, 0.0), [1, 1, 0]);
    }

    /// Gains 1, .631, .5 of places 0, 1 and 2.
    #[test]
    fn better_is_clear_beyond_two_standard_errors() {
        // Differences .131, .369, .5: mean .333, deviation .187, standard error .108.
        assert!(clearly_better(&[1, 0, 0], &[2, 1, 2]));
        assert!(!clearly_better(&[2, 1, 2], &[1, 0, 0]));
        // Differences -.369, .369, .5: mean .167, standard error .271.
        assert!(!clearly_better(&[1, 0, 0], &[0, 1, 2]));
        assert!(!clearly_better(&[], &[]));
    }

    #[test]
    fn it_has_to_be_so_among_the_ten_and_among_the_hundred() {
        // Ninety people, ten more, and others: (place, how many).
        let people = |far: u32, near: u32| [vec![far; 90], vec![near; 10], vec![500; 9]].concat();
        assert!(clearly_better(&people(50, 0), &people(500, 5)));
        assert!(!clearly_better(&people(50, 5), &people(500, 5)));
        assert!(!clearly_better(&people(500, 0), &people(50, 5)));
    }
}
