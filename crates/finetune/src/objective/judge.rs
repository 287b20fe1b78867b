//! The validation of objectives that rank: ndcg@10 of what was held out among all items, by the
//! vectors as they are now.

use super::catalogue::Catalogue;
use crate::{FinetuneError, Manner, Network};
use semrec_data::Cases;
use semrec_train::{HeldOut, Measured, Parameters, TrainError, ndcg};
use std::cell::Cell;

/// Most people asked.
const MOST: usize = 4_000;

/// What was held out, of some people.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    held_out: Vec<HeldOut>,
    /// Who it is of.
    people: Vec<u32>,
    /// Their histories by distinct texts, newest last.
    histories: Vec<Vec<u32>>,
}

/// A person a judge asks about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) person: u32,
    /// Texts, newest last; never empty.
    pub(crate) history: &'a [u32],
}

impl Judge {
    /// Asks about evenly taken cases; of each the first item held out that says anything.
    pub(crate) fn new(cases: &Cases, catalogue: &Catalogue) -> Result<Self, FinetuneError> {
        let mut judge = Self {
            held_out: Vec::new(),
            people: Vec::new(),
            histories: Vec::new(),
        };
        for case in cases.iter().step_by(cases.len().div_ceil(MOST).max(1)) {
            let says = |item: &&u32| catalogue.distinct.of_row(**item).is_some();
            let mut texts: Vec<u32> = Vec::new();
            for event in case.history {
                match catalogue.distinct.of_row(event.item) {
                    Some(text) if !texts.contains(&text) => texts.push(text),
                    _ => {}
                }
            }
            if let Some(&item) = case.held_out.iter().find(says)
                && !texts.is_empty()
            {
                judge.held_out.push(HeldOut {
                    history: case.history.iter().map(|e| e.item).collect(),
                    item,
                });
                judge.people.push(case.user);
                judge.histories.push(texts);
            }
        }
        if judge.held_out.is_empty() {
            return Err(FinetuneError::Data {
                problem: "nothing is held out to tell when to end: people with a history and a \
                          later event, both of items with texts, are needed; take another split"
                    .to_owned(),
            });
        }
        Ok(judge)
    }

    /// Who is asked about.
    pub(crate) fn people(&self) -> impl Iterator<Item = Asked<'_>> {
        let both = self.people.iter().zip(&self.histories);
        both.map(|(&person, history)| Asked { person, history })
    }

    /// ndcg@10 by the encoder of now; `people` makes unit vectors of those asked about, `[n, dim]`,
    /// from the vectors of the texts.
    pub(crate) fn measure(
        &self,
        network: &Network,
        parameters: &Parameters,
        catalogue: &Catalogue,
        people: impl Fn(&[Asked<'_>], &[f32]) -> Vec<f32>,
    ) -> Result<Measured, TrainError> {
        let texts = network.values(parameters, &catalogue.sequences, Manner::PLAIN);
        self.by_vectors((&texts, network.dim()), catalogue, people)
    }

    /// The same by vectors of the texts, `[texts, dim]`.
    pub(crate) fn by_vectors(
        &self,
        (texts, dim): (&[f32], usize),
        catalogue: &Catalogue,
        people: impl Fn(&[Asked<'_>], &[f32]) -> Vec<f32>,
    ) -> Result<Measured, TrainError> {
        if texts.iter().any(|x| !x.is_finite()) {
            // Nothing is above what is no number: it would come first.
            return Ok(Measured::from(f64::NAN));
        }
        let table = catalogue.items(texts, dim);
        let asked: Vec<Asked<'_>> = self.people().collect();
        let done = Cell::new(0);
        let value = ndcg(&self.held_out, (&table, dim), |held| {
            let from = done.replace(done.get() + held.len());
            let states = people(&asked[from..][..held.len()], texts);
            Ok::<_, TrainError>(states)
        })?;
        Ok(Measured::from(value))
    }
}
