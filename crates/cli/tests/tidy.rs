//! The rules of this repository that no compiler checks: which crate may use which, how files
//! open and how long they grow, and that what the pages say is there is there.
//!
//! Each rule is a function from texts to problems, so that it can be shown to fail; each problem
//! says what to do.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Crates in the direction data runs, and what each may use. A new edge is a design change: add it
/// here, and a sentence to ARCHITECTURE.md.
const EDGES: &[(&str, &[&str])] = &[
    ("crates/data", &[]),
    ("crates/text", &[]),
    ("crates/index", &[]),
    ("crates/train", &["text"]),
    ("crates/finetune", &["data", "text", "train"]),
    ("crates/tune", &[]),
    ("crates/mine", &["data", "text", "index"]),
    ("crates/models", &["data", "text", "index", "train", "tune"]),
    ("crates/eval", &["data", "tune"]),
    ("crates/engine", &["data", "text", "index", "models"]),
    ("crates/store", &["data"]),
    ("crates/serve", &["data", "mine", "engine", "store"]),
    (
        "crates/cli",
        &[
            "data", "text", "index", "train", "finetune", "tune", "mine", "models", "eval",
            "engine", "store", "serve",
        ],
    ),
    ("bindings/python", &["engine", "eval", "finetune"]),
];
/// Dependencies named for their features alone; ARCHITECTURE.md says why.
const UNIFIED: &[&str] = &["once_cell", "serde_core"];
/// Longest file.
const MAX_LINES: usize = 600;
/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "common", "helper", "helpers", "manager", "misc",
];

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_path_buf()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every file of the repository, relative to its root, without what is built, downloaded or
/// ignored.
fn files() -> Vec<PathBuf> {
    let root = root();
    let ignored: Vec<String> = read(&root.join(".gitignore"))
        .lines()
        .filter_map(|l| Some(l.strip_prefix('/')?.trim_end_matches('/').to_owned()))
        .collect();
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(root.join(&dir)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = dir.join(&name);
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                let hidden = name.starts_with('.') && name != ".ci";
                if !hidden && name != "target" && !ignored.iter().any(|i| path == Path::new(i)) {
                    open.push(path);
                }
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn files_ending(ending: &str) -> Vec<PathBuf> {
    let mut files = files();
    files.retain(|f| f.extension().is_some_and(|e| e == ending));
    files
}

fn manifest(folder: &str) -> Table {
    toml::from_str(&read(&root().join(folder).join("Cargo.toml"))).unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    let members = value.as_array().into_iter().flatten();
    members.filter_map(Value::as_str).collect()
}

/// Fails with all problems at once.
fn none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

// ---- crates

/// Kinds of dependencies that the crate itself is built with, and that its tests are.
const OWN: &[&str] = &["dependencies", "build-dependencies"];
const DEV: &[&str] = &["dev-dependencies"];

/// The tables of dependencies of these kinds, those for one platform included.
fn tables_of<'a>(manifest: &'a Table, kinds: &[&str]) -> Vec<&'a Table> {
    let mut places = vec![manifest];
    if let Some(targets) = manifest.get("target").and_then(Value::as_table) {
        places.extend(targets.values().filter_map(Value::as_table));
    }
    places
        .into_iter()
        .flat_map(|place| kinds.iter().filter_map(|k| place.get(*k)?.as_table()))
        .collect()
}

fn dependency_tables(manifest: &Table) -> Vec<&Table> {
    let mut tables = tables_of(manifest, OWN);
    tables.extend(tables_of(manifest, DEV));
    tables
}

/// Edges that the table does not have, versions that the workspace does not give, and lints that
/// are not the workspace's.
fn crate_problems(folder: &str, manifest: &Table) -> Vec<String> {
    let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == folder) else {
        return vec![format!(
            "{folder} is no crate of the design: add a row to EDGES in tidy.rs and to ARCHITECTURE.md"
        )];
    };
    let mut problems = Vec::new();
    for (name, value) in dependency_tables(manifest).into_iter().flatten() {
        if value.get("workspace").and_then(Value::as_bool) != Some(true) {
            problems.push(format!(
                "{folder}: '{name}' has its own version; give it in the root Cargo.toml and write '{name}.workspace = true'"
            ));
        }
        if let Some(used) = name.strip_prefix("semrec-")
            && !allowed.contains(&used)
        {
            let allowed = match allowed {
                [] => "no other crate".to_owned(),
                some => some.join(", "),
            };
            problems.push(format!(
                "{folder} uses '{used}', and may use {allowed}: move the code, or change EDGES in tidy.rs and say why in ARCHITECTURE.md"
            ));
        }
    }
    let lints = manifest.get("lints").and_then(|l| l.get("workspace"));
    if lints.and_then(Value::as_bool) != Some(true) {
        problems.push(format!(
            "{folder}: the lints are not the workspace's; add [lints] workspace = true"
        ));
    }
    problems
}

/// Dependencies of these tables whose name is nowhere in the sources.
fn unused_problems(folder: &str, tables: &[&Table], sources: &str) -> Vec<String> {
    let words: BTreeSet<&str> = sources
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .collect();
    let names = tables.iter().flat_map(|table| table.keys());
    names
        .filter(|name| !UNIFIED.contains(&name.as_str()))
        .filter(|name| !words.contains(name.replace('-', "_").as_str()))
        .map(|name| format!("{folder}: '{name}' is in Cargo.toml and in no source; take it out"))
        .collect()
}

/// Members that are missing from the table or not in its order.
fn member_problems(members: &[&str]) -> Vec<String> {
    let expected: Vec<&str> = EDGES
        .iter()
        .map(|(folder, _)| *folder)
        .filter(|folder| members.contains(folder))
        .collect();
    if members == expected {
        return Vec::new();
    }
    vec![format!(
        "members of the root Cargo.toml are [{}]; write them in the direction data runs, as EDGES in tidy.rs has them: [{}]",
        members.join(", "),
        expected.join(", ")
    )]
}

#[test]
fn crates_use_what_the_table_allows() {
    let root_manifest = manifest("");
    let members = strings(&root_manifest["workspace"]["members"]);
    let mut problems = member_problems(&members);
    let sources = files_ending("rs");
    for folder in members {
        let manifest = manifest(folder);
        problems.extend(crate_problems(folder, &manifest));
        // What only tests and benches name is no dependency of the crate itself.
        for (kinds, place) in [(OWN, Path::new(folder).join("src")), (DEV, folder.into())] {
            let own = sources.iter().filter(|f| f.starts_with(&place));
            let text: String = own.map(|f| read(&root().join(f))).collect();
            problems.extend(unused_problems(folder, &tables_of(&manifest, kinds), &text));
        }
    }
    none(&problems);
}

#[test]
fn a_crate_with_a_new_edge_is_refused() {
    let refused = |folder: &str, text: &str| {
        let lints = "[lints]\nworkspace = true\n";
        crate_problems(folder, &toml::from_str(&(lints.to_owned() + text)).unwrap()).len()
    };
    let models = "[dependencies]\nsemrec-models.workspace = true\n";
    let models_on_unix = "[target.'cfg(unix)'.dependencies]\nsemrec-models.workspace = true\n";
    let models_in_tests = "[dev-dependencies]\nsemrec-models.workspace = true\n";
    assert_eq!(refused("crates/engine", models), 0);
    assert_eq!(refused("crates/eval", models), 1);
    assert_eq!(refused("crates/eval", models_on_unix), 1);
    assert_eq!(refused("crates/eval", models_in_tests), 1);
    assert_eq!(refused("crates/eval", "[dependencies]\ncsv = \"1\"\n"), 1);
    assert_eq!(refused("crates/shop", ""), 1);
    assert_eq!(crate_problems("crates/eval", &Table::new()).len(), 1);
    let arrow = toml::from_str("[dependencies]\narrow-cast.workspace = true\n").unwrap();
    let unused =
        |kinds: &[&str], text: &str| unused_problems("x", &tables_of(&arrow, kinds), text).len();
    assert_eq!(unused(OWN, "use arrow_cast::cast;"), 0);
    assert_eq!(unused(OWN, "use arrow::cast;"), 1);
    assert_eq!(unused(DEV, "use arrow::cast;"), 0);
    assert!(member_problems(&["crates/data", "crates/models", "crates/cli"]).is_empty());
    assert_eq!(member_problems(&["crates/cli", "crates/data"]).len(), 1);
    assert_eq!(member_problems(&["crates/data", "crates/shop"]).len(), 1);
}

// ---- files

/// What is wrong with a source file itself.
fn source_problems(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with("//!") {
        problems.push(format!(
            "{path}: the first line is no '//!'; say what the file does, what it leaves out, the formula or the paper"
        ));
    }
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim_start();
        if line.starts_with("#[allow(") || line.starts_with("#![allow(") {
            problems.push(format!(
                "{path}:{number}: 'allow' stays when its cause has gone; write #[expect(lint, reason = \"…\")]"
            ));
        }
        if line.starts_with("#[ignore") && !line.starts_with("#[ignore = \"") {
            problems.push(format!(
                "{path}:{number}: a test is ignored without a reason; write #[ignore = \"…\"]"
            ));
        }
    }
    problems
}

/// A file with unsafe code that the page does not name.
fn unsafe_problem(path: &str, text: &str, page: &str) -> Option<String> {
    let excepted = |line: &str| {
        let line = line.trim_start();
        line.starts_with("#[expect(unsafe_code") || line.starts_with("unsafe_code,")
    };
    let named = page.contains(&format!("`{path}`"));
    (text.lines().any(excepted) && !named).then(|| {
        format!("{path} has unsafe code; do without, or name it and its reason in ARCHITECTURE.md")
    })
}

fn length_problem(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MAX_LINES).then(|| {
        format!("{path}: {lines} lines, {MAX_LINES} at most; look for the seam and divide it")
    })
}

fn name_problems(path: &Path) -> Vec<String> {
    let parts = path.iter().map(|p| p.to_string_lossy());
    parts
        .filter(|part| {
            let mut words = part.split(['.', '_', '-']);
            words.any(|word| EMPTY_NAMES.contains(&word.to_lowercase().as_str()))
        })
        .map(|part| {
            format!(
                "{}: '{part}' says nothing of what is inside; name it by a noun of the field",
                path.display()
            )
        })
        .collect()
}

#[test]
fn sources_open_with_what_they_do_and_stay_short() {
    let architecture = read(&root().join("ARCHITECTURE.md"));
    let mut problems = Vec::new();
    for path in files_ending("rs") {
        let (name, text) = (path.display().to_string(), read(&root().join(&path)));
        problems.extend(source_problems(&name, &text));
        problems.extend(length_problem(&name, &text));
        problems.extend(unsafe_problem(&name, &text, &architecture));
        problems.extend(name_problems(&path));
    }
    none(&problems);
}

#[test]
fn a_source_that_breaks_a_rule_is_refused() {
    let refused = |text: &str| source_problems("x.rs", text).len();
    assert_eq!(refused("//! Words.\n\n#[test]\nfn f() {}\n"), 0);
    assert_eq!(refused("// Words.\n"), 1);
    assert_eq!(refused("//! A\n    #[allow(dead_code)]\n"), 1);
    assert_eq!(refused("//! A\n#![allow(dead_code)]\n"), 1);
    assert_eq!(refused("//! A\n#[ignore]\n"), 1);
    assert_eq!(refused("//! A\n#[ignore = \"needs the weights\"]\n"), 0);
    let pointers = "//! A\n    #[expect(unsafe_code, reason = \"pointers\")]\n";
    assert!(unsafe_problem("x.rs", pointers, "").is_some());
    assert_eq!(unsafe_problem("x.rs", pointers, "in `x.rs`"), None);
    assert_eq!(unsafe_problem("x.rs", "//! A\n", ""), None);
    assert_eq!(length_problem("x", &"line\n".repeat(MAX_LINES)), None);
    assert!(length_problem("x", &"line\n".repeat(MAX_LINES + 1)).is_some());
    assert_eq!(name_problems(Path::new("src/string_utils.rs")).len(), 1);
    assert_eq!(name_problems(Path::new("src/common/ndcg.rs")).len(), 1);
    assert!(name_problems(Path::new("src/commonality.rs")).is_empty());
}

// ---- pages

/// Lines outside fenced code, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((number, line));
        }
    }
    lines
}

/// What stands in backticks in a line and looks like a path of the repository.
fn quoted_paths(line: &str) -> Vec<&str> {
    let quoted = line.split('`').skip(1).step_by(2);
    quoted
        .filter(|q| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            let inner = !q.starts_with('/') && q.chars().all(plain);
            let extension = Path::new(q).extension().and_then(|e| e.to_str());
            inner && (q.contains('/') || matches!(extension, Some("rs" | "md")))
        })
        .collect()
}

fn path_problems(page: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in prose(text) {
        for path in quoted_paths(line).into_iter().filter(|p| !exists(p)) {
            problems.push(format!(
                "{page}:{number}: '{path}' is not there; write the path as it is from the root of the repository"
            ));
        }
    }
    problems
}

/// The targets of the links of a line that lie in the repository, without fragments.
fn relative_links(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for rest in line.split("](").skip(1) {
        let target = rest.split([')', ' ']).next().unwrap_or_default();
        let target = target.split('#').next().unwrap_or_default();
        let elsewhere = target.contains("://") || target.starts_with("mailto:");
        if !target.is_empty() && !elsewhere {
            found.push(target);
        }
    }
    found
}

fn link_problems(page: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in prose(text) {
        for link in relative_links(line).into_iter().filter(|l| !exists(l)) {
            problems.push(format!(
                "{page}:{number}: the link to '{link}' leads nowhere; correct or remove it"
            ));
        }
    }
    problems
}

/// Names in the first column of the table under `## Dependencies`.
fn dependency_rows(page: &str) -> BTreeSet<&str> {
    let after = page.split("\n## Dependencies\n").nth(1).unwrap_or_default();
    let section = after.split("\n## ").next().unwrap_or_default();
    let cells = section
        .lines()
        .filter_map(|l| l.strip_prefix("| ")?.split(" |").next());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

/// Dependencies and rows without each other, and dependencies that nothing uses.
fn dependency_problems(
    declared: &BTreeSet<&str>,
    used: &BTreeSet<String>,
    rows: &BTreeSet<&str>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for name in declared {
        if !rows.contains(name) {
            problems.push(format!(
                "'{name}' has no row under 'Dependencies' in ARCHITECTURE.md; add one: what for, and why this one"
            ));
        }
        if !used.contains(*name) {
            problems.push(format!(
                "'{name}' is used by no crate; take it out of the root Cargo.toml"
            ));
        }
    }
    for name in rows.difference(declared) {
        problems.push(format!(
            "ARCHITECTURE.md lists '{name}', which is no dependency of the workspace; take the row out"
        ));
    }
    problems
}

#[test]
fn pages_name_what_is_there() {
    let root = root();
    let mut problems = Vec::new();
    for path in files_ending("md") {
        let (name, text) = (path.display().to_string(), read(&root.join(&path)));
        let dir = root.join(path.parent().unwrap());
        problems.extend(link_problems(&name, &text, |l| dir.join(l).exists()));
        problems.extend(length_problem(&name, &text));
        if name == "ARCHITECTURE.md" {
            problems.extend(path_problems(&name, &text, |p| root.join(p).exists()));
        }
    }
    none(&problems);
}

#[test]
fn a_page_that_names_what_is_not_there_is_refused() {
    let there = |p: &str| p == "crates/data/src/split.rs";
    let paths = |line: &str| path_problems("x.md", line, there).len();
    assert_eq!(
        paths("`crates/data/src/split.rs` and `crates/data::split`"),
        0
    );
    assert_eq!(paths("`crates/data/src/splits.rs`, `split.rs`"), 2);
    assert_eq!(
        paths("`GET /v1/items`, `/v1/items`, `a b/c`, `dataset.toml`"),
        0
    );
    assert_eq!(paths("```\n`crates/none.rs`\n```\n`crates/none.rs`"), 1);
    let links = |line: &str| link_problems("x.md", line, |l| l == "a.md").len();
    assert_eq!(
        links("[a](a.md#part), [b](#here), [c](https://example.org/x.md)"),
        0
    );
    assert_eq!(links("[a](b.md) ![b](c.svg \"title\")"), 2);
}

#[test]
fn each_dependency_is_used_and_has_its_reason() {
    let root_manifest = manifest("");
    let workspace = root_manifest["workspace"].as_table().unwrap();
    let declared: BTreeSet<&str> = workspace["dependencies"]
        .as_table()
        .unwrap()
        .keys()
        .map(String::as_str)
        .filter(|name| !name.starts_with("semrec-"))
        .collect();
    let manifests = strings(&workspace["members"]).into_iter().map(manifest);
    let used: BTreeSet<String> = manifests
        .flat_map(|m| {
            let tables = dependency_tables(&m);
            tables
                .into_iter()
                .flat_map(Table::keys)
                .cloned()
                .collect::<Vec<_>>()
        })
        .collect();
    let page = read(&root().join("ARCHITECTURE.md"));
    none(&dependency_problems(
        &declared,
        &used,
        &dependency_rows(&page),
    ));
}

#[test]
fn a_dependency_without_reason_or_use_is_refused() {
    let page = "\n## Dependencies\n\n| crate | why |\n|---|---|\n| `csv` | x |\n| `zip`, `zstd` | y |\n\n## Next\n| `serde` | z |\n";
    let rows = dependency_rows(page);
    assert_eq!(rows, BTreeSet::from(["csv", "zip", "zstd"]));
    let used = BTreeSet::from(["csv".to_owned(), "rand".to_owned(), "zip".to_owned()]);
    // rand has no row, zstd no use, and `csv` is all right.
    let declared = BTreeSet::from(["csv", "rand", "zip", "zstd"]);
    assert_eq!(dependency_problems(&declared, &used, &rows).len(), 2);
    // The rows of zip and zstd are left over.
    assert_eq!(
        dependency_problems(&BTreeSet::from(["csv"]), &used, &rows).len(),
        2
    );
}

/// Scripts that nothing refers to.
fn unnamed(names: &[String], pages: &str) -> Vec<String> {
    let missing = names.iter().filter(|name| !pages.contains(name.as_str()));
    missing
        .map(|name| {
            format!(
                "recipes/{name} is named neither in docs/results.md nor in docs/performance.md; record what it shows, or remove it"
            )
        })
        .collect()
}

#[test]
fn each_recipe_has_its_result() {
    let root = root();
    let pages: Vec<String> = ["docs/results.md", "docs/performance.md"]
        .iter()
        .filter_map(|page| std::fs::read_to_string(root.join(page)).ok())
        .collect();
    if pages.is_empty() {
        return;
    }
    // A recipe can be run; what it sources or calls begins without '#!'.
    let recipes: Vec<String> = files()
        .iter()
        .filter(|f| f.parent() == Some(Path::new("recipes")))
        .filter(|f| std::fs::read(root.join(f)).unwrap().starts_with(b"#!"))
        .map(|f| f.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    none(&unnamed(&recipes, &pages.concat()));
    assert_eq!(unnamed(&["a.sh".to_owned()], "b.sh").len(), 1);
}

#[test]
fn each_page_is_in_the_index() {
    let index = read(&root().join("docs/README.md"));
    let mut problems = Vec::new();
    for page in files_ending("md") {
        let name = page.file_name().unwrap().to_string_lossy();
        let listed = index.contains(&format!("]({name})"));
        if page.parent() == Some(Path::new("docs")) && name != "README.md" && !listed {
            problems.push(format!("docs/{name} is not in docs/README.md; add a line"));
        }
    }
    none(&problems);
}
