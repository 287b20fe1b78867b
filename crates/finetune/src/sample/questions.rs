//! Pairs of texts with a label: would this person, who touched these, touch that?
//!
//! With sampled labels, what a person touched next is a 1, and `negatives` texts that somebody
//! touched but not this person are 0s, drawn uniformly. (Items nobody touched are left alone: what
//! is held out must not be learned to be disliked.) With given labels the value of each event is the
//! label, and histories are made of the 1s.

use super::{Distinct, Histories};
use crate::FinetuneError;
use rand::RngExt;
use rand::seq::{SliceRandom, index};
use rand_chacha::ChaCha8Rng;
use semrec_data::{Cases, Event, Interactions};
use semrec_train::draws;
use serde::{Deserialize, Serialize};

/// Draws of one negative before it is given up: of a person who touched nearly everything.
const TRIES: usize = 50;

/// Where labels come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Labels {
    /// What was touched is a 1; so many others for each are 0s.
    Sampled {
        /// How many.
        negatives: usize,
    },
    /// The values of the events, 0 or 1.
    Given,
}

/// How questions are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionsConfig {
    /// Where labels come from.
    pub labels: Labels,
    /// Most questions with the answer 1 of a person in an epoch.
    pub targets: usize,
    /// Most texts of a history, the newest.
    pub length: usize,
}

impl Default for QuestionsConfig {
    fn default() -> Self {
        Self {
            labels: Labels::Sampled { negatives: 4 },
            targets: 4,
            length: 10,
        }
    }
}

/// A pair and its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// Who is asked.
    pub(crate) person: u32,
    /// What they touched, newest last.
    pub(crate) history: Vec<u32>,
    /// What they are asked about.
    pub(crate) text: u32,
    /// The answer.
    pub(crate) label: bool,
}

/// What questions are drawn from.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    config: QuestionsConfig,
    histories: Histories,
    /// Where labels are given, all questions of each person.
    given: Vec<Vec<Question>>,
    /// Texts that somebody touched.
    known: Vec<u32>,
}

impl Questions {
    /// The questions that a log answers.
    ///
    /// # Errors
    /// [`FinetuneError::Data`] if there is nothing to learn from: nobody with a history, labels
    /// that are not 0 or 1, or all the same.
    pub(crate) fn new(
        log: &Interactions,
        distinct: &Distinct,
        histories: Histories,
        config: QuestionsConfig,
    ) -> Result<Self, FinetuneError> {
        let given = match config.labels {
            Labels::Sampled { .. } => Vec::new(),
            Labels::Given => {
                let all = answered(log, distinct, config.length)?;
                two_classes(&all)?;
                all
            }
        };
        let shares = histories.all().iter().flatten();
        let mut known: Vec<u32> = shares.copied().collect();
        known.sort_unstable();
        known.dedup();
        Ok(Self {
            config,
            histories,
            given,
            known,
        })
    }

    /// The questions of an epoch, in an order of its own.
    pub(crate) fn of_epoch(&self, seed: u64, epoch: u64) -> Vec<Question> {
        let mut rng = draws(seed, 2, epoch);
        let mut questions = Vec::new();
        match self.config.labels {
            Labels::Given => questions.extend(self.given.iter().flatten().cloned()),
            Labels::Sampled { negatives } => {
                for (person, history) in (0u32..).zip(self.histories.all()) {
                    let places = history.len().saturating_sub(1);
                    let wanted = self.config.targets.min(places);
                    for place in index::sample(&mut rng, places, wanted) {
                        let before = &history[..=place];
                        let asked = (person, before, history[place + 1]);
                        self.ask(asked, negatives, &mut rng, &mut questions);
                    }
                }
            }
        }
        questions.shuffle(&mut rng);
        questions
    }

    /// Questions about what was held out of the log, and as many negatives for each as in training;
    /// at most so many people.
    pub(crate) fn held_out(
        &self,
        cases: &Cases,
        distinct: &Distinct,
        (seed, people): (u64, usize),
    ) -> Vec<Question> {
        let mut rng = draws(seed, 2, 0);
        let Labels::Sampled { negatives } = self.config.labels else {
            return Vec::new();
        };
        let stride = cases.len().div_ceil(people.max(1)).max(1);
        let mut questions = Vec::new();
        for case in cases.iter().step_by(stride) {
            let mut history: Vec<u32> = Vec::new();
            for event in case.history {
                match distinct.of_row(event.item) {
                    Some(text) if !history.contains(&text) => history.push(text),
                    _ => {}
                }
            }
            for &item in case.held_out {
                if let Some(text) = distinct.of_row(item)
                    && !history.is_empty()
                    && !history.contains(&text)
                {
                    let asked = (case.user, history.as_slice(), text);
                    self.ask(asked, negatives, &mut rng, &mut questions);
                }
            }
        }
        questions
    }

    /// A question with the answer 1, and some with the answer 0.
    fn ask(
        &self,
        (person, before, target): (u32, &[u32], u32),
        negatives: usize,
        rng: &mut ChaCha8Rng,
        into: &mut Vec<Question>,
    ) {
        let newest = before.len().saturating_sub(self.config.length);
        let question = |text, label| Question {
            person,
            history: before[newest..].to_vec(),
            text,
            label,
        };
        into.push(question(target, true));
        let of_person = self.histories.all().get(person as usize);
        let likes = |text: u32| {
            let own = of_person.is_some_and(|h| h.contains(&text));
            own || text == target || before.contains(&text)
        };
        for _ in 0..negatives {
            let drawn = (0..TRIES)
                .map(|_| self.known[rng.random_range(0..self.known.len())])
                .find(|&text| !likes(text));
            into.extend(drawn.map(|text| question(text, false)));
        }
    }
}

/// The label of an event.
///
/// # Errors
/// [`FinetuneError::Data`] if its value is neither 0 nor 1.
pub(crate) fn label(event: &Event, user: u32) -> Result<bool, FinetuneError> {
    match event.value {
        0.0 => Ok(false),
        1.0 => Ok(true),
        other => Err(FinetuneError::Data {
            problem: format!(
                "an event of user number {user} has the value {other} where labels are 0 and 1; \
                 import a column of labels, or let negatives be sampled"
            ),
        }),
    }
}

/// Every event with a history before it as a question, by person.
///
/// # Errors
/// [`FinetuneError::Data`] if a value is neither 0 nor 1.
pub(crate) fn answered(
    log: &Interactions,
    distinct: &Distinct,
    length: usize,
) -> Result<Vec<Vec<Question>>, FinetuneError> {
    let of_user = |user: u32| {
        let mut liked: Vec<u32> = Vec::new();
        let mut questions = Vec::new();
        for event in log.of_user(user) {
            let label = label(event, user)?;
            let Some(text) = distinct.of_row(event.item) else {
                continue;
            };
            if !liked.is_empty() && !liked.contains(&text) {
                questions.push(Question {
                    person: user,
                    history: liked[liked.len().saturating_sub(length)..].to_vec(),
                    text,
                    label,
                });
            }
            if label && !liked.contains(&text) {
                liked.push(text);
            }
        }
        Ok(questions)
    };
    (0u32..).take(log.n_users()).map(of_user).collect()
}

fn two_classes(questions: &[Vec<Question>]) -> Result<(), FinetuneError> {
    let ones = questions.iter().flatten().filter(|q| q.label).count();
    let all = questions.iter().map(Vec::len).sum::<usize>();
    if ones > 0 && ones < all {
        return Ok(());
    }
    Err(FinetuneError::Data {
        problem: format!(
            "of {all} labels {ones} are 1; both classes are needed: import events with the value 0 \
             too, or let negatives be sampled"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::HistoriesConfig;
    use super::*;
    use semrec_data::{Clock, Part, Row};

    fn log(events: &[(u32, u32, f32)]) -> Interactions {
        let rows: Vec<Row> = events
            .iter()
            .zip(0..)
            .map(|(&(user, item, value), time)| Row {
                user,
                event: Event { item, value, time },
                kind: 0,
                part: Part::Train,
            })
            .collect();
        Interactions::from_rows(&rows, 2, 6, Clock::Position)
    }

    fn questions(log: &Interactions, labels: Labels) -> Result<Questions, FinetuneError> {
        let distinct = Distinct::of((0..6).map(Some));
        let histories = Histories::new(log, &distinct, HistoriesConfig::default())?;
        let config = QuestionsConfig {
            labels,
            targets: 9,
            length: 2,
        };
        Questions::new(log, &distinct, histories, config)
    }

    #[test]
    fn what_comes_next_is_a_one_and_what_others_touched_are_zeros() {
        let events = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 4), (1, 3)];
        let log = log(&events.map(|(u, i)| (u, i, 1.0)));
        let all = questions(&log, Labels::Sampled { negatives: 2 }).unwrap();
        let drawn = all.of_epoch(1, 1);
        assert_eq!(drawn, all.of_epoch(1, 1));
        // 3 targets of person 0, one of person 1, each with 2 negatives.
        assert_eq!(drawn.len(), 4 * 3);
        for q in drawn {
            match (q.person, q.label) {
                (0, true) => {
                    let expected: &[u32] = [&[0][..], &[0, 1], &[1, 2]][q.text as usize - 1];
                    assert_eq!(q.history, expected);
                }
                // Text 5 was touched by nobody, and person 0 touched all others but 4.
                (0, false) => assert_eq!(q.text, 4),
                (_, true) => assert_eq!((q.history, q.text), (vec![4], 3)),
                (_, false) => assert!(q.text < 3),
            }
        }
        let mut cases = Cases::default();
        cases.push(1, log.of_user(1), &[5]);
        let distinct = Distinct::of((0..6).map(Some));
        let held = all.held_out(&cases, &distinct, (1, 10));
        assert_eq!((held[0].text, held[0].label), (5, true));
        assert_eq!(held[0].history, [4, 3]);
        assert_eq!(held.len(), 3);
        assert!(held[1..].iter().all(|q| !q.label && q.text < 3));
    }

    #[test]
    fn given_labels_are_the_values() {
        let of = |events: &[(u32, u32, f32)]| questions(&log(events), Labels::Given);
        let events = [
            (0, 0, 1.0),
            (0, 1, 0.0),
            (0, 2, 1.0),
            (0, 3, 0.0),
            (1, 0, 0.0),
        ];
        let mut drawn = of(&events).unwrap().of_epoch(1, 1);
        drawn.sort_by_key(|q| q.text);
        let told = drawn.iter().map(|q| (q.history.clone(), q.text, q.label));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (vec![0], 1, false),
                (vec![0], 2, true),
                (vec![0, 2], 3, false)
            ]
        );
        let said = |events: &[(u32, u32, f32)]| of(events).unwrap_err().to_string();
        assert_eq!(
            said(&[(0, 0, 1.0), (0, 1, 4.5)]),
            "nothing to learn from: an event of user number 0 has the value 4.5 where labels are 0 \
             and 1; import a column of labels, or let negatives be sampled"
        );
        assert_eq!(
            said(&[(0, 0, 1.0), (0, 1, 1.0), (0, 2, 1.0)]),
            "nothing to learn from: of 2 labels 2 are 1; both classes are needed: import events \
             with the value 0 too, or let negatives be sampled"
        );
    }
}
