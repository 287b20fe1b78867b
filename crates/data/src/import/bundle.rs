//! Directories that come as a known set of files.

use super::options::ImportOptions;
use crate::{DataError, Format};
use std::path::{Path, PathBuf};

/// Interactions, items, users and test interactions, by their usual names; the first set whose
/// interactions are there is taken.
const SETS: &[[&str; 4]] = &[
    ["ratings.csv", "movies.csv", "", ""],
    ["ratings.dat", "movies.dat", "users.dat", ""],
    ["u.data", "u.item", "u.user", ""],
    ["behaviors.tsv", "news.tsv", "", ""],
    ["*.inter", "*.item", "*.user", ""],
    ["interactions.*", "items.*", "users.*", "test.*"],
    ["events.*", "items.*", "users.*", ""],
    ["feedback.*", "items.*", "users.*", ""],
    ["train.txt", "items.*", "users.*", "test.txt"],
];

/// Replaces a directory by the files in it; what was named explicitly stays.
pub(super) fn expand(options: &ImportOptions) -> Result<ImportOptions, DataError> {
    let named = options.interactions.as_deref();
    let Some(dir) = named.filter(|path| path.is_dir()) else {
        return Ok(options.clone());
    };
    let mut options = options.clone();
    let io = |e| DataError::io(dir, e);
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    let find = |pattern: &str| files.iter().find(|f| matches(f, pattern)).cloned();
    let Some((set, events)) = SETS.iter().find_map(|s| Some((s, find(s[0])?))) else {
        let names: Vec<_> = files
            .iter()
            .filter_map(|f| f.file_name())
            .take(10)
            .map(|n| n.to_string_lossy().into_owned())
            .collect();
        return Err(DataError::format(
            dir,
            format!(
                "is a directory with none of the known sets of files in it (it holds {}); expected ratings.csv, ratings.dat, u.data, behaviors.tsv, *.inter, interactions.* or train.txt, or name the files one by one",
                if names.is_empty() {
                    "nothing".into()
                } else {
                    names.join(", ")
                }
            ),
        ));
    };
    let at = |i: usize| (!set[i].is_empty()).then(|| find(set[i])).flatten();
    options.name = options.name.or_else(|| name_of(dir));
    options.interactions = Some(events);
    options.items = options.items.or_else(|| at(1));
    options.users = options.users.or_else(|| at(2));
    options.test_interactions = options.test_interactions.or_else(|| at(3));
    if set[0] == "*.inter" && options.knowledge.is_none() && options.links.is_none() {
        options.knowledge = find("*.kg");
        options.links = options.knowledge.as_ref().and_then(|_| find("*.link"));
    }
    if set[0] == "train.txt" && options.format == Format::Auto {
        options.format = Format::Adjacency;
    }
    Ok(options)
}

/// Whether a file has the name of a pattern, compressed or not.
fn matches(path: &Path, pattern: &str) -> bool {
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let bare = name
        .strip_suffix(".gz")
        .or_else(|| name.strip_suffix(".zst"))
        .unwrap_or(&name);
    if let Some(ending) = pattern.strip_prefix('*') {
        return bare.ends_with(ending);
    }
    if let Some(stem) = pattern.strip_suffix(".*") {
        let endings = ["csv", "tsv", "jsonl", "ndjson", "json", "parquet", "txt"];
        return bare
            .strip_prefix(stem)
            .and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|ending| endings.contains(&ending));
    }
    bare == pattern
}

/// The last part of a path, as a name.
pub(super) fn name_of(path: &Path) -> Option<String> {
    let whole = path.canonicalize().ok()?;
    Some(whole.file_name()?.to_string_lossy().into_owned())
}
