//! The page: one HTML file that needs nothing else, no script, no font, no network.
//!
//! `page` lays out what the template says, `bars`, `lines` and `scatter` are its charts: SVG in
//! the page's own colours, so that they turn dark with it. Every chart's values also stand in a
//! table. All text is escaped by the template engine. `tuning` is the page of a search,
//! `finetuning` that of a tuned encoder, in the same style.

mod bars;
mod finetuning;
mod format;
mod headline;
mod lines;
mod page;
mod scale;
mod scatter;
mod series;
mod tables;
mod tuning;

pub use finetuning::render_finetuning;
pub use tuning::render_tuning;

use crate::{EvalError, Results};
use askama::Template;

/// What the page shows beside the figures.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The figures.
    pub results: &'a Results,
    /// What was read, line by line, as `import` printed it.
    pub imported: Vec<String>,
    /// Recommendations to judge by eye.
    pub examples: Vec<Example>,
}

/// One person, and what each model would show them.
#[derive(Clone, Debug, Default)]
pub struct Example {
    /// Who it is.
    pub user: String,
    /// Titles of what they did, newest first.
    pub history: Vec<String>,
    /// Titles of what was held out.
    pub held_out: Vec<String>,
    /// One list for each model.
    pub lists: Vec<ExampleList>,
}

/// What one model recommends.
#[derive(Clone, Debug, Default)]
pub struct ExampleList {
    /// The model's name.
    pub model: String,
    /// Its recommendations, best first.
    pub items: Vec<ExampleItem>,
}

/// One recommendation.
#[derive(Clone, Debug, Default)]
pub struct ExampleItem {
    /// Title of the item.
    pub title: String,
    /// Why it is there, in words; empty if nothing is known.
    pub reason: String,
    /// Whether it was held out: the person did choose it.
    pub held_out: bool,
}

/// The page as HTML.
///
/// # Errors
/// [`EvalError::NoModels`] if nothing was evaluated.
pub fn render(report: &Report<'_>) -> Result<String, EvalError> {
    if report.results.models.is_empty() {
        return Err(EvalError::NoModels);
    }
    Ok(page::Page::new(report)?.render()?)
}
