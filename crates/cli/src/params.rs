//! `--set key=value` as tables of parameters.

use anyhow::{Context, bail};
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
    fn a_model_that_was_not_asked_for_is_refused() {
        let set = ["esae.lambda=500".to_owned()];
        let error = by_model(&set, &["ease".to_owned()]).unwrap_err();
        insta::assert_snapshot!(error, @"--set esae.…: 'esae' is not among the models asked for: ease");
        assert!(table(&["lambda".to_owned()]).is_err());
    }
}
