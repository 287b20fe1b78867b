//! `semrec validate`: PASS, WARN or FAIL for each thing that can be wrong with a data set.

use crate::args::ValidateArgs;
use crate::context::Context;
use semrec_data::{Dataset, ImportReport, Level, ValidateOptions, validate};
use serde_json::json;

pub(crate) fn run(context: &Context, args: &ValidateArgs) -> anyhow::Result<bool> {
    let dataset = Dataset::load(&args.dataset)?;
    let report = ImportReport::load(&args.dataset)?;
    let options = ValidateOptions {
        now: Some(context.now),
        report: Some(&report),
        ..ValidateOptions::default()
    };
    let checks = validate(&dataset, &options);
    let passed = checks.iter().all(|c| c.level != Level::Fail);
    if args.json {
        let rows: Vec<serde_json::Value> = checks
            .iter()
            .map(|c| {
                json!({
                    "check": c.name,
                    "level": c.level.to_string(),
                    "message": c.message,
                    "examples": c.examples,
                })
            })
            .collect();
        context.console.line(serde_json::to_string_pretty(&rows)?);
        return Ok(passed);
    }
    for check in &checks {
        context.console.line(check.to_string());
    }
    context.console.line(if passed {
        "nothing failed"
    } else {
        "something failed: put it right in the sources and import again"
    });
    Ok(passed)
}
