//! Writes the report page of made-up figures to the file named, to look at.
//!
//! `cargo run -p semrec-eval --example page -- page.html`

#[path = "../tests/sample/mod.rs"]
mod sample;

use semrec_eval::{Report, render};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("name the file to write")?;
    let results = sample::results()?;
    let report = Report {
        results: &results,
        imported: vec![
            "items.csv: 2,000 rows; id = item_id, text = title, labels = genres".into(),
            "events.csv: 24,310 rows; user = user, item = item, time = at".into(),
        ],
        examples: sample::examples(),
    };
    std::fs::write(path, render(&report)?)?;
    Ok(())
}
