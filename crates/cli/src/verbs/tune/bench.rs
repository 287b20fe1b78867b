//! One trial: a model fitted on the training part, measured on the validation part.

use super::spaces::Asked;
use crate::args::{CandidateSet, QueryKind, TuneArgs};
use crate::context::Context;
use crate::experiment::{Ranker, without_history};
use crate::texts::Texts;
use anyhow::bail;
use semrec_data::{Cases, Dataset, Facts, Interactions, split};
use semrec_eval::{Evaluation, Options, evaluate};
use semrec_models::{Candidates, Training, fit};
use semrec_tune::{Question, Trial, part_of, share_of, with_values};
use std::borrow::Cow;
use std::time::Instant;
use toml::{Table, Value};

/// What all trials have in common. The test part is not here.
pub(super) struct Bench<'a> {
    seed: u64,
    train: Interactions,
    validation: Cases,
    allowed: Option<Vec<bool>>,
    texts: Option<&'a Texts>,
    facts: Option<Facts>,
    args: &'a TuneArgs,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        context: &Context,
        dataset: &Dataset,
        texts: Option<&'a Texts>,
        args: &'a TuneArgs,
    ) -> anyhow::Result<Self> {
        let parts = split(&dataset.interactions, args.split, context.seed)?;
        let validation = match args.query {
            QueryKind::Text => without_history(&parts.validation),
            QueryKind::History | QueryKind::Both => parts.validation,
        };
        if validation.is_empty() || parts.train.is_empty() {
            bail!(
                "the split {} of {} leaves {} events to fit on and {} people to ask about for validation; take another --split",
                args.split,
                dataset.name,
                parts.train.len(),
                validation.len()
            );
        }
        let counts = || parts.train.item_counts();
        Ok(Self {
            seed: context.seed,
            allowed: (args.candidates == CandidateSet::Cold)
                .then(|| counts().iter().map(|&n| n == 0).collect()),
            train: parts.train,
            validation,
            texts,
            facts: Facts::of(dataset, args.facts.facts)?,
            args,
        })
    }

    /// Events that models are fitted on.
    pub(super) fn fitted_on(&self) -> usize {
        self.train.len()
    }

    /// People that are asked about.
    pub(super) fn people(&self) -> usize {
        self.validation.len()
    }

    /// The answer to a question. What went wrong is an answer too. `progress` is told what is
    /// being done.
    pub(super) fn trial(
        &self,
        asked: &Asked,
        question: Question,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Trial {
        let mut params = with_values(&asked.fixed, &question.values);
        // The share is of the rounds where the model has some, else of the people.
        let people = match asked.space.rounds() {
            Some(rounds) if question.share < 1.0 => {
                shorten(&mut params, rounds, &asked.start, question.share);
                1.0
            }
            _ => question.share,
        };
        let training = Training {
            interactions: &self.train,
            item_vectors: self.texts.map(|t| &t.items),
            item_facts: self.facts.as_ref(),
            user_vectors: self.texts.and_then(|t| t.users.as_ref()),
            tower: self.texts.and_then(|t| t.tower),
            horizon: self.args.split.into(),
            seed: self.seed,
            run: None,
            progress: &|label, _, _| progress(label),
        };
        let began = Instant::now();
        let fitted = fit(&asked.model, &params, &training);
        let fit_seconds = began.elapsed().as_secs_f64();
        let model = match fitted {
            Ok(model) => model,
            Err(error) => {
                return Trial {
                    fit_seconds,
                    ..Trial::failed(question, error.to_string())
                };
            }
        };
        progress("ranking for the people of the validation part");
        let began = Instant::now();
        let ranker = Ranker {
            model: &*model,
            users: match self.args.query {
                QueryKind::History => None,
                QueryKind::Text | QueryKind::Both => self.texts.and_then(|t| t.users.as_ref()),
            },
            candidates: Candidates {
                exclude_seen: !self.args.include_seen,
                allowed: self.allowed.as_deref(),
            },
        };
        let vectors = self.texts.map(|t| (t.items.as_slice(), t.items.dim()));
        let measured = evaluate(
            &self.share(people),
            &ranker,
            &semrec_eval::Context::new(&self.train, vectors),
            &Options {
                ks: vec![self.args.metric.k],
                keep: 0,
            },
            &|_, _| {},
        );
        Trial {
            fit_seconds,
            evaluate_seconds: began.elapsed().as_secs_f64(),
            ..self.answer(question, &measured)
        }
    }

    fn answer(&self, question: Question, measured: &Evaluation) -> Trial {
        let name = self.args.metric.to_string();
        let value = measured.metrics.get(&name).copied();
        let figures = measured.metrics.iter();
        Trial {
            standard_error: standard_error(measured, &name),
            metrics: figures
                .filter(|(_, value)| value.is_finite())
                .map(|(name, &value)| (name.to_owned(), value))
                .collect(),
            ..Trial::measured(question, value.unwrap_or(f64::NAN))
        }
    }

    /// The cases of a share of the people: the same ones for every model, and among those of any
    /// larger share.
    fn share(&self, share: f64) -> Cow<'_, Cases> {
        if share >= 1.0 {
            return Cow::Borrowed(&self.validation);
        }
        let mut cases = Cases::default();
        for index in share_of(self.validation.len(), share, self.seed) {
            let case = self.validation.get(index);
            cases.push(case.user, case.history, case.held_out);
        }
        Cow::Owned(cases)
    }
}

/// Gives the model a share of its rounds.
fn shorten(params: &mut Table, rounds: &str, start: &Table, share: f64) {
    let all = params.get(rounds).or_else(|| start.get(rounds));
    let all = all
        .and_then(Value::as_integer)
        .and_then(|n| usize::try_from(n).ok());
    if let Some(all) = all
        && let Ok(some) = i64::try_from(part_of(all, share))
    {
        params.insert(rounds.to_owned(), Value::Integer(some));
    }
}

/// Of the mean over the people: their standard deviation over the root of their number.
#[expect(clippy::cast_precision_loss, reason = "people are fewer than 2^53")]
fn standard_error(measured: &Evaluation, metric: &str) -> f64 {
    let cases = &measured.per_case;
    let Some(column) = cases.names().iter().position(|n| n == metric) else {
        return 0.0;
    };
    let n = cases.len() as f64;
    let values = || cases.rows().map(|row| f64::from(row[column]));
    let mean = values().sum::<f64>() / n;
    let squares: f64 = values().map(|x| (x - mean).powi(2)).sum();
    if n > 1.0 {
        (squares / (n - 1.0) / n).sqrt()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_rounds() {
        let start: Table = "iterations = 16".parse().unwrap();
        let mut params = Table::new();
        shorten(&mut params, "iterations", &start, 1.0 / 9.0);
        assert_eq!(params["iterations"], Value::Integer(2));
        let mut params: Table = "iterations = 30".parse().unwrap();
        shorten(&mut params, "iterations", &start, 1.0 / 3.0);
        assert_eq!(params["iterations"], Value::Integer(10));
    }
}
