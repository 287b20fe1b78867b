//! How a service trains: by `semrec train`, in a process of its own with few threads and little
//! priority, so that neither its memory nor its end is the service's.

use crate::args::RefitArgs;
use crate::context::Context;
use semrec_engine::read_info;
use semrec_serve::{Refit, Task, Trainer};
use std::fs::{self, File};
use std::io::ErrorKind;
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
    let home = context.home().to_owned();
    let seed = context.seed;
    Refit {
        dir: dir.into(),
        every: args.refit.map(|every| every.0),
        drift: args.refit.and(Some(args.refit_drift)),
        share: args.refit_share,
        trainer: Trainer::new(move |task| {
            train(task, &home, seed).map_err(|e| format!("the training: {e:#}"))
        }),
    }
}

fn train(task: &Task<'_>, home: &Path, seed: u64) -> anyhow::Result<()> {
    let info = read_info(task.like)?;
    let params = beside(task.out, "params.toml");
    let said = beside(task.out, "log");
    let table = serde_json::json!({ &info.model: info.params });
    fs::write(&params, toml::to_string(&table)?)?;
    let encoder = match info.encoder {
        Some(_) => task.like.join("encoder").into_os_string(),
        None => "none".into(),
    };
    let program = std::env::current_exe()?;
    let mut words: Vec<std::ffi::OsString> = ["--quiet", "--threads"].map(Into::into).to_vec();
    words.push(task.threads.to_string().into());
    words.extend(["--seed".into(), seed.to_string().into()]);
    words.extend(["--home".into(), home.into()]);
    words.extend(["train".into(), "--model".into(), info.model.clone().into()]);
    words.extend(["--encoder".into(), encoder]);
    words.extend(["--facts".into(), info.facts.to_string().into()]);
    words.extend(["--params".into(), params.clone().into()]);
    words.extend([
        "--out".into(),
        task.out.into(),
        "--".into(),
        task.data.into(),
    ]);
    let child = started(&program, &words, &said)?;
    let done = waited(child, task);
    let text = fs::read_to_string(&said).unwrap_or_default();
    fs::remove_file(&params).ok();
    fs::remove_file(&said).ok();
    if done? {
        return Ok(());
    }
    let lines: Vec<&str> = text.lines().collect();
    anyhow::bail!("{}", lines[lines.len().saturating_sub(TOLD)..].join("\n"))
}

/// A file beside a bundle that is to be made.
fn beside(out: &Path, ending: &str) -> PathBuf {
    let mut path = out.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

/// Starts a program with little priority, where the system has `nice`.
fn started(program: &Path, words: &[std::ffi::OsString], said: &Path) -> std::io::Result<Child> {
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
