//! Metrics, protocols, significance and the report; knows rankings, not models.
//!
//! [`evaluate`] streams cases through a caller's [`Rank`] (the code path that also serves), keeps
//! the places of the held-out items and never a score matrix. [`Evaluation::intervals`] and
//! [`compare`] say how sure the figures are, [`Results`] is the JSON, [`render`] the HTML page.
//! Formulas: `docs/metrics.md`, and the head of each file under `metrics/`.
//!
//! Left out: sampled candidates (figures over 100 random negatives do not order models as the
//! full catalogue does), graded relevance, and anything that knows how a score came about.

mod bootstrap;
mod classification;
mod comparison;
mod context;
mod error;
mod evaluation;
mod figures;
mod holm;
mod leakage;
mod metrics;
mod per_case;
mod places;
mod rankings;
mod report;
mod results;
mod runner;
mod sign_flip;
mod slices;

pub use classification::{
    ClassRow, ClassificationReport, candidate_pairs, choose_threshold, classification_report,
};
pub use comparison::{Comparison, compare};
pub use context::Context;
pub use error::EvalError;
pub use evaluation::Evaluation;
pub use figures::Figures;
pub use holm::holm;
pub use leakage::warnings;
pub use metrics::{
    coverage, diversity, gini, hit, map, mrr, ndcg, novelty, popularity, precision, recall,
};
pub use per_case::PerCase;
pub use places::Places;
pub use rankings::Rankings;
pub use report::{Example, ExampleItem, ExampleList, Report, render};
pub use results::{DatasetFacts, ModelResult, Protocol, Results};
pub use runner::{Options, Rank, evaluate};
pub use sign_flip::sign_flip;
pub use slices::Slice;
