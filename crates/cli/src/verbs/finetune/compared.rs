//! The frozen and the tuned encoder by the same evaluation as `evaluate`: the model `content` with
//! the vectors of each, on the test part, tested in pairs.

use crate::args::{FinetuneArgs, QueryKind};
use crate::context::Context;
use crate::experiment::{self, Plan};
use crate::texts::Texts;
use anyhow::Context as _;
use semrec_data::{Dataset, FactSource};
use semrec_eval::{BeforeAfter, Beside, Evaluation, Protocol, compare_slices};
use toml::Table;

const METRIC: &str = "ndcg@10";
const FROZEN: &str = "frozen";
const TUNED: &str = "tuned";

pub(super) fn compare(
    context: &Context,
    dataset: &Dataset,
    (frozen, tuned): (&Texts, &Texts),
    others: &[(&str, Texts)],
    args: &FinetuneArgs,
) -> anyhow::Result<(BeforeAfter, Protocol)> {
    let plan = Plan {
        models: vec!["content".to_owned()],
        params: Table::new(),
        split: args.split,
        ks: vec![10, 20],
        cold_only: false,
        exclude_seen: true,
        query: QueryKind::Both,
        facts: FactSource::None,
        classify: false,
        run: None,
    };
    let of = |texts: &Texts, name: &str| -> anyhow::Result<_> {
        let outcome = experiment::run(context, dataset, Some(texts), &plan)?;
        let mut results = outcome.results;
        let mut model = results.models.pop().context("nothing was measured")?;
        model.name = name.to_owned();
        let evaluation = outcome.evaluations.into_iter().next();
        let evaluation = evaluation.context("nothing was measured")?;
        Ok((model, evaluation, results.protocol))
    };
    let (before, a, protocol) = of(frozen, FROZEN)?;
    let (after, b, _) = of(tuned, TUNED)?;
    let paired: [(&str, &Evaluation); 2] = [(FROZEN, &a), (TUNED, &b)];
    let mut comparisons = semrec_eval::compare(&paired, METRIC, context.seed)?;
    let beside = |(name, texts): &(&str, Texts)| -> anyhow::Result<Beside> {
        let (result, own, _) = of(texts, name)?;
        let with = |other: &str, evaluation: &Evaluation| -> anyhow::Result<_> {
            let paired: [(&str, &Evaluation); 2] = [(name, &own), (other, evaluation)];
            let mut found = semrec_eval::compare(&paired, METRIC, context.seed)?;
            found.pop().context("nothing was compared")
        };
        Ok(Beside {
            frozen: with(FROZEN, &a)?,
            tuned: with(TUNED, &b)?,
            result,
        })
    };
    let compared = BeforeAfter {
        beside: others.iter().map(beside).collect::<Result<_, _>>()?,
        before,
        after,
        comparison: comparisons.pop().context("nothing was compared")?,
        slice_comparisons: compare_slices(&paired, METRIC, context.seed)?,
    };
    Ok((compared, protocol))
}
