//! What the pages say of models and settings is what the binary does: `docs/models.md` against the
//! registry, `semrec.toml` against the flags.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_path_buf()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The rows `` | `key` | default | … | `` of a section.
fn documented(section: &str) -> BTreeMap<&str, &str> {
    let rows = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let key = cells.next()?.strip_suffix('`')?;
        Some((key, cells.next()?.trim_matches('`')))
    });
    rows.collect()
}

/// Whether a cell of the page is the value: numbers up to the digits of f32, an empty cell an
/// empty table.
fn is_value(cell: &str, value: &Value) -> bool {
    let number = |v: &Value| v.as_float().or(v.as_integer().map(|i| i as f64));
    let parsed = toml::from_str::<Table>(&format!("x = {cell}")).ok();
    let parsed = parsed.and_then(|mut t| t.remove("x"));
    match (&parsed, value) {
        (None, Value::Table(table)) => table.is_empty() && cell.is_empty(),
        (None, Value::String(text)) => cell == text,
        (Some(parsed), value) => match (number(parsed), number(value)) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * b.abs(),
            _ => parsed == value,
        },
        _ => false,
    }
}

/// Parameters that are missing, unknown, or have another default.
fn parameter_problems(model: &str, section: &str, defaults: &Table) -> Vec<String> {
    let rows = documented(section);
    let mut problems = Vec::new();
    for (key, value) in defaults {
        match rows.get(key.as_str()) {
            Some(cell) if is_value(cell, value) => {}
            Some(cell) => problems.push(format!(
                "docs/models.md says that '{key}' of {model} is {cell} by default; it is {value}"
            )),
            None => problems.push(format!(
                "docs/models.md has no row for '{key}' of {model}, which is {value} by default"
            )),
        }
    }
    for key in rows.keys().filter(|key| !defaults.contains_key(**key)) {
        problems.push(format!(
            "docs/models.md has a row for '{key}', which {model} does not have"
        ));
    }
    problems
}

#[test]
fn each_model_is_documented_with_its_defaults() {
    let page = read("docs/models.md");
    let mut problems = Vec::new();
    for model in semrec_models::names() {
        let Some((_, after)) = page.split_once(&format!("\n## `{model}`\n")) else {
            problems.push(format!(
                "docs/models.md has no section '## `{model}`'; say what it is and when to use it"
            ));
            continue;
        };
        let section = after.split("\n## ").next().unwrap_or_default();
        let defaults = semrec_models::params_of(model, &Table::new()).unwrap();
        problems.extend(parameter_problems(model, section, &defaults));
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn a_wrong_default_is_noticed() {
    let defaults: Table = "lambda = 500.0\nkind = \"cosine\"\nparts = [\"a\"]\n[params]\n"
        .parse()
        .unwrap();
    let page = |lambda: &str| {
        format!(
            "| `lambda` | {lambda} | x |\n| `kind` | `cosine` | y |\n| `parts` | `[\"a\"]` | z |\n| `params` | | w |\n"
        )
    };
    let problems = |text: &str| parameter_problems("ease", text, &defaults).len();
    assert_eq!(problems(&page("500")), 0);
    assert_eq!(problems(&page("50")), 1);
    assert_eq!(problems(&page("500").replace("cosine", "jaccard")), 1);
    assert_eq!(problems(&page("500").replace("`lambda`", "`lamda`")), 2);
}

/// The file with its settings put in force: `#key = value` without the `#`, by section.
fn in_force(text: &str) -> Table {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
            setting
        }
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n").parse().unwrap()
}

#[test]
fn the_example_configuration_changes_nothing_and_is_understood() {
    let text = read("semrec.toml");
    let plain: Table = text.parse().unwrap();
    assert!(
        plain.is_empty(),
        "comment the settings of semrec.toml out: who starts semrec here would get them"
    );
    let mut table = in_force(&text);
    let dir = tempfile::tempdir().unwrap();
    // Nothing outside this directory is read or written.
    let home = dir.path().join("home").display().to_string();
    assert!(table.insert("home".to_owned(), home.into()).is_some());
    let file = dir.path().join("asked-for.toml");
    std::fs::write(&file, table.to_string()).unwrap();
    // Enough of a command line for each verb to find that its input is not there.
    let lines = BTreeMap::from([
        ("embed", "embed no-data"),
        ("evaluate", "evaluate no-data"),
        ("finetune", "finetune no-data --out tuned"),
        ("import", "import --interactions no-events --out data"),
        ("mine", "mine no-data"),
        ("recommend", "recommend no-bundle --user u"),
        ("serve", "serve no-bundle"),
        ("similar", "similar no-bundle --item i"),
        ("train", "train no-data"),
        ("tune", "tune no-data --model ease"),
        ("up", "up no-items no-events"),
    ]);
    let sections = table.iter().filter(|(_, v)| v.is_table());
    for (verb, _) in sections {
        let line = lines[verb.as_str()];
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_semrec"))
            .current_dir(dir.path())
            .args(["--config", &file.display().to_string()])
            .args(line.split(' '))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        let missing = ["no such file", "does not exist", "is no directory"];
        assert!(
            output.status.code() == Some(1) && missing.iter().any(|m| said.contains(m)),
            "semrec.toml, section [{verb}], {}: {said}",
            output.status
        );
    }
}
