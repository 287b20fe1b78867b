//! What people see: results on standard output, progress on standard error.
//!
//! On a terminal a step shows a bar; elsewhere it prints a plain line when it is done.

use comfy_table::{ContentArrangement, LineStyle, Table, presets};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Where everything is said.
#[derive(Debug)]
pub(crate) struct Console {
    quiet: bool,
    terminal: bool,
    step: Mutex<Option<Step>>,
}

#[derive(Debug)]
struct Step {
    label: String,
    bar: ProgressBar,
    began: Instant,
}

impl Console {
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            terminal: std::io::stderr().is_terminal(),
            step: Mutex::new(None),
        }
    }

    /// Whether progress is not wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether progress goes to a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// A line of the answer. A reader that went away (`| head`) ends the program, quietly.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        self.finish();
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{}", text.as_ref()).is_err() {
            std::process::exit(0);
        }
    }

    /// A line about how it goes; not part of the answer.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        self.finish();
        if !self.quiet {
            // If even the error stream is closed there is nobody to tell.
            writeln!(std::io::stderr(), "{}", text.as_ref()).ok();
        }
    }

    /// Progress of a step: `done` of `total`; a new label ends the step before it. What follows
    /// " — " in the label is news of the same step: shown beside the bar, a line each elsewhere.
    pub(crate) fn progress(&self, label: &str, done: usize, total: usize) {
        if self.quiet {
            return;
        }
        let (label, news) = label.split_once(" — ").unwrap_or((label, ""));
        let mut step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        if step.as_ref().is_none_or(|s| s.label != label) {
            self.end(&mut step);
            *step = Some(Step {
                label: label.to_owned(),
                bar: self.bar(label),
                began: Instant::now(),
            });
        }
        if let Some(current) = &*step {
            if !news.is_empty() {
                current.bar.set_message(format!("{label}: {news}"));
                if !self.terminal {
                    writeln!(std::io::stderr(), "  {label}: {news}").ok();
                }
            }
            current.bar.set_length(total as u64);
            // Threads report out of order; the bar only goes forward.
            current
                .bar
                .set_position(current.bar.position().max(done as u64));
        }
    }

    /// Ends the running step, if there is one.
    pub(crate) fn finish(&self) {
        let mut step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        self.end(&mut step);
    }

    fn end(&self, step: &mut Option<Step>) {
        let Some(step) = step.take() else {
            return;
        };
        step.bar.finish_and_clear();
        let took = step.began.elapsed();
        if took.as_millis() >= 100 {
            writeln!(
                std::io::stderr(),
                "  {} ({:.1} s)",
                step.label,
                took.as_secs_f64()
            )
            .ok();
        }
    }

    fn bar(&self, label: &str) -> ProgressBar {
        let target = if self.terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = ProgressStyle::with_template(
            "  {msg} {wide_bar:.cyan/blue} {human_pos}/{human_len} {eta}",
        );
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_message(label.to_owned());
        bar
    }

    /// A table as wide as the terminal.
    pub(crate) fn table<H, R>(&self, header: H, rows: R, right_from: usize)
    where
        H: IntoIterator<Item = String>,
        R: IntoIterator<Item = Vec<String>>,
    {
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()))
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(header);
        if !std::io::stdout().is_terminal() {
            table.set_width(120);
        }
        table.add_rows(rows);
        for column in table.column_iter_mut().skip(right_from) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
        self.line(table.to_string());
    }
}

/// A line of a log, on standard error.
pub(crate) fn log(line: &str) {
    // If even the error stream is closed there is nobody to tell.
    writeln!(std::io::stderr(), "{line}").ok();
}

/// `12.3 s` or `2 minutes`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 100.0 {
        format!("{seconds:.1} s")
    } else {
        HumanDuration(std::time::Duration::from_secs_f64(seconds)).to_string()
    }
}
