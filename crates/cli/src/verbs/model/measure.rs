//! One encoder measured in a process of its own: what it takes to have it and to run it.
//!
//! In a process of its own because memory that another encoder has left behind cannot be told from
//! its own. `compare` starts this program again, with one thread, gives it the directory and, as
//! JSON, the texts, and reads one line of JSON.

use crate::context::Context;
use crate::{cpu, memory};
use anyhow::{Context as _, bail};
use semrec_text::Encoder;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Texts encoded before the clock is looked at, so that caches and clocks are warm.
const WARM: usize = 64;
/// Seconds to measure, at least: a clock of hundredths is then good to a hundredth.
const SECONDS: f64 = 1.0;

/// What was found out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    /// What `config.json` calls it.
    pub(super) architecture: String,
    pub(super) layers: usize,
    /// Values of a vector.
    pub(super) dimensions: usize,
    /// Tokens a text is cut at.
    pub(super) max_tokens: usize,
    /// Largest resident memory while it is loaded and encodes, less what was held before.
    pub(super) memory_kib: Option<u64>,
    /// Tokenising included.
    pub(super) texts_per_cpu_second: Option<f64>,
}

/// Measures, and prints the answer for [`measure`].
pub(super) fn run(context: &Context, dir: &Path) -> anyhow::Result<()> {
    let texts: Vec<String> = serde_json::from_reader(std::io::stdin().lock())
        .context("expected a JSON list of texts on the standard input")?;
    if texts.is_empty() {
        bail!("there are no texts to encode");
    }
    memory::reset_peak();
    let before = memory::resident_kib();
    let encoder = Encoder::load(dir)?;
    encoder.encode(&texts[..texts.len().min(WARM)], &|_, _| {})?;
    let speed = speed(&encoder, &texts)?;
    let memory = memory::peak_kib().checked_sub(before);
    let measured = Measured {
        architecture: encoder.architecture().to_owned(),
        layers: encoder.layers(),
        dimensions: encoder.dim(),
        max_tokens: encoder.max_tokens(),
        memory_kib: memory.filter(|_| before > 0),
        texts_per_cpu_second: speed,
    };
    context.console.line(serde_json::to_string(&measured)?);
    Ok(())
}

fn speed(encoder: &Encoder, texts: &[String]) -> anyhow::Result<Option<f64>> {
    let Some(began) = cpu::seconds() else {
        encoder.encode(texts, &|_, _| {})?;
        return Ok(None);
    };
    let mut encoded = 0;
    loop {
        encoder.encode(texts, &|_, _| {})?;
        encoded += texts.len();
        let spent = cpu::seconds().map_or(SECONDS, |now| now - began);
        if spent >= SECONDS {
            return Ok(Some(encoded as f64 / spent));
        }
    }
}

/// Has this program measure an encoder on one thread.
pub(super) fn measure(context: &Context, dir: &Path, texts: &[&str]) -> anyhow::Result<Measured> {
    let program = std::env::current_exe().context("this program cannot be started again")?;
    let mut child = Command::new(program)
        .args(["--quiet", "--threads", "1", "--home"])
        .arg(context.home())
        .args(["model", "measure"])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("this program cannot be started again")?;
    let texts = serde_json::to_vec(texts)?;
    // It reads everything before it says anything. Where it ends early, what it says tells why.
    let sent = child.stdin.take().map(|mut pipe| pipe.write_all(&texts));
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        bail!(
            "measuring {}: {}",
            dir.display(),
            said.strip_prefix("semrec: ").unwrap_or(said)
        );
    }
    sent.transpose()?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("measuring {}: the answer is no JSON", dir.display()))
}
