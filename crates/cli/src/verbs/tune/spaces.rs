//! What is searched: the space a model declares, as `--space` and `--set` change it.

use crate::params;
use anyhow::{Context as _, bail};
use semrec_models::{params_of, space_of};
use semrec_tune::{Method, Range, Space, value_at};
use toml::{Table, Value};

/// What is asked of one model.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) model: String,
    pub(super) space: Space,
    /// What `--set` says.
    pub(super) fixed: Table,
    /// The model's own parameters, with `fixed`.
    pub(super) start: Table,
}

/// What is asked of each model.
pub(super) fn of(
    models: &[String],
    spaces: &[String],
    settings: &[String],
    method: Method,
) -> anyhow::Result<Vec<Asked>> {
    let mut all = Vec::new();
    for (i, model) in models.iter().enumerate() {
        space_of(model)?;
        if models[..i].contains(model) {
            bail!("--model: {model} is named twice");
        }
    }
    let settings = owned("--set", models, settings)?;
    let spaces = owned("--space", models, spaces)?;
    for model in models {
        let mine = |owned: &[(String, String)]| -> Vec<String> {
            let of_model = owned.iter().filter(|(owner, _)| owner == model);
            of_model.map(|(_, text)| text.clone()).collect()
        };
        all.push(asked(model, &mine(&spaces), &mine(&settings), method)?);
    }
    Ok(all)
}

/// Each `MODEL.KEY=…` with its model; without a model, the only one is meant.
fn owned(flag: &str, models: &[String], texts: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let owner = |text: &String| -> anyhow::Result<(String, String)> {
        let first = text.split_once('.');
        match (first.filter(|(m, _)| models.iter().any(|n| n == m)), models) {
            (Some((model, rest)), _) => Ok((model.to_owned(), rest.to_owned())),
            (None, [only]) => Ok((only.clone(), text.clone())),
            (None, _) => bail!(
                "{flag} {text}: say of which model, as in {}.{text}; asked for are {}",
                models.first().map_or("", String::as_str),
                models.join(", ")
            ),
        }
    };
    texts.iter().map(owner).collect()
}

fn asked(
    model: &str,
    spaces: &[String],
    settings: &[String],
    method: Method,
) -> anyhow::Result<Asked> {
    let fixed = params::table(settings)?;
    let start = params_of(model, &fixed)?;
    let declared = space_of(model)?;
    let mut space = declared.clone();
    for name in leaves(&fixed, "") {
        space = space.without(&name);
    }
    for text in spaces {
        let Some((name, range)) = text.split_once('=') else {
            bail!("--space {text}: expected KEY=LO..HI or KEY=A,B,C, as in lambda=1..1000");
        };
        let name = name.trim();
        if value_at(&fixed, name).is_some() {
            bail!("--space {text}: '{name}' of {model} is set by --set; leave one of them out");
        }
        let like = own_value(model, &start, name)
            .with_context(|| format!("--space {text}: {model} {}", lacks(&start, name)))?;
        let range = Range::parse(range.trim(), &like, declared.range(name))
            .with_context(|| format!("--space {name} of {model}"))?;
        space = space.with(name, range);
    }
    if method == Method::Halving
        && let Some(rounds) = declared.rounds()
    {
        // Rounds are the effort that is halved.
        space = space.without(rounds);
    }
    if declared.is_empty() && space.is_empty() && !start.is_empty() {
        bail!(
            "{model} declares nothing to search; say what to, as in --space {}=LO..HI",
            start.keys().next().map_or("KEY", String::as_str)
        );
    }
    Ok(Asked {
        model: model.to_owned(),
        space,
        fixed,
        start,
    })
}

/// A value that a parameter may have. Parameters of a fusion's sources, `params.ease.lambda`, are
/// those of the source.
fn own_value(model: &str, start: &Table, name: &str) -> Option<Value> {
    if let Some(value) = value_at(start, name) {
        return Some(value.clone());
    }
    let (source, key) = name.strip_prefix("params.")?.split_once('.')?;
    if source == model || !start.get("params").is_some_and(Value::is_table) {
        return None;
    }
    let params = params_of(source, &Table::new()).ok()?;
    value_at(&params, key).cloned()
}

fn lacks(start: &Table, name: &str) -> String {
    let known: Vec<&str> = start.keys().map(String::as_str).collect();
    if known.is_empty() {
        format!("has no parameter '{name}'; it has none")
    } else {
        format!("has no parameter '{name}'; it has {}", known.join(", "))
    }
}

/// The keys of all values, with dots.
fn leaves(table: &Table, prefix: &str) -> Vec<String> {
    let keys = table
        .iter()
        .flat_map(|(key, value)| match value.as_table() {
            Some(inner) => leaves(inner, &format!("{prefix}{key}.")),
            None => vec![format!("{prefix}{key}")],
        });
    keys.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(models: &str, spaces: &[&str], settings: &[&str]) -> String {
        let owned =
            |texts: &[&str]| -> Vec<String> { texts.iter().map(|&t| t.to_owned()).collect() };
        let models: Vec<String> = models.split(',').map(str::to_owned).collect();
        match of(&models, &owned(spaces), &owned(settings), Method::Tpe) {
            Ok(all) => {
                let lines = all.iter().map(|a| {
                    let parameters = a.space.parameters().iter();
                    let written: Vec<String> = parameters
                        .map(|p| format!("{}={}", p.name, p.range))
                        .collect();
                    format!("{}: {}", a.model, written.join(" "))
                });
                lines.collect::<Vec<_>>().join("\n")
            }
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn declared_spaces_are_changed_by_flags() {
        insta::assert_snapshot!(space("ease,als", &["ease.lambda=20..200"], &["ease.dropout=0.5", "als.factors=8"]), @"
        ease: lambda=log:20..200 recency=even:0..1.5
        als: iterations=log:4..32 lambda=log:0.0001..0.1 alpha=log:0.0001..1 exponent=even:0..1.5 recency=even:0..1.5
        ");
        insta::assert_snapshot!(space("hybrid", &["params.ease.lambda=10..1000"], &["cold_share=0.1"]), @"hybrid: l2=log:0.00001..1 params.ease.lambda=log:10..1000");
        insta::assert_snapshot!(space("als", &["steps=0,2,3"], &["als.alpha=0.1", "iterations=4", "factors=8", "exponent=1", "recency=0"]), @"als: lambda=log:0.0001..0.1 steps=0,2,3");
    }

    #[test]
    fn what_cannot_be_searched_is_said() {
        insta::assert_snapshot!(space("ease", &["lamda=1..2"], &[]), @"--space lamda=1..2: ease has no parameter 'lamda'; it has dropout, lambda, recency");
        insta::assert_snapshot!(space("ease", &["lambda=2..1"], &[]), @"--space lambda of ease: 'log:2..1' is no range: the first number must be less than the second");
        insta::assert_snapshot!(space("ease", &["lambda"], &[]), @"--space lambda: expected KEY=LO..HI or KEY=A,B,C, as in lambda=1..1000");
        insta::assert_snapshot!(space("ease,als", &["lambda=1..2"], &[]), @"--space lambda=1..2: say of which model, as in ease.lambda=1..2; asked for are ease, als");
        insta::assert_snapshot!(space("ease", &["lambda=1..2"], &["lambda=3"]), @"--space lambda=1..2: 'lambda' of ease is set by --set; leave one of them out");
        insta::assert_snapshot!(space("ease,ease", &[], &[]), @"--model: ease is named twice");
        insta::assert_snapshot!(space("random", &["x=1..2"], &[]), @"--space x=1..2: random has no parameter 'x'; it has none");
        insta::assert_snapshot!(space("ease", &[], &["lambda=much"]), @r#"parameters of ease: invalid type: string "much", expected f64"#);
    }
}
