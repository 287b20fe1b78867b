//! What a fine-tuning says at its end: on the terminal, as JSON, as a page.

use super::{Job, Made};
use crate::args::FinetuneArgs;
use crate::console::{Console, duration};
use crate::verbs::evaluate::{write, write_json};
use anyhow::Context as _;
use semrec_eval::{
    BeforeAfter, Comparison, CurvePoint, DatasetFacts, Finetuned, LabelFigures, PairFigures,
    Protocol, ReliabilityBin, Verdict, render_finetuning,
};
use semrec_finetune::Classification;
use std::path::Path;

/// Everything about it.
pub(super) fn summary(
    job: &Job<'_>,
    made: &Made,
    (compared, seconds): (Option<(BeforeAfter, Protocol)>, f64),
) -> anyhow::Result<Finetuned> {
    let dataset = job.dataset;
    let (compared, protocol) = compared.unzip();
    let curve = made.tuned.dir.as_deref().map(curve).transpose()?;
    Ok(Finetuned {
        dataset: DatasetFacts {
            name: dataset.name.clone(),
            users: dataset.users.len(),
            items: dataset.items.len(),
            interactions: dataset.interactions.len(),
            fingerprint: dataset.fingerprint.clone(),
        },
        encoder: job.args.encoder.encoder.clone(),
        objective: serde_json::to_value(&job.plan.objective)?,
        settings: serde_json::to_value(&job.plan.settings)?,
        tower: serde_json::to_value(made.tuned.tower)?,
        trained: made.sizes.0,
        parameters: made.sizes.1,
        seconds,
        measure: made.tuned.measure.to_owned(),
        kept_epoch: made.tuned.kept.map(|(epoch, _)| epoch),
        curve: curve.unwrap_or_default(),
        pairs: made.tuned.test.as_ref().map(pairs),
        protocol,
        verdict: compared.as_ref().map(BeforeAfter::verdict),
        compared,
    })
}

/// The curve of a run, of earlier sittings too.
fn curve(dir: &Path) -> anyhow::Result<Vec<CurvePoint>> {
    let path = dir.join("curve.csv");
    let shown = || format!("{} cannot be read", path.display());
    let mut reader = csv::Reader::from_path(&path).with_context(shown)?;
    let rows = reader.deserialize::<(u64, u64, String, f64)>();
    let points = rows.map(|row| {
        let (step, epoch, name, value) = row?;
        Ok(CurvePoint {
            step,
            epoch,
            name,
            value,
        })
    });
    points
        .collect::<Result<_, csv::Error>>()
        .with_context(shown)
}

fn pairs(of: &Classification) -> PairFigures {
    let labels = of.classes.iter().zip(0u8..).map(|(c, label)| LabelFigures {
        label,
        precision: c.precision,
        recall: c.recall,
        f1: c.f1,
        support: c.support,
    });
    let bins = of.reliability.iter().map(|b| ReliabilityBin {
        count: b.count,
        probability: b.probability,
        share: b.share,
    });
    PairFigures {
        labels: labels.collect(),
        accuracy: of.accuracy,
        auc: of.auc,
        log_loss: of.log_loss,
        ece: of.ece,
        reliability: bins.collect(),
    }
}

/// The figures, and whether it helped.
pub(super) fn print(console: &Console, of: &Finetuned) {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let share = 100.0 * of.trained as f64 / of.parameters.max(1) as f64;
    let kept = match of.kept_epoch {
        Some(0) => {
            "no epoch was better than none on the validation part: the encoder is what it was"
                .to_owned()
        }
        Some(epoch) => format!("epoch {epoch} was kept"),
        None => "no epoch was kept".to_owned(),
    };
    console.line(format!(
        "{} values trained ({share:.1} % of the encoder's) in {}; {kept}",
        of.trained,
        duration(of.seconds)
    ));
    if let Some(pairs) = &of.pairs {
        print_pairs(console, pairs);
    }
    let Some(compared) = &of.compared else {
        return;
    };
    print_metrics(console, compared);
    print_slices(console, compared);
    console.line(compared.sentence());
    for beside in &compared.beside {
        console.line(beside.sentence(compared));
    }
}

fn print_pairs(console: &Console, pairs: &PairFigures) {
    console.line("the classifier, on pairs of the test part:");
    let header = ["label", "precision", "recall", "f1", "support"].map(str::to_owned);
    let rows = pairs.labels.iter().map(|l| {
        let mut row = vec![l.label.to_string()];
        row.extend([l.precision, l.recall, l.f1].map(|x| format!("{x:.4}")));
        row.push(l.support.to_string());
        row
    });
    console.table(header, rows, 1);
    console.line(format!(
        "accuracy {:.4}, AUC {:.4}, log-loss {:.4}, expected calibration error {:.4}",
        pairs.accuracy, pairs.auc, pairs.log_loss, pairs.ece
    ));
}

fn print_metrics(console: &Console, compared: &BeforeAfter) {
    let header = ["content", "frozen", "tuned", "change"].map(str::to_owned);
    let all = compared.before.metrics.iter();
    let shown = all.filter(|(name, _)| {
        let name = name.split('@').next().unwrap_or_default();
        matches!(name, "ndcg" | "recall" | "mrr" | "coverage")
    });
    let rows = shown.filter_map(|(name, &before)| {
        let after = *compared.after.metrics.get(name)?;
        Some(vec![
            name.to_owned(),
            format!("{before:.4}"),
            format!("{after:.4}"),
            change(before, after),
        ])
    });
    console.table(header, rows, 1);
}

fn print_slices(console: &Console, compared: &BeforeAfter) {
    let metric = &compared.comparison.metric;
    let header = ["slice", "cases", "frozen", "tuned", "change", "surely"].map(str::to_owned);
    let slices = compared.before.slices.iter().zip(&compared.after.slices);
    let rows = slices.filter(|(b, _)| b.cases > 0).filter_map(|(b, a)| {
        let (before, after) = (*b.metrics.get(metric)?, *a.metrics.get(metric)?);
        let mut tests = compared.slice_comparisons.iter();
        let test: &Comparison = &tests.find(|t| t.slice == b.name)?.comparison;
        let verdict = match compared.verdict_of(test) {
            Verdict::Helped => "better",
            Verdict::Hurt => "worse",
            Verdict::Unclear => "–",
        };
        Some(vec![
            b.name.clone(),
            b.cases.to_string(),
            format!("{before:.4}"),
            format!("{after:.4}"),
            change(before, after),
            verdict.to_owned(),
        ])
    });
    console.line(format!("{metric} by slice:"));
    console.table(header, rows, 1);
}

fn change(before: f64, after: f64) -> String {
    if before > 0.0 {
        format!("{:+.1} %", 100.0 * (after - before) / before)
    } else {
        "–".to_owned()
    }
}

/// The files that were asked for.
pub(super) fn write_all(
    console: &Console,
    args: &FinetuneArgs,
    of: &Finetuned,
) -> anyhow::Result<()> {
    if let Some(path) = &args.json {
        write_json(path, of)?;
        console.line(format!("wrote {}", path.display()));
    }
    if let Some(path) = &args.report {
        write(path, &render_finetuning(of)?)?;
        console.line(format!("wrote {}", path.display()));
    }
    Ok(())
}
