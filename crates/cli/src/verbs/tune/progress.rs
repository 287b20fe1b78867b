//! How far the search of a model is: a bar on a terminal, and a line for each trial.

use crate::console::Console;
use crate::pace::time;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use semrec_tune::{Question, Search, Trial};

/// Shows the search of one model.
pub(super) struct Progress<'a> {
    console: &'a Console,
    model: &'a str,
    bar: ProgressBar,
}

impl<'a> Progress<'a> {
    pub(super) fn new(console: &'a Console, model: &'a str, search: &Search) -> Self {
        let shown = console.is_terminal() && !console.is_quiet();
        let target = if shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(search.total() as u64), target);
        let style =
            ProgressStyle::with_template("  {prefix} {wide_bar:.cyan/blue} {pos}/{len} {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_prefix(model.to_owned());
        bar.set_position(search.trials().len() as u64);
        Self {
            console,
            model,
            bar,
        }
    }

    /// What is being done for a trial.
    pub(super) fn doing(&self, question: &Question, what: &str) {
        let own = format!("{}: ", self.model);
        let what = what.strip_prefix(&own).unwrap_or(what);
        self.bar
            .set_message(format!("trial {}: {what}", question.number));
    }

    /// The last trial of the search ended.
    pub(super) fn told(&self, search: &Search, metric: &str, budget: Option<f64>) {
        let Some(trial) = search.trials().last() else {
            return;
        };
        self.bar.set_position(search.trials().len() as u64);
        let text = line(search, trial, metric, budget);
        self.note(&format!("  {} {text}", self.model));
    }

    /// A line above the bar.
    pub(super) fn note(&self, text: &str) {
        self.bar.suspend(|| self.console.note(text));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// `12/30: ndcg@10 0.0431 with lambda=120.5 (2.1 s); best 0.0440 of trial 4; 1m 12s left`
fn line(search: &Search, trial: &Trial, metric: &str, budget: Option<f64>) -> String {
    let (done, total) = (search.trials().len(), search.total());
    let mut line = match (&trial.value, &trial.error) {
        (Some(value), _) => format!("{done}/{total}: {metric} {value:.4}"),
        (None, error) => format!(
            "{done}/{total}: failed: {}",
            error.as_deref().unwrap_or("nothing was measured")
        ),
    };
    if !trial.is_full() {
        line.push_str(&format!(" at {:.0} % of the effort", 100.0 * trial.share));
    }
    let settings = super::output::settings(&trial.values);
    if !settings.is_empty() {
        line.push_str(&format!(" with {settings}"));
    }
    line.push_str(&format!(" ({:.1} s)", trial.seconds()));
    if let Some(best) = search.best()
        && let Some(value) = best.value
    {
        line.push_str(&format!("; best {value:.4} of trial {}", best.number));
    }
    if let Some(rest) = rest(search, budget) {
        line.push_str(&format!("; {} left", time(rest)));
    }
    line
}

/// Seconds until the end, by the mean of the trials that worked; those of less effort than the
/// rest count as they were.
#[expect(clippy::cast_precision_loss, reason = "trials are few")]
fn rest(search: &Search, budget: Option<f64>) -> Option<f64> {
    let left = search.total().saturating_sub(search.trials().len());
    let spent: f64 = search.trials().iter().map(Trial::seconds).sum();
    let each = spent / search.trials().len().max(1) as f64;
    let rest = each * left as f64;
    let rest = budget.map_or(rest, |budget| rest.min((budget - spent).max(0.0)));
    (left > 0).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_tune::{Method, Plan, Space};

    /// Two trials of 3 s leave two of four: 6 s, or what is left of a budget of 10.
    #[test]
    fn a_line_says_how_it_goes() {
        let mut search = Search::new(Plan {
            space: Space::default().even("x", 0.0, 1.0),
            method: Method::Random,
            trials: 4,
            seed: 1,
            start: "x = 0.5".parse().unwrap(),
        });
        for value in [0.25, f64::NAN] {
            let question = Question {
                values: [("x".to_owned(), toml::Value::Float(0.5))].into(),
                ..search.ask().unwrap()
            };
            let trial = Trial::measured(question, value);
            search.tell(Trial {
                fit_seconds: 1.0,
                evaluate_seconds: 2.0,
                ..trial
            });
        }
        let said =
            |number: usize, budget| line(&search, &search.trials()[number], "ndcg@10", budget);
        insta::assert_snapshot!(said(0, None), @"2/4: ndcg@10 0.2500 with x=0.5 (3.0 s); best 0.2500 of trial 0; 6s left");
        insta::assert_snapshot!(said(1, Some(10.0)), @"2/4: failed: the metric is NaN with x=0.5 (3.0 s); best 0.2500 of trial 0; 4s left");
    }
}
