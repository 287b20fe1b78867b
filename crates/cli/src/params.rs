//! `--set key=value` as tables of parameters.

use anyhow::{Context, bail};
use std::path::Path;
use toml::{Table, Value};

/// Parses `lambda=500`, `sources=["ease","content"]`, `params.ease.lambda=200` into one table. A
/// value that is not TOML is a string.
pub(crate) fn table(settings: &[String]) -> anyhow::Result<Table> {
    let mut all = Table::new();
    for setting in settings {
        let Some((key, value)) = setting.split_once('=') else {
            bail!("--set {setting}: expected KEY=VALUE, as in lambda=500");
        };
        let (key, value) = (key.trim(), value.trim());
        let parsed = toml::from_str::<Table>(&format!("value = {value}"))
            .ok()
            .and_then(|mut t| t.remove("value"))
            .unwrap_or_else(|| Value::String(value.to_owned()));
        let mut parts: Vec<&str> = key.split('.').collect();
        let last = parts.pop().unwrap_or_default();
        if last.is_empty() || parts.iter().any(|p| p.is_empty()) {
            bail!("--set {setting}: the key is empty");
        }
        let mut here = &mut all;
        for part in parts {
            here = here
                .entry(part)
                .or_insert_with(|| Value::Table(Table::new()))
                .as_table_mut()
                .with_context(|| format!("--set {setting}: '{part}' was set to a value before"))?;
        }
        here.insert(last.to_owned(), parsed);
    }
    Ok(all)
}

/// The same for several models: the first part of each key is the model's name.
pub(crate) fn by_model(settings: &[String], models: &[String]) -> anyhow::Result<Table> {
    let all = table(settings)?;
    for (model, params) in &all {
        if !params.is_table() {
            bail!("--set {model}=…: expected MODEL.KEY=VALUE, as in ease.lambda=500");
        }
        if !models.contains(model) {
            bail!(
                "--set {model}.…: '{model}' is not among the models asked for: {}",
                models.join(", ")
            );
        }
    }
    Ok(all)
}

/// The parameters of each model in a file, `[ease]` and so on, and what `settings` put in their
/// place.
pub(crate) fn with_file(file: Option<&Path>, settings: &Table) -> anyhow::Result<Table> {
    let Some(path) = file else {
        return Ok(settings.clone());
    };
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
    let mut all: Table = text
        .parse()
        .with_context(|| format!("{shown} is not TOML"))?;
    if let Some((key, _)) = all.iter().find(|(_, value)| !value.is_table()) {
        bail!("{shown}: '{key}' belongs to no model; expected a section for each, as in [ease]");
    }
    overlay(&mut all, settings);
    Ok(all)
}

/// Puts the values of one table into another, table by table.
fn overlay(below: &mut Table, above: &Table) {
    for (key, value) in above {
        match (below.get_mut(key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => overlay(below, above),
            _ => {
                below.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The parameters of one model.
pub(crate) fn of(all: &Table, model: &str) -> Table {
    all.get(model)
        .and_then(Value::as_table)
        .cloned()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_toml_or_text_and_keys_nest() {
        let set = [
            "lambda=500",
            "params.ease.lambda = 2.5",
            "kind=cosine",
            "on=true",
        ];
        let got = table(&set.map(str::to_owned)).unwrap();
        insta::assert_snapshot!(got.to_string(), @r#"
        kind = "cosine"
        lambda = 500
        on = true

        [params.ease]
        lambda = 2.5
        "#);
    }

    #[test]
    fn a_file_is_beaten_by_settings() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("best.toml");
        let file = "[ease]\nlambda = 1.5\ndropout = 0.25\n[hybrid.params.ease]\nlambda = 3\n";
        std::fs::write(&path, file).unwrap();
        let set = ["ease.lambda=2.5", "hybrid.l2=1", "als.factors=8"].map(str::to_owned);
        let got = with_file(Some(&path), &table(&set).unwrap()).unwrap();
        insta::assert_snapshot!(got.to_string(), @"
        [als]
        factors = 8

        [ease]
        dropout = 0.25
        lambda = 2.5

        [hybrid]
        l2 = 1

        [hybrid.params.ease]
        lambda = 3
        ");
        std::fs::write(&path, "lambda = 1.5").unwrap();
        let error = with_file(Some(&path), &Table::new()).unwrap_err();
        let said = error.to_string();
        assert!(
            said.ends_with(
                "'lambda' belongs to no model; expected a section for each, as in [ease]"
            ),
            "{said}"
        );
    }

    #[test]
    fn a_model_that_was_not_asked_for_is_refused() {
        let set = ["esae.lambda=500".to_owned()];
        let error = by_model(&set, &["ease".to_owned()]).unwrap_err();
        insta::assert_snapshot!(error, @"--set esae.…: 'esae' is not among the models asked for: ease");
        assert!(table(&["lambda".to_owned()]).is_err());
    }
}
