//! How a service trains: by `semrec train`, and `semrec finetune` before it where that is wanted, in
//! processes of their own with few threads and little priority, so that neither their memory nor
//! their end is the service's.

use crate::args::RefitArgs;
use crate::context::Context;
use anyhow::bail;
use semrec_engine::{BundleInfo, read_info};
use semrec_serve::{Refit, Task, Trainer};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often it is looked whether the process is done, or the service ends.
const LOOK: Duration = Duration::from_millis(100);
/// Lines of an error that are told.
const TOLD: usize = 5;

/// How a service over a store learns on.
pub(crate) fn refit(context: &Context, args: &RefitArgs, store: &Path) -> Refit {
    let mut dir = store.as_os_str().to_owned();
    dir.push(".bundles");
    let way = Way {
        home: context.home().to_owned(),
        seed: context.seed,
        tune: args.refit_tune,
    };
    Refit {
        dir: dir.into(),
        every: args.refit.map(|every| every.0),
        drift: args.refit.and(Some(args.refit_drift)),
        share: args.refit_share,
        trainer: Trainer::new(move |task| way.train(task).map_err(|e| format!("{e:#}"))),
    }
}

/// What all trainings of a service have in common.
struct Way {
    home: PathBuf,
    seed: u64,
    /// Epochs for which the encoder is tuned before.
    tune: Option<NonZeroUsize>,
}

impl Way {
    fn train(&self, task: &Task<'_>) -> anyhow::Result<()> {
        let info = read_info(task.like)?;
        let tuned = beside(task.out, "encoder");
        let encoder = match (&info.encoder, self.tune) {
            (None, _) => "none".into(),
            (Some(_), None) => task.like.join("encoder").into_os_string(),
            (Some(_), Some(epochs)) => {
                self.tuned(task, epochs, &tuned)?;
                tuned.clone().into_os_string()
            }
        };
        let done = self.fitted(task, &info, &encoder);
        fs::remove_dir_all(&tuned).ok();
        done
    }

    /// Tunes the encoder of the bundle in service on all of the data.
    fn tuned(&self, task: &Task<'_>, epochs: NonZeroUsize, out: &Path) -> anyhow::Result<()> {
        let encoder = task.like.join("encoder");
        let run = beside(out, "run");
        // What a service left that was killed.
        fs::remove_dir_all(out).ok();
        fs::remove_dir_all(&run).ok();
        // Vectors of an encoder that ends in a linear layer, as tuned ones do, are as they should be;
        // whitened anew each time, they would have a layer more each time.
        let modules = fs::read_to_string(encoder.join("modules.json")).unwrap_or_default();
        let whiten = if modules.contains("Dense") { "0" } else { "1" };
        let mut words: Vec<OsString> = Vec::new();
        let plain = ["finetune", "--method", "full", "--objective", "contrastive"];
        words.extend(plain.map(Into::into));
        words.extend(["--final", "--no-evaluate", "--whiten", whiten].map(Into::into));
        words.extend(["--epochs".into(), epochs.to_string().into()]);
        words.extend(["--encoder".into(), encoder.into()]);
        words.extend(["--run".into(), run.clone().into()]);
        words.extend(["--out".into(), out.into(), "--".into(), task.data.into()]);
        let done = self.run("tuning the encoder", task, &words);
        fs::remove_dir_all(&run).ok();
        done
    }

    fn fitted(&self, task: &Task<'_>, info: &BundleInfo, encoder: &OsStr) -> anyhow::Result<()> {
        let params = beside(task.out, "params.toml");
        let table = serde_json::json!({ &info.model: info.params });
        fs::write(&params, toml::to_string(&table)?)?;
        let mut words: Vec<OsString> = ["train", "--model"].map(Into::into).to_vec();
        words.push(info.model.clone().into());
        words.extend(["--encoder".into(), encoder.to_owned()]);
        words.extend(["--facts".into(), info.facts.to_string().into()]);
        words.extend(["--params".into(), params.clone().into()]);
        words.extend([
            "--out".into(),
            task.out.into(),
            "--".into(),
            task.data.into(),
        ]);
        let done = self.run("the training", task, &words);
        fs::remove_file(&params).ok();
        done
    }

    /// Runs this program and waits; `what` it is about.
    fn run(&self, what: &str, task: &Task<'_>, words: &[OsString]) -> anyhow::Result<()> {
        let program = std::env::current_exe()?;
        let mut all: Vec<OsString> = ["--quiet", "--threads"].map(Into::into).to_vec();
        all.push(task.threads.to_string().into());
        all.extend(["--seed".into(), self.seed.to_string().into()]);
        all.extend(["--home".into(), self.home.clone().into()]);
        all.extend_from_slice(words);
        let said = beside(task.out, "log");
        let done = waited(started(&program, &all, &said)?, task);
        let text = fs::read_to_string(&said).unwrap_or_default();
        fs::remove_file(&said).ok();
        if done? {
            return Ok(());
        }
        let lines: Vec<&str> = text.lines().collect();
        bail!(
            "{what}: {}",
            lines[lines.len().saturating_sub(TOLD)..].join("\n")
        )
    }
}

/// A file beside a bundle that is to be made.
fn beside(out: &Path, ending: &str) -> PathBuf {
    let mut path = out.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

/// Starts a program with little priority, where the system has `nice`.
fn started(program: &Path, words: &[OsString], said: &Path) -> std::io::Result<Child> {
    let spawn = |mut command: Command| {
        command
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command.stderr(File::create(said)?).spawn()
    };
    let mut nice = Command::new("nice");
    nice.args(["-n", "10"]).arg(program);
    match spawn(nice) {
        Err(e) if e.kind() == ErrorKind::NotFound => spawn(Command::new(program)),
        done => done,
    }
}

/// Whether it ended well; it is killed if the service ends first.
fn waited(mut child: Child, task: &Task<'_>) -> anyhow::Result<bool> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if task.stop.load(Ordering::SeqCst) {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
}
