//! Metrics, protocols, significance and the report; knows rankings, not models.
//!
//! [`evaluate`] streams cases through a caller's [`Rank`] (the code path that also serves), keeps
//! the places of the held-out items and never a score matrix. [`PerCase::intervals`] and
//! [`compare`] say how sure the figures are, [`Results`] is the JSON, [`render`] the HTML page.
//! Formulas: `docs/metrics.md`, and the head of each file under `metrics/`.
//!
//! ```
//! use semrec_data::{Case, Cases, Clock, Event, Interactions, Part, Ranked, Row};
//! use semrec_eval::{Context, Options, Rank, evaluate};
//!
//! /// Shows everybody items 0, 1, 2, …
//! struct InOrder;
//! impl Rank for InOrder {
//!     fn rank(&self, cases: &[Case<'_>], k: usize, out: &mut Vec<Vec<Ranked>>) {
//!         out.extend(cases.iter().map(|_| {
//!             (0..3).take(k).map(|item| Ranked { item, score: 0.0 }).collect()
//!         }));
//!     }
//! }
//!
//! let event = Event { item: 0, value: 1.0, time: 0 };
//! let rows = [Row { user: 0, event, kind: 0, part: Part::Train }];
//! let training = Interactions::from_rows(&rows, 1, 3, Clock::None);
//! let mut cases = Cases::default();
//! cases.push(0, training.of_user(0), &[1]);
//!
//! let context = Context::new(&training, None);
//! let found = evaluate(&cases, &InOrder, &context, &Options::default(), &|_, _| {});
//! assert_eq!(found.metrics.get("recall@10"), Some(&1.0));
//! assert_eq!(found.metrics.get("mrr@10"), Some(&0.5));
//! ```
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
mod finetuned;
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
pub use comparison::{Comparison, SliceComparison, compare, compare_slices};
pub use context::Context;
pub use error::EvalError;
pub use evaluation::Evaluation;
pub use figures::Figures;
pub use finetuned::{
    BeforeAfter, Beside, CurvePoint, Finetuned, LabelFigures, PairFigures, ReliabilityBin, Verdict,
};
pub use holm::holm;
pub use leakage::warnings;
pub use metrics::{
    coverage, diversity, gini, hit, map, mrr, ndcg, novelty, popularity, precision, recall,
};
pub use per_case::PerCase;
pub use places::Places;
pub use rankings::Rankings;
pub use report::{
    Example, ExampleItem, ExampleList, Report, render, render_finetuning, render_tuning,
};
pub use results::{DatasetFacts, ModelResult, Protocol, Results};
pub use runner::{Options, Rank, evaluate};
pub use sign_flip::sign_flip;
pub use slices::Slice;
