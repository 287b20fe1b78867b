//! A search: asked for the next settings, told how they did.
//!
//! What is asked next is a function of the plan and of the trials so far. Each question has its
//! own generator, the plan's seed with the number of the settings as its stream, so none depends
//! on what was drawn before.

use crate::space::Space;
use crate::trial::best;
use crate::{Question, Trial, TuneError, halving, tpe};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use toml::{Table, Value};

/// How settings are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Each part of the space alike (Bergstra and Bengio 2012).
    Random,
    /// Where good trials are denser than bad ones (Bergstra et al. 2011).
    Tpe,
    /// Many with little effort, the best third again with three times as much (Jamieson and
    /// Talwalkar 2016).
    Halving,
}

impl FromStr for Method {
    type Err = TuneError;

    fn from_str(s: &str) -> Result<Self, TuneError> {
        match s {
            "random" => Ok(Self::Random),
            "tpe" => Ok(Self::Tpe),
            "halving" => Ok(Self::Halving),
            _ => Err(TuneError::Method(s.to_owned())),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Random => "random",
            Self::Tpe => "tpe",
            Self::Halving => "halving",
        })
    }
}

/// What a search follows from.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is searched.
    pub space: Space,
    /// How.
    pub method: Method,
    /// How many different settings are tried.
    pub trials: usize,
    /// Seed of every draw.
    pub seed: u64,
    /// The parameters the model has without being tuned; they are the first settings.
    pub start: Table,
}

impl Plan {
    /// The generator of the settings of this number.
    pub(crate) fn rng(&self, setting: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(setting as u64);
        rng
    }

    /// The settings of this number, drawn without looking at others; number 0 are the start.
    pub(crate) fn drawn(&self, setting: usize) -> BTreeMap<String, Value> {
        if setting == 0 {
            self.space.values_of(&self.start)
        } else {
            self.space.draw(&mut self.rng(setting))
        }
    }
}

/// A plan, and the trials so far.
#[derive(Clone, Debug)]
pub struct Search {
    plan: Plan,
    done: Vec<Trial>,
}

impl Search {
    /// Nothing tried yet. Without anything to search, the start alone is measured.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            done: Vec::new(),
        }
    }

    /// What to measure next; `None` when all is done.
    #[must_use]
    pub fn ask(&self) -> Option<Question> {
        let plan = &self.plan;
        let number = self.done.len();
        if number >= self.total() {
            return None;
        }
        if plan.method == Method::Halving && !plan.space.is_empty() {
            return halving::ask(plan, &self.done);
        }
        let values = match plan.method {
            Method::Tpe if number > 0 => tpe::suggest(plan, &self.done),
            Method::Tpe | Method::Random | Method::Halving => plan.drawn(number),
        };
        Some(Question {
            number,
            setting: number,
            share: 1.0,
            values,
        })
    }

    /// Takes the answer to the last question.
    pub fn tell(&mut self, trial: Trial) {
        self.done.push(trial);
    }

    /// How many trials it will be in all.
    #[must_use]
    pub fn total(&self) -> usize {
        let settings = self.plan.trials;
        if self.plan.space.is_empty() {
            settings.min(1)
        } else if self.plan.method == Method::Halving {
            halving::total(settings)
        } else {
            settings
        }
    }

    /// The trials so far.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        &self.done
    }

    /// What it follows from.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The best trial with all the effort; the earliest of equals.
    #[must_use]
    pub fn best(&self) -> Option<&Trial> {
        best(&self.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Space {
        Space::default()
            .even("x", 0.0, 1.0)
            .by_powers("y", 1e-3, 1e3)
            .whole_by_powers("n", 1, 100)
            .one_of("kind", &["a", "b", "c"])
    }

    fn plan(method: Method, seed: u64) -> Plan {
        let start = "x = 0.5\ny = 0\nn = 10\nkind = \"a\"".parse().unwrap();
        Plan {
            space: space(),
            method,
            trials: 30,
            seed,
            start,
        }
    }

    /// Best at x = 0.2, y = 10, kind b; large y and kind c fail now and then.
    fn answer(question: Question) -> Trial {
        let number = |key: &str| {
            let value = &question.values[key];
            value.as_float().or(value.as_integer().map(|i| i as f64))
        };
        let x = number("x").unwrap();
        let y = number("y").unwrap().max(1e-6).log10();
        let kind = question.values["kind"].as_str().unwrap().to_owned();
        if kind == "c" && y > 2.0 {
            return Trial::failed(question, "too large");
        }
        let bonus = if kind == "b" { 0.3 } else { 0.0 };
        let value = bonus - (x - 0.2).powi(2) - 0.1 * (y - 1.0).powi(2);
        Trial::measured(question, value)
    }

    fn run(mut search: Search) -> Search {
        while let Some(question) = search.ask() {
            search.tell(answer(question));
        }
        search
    }

    #[test]
    fn a_search_that_goes_on_asks_what_it_would_have_asked() {
        for method in [Method::Random, Method::Tpe, Method::Halving] {
            let whole = run(Search::new(plan(method, 7)));
            assert_eq!(whole.trials().len(), whole.total());
            for stopped in [1, 5, 17, 29] {
                let mut again = Search::new(plan(method, 7));
                for trial in &whole.trials()[..stopped] {
                    // As a journal has it.
                    let line = serde_json::to_string(trial).unwrap();
                    again.tell(serde_json::from_str(&line).unwrap());
                }
                assert_eq!(run(again).trials(), whole.trials(), "{method}, {stopped}");
            }
            let other = run(Search::new(plan(method, 8)));
            assert_ne!(other.trials()[1].values, whole.trials()[1].values);
        }
    }

    #[test]
    fn the_first_settings_are_the_start_and_the_rest_lie_inside() {
        for method in [Method::Random, Method::Tpe, Method::Halving] {
            let search = run(Search::new(plan(method, 3)));
            assert_eq!(search.trials()[0].values["x"], Value::Float(0.5));
            assert_eq!(search.trials()[0].values["y"], Value::Integer(0));
            let drawn = search.trials().iter().filter(|t| t.setting > 0);
            for trial in drawn {
                for parameter in space().parameters() {
                    let value = &trial.values[&parameter.name];
                    assert!(parameter.range.place(value).is_some(), "{value}");
                }
            }
        }
    }

    /// Over ten seeds, on a function with a failing corner: the mean of what 30 trials find.
    #[test]
    fn tpe_finds_more_than_chance() {
        let found = |method| {
            let seeds = 0..10;
            let best = seeds.map(|seed| {
                let search = run(Search::new(plan(method, seed)));
                search.best().unwrap().value.unwrap()
            });
            best.sum::<f64>() / 10.0
        };
        let (tpe, random) = (found(Method::Tpe), found(Method::Random));
        assert!(tpe > random + 0.01, "{tpe} and {random}");
        assert!(tpe > 0.27, "{tpe}");
    }

    #[test]
    fn without_parameters_there_is_one_trial() {
        for method in [Method::Random, Method::Tpe, Method::Halving] {
            let mut search = Search::new(Plan {
                space: Space::default(),
                ..plan(method, 1)
            });
            let question = search.ask().unwrap();
            assert_eq!((question.share, question.values.len()), (1.0, 0));
            search.tell(Trial::measured(question, 1.0));
            assert_eq!(search.ask(), None);
        }
    }
}
