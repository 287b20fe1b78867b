//! One evaluation from split to figures: the models are fitted one after the other, ranked by the
//! path that serves, and compared.

use crate::args::QueryKind;
use crate::context::Context;
use crate::memory;
use crate::params;
use crate::texts::{Texts, check_origin};
use anyhow::Context as _;
use semrec_data::{
    Case, Cases, Dataset, FactSource, Facts, Interactions, Parts, Ranked, Split, split,
};
use semrec_eval::{
    ClassificationReport, DatasetFacts, Evaluation, Example, ExampleItem, ExampleList, ModelResult,
    Options, Protocol, Rank, Results, candidate_pairs, choose_threshold, classification_report,
    compare, compare_slices, evaluate, warnings,
};
use semrec_models::{
    Candidates, Cause, Query, Recommender, RunFiles, Training, fit, params_of, rank,
};
use semrec_text::Vectors;
use std::path::PathBuf;
use std::time::Instant;
use toml::Table;

/// Resamples of a bootstrap interval.
const RESAMPLES: usize = 1_000;
/// Places looked at for "recommended or not".
const DEPTH: usize = 100;
/// People shown in the report.
const EXAMPLES: usize = 3;
/// Items shown to each.
const SHOWN: usize = 5;

/// What to evaluate.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) models: Vec<String>,
    /// Parameters by model name.
    pub(crate) params: Table,
    pub(crate) split: Split,
    pub(crate) ks: Vec<usize>,
    /// Whether only items without training events are ranked.
    pub(crate) cold_only: bool,
    pub(crate) exclude_seen: bool,
    /// What is known of the people asked about.
    pub(crate) query: QueryKind,
    /// What models read beside the texts.
    pub(crate) facts: FactSource,
    /// Whether to fit each model a second time, for the classification report.
    pub(crate) classify: bool,
    /// Where the files of trainings by epochs go, if they are kept.
    pub(crate) run: Option<PathBuf>,
}

/// What came out.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) results: Results,
    /// The user of each case.
    pub(crate) users: Vec<u32>,
    /// Case by case, in the order of the models.
    pub(crate) evaluations: Vec<Evaluation>,
    pub(crate) examples: Vec<Example>,
    /// What models say of themselves, with their names.
    pub(crate) notes: Vec<(String, Vec<String>)>,
}

/// Runs the plan.
pub(crate) fn run(
    context: &Context,
    dataset: &Dataset,
    texts: Option<&Texts>,
    plan: &Plan,
) -> anyhow::Result<Outcome> {
    for model in &plan.models {
        let params = params_of(model, &params::of(&plan.params, model))?;
        check_origin(&params, texts)?;
    }
    let mut parts = split(&dataset.interactions, plan.split, context.seed)?;
    if plan.query == QueryKind::Text {
        parts.validation = without_history(&parts.validation);
        parts.test = without_history(&parts.test);
    }
    let facts = Facts::of(dataset, plan.facts)?;
    let bench = Bench {
        context,
        dataset,
        texts,
        facts: facts.as_ref(),
        plan,
        parts: &parts,
        allowed: allowed(&parts.full, plan),
    };
    let mut evaluations = Vec::new();
    let mut models = Vec::new();
    let mut notes = Vec::new();
    let mut examples = bench.blank_examples();
    for name in &plan.models {
        let (evaluation, result, said) = bench.model(name, &mut examples)?;
        evaluations.push(evaluation);
        models.push(result);
        notes.push((name.clone(), said));
    }
    let paired: Vec<(&str, &Evaluation)> = plan
        .models
        .iter()
        .map(String::as_str)
        .zip(&evaluations)
        .collect();
    let primary = format!("ndcg@{}", plan.ks.first().copied().unwrap_or(10));
    let comparisons = compare(&paired, &primary, context.seed)?;
    let slice_comparisons = compare_slices(&paired, &primary, context.seed)?;
    let results = Results {
        dataset: DatasetFacts {
            name: dataset.name.clone(),
            users: dataset.users.len(),
            items: dataset.items.len(),
            interactions: dataset.interactions.len(),
            fingerprint: dataset.fingerprint.clone(),
        },
        protocol: Protocol {
            split: plan.split.to_string(),
            candidates: if plan.cold_only { "cold" } else { "full" }.to_owned(),
            exclude_seen: plan.exclude_seen,
            seed: context.seed,
            users_evaluated: parts.test.len(),
            fitted_on: parts.full.len(),
            repeats: parts.repeats,
            query: plan.query.name().to_owned(),
            facts: plan.facts.to_string(),
            warnings: warnings(&parts, plan.split),
        },
        models,
        comparisons,
        slice_comparisons,
    };
    context.console.finish();
    Ok(Outcome {
        results,
        users: parts.test.iter().map(|case| case.user).collect(),
        evaluations,
        examples,
        notes,
    })
}

/// The same people, of whom only their text is known: all they touched is asked for.
pub(crate) fn without_history(cases: &Cases) -> Cases {
    let mut out = Cases::default();
    for case in cases.iter() {
        let before = case.history.iter().map(|e| e.item);
        let all: Vec<u32> = before.chain(case.held_out.iter().copied()).collect();
        out.push(case.user, &[], &all);
    }
    out
}

/// The items that may be ranked, if not all.
fn allowed(training: &Interactions, plan: &Plan) -> Option<Vec<bool>> {
    plan.cold_only
        .then(|| training.item_counts().iter().map(|&n| n == 0).collect())
}

/// Everything the models have in common.
struct Bench<'a> {
    context: &'a Context,
    dataset: &'a Dataset,
    texts: Option<&'a Texts>,
    facts: Option<&'a Facts>,
    plan: &'a Plan,
    parts: &'a Parts,
    allowed: Option<Vec<bool>>,
}

impl Bench<'_> {
    fn model(
        &self,
        name: &str,
        examples: &mut [Example],
    ) -> anyhow::Result<(Evaluation, ModelResult, Vec<String>)> {
        let plan = self.plan;
        let params = params_of(name, &params::of(&plan.params, name))?;
        let threshold = if plan.classify && !self.parts.validation.is_empty() {
            self.threshold(name, &params)?
        } else {
            None
        };
        memory::reset_peak();
        let began = Instant::now();
        let model = self.fit(name, &params, &self.parts.full)?;
        let fit_seconds = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let evaluation = self.measure(
            &*model,
            &self.parts.test,
            &self.parts.full,
            self.allowed.as_deref(),
        );
        let mut result = ModelResult::new(name, &evaluation, RESAMPLES, self.context.seed);
        result.evaluate_seconds = began.elapsed().as_secs_f64();
        result.fit_seconds = fit_seconds;
        result.peak_memory_mib = memory::peak_mib();
        result.params = json(&params)?;
        if plan.classify {
            result.classification = Some(self.classification(&evaluation, threshold));
        }
        self.fill(&*model, name, examples);
        Ok((evaluation, result, model.notes()))
    }

    /// The score above which validation items are best called recommended.
    fn threshold(&self, name: &str, params: &Table) -> anyhow::Result<Option<f32>> {
        let model = self.fit(name, params, &self.parts.train)?;
        let allowed = allowed(&self.parts.train, self.plan);
        let evaluation = self.measure(
            &*model,
            &self.parts.validation,
            &self.parts.train,
            allowed.as_deref(),
        );
        Ok(choose_threshold(
            &self.parts.validation,
            &evaluation.rankings,
        ))
    }

    fn fit(
        &self,
        name: &str,
        params: &Table,
        interactions: &Interactions,
    ) -> anyhow::Result<Box<dyn Recommender>> {
        let console = &self.context.console;
        let clock = || self.context.clock();
        let training = Training {
            interactions,
            item_vectors: self.texts.map(|t| &t.items),
            item_facts: self.facts,
            user_vectors: self.texts.and_then(|t| t.users.as_ref()),
            tower: self.texts.and_then(|t| t.tower),
            horizon: self.plan.split.into(),
            seed: self.context.seed,
            run: self
                .plan
                .run
                .as_deref()
                .map(|dir| RunFiles { dir, now: &clock }),
            progress: &|label, done, total| {
                console.progress(&format!("fit {name}: {label}"), done, total);
            },
        };
        fit(name, params, &training).with_context(|| format!("fitting {name}"))
    }

    fn measure(
        &self,
        model: &dyn Recommender,
        cases: &Cases,
        fitted_on: &Interactions,
        allowed: Option<&[bool]>,
    ) -> Evaluation {
        let ranker = Ranker {
            model,
            users: self.users(),
            candidates: Candidates {
                exclude_seen: self.plan.exclude_seen,
                allowed,
            },
        };
        let options = Options {
            ks: self.plan.ks.clone(),
            keep: if self.plan.classify { DEPTH } else { 0 },
        };
        let vectors = self.texts.map(|t| (t.items.as_slice(), t.items.dim()));
        let label = format!("evaluate {}", model.name());
        evaluate(
            cases,
            &ranker,
            &semrec_eval::Context::new(fitted_on, vectors),
            &options,
            &|done, total| self.context.console.progress(&label, done, total),
        )
    }

    fn classification(
        &self,
        evaluation: &Evaluation,
        threshold: Option<f32>,
    ) -> ClassificationReport {
        let pairs = candidate_pairs(
            &self.parts.test,
            self.dataset.items.len(),
            self.allowed.as_deref(),
            self.plan.exclude_seen,
        );
        classification_report(&self.parts.test, &evaluation.rankings, pairs, threshold)
    }

    /// A few people spread over the test cases, without recommendations yet.
    fn blank_examples(&self) -> Vec<Example> {
        let items = &self.dataset.items;
        let stride = (self.parts.test.len() / EXAMPLES).max(1);
        self.example_cases(stride)
            .map(|case| Example {
                user: self.dataset.users.ids.name(case.user).to_owned(),
                history: case
                    .history
                    .iter()
                    .rev()
                    .take(SHOWN)
                    .map(|e| items.title(e.item).to_owned())
                    .collect(),
                held_out: case
                    .held_out
                    .iter()
                    .take(SHOWN)
                    .map(|&i| items.title(i).to_owned())
                    .collect(),
                lists: Vec::new(),
            })
            .collect()
    }

    /// The texts of the people asked about, if they count.
    fn users(&self) -> Option<&Vectors> {
        match self.plan.query {
            QueryKind::History => None,
            QueryKind::Text | QueryKind::Both => self.texts.and_then(|t| t.users.as_ref()),
        }
    }

    fn example_cases(&self, stride: usize) -> impl Iterator<Item = Case<'_>> {
        (0..self.parts.test.len())
            .step_by(stride)
            .take(EXAMPLES)
            .map(|i| self.parts.test.get(i))
    }

    fn fill(&self, model: &dyn Recommender, name: &str, examples: &mut [Example]) {
        let items = &self.dataset.items;
        let stride = (self.parts.test.len() / EXAMPLES).max(1);
        let users = self.users();
        let candidates = Candidates {
            exclude_seen: self.plan.exclude_seen,
            allowed: self.allowed.as_deref(),
        };
        for (example, case) in examples.iter_mut().zip(self.example_cases(stride)) {
            let query = query(&case, users);
            let best = rank(model, &[query], &candidates, SHOWN).swap_remove(0);
            let shown = best.iter().map(|r| ExampleItem {
                title: items.title(r.item).to_owned(),
                reason: self.reason(model, &query, r.item),
                held_out: case.held_out.contains(&r.item),
            });
            example.lists.push(ExampleList {
                model: name.to_owned(),
                items: shown.collect(),
            });
        }
    }

    /// The largest contribution, in a few words.
    fn reason(&self, model: &dyn Recommender, query: &Query<'_>, item: u32) -> String {
        let parts = model.explain(query, item);
        match parts.first() {
            Some(c) if c.amount > 0.0 => match c.cause {
                Cause::History(h) if c.source == "content" => {
                    format!("reads like “{}”", self.dataset.items.title(h))
                }
                Cause::History(h) => format!("goes with “{}”", self.dataset.items.title(h)),
                Cause::Text => "fits what the person wrote".to_owned(),
                Cause::Item => semrec_engine::for_itself(&c.source).to_owned(),
            },
            _ => String::new(),
        }
    }
}

/// The models of this run, as the evaluation asks them.
pub(crate) struct Ranker<'a> {
    pub(crate) model: &'a dyn Recommender,
    /// Texts of the people, if they count.
    pub(crate) users: Option<&'a Vectors>,
    pub(crate) candidates: Candidates<'a>,
}

impl Rank for Ranker<'_> {
    fn rank(&self, cases: &[Case<'_>], k: usize, out: &mut Vec<Vec<Ranked>>) {
        let queries: Vec<Query<'_>> = cases.iter().map(|c| query(c, self.users)).collect();
        out.extend(rank(self.model, &queries, &self.candidates, k));
    }
}

fn query<'a>(case: &Case<'a>, users: Option<&'a Vectors>) -> Query<'a> {
    Query {
        history: case.history,
        text: users
            .map(|v| v.row(case.user as usize))
            .filter(|v| v.iter().any(|&x| x != 0.0)),
    }
}

/// Parameters as JSON.
pub(crate) fn json(params: &Table) -> anyhow::Result<serde_json::Map<String, serde_json::Value>> {
    let text = serde_json::to_string(params)?;
    Ok(serde_json::from_str(&text)?)
}
