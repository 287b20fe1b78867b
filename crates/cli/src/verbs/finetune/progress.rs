//! How far a training is: a bar on a terminal; elsewhere a line each half minute, and one for each
//! epoch.

use crate::console::Console;
use crate::pace::time;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use semrec_train::News;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two plain lines.
const SILENCE: Duration = Duration::from_secs(30);

/// Shows one training.
pub(super) struct Progress<'a> {
    console: &'a Console,
    bar: ProgressBar,
    state: Mutex<State>,
}

struct State {
    /// When the first step of this run was told of, and which it was of all.
    began: Option<(Instant, u64)>,
    said: Instant,
}

impl<'a> Progress<'a> {
    pub(super) fn new(console: &'a Console) -> Self {
        let shown = console.is_terminal() && !console.is_quiet();
        let target = if shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        let style = ProgressStyle::with_template("  train {wide_bar:.cyan/blue} {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self {
            console,
            bar,
            state: Mutex::new(State {
                began: None,
                said: Instant::now(),
            }),
        }
    }

    pub(super) fn told(&self, news: &News<'_>) {
        match *news {
            News::Step {
                epoch,
                epochs,
                step,
                steps,
                loss,
            } => {
                let (done, all) = ((epoch - 1) * steps + step, epochs * steps);
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                let (began, first) = *state.began.get_or_insert((Instant::now(), done));
                let mut line =
                    format!("epoch {epoch} of {epochs}, step {step} of {steps}, loss {loss:.4}");
                if done > first {
                    let rest = left(began.elapsed().as_secs_f64(), done - first, all - done);
                    line.push_str(&format!(", at most {} left", time(rest)));
                }
                self.bar.set_length(all);
                self.bar.set_position(done);
                if !self.console.is_terminal() && state.said.elapsed() >= SILENCE {
                    state.said = Instant::now();
                    self.console.note(format!("  {line}"));
                }
                self.bar.set_message(line);
            }
            News::Epoch {
                epoch,
                epochs,
                loss,
                measure,
                measured,
            } => {
                let mut line = match epoch {
                    0 => "before training".to_owned(),
                    _ => format!("epoch {epoch} of {epochs}: loss {loss:.4}"),
                };
                line.push_str(&format!(", validation {measure} {:.4}", measured.value));
                for (name, value) in &measured.also {
                    let name = name.rsplit('/').next().unwrap_or(name);
                    line.push_str(&format!(", {name} {value:.4}"));
                }
                self.bar.suspend(|| self.console.note(format!("  {line}")));
            }
            News::Said(line) => self.bar.suspend(|| self.console.note(format!("  {line}"))),
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Seconds left, as fast as it went.
#[expect(clippy::cast_precision_loss, reason = "a guess for people")]
fn left(seconds: f64, done: u64, open: u64) -> f64 {
    seconds * open as f64 / done as f64
}
