//! Progress of a run over texts whose number may not be known: a bar with rate and time left on a
//! terminal, a plain line every ten seconds elsewhere.
//!
//! How much is done is told by the position in the input (bytes or rows), how fast it goes by the
//! texts encoded in this run; what an earlier run had done counts for neither.

use crate::console::Console;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two plain lines.
const SILENCE: Duration = Duration::from_secs(10);

/// Where the run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Texts done, by earlier runs too.
    pub(crate) texts: u64,
    /// Texts encoded in this run.
    pub(crate) encoded: u64,
    /// Position in the input.
    pub(crate) position: u64,
}

/// Shows the progress of one run.
#[derive(Debug)]
pub(crate) struct Pace {
    bar: ProgressBar,
    lines: bool,
    /// Position of the end.
    total: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When and where the first text of this run was about to be encoded.
    began: (Instant, u64),
    last: Reached,
    said: Instant,
}

impl Pace {
    pub(crate) fn new(console: &Console, total: u64) -> Self {
        let shown = console.is_terminal() && !console.is_quiet();
        let target = if shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let style = ProgressStyle::with_template("  embed {wide_bar:.cyan/blue} {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let now = Instant::now();
        Self {
            bar,
            lines: !console.is_terminal() && !console.is_quiet(),
            total,
            state: Mutex::new(State {
                began: (now, 0),
                last: Reached::default(),
                said: now,
            }),
        }
    }

    /// The run is there now; what threads report out of order is passed over.
    pub(crate) fn tell(&self, reached: Reached) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if reached.texts < state.last.texts {
            return;
        }
        state.last = reached;
        if reached.encoded == 0 {
            state.began = (Instant::now(), reached.position);
        }
        let line = self.line(&state);
        if self.lines && state.said.elapsed() >= SILENCE {
            state.said = Instant::now();
            writeln!(std::io::stderr(), "  {line}").ok();
        }
        self.bar.set_position(reached.position);
        self.bar.set_message(line);
    }

    fn line(&self, state: &State) -> String {
        let span = Span {
            seconds: state.began.0.elapsed().as_secs_f64(),
            from: state.began.1,
            to: self.total,
        };
        span.line(state.last)
    }

    /// A line of its own, above the bar.
    pub(crate) fn note(&self, console: &Console, text: &str) {
        self.bar.suspend(|| console.note(text));
    }

    /// Takes the bar away; how many texts were encoded, and in how many seconds.
    pub(crate) fn finish(&self) -> (u64, f64) {
        self.bar.finish_and_clear();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.last.encoded, state.began.0.elapsed().as_secs_f64())
    }
}

/// What part of the input a run has to do, and how long it has been at it.
struct Span {
    seconds: f64,
    from: u64,
    to: u64,
}

impl Span {
    /// `12,345 texts, 45 %, 312 texts/s, 2m 5s left`; without rate and rest before there is one.
    #[expect(
        clippy::cast_precision_loss,
        reason = "shares and rates for people need few digits"
    )]
    fn line(&self, reached: Reached) -> String {
        let share = 100.0 * reached.position as f64 / self.to.max(1) as f64;
        let mut line = format!("{} texts, {share:.0} %", HumanCount(reached.texts));
        let done = reached.position.saturating_sub(self.from) as f64;
        if reached.encoded > 0 && self.seconds > 0.0 && done > 0.0 {
            let rate = reached.encoded as f64 / self.seconds;
            let rest = self.to.saturating_sub(reached.position) as f64 * self.seconds / done;
            let digits = usize::from(rate < 10.0);
            line.push_str(&format!(", {rate:.digits$} texts/s, {} left", time(rest)));
        }
        line
    }
}

/// `3h 5m`, `2m 5s` or `7s`.
pub(crate) fn time(seconds: f64) -> String {
    let seconds = Duration::from_secs_f64(seconds.clamp(0.0, 1e9)).as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    if hours > 0 {
        format!("{hours}h {minutes}m")
    } else if minutes > 0 {
        format!("{minutes}m {}s", seconds % 60)
    } else {
        format!("{seconds}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From 200 of 1000 bytes, the earlier ones being an earlier run's: 400 bytes in 8 s leave
    /// 400 bytes, 8 s; 2,000 texts in 8 s are 250 a second.
    #[test]
    fn rate_and_rest_are_of_this_run() {
        let line = |seconds, texts, encoded, position| {
            let span = Span {
                seconds,
                from: 200,
                to: 1000,
            };
            span.line(Reached {
                texts,
                encoded,
                position,
            })
        };
        for (got, expected) in [
            (line(0.0, 1000, 0, 200), "1,000 texts, 20 %"),
            (
                line(8.0, 3000, 2000, 600),
                "3,000 texts, 60 %, 250 texts/s, 8s left",
            ),
            (
                line(8.0, 1020, 20, 201),
                "1,020 texts, 20 %, 2.5 texts/s, 1h 46m left",
            ),
            (
                line(100.0, 5000, 4000, 1000),
                "5,000 texts, 100 %, 40 texts/s, 0s left",
            ),
        ] {
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn times_for_people() {
        for (seconds, expected) in [(7.9, "7s"), (125.0, "2m 5s"), (11_100.0, "3h 5m")] {
            assert_eq!(time(seconds), expected);
        }
    }
}
