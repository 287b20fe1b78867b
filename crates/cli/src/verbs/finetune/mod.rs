//! `semrec finetune`: an encoder tuned on what people do, and whether it helped.

mod compared;
mod output;
mod plan;
mod progress;

use crate::args::FinetuneArgs;
use crate::context::Context;
use crate::interrupt;
use crate::texts::{self, Texts};
use crate::verbs::model::place;
use anyhow::{Context as _, bail};
use plan::Plan;
use progress::Progress;
use semrec_data::{Dataset, Interactions, Parts, split};
use semrec_finetune::{Material, Method, Network, Surroundings, Tuned, finetune, write_beside};
use semrec_text::{Encoder, Whitening, WhiteningConfig};
use semrec_train::{News, Parameters, RunFiles};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Added to the eigenvalues of a whitening; what the model `content` adds.
const EPS: f32 = 0.001;

pub(crate) fn run(context: &Context, args: &FinetuneArgs) -> anyhow::Result<()> {
    let plan = plan::of(args)?;
    let target = place(context, &args.out)?;
    if target.exists() {
        bail!(
            "{} exists; name another place with --out, or remove it",
            target.display()
        );
    }
    let dataset = Dataset::load(&args.dataset)?;
    if args.encoder.encoder == "none" || !dataset.items.has_text() {
        bail!(
            "an encoder is tuned on texts of items: expected one with --encoder, and items with a \
             text in {}",
            args.dataset.display()
        );
    }
    let parts = split(&dataset.interactions, args.split, context.seed)?;
    let dir = context.models().resolve(&args.encoder.encoder)?;
    for name in &args.beside {
        // What is named wrong is said before hours of training.
        context.models().resolve(name)?;
    }
    let frozen = frozen(context, &dataset, (args, &plan))?;
    let job = Job {
        frozen: frozen.as_ref(),
        context,
        args,
        plan: &plan,
        dataset: &dataset,
        parts: &parts,
        dir: &dir,
        run: args.run.clone().unwrap_or_else(|| run_dir(&args.out)),
    };
    let began = Instant::now();
    let made = job.tune(&target)?;
    let seconds = began.elapsed().as_secs_f64();
    let compared = frozen
        .as_ref()
        .filter(|_| !args.no_evaluate)
        .map(|frozen| {
            let tuned = target.display().to_string();
            let tuned = texts::embed(context, &dataset, &tuned)?;
            let tuned = tuned.context("the tuned encoder reads nothing")?;
            let others = others(context, &dataset, args)?;
            compared::compare(context, &dataset, (frozen, &tuned), &others, args)
        })
        .transpose()
        .with_context(|| format!("{} is made, comparing it failed", target.display()))?;
    let summary = output::summary(&job, &made, (compared, seconds))?;
    output::print(&context.console, &summary);
    output::write_all(&context.console, args, &summary)?;
    context.console.line(format!(
        "the encoder is in {}; next: semrec evaluate {} --models content,hybrid --encoder {} \
         --split {}",
        target.display(),
        args.dataset.display(),
        args.out,
        args.split
    ));
    Ok(())
}

/// The texts as the encoder reads them before it is tuned, if they are to be compared or whitened.
fn frozen(
    context: &Context,
    dataset: &Dataset,
    (args, plan): (&FinetuneArgs, &Plan),
) -> anyhow::Result<Option<Texts>> {
    if args.no_evaluate && plan.whiten == 0.0 {
        return Ok(None);
    }
    texts::embed(context, dataset, &args.encoder.encoder)
}

/// The encoders that both are compared with, and the texts as they read them.
fn others<'a>(
    context: &Context,
    dataset: &Dataset,
    args: &'a FinetuneArgs,
) -> anyhow::Result<Vec<(&'a str, Texts)>> {
    let named = args.beside.iter();
    named
        .map(|name| {
            let texts = texts::embed(context, dataset, name)?;
            let texts = texts.with_context(|| format!("--beside {name} is no encoder"))?;
            Ok((name.as_str(), texts))
        })
        .collect()
}

/// Beside the encoder; of a name, in the directory where one works.
fn run_dir(out: &str) -> PathBuf {
    PathBuf::from(format!("{}.run", out.trim_end_matches(['/', '\\'])))
}

/// What is to be done.
struct Job<'a> {
    context: &'a Context,
    args: &'a FinetuneArgs,
    plan: &'a Plan,
    dataset: &'a Dataset,
    parts: &'a Parts,
    /// The texts as the encoder reads them, if they are needed.
    frozen: Option<&'a Texts>,
    /// The encoder to begin with.
    dir: &'a Path,
    /// Where curve and checkpoint go.
    run: PathBuf,
}

/// What was done.
struct Made {
    tuned: Tuned,
    /// Values that were trained, and values of the encoder in all.
    sizes: (usize, usize),
}

impl Job<'_> {
    /// Trains, and writes the encoder.
    fn tune(&self, target: &Path) -> anyhow::Result<Made> {
        let (context, plan) = (self.context, self.plan);
        let encoder = Encoder::load(self.dir)?;
        let teacher = match &self.args.learned.teacher {
            Some(name) => texts::embed(context, self.dataset, name)?,
            None => None,
        };
        let taught_by = teacher.as_ref().map_or("", |t| &t.encoder.fingerprint);
        let all_of_it = if self.learns_all() { " all" } else { "" };
        let identity = format!(
            "{} {} {} {}{taught_by}{all_of_it}",
            self.dataset.fingerprint,
            encoder.fingerprint(),
            self.args.split,
            plan.whiten
        );
        let all = encoder.parameters();
        drop(encoder);
        let whitening = self.whitening()?;
        let how = (&plan.settings.method, whitening.as_ref());
        let (network, mut parameters) = Network::open_whitened(self.dir, how, context.seed)?;
        interrupt::leaves(Some(format!(
            "checkpoints are kept in {}, and the same command goes on from there",
            self.run.display()
        )));
        let tuned = self
            .train((&network, &mut parameters), teacher.as_ref(), &identity)
            .with_context(|| {
                format!(
                    "no encoder was written; the last good checkpoint, if there is one, is in {}",
                    self.run.display()
                )
            })?;
        // Who gives another's vectors is asked as the other is.
        let taught = teacher.as_ref().and_then(|t| t.tower);
        let tower = tuned.tower.or(taught);
        network.write(&parameters, target)?;
        write_beside(target, &parameters, tower)?;
        if matches!(plan.settings.method, Method::Lora(_) | Method::AdaLora(_)) {
            let small = target.join("peft");
            std::fs::create_dir(&small)
                .with_context(|| format!("{} cannot be made", small.display()))?;
            let base = std::path::absolute(self.dir)?.display().to_string();
            network.write_changes(&parameters, &plan.settings.method, &base, &small)?;
            write_beside(&small, &parameters, tower)?;
        }
        interrupt::leaves(None);
        Ok(Made {
            tuned,
            // A layer behind the pooling may be new.
            sizes: (parameters.len(), all.max(parameters.len())),
        })
    }

    /// What the vectors are to begin with: whitened on the items that are learned from.
    fn whitening(&self) -> anyhow::Result<Option<Whitening>> {
        let power = self.plan.whiten;
        let Some(frozen) = self.frozen.filter(|_| power > 0.0) else {
            return Ok(None);
        };
        let counts = self.log().item_counts();
        let learned = (0..counts.len()).filter(|&i| counts[i] > 0);
        let config = WhiteningConfig {
            power,
            eps: EPS,
            ..WhiteningConfig::default()
        };
        let whitening = Whitening::fit(&frozen.items, learned, &config);
        Ok(Some(whitening.context("whitening the encoder's vectors")?))
    }

    /// The events that are learned from.
    fn log(&self) -> &Interactions {
        if self.learns_all() {
            &self.dataset.interactions
        } else if self.args.pace.r#final {
            &self.parts.full
        } else {
            &self.parts.train
        }
    }

    /// Whether nothing is held out, since nothing is asked at the end.
    fn learns_all(&self) -> bool {
        self.args.pace.r#final && self.args.no_evaluate
    }

    /// The items all of whose events are held out.
    fn hidden(&self) -> Vec<bool> {
        let all = self.dataset.interactions.item_counts();
        let learned = self.log().item_counts();
        let both = all.iter().zip(learned);
        both.map(|(&all, learned)| all > 0 && learned == 0)
            .collect()
    }

    fn train(
        &self,
        network: (&Network, &mut Parameters),
        teacher: Option<&Texts>,
        identity: &str,
    ) -> anyhow::Result<Tuned> {
        let (items, users) = (&self.dataset.items, &self.dataset.users);
        let titles = (0u32..)
            .take(items.len())
            .map(|i| items.title(i).to_owned());
        let titles: Vec<String> = titles.collect();
        let users = users.has_text().then(|| texts::of_rows(users));
        let material = Material {
            teacher: teacher.map(|t| (t.items.as_slice(), t.items.dim())),
            train: self.log(),
            validation: &self.parts.validation,
            items: &texts::of_rows(items),
            titles: &titles,
            hidden: &self.hidden(),
            users: users.as_deref(),
        };
        let clock = || self.context.clock();
        let progress = Progress::new(&self.context.console);
        let surroundings = Surroundings {
            seed: self.context.seed,
            identity,
            run: Some(RunFiles {
                dir: &self.run,
                now: &clock,
            }),
            test: (!self.learns_all()).then_some(&self.parts.test),
            told: &|news: &News<'_>| progress.told(news),
        };
        let asked = (&self.plan.objective, &self.plan.settings);
        let tuned = finetune(network, &material, asked, &surroundings)?;
        progress.finish();
        Ok(tuned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_kept_beside_its_encoder() {
        assert_eq!(run_dir("./tuned/"), Path::new("./tuned.run"));
        assert_eq!(run_dir("tuned"), Path::new("tuned.run"));
    }
}
