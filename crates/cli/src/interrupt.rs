//! Ctrl-C: unfinished directories are deleted, what was there before stays, exit code 1.

use anyhow::Context;
use std::io::Write;

/// Installs the handler, for SIGINT and SIGTERM.
pub(crate) fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        semrec_data::discard_stages();
        writeln!(
            std::io::stderr(),
            "\nsemrec: interrupted; nothing unfinished was left, and what was there before is unchanged"
        )
        .ok();
        std::process::exit(1);
    })
    .context("Ctrl-C cannot be handled")
}
