//! Histories as examples: what a person touched before, and what they touched next.
//!
//! A history holds each distinct text once, where it was first touched. In every epoch a person
//! gives up to `targets` targets at random places, each with at most `length` texts before it.
//! Where the data have no order, the others of the history stand in any order.
//!
//! A person's examples stand together: they share most of their texts, each of which a batch
//! encodes once, so that four targets cost hardly more than one.

use super::{Distinct, Example, Source};
use crate::FinetuneError;
use rand::seq::SliceRandom;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use semrec_data::{Clock, Interactions};
use semrec_train::draws;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// How histories are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoriesConfig {
    /// Most targets of a person in an epoch.
    pub targets: usize,
    /// Most texts of a context.
    pub length: usize,
}

impl Default for HistoriesConfig {
    fn default() -> Self {
        Self {
            targets: 4,
            length: 20,
        }
    }
}

/// What each person touched, by distinct texts.
#[derive(Clone, Debug)]
pub(crate) struct Histories {
    config: HistoriesConfig,
    ordered: bool,
    /// Of each person, oldest first.
    of: Vec<Vec<u32>>,
    /// The same, ascending.
    sorted: Vec<Vec<u32>>,
    shares: Vec<f64>,
}

impl Histories {
    /// The histories of a log.
    ///
    /// # Errors
    /// [`FinetuneError::Data`] if nobody touched two texts, [`FinetuneError::Setting`].
    pub(crate) fn new(
        log: &Interactions,
        distinct: &Distinct,
        config: HistoriesConfig,
    ) -> Result<Self, FinetuneError> {
        for (name, value) in [
            ("targets of a person", config.targets),
            ("length of a context", config.length),
        ] {
            if value == 0 {
                let problem = "is 0; expected at least 1".to_owned();
                return Err(FinetuneError::Setting { name, problem });
            }
        }
        let of: Vec<Vec<u32>> = (0u32..)
            .take(log.n_users())
            .map(|user| touched(log, user, distinct))
            .collect();
        if of.iter().all(|h| h.len() < 2) {
            return Err(FinetuneError::Data {
                problem: format!(
                    "of {} people nobody touched two items with different texts; examples need a \
                     context and a target",
                    of.len()
                ),
            });
        }
        let sorted = of.iter().map(|history| {
            let mut sorted = history.clone();
            sorted.sort_unstable();
            sorted
        });
        let mut histories = Self {
            config,
            ordered: log.clock() != Clock::None,
            sorted: sorted.collect(),
            shares: Vec::new(),
            of,
        };
        histories.shares = histories.expected(distinct.len());
        Ok(histories)
    }

    /// What each person touched, oldest first.
    pub(crate) fn all(&self) -> &[Vec<u32>] {
        &self.of
    }

    /// Places of a history that may be targets: those with a context.
    fn candidates(&self, history: &[u32]) -> std::ops::Range<usize> {
        match (history.len(), self.ordered) {
            (0 | 1, _) => 0..0,
            (n, true) => 1..n,
            (n, false) => 0..n,
        }
    }

    /// The probability that the examples of a person drawn at random hold each text.
    ///
    /// Of `c` candidates of a history `m` are drawn. A text is among the examples if one of the `w`
    /// candidates is drawn that are the text or have it in their context; none is with probability
    /// `(c-w)/c · (c-w-1)/(c-1) · …`, `m` factors.
    fn expected(&self, texts: usize) -> Vec<f64> {
        let mut sums = vec![0.0f64; texts];
        let mut people = 0.0;
        for history in &self.of {
            let candidates = self.candidates(history);
            let count = candidates.len();
            if count == 0 {
                continue;
            }
            people += 1.0;
            let drawn = self.config.targets.min(count);
            let length = self.config.length;
            for (place, &text) in history.iter().enumerate() {
                let missed = if self.ordered {
                    let later = length.min(history.len() - 1 - place);
                    let with = later + usize::from(candidates.contains(&place));
                    let factor =
                        |i: usize| (count - i).saturating_sub(with) as f64 / (count - i) as f64;
                    (0..drawn).map(factor).product()
                } else {
                    let others = (history.len() - 1) as f64;
                    let in_context = (length as f64 / others).min(1.0);
                    let drawn_share = drawn as f64 / count as f64;
                    (1.0 - drawn_share) * (1.0 - in_context).powf(drawn as f64)
                };
                sums[text as usize] += 1.0 - missed;
            }
        }
        sums.iter_mut().for_each(|x| *x /= people);
        sums
    }

    /// The context of a place.
    fn context(&self, history: &[u32], place: usize, rng: &mut ChaCha8Rng) -> Vec<u32> {
        let length = self.config.length;
        if self.ordered {
            return history[place.saturating_sub(length)..place].to_vec();
        }
        let mut others = history.to_vec();
        others.remove(place);
        others.shuffle(rng);
        others.truncate(length);
        others
    }
}

/// The distinct texts a person touched, each where it was first touched.
fn touched(log: &Interactions, user: u32, distinct: &Distinct) -> Vec<u32> {
    let mut history: Vec<u32> = Vec::new();
    let mut seen = HashSet::new();
    for event in log.of_user(user) {
        if let Some(text) = distinct.of_row(event.item)
            && seen.insert(text)
        {
            history.push(text);
        }
    }
    history
}

impl Source for Histories {
    fn examples(&self, seed: u64, epoch: u64) -> Vec<Example> {
        let mut rng = draws(seed, 1, epoch);
        let mut examples = Vec::new();
        let mut people: Vec<(u32, &Vec<u32>)> = (0u32..).zip(&self.of).collect();
        people.shuffle(&mut rng);
        for (source, history) in people {
            let candidates = self.candidates(history);
            let wanted = self.config.targets.min(candidates.len());
            for k in index::sample(&mut rng, candidates.len(), wanted) {
                let place = candidates.start + k;
                examples.push(Example {
                    source,
                    context: self.context(history, place, &mut rng),
                    target: history[place],
                });
            }
        }
        examples
    }

    fn draws(&self, examples: &[Example]) -> usize {
        let people: BTreeSet<u32> = examples.iter().map(|e| e.source).collect();
        people.len()
    }

    fn positives(&self, source: u32) -> &[u32] {
        &self.sorted[source as usize]
    }

    fn shares(&self) -> &[f64] {
        &self.shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::{Event, Part, Row};

    fn log(touched: &[&[u32]], clock: Clock) -> Interactions {
        let rows: Vec<Row> = (0u32..)
            .zip(touched)
            .flat_map(|(user, items)| {
                (0..).zip(*items).map(move |(time, &item)| Row {
                    user,
                    event: Event {
                        item,
                        value: 1.0,
                        time,
                    },
                    kind: 0,
                    part: Part::Train,
                })
            })
            .collect();
        Interactions::from_rows(&rows, touched.len(), 6, clock)
    }

    /// Items 0 to 4 have texts of their own but for 4, which reads like 0; 5 says nothing.
    fn distinct() -> Distinct {
        Distinct::of([Some(0), Some(1), Some(2), Some(3), Some(0), None])
    }

    const CONFIG: HistoriesConfig = HistoriesConfig {
        targets: 2,
        length: 2,
    };

    #[test]
    fn texts_count_once_and_contexts_end_before_their_target() {
        // Item 4 repeats text 0, item 5 has none: the history is 0 1 2 3. Person 1 has no target.
        let log = log(&[&[0, 1, 5, 4, 2, 3], &[1]], Clock::Position);
        let histories = Histories::new(&log, &distinct(), CONFIG).unwrap();
        assert_eq!(histories.all(), [vec![0, 1, 2, 3], vec![1]]);
        let mut drawn = std::collections::BTreeSet::new();
        for epoch in 1..20 {
            let examples = histories.examples(7, epoch);
            assert_eq!(examples.len(), 2);
            assert_eq!(examples, histories.examples(7, epoch));
            for e in examples {
                let expected: &[u32] = match e.target {
                    1 => &[0],
                    2 => &[0, 1],
                    _ => &[1, 2],
                };
                assert_eq!(e.context, expected);
                drawn.insert(e.target);
            }
        }
        assert_eq!(drawn, [1, 2, 3].into());
        assert_eq!(histories.positives(0), [0, 1, 2, 3]);
    }

    /// Of the candidates 1, 2 and 3 two are drawn. Text 0 is in the contexts of two of them, and so
    /// always there; 1 is with all three, 2 with itself and 3, always there; 3 with itself alone,
    /// missing with probability 2/3 · 1/2.
    #[test]
    fn shares_are_those_of_the_draws() {
        let log = log(&[&[0, 1, 2, 3], &[5]], Clock::Position);
        let histories = Histories::new(&log, &distinct(), CONFIG).unwrap();
        let expected = [1.0, 1.0, 1.0, 2.0 / 3.0];
        for (got, expected) in histories.shares().iter().zip(expected) {
            assert!((got - expected).abs() < 1e-12);
        }
        let mut counts = [0.0f64; 4];
        for epoch in 0..3000 {
            let examples = histories.examples(1, epoch);
            assert_eq!(histories.draws(&examples), 1);
            let all = examples
                .iter()
                .flat_map(|e| e.context.iter().chain([&e.target]));
            for text in all.collect::<BTreeSet<_>>() {
                counts[*text as usize] += 1.0 / 3000.0;
            }
        }
        for (count, expected) in counts.iter().zip(expected) {
            assert!((count - expected).abs() < 0.03, "{counts:?}");
        }
    }

    #[test]
    fn without_an_order_everything_else_is_context() {
        let log = log(&[&[0, 1, 2]], Clock::None);
        let histories = Histories::new(&log, &distinct(), CONFIG).unwrap();
        for e in histories.examples(3, 1) {
            let mut all = e.context.clone();
            all.push(e.target);
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2]);
        }
        for (got, expected) in histories.shares().iter().zip([1.0, 1.0, 1.0, 0.0]) {
            assert!((got - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn nothing_to_learn_from_is_said() {
        let log = log(&[&[0, 4, 5], &[1]], Clock::Position);
        let error = Histories::new(&log, &distinct(), CONFIG).unwrap_err();
        assert_eq!(
            error.to_string(),
            "nothing to learn from: of 2 people nobody touched two items with different texts; \
             examples need a context and a target"
        );
    }
}
