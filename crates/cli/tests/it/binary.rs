//! The binary as people run it, at home in a directory of the test.

use std::path::Path;
use std::process::{Command, Output};

/// A random BERT of three layers and 36 dimensions; what it says means nothing, but the same text
/// says the same.
pub(crate) const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../text/tests/golden/tiny");

/// `semrec` with arguments, run in `home`, where its models and caches are too.
pub(crate) fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_semrec"));
    command
        .args(args)
        .env("SEMREC_HOME", home.join("home"))
        .current_dir(home);
    command
}

/// Runs it to the end.
pub(crate) fn semrec(home: &Path, args: &[&str]) -> Output {
    command(home, args).output().unwrap()
}

/// Runs it, expects success, and returns what was printed.
pub(crate) fn done(home: &Path, args: &[&str]) -> String {
    let output = semrec(home, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "semrec {args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs it, expects code 1, and returns what was said.
pub(crate) fn failed(home: &Path, args: &[&str]) -> String {
    let output = semrec(home, args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "semrec {args:?}: {said}");
    said
}

/// Sends a process a signal, e.g. `-INT`.
#[cfg(unix)]
pub(crate) fn signal(child: &std::process::Child, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}
