//! The binary `semrec`: reads the command line, runs a verb, tells how it went.
//!
//! Exit codes: 0 done, 1 failed (or, of `validate`, something failed), 2 wrong use.

mod args;
mod config;
mod console;
mod context;
mod cpu;
mod experiment;
mod interrupt;
mod memory;
mod pace;
mod params;
mod texts;
mod verbs;

use args::Cli;
use clap::{CommandFactory, FromArgMatches};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Training allocates and frees the same large arrays in every step; this allocator hands them out
/// again where the system's returns their pages, and zeroing those anew took most of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match start() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            writeln!(std::io::stderr(), "semrec: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<bool> {
    interrupt::install()?;
    let command = config::with_file(Cli::command(), config_file().as_deref())?;
    // Wrong use ends here, with code 2; so does --help, with 0.
    let cli = Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|e| e.exit());
    let context = context::Context::new(&cli.global)?;
    let done = verbs::run(&context, &cli.verb);
    context.console.finish();
    done
}

/// The file named by `--config` or SEMREC_CONFIG, which has to be known before the rest is read.
fn config_file() -> Option<PathBuf> {
    let matches = Cli::command().ignore_errors(true).try_get_matches().ok()?;
    matches.get_one::<PathBuf>("config").cloned()
}
