//! What a look at a data set says before anything is trained on it: PASS, WARN or FAIL for each
//! of a fixed list of checks, with figures and examples.
//!
//! | check | WARN | FAIL |
//! |---|---|---|
//! | `rejected-rows` | any row or cell of a source was rejected | |
//! | `duplicate-ids` | an id stood twice in a source; the first was kept | |
//! | `unknown-items` | interactions name items the catalogue lacks | more than half of the events |
//! | `empty-texts` | an item without text, or none with | |
//! | `duplicate-texts` | more than 1% of the items say the same as an earlier one | |
//! | `knowledge`, of a knowledge graph | fewer than half of the items are entities | |
//! | `constant-fields` | a column with one value throughout | |
//! | `interactions`, in place of all below | there are none | |
//! | `untouched-items` | more than half of the items have no event | |
//! | `heavy-user`, `heavy-item` | has 10% of all events | 40% |
//! | `one-event-users` | more than half of the users | |
//! | `leave-one-out` | fewer than a fifth of the users have 3 distinct items | nobody has |
//! | `density` | below one in a million, or above a half | no event |
//! | `repeated-events` | more than a fifth repeat a pair of user and item | |
//! | `constant-values` | a value column with one value | |
//! | `clock` | no timestamps, or no order at all | |
//! | `time-order` | more than a fifth have the time of the event before | all times equal |
//! | `future-events` | an event after now | 10% of them |

mod activity;
mod sources;
mod tables;
mod times;

use crate::{Dataset, ImportReport};
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Pass,
    /// Usable, but results may not mean what they seem to.
    Warn,
    /// Not to be used as it is.
    Fail,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        })
    }
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, e.g. `heavy-user`.
    pub name: &'static str,
    /// Its verdict.
    pub level: Level,
    /// What was found, in figures.
    pub message: String,
    /// Ids or values it was found in.
    pub examples: Vec<String>,
}

impl Check {
    fn new(name: &'static str, level: Level, message: impl Into<String>) -> Self {
        Self {
            name,
            level,
            message: message.into(),
            examples: Vec::new(),
        }
    }

    fn with(mut self, examples: Vec<String>) -> Self {
        self.examples = examples;
        self
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {:15}  {}", self.level, self.name, self.message)?;
        if !self.examples.is_empty() {
            write!(f, "; e.g. {}", self.examples.join(", "))?;
        }
        Ok(())
    }
}

/// What [`validate`] is told beside the data.
#[derive(Clone, Copy, Debug)]
pub struct ValidateOptions<'a> {
    /// Unix seconds; without it the future is not looked for.
    pub now: Option<i64>,
    /// The report of the import ([`ImportReport::load`]); without it nothing is said of what the
    /// sources held.
    pub report: Option<&'a ImportReport>,
    /// Examples for each check at most. Default: 3.
    pub examples: usize,
}

impl Default for ValidateOptions<'_> {
    fn default() -> Self {
        Self {
            now: None,
            report: None,
            examples: 3,
        }
    }
}

/// Runs all checks, in the order of the table above.
#[must_use]
pub fn validate(dataset: &Dataset, options: &ValidateOptions<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(report) = options.report {
        checks.extend(sources::checks(dataset, report, options.examples));
    }
    checks.extend(tables::checks(dataset, options.examples));
    if dataset.interactions.is_empty() && dataset.interactions.n_users() == 0 {
        checks.push(alone());
        return checks;
    }
    checks.extend(activity::checks(dataset, options.examples));
    checks.extend(times::checks(dataset, options));
    checks
}

/// A catalogue without people.
fn alone() -> Check {
    Check::new(
        "interactions",
        Level::Warn,
        "none: the items can be mined, embedded and searched (model content); every other model, tuning and evaluation need interactions",
    )
}

/// `part` of `whole` as a share between 0 and 1; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// For people: `12.3%`, and never `0.0%` for something.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent > 0.0 && percent < 0.1 {
        return "under 0.1%".into();
    }
    format!("{percent:.1}%")
}

fn level(warn: bool, fail: bool) -> Level {
    match (warn, fail) {
        (_, true) => Level::Fail,
        (true, false) => Level::Warn,
        (false, false) => Level::Pass,
    }
}
