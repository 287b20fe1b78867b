//! `semrec.toml`: settings that flags and environment variables beat.
//!
//! Keys are the long names of flags, `_` or `-` alike; a section bears the name of a verb. Its
//! values become the defaults of the flags before the command line is read, so the order is the
//! usual one: flag, environment, file, built-in.

use anyhow::{Context, bail};
use clap::Command;
use std::path::Path;
use toml::{Table, Value};

/// The file looked for where none is named.
const DEFAULT: &str = "semrec.toml";

/// The command with the file's values as defaults. `named` is the file asked for, if one was.
pub(crate) fn with_file(command: Command, named: Option<&Path>) -> anyhow::Result<Command> {
    let path = named.unwrap_or(Path::new(DEFAULT));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if named.is_none() && e.kind() == std::io::ErrorKind::NotFound => {
            return Ok(command);
        }
        Err(e) => return Err(e).with_context(|| format!("{} cannot be read", path.display())),
    };
    let table: Table = text
        .parse()
        .with_context(|| format!("{} is not TOML", path.display()))?;
    apply(command, &table).with_context(|| path.display().to_string())
}

fn apply(mut command: Command, table: &Table) -> anyhow::Result<Command> {
    for (key, value) in table {
        if let Value::Table(section) = value {
            if command.find_subcommand(key).is_none() {
                let verbs: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
                bail!("[{key}] is no verb; expected one of {}", verbs.join(", "));
            }
            let mut failed = None;
            command = command.mut_subcommand(key, |verb| {
                let before = verb.clone();
                section
                    .iter()
                    .try_fold(verb, |verb, (key, value)| set(verb, key, value))
                    .unwrap_or_else(|e| {
                        failed = Some(e);
                        before
                    })
            });
            if let Some(e) = failed {
                return Err(e.context(format!("section [{key}]")));
            }
        } else {
            command = set(command, key, value)?;
        }
    }
    Ok(command)
}

fn set(command: Command, key: &str, value: &Value) -> anyhow::Result<Command> {
    let id = key.replace('-', "_");
    let known: Vec<String> = command
        .get_arguments()
        .filter(|a| a.get_long().is_some() && a.get_id() != "config")
        .map(|a| a.get_id().to_string())
        .collect();
    if !known.contains(&id) {
        bail!(
            "'{key}' is no setting here; expected one of {}",
            known.join(", ")
        );
    }
    let texts: Vec<String> = match value.as_array() {
        Some(values) => values.iter().map(text).collect::<Result<_, _>>()?,
        None => vec![text(value)?],
    };
    Ok(command.mut_arg(id, |arg| {
        // A value from a file stands in for a flag that had to be given.
        arg.required(false).default_values(texts)
    }))
}

fn text(value: &Value) -> anyhow::Result<String> {
    Ok(match value {
        Value::String(s) => s.clone(),
        Value::Integer(i) => i.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Boolean(b) => b.to_string(),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
            bail!("a {} is no setting", value.type_str())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Verb};
    use clap::{CommandFactory, FromArgMatches};

    fn parse(file: &str, line: &[&str]) -> anyhow::Result<Cli> {
        let table: Table = file.parse()?;
        let matches = apply(Cli::command(), &table)?.try_get_matches_from(line)?;
        Ok(Cli::from_arg_matches(&matches)?)
    }

    #[test]
    fn the_file_beats_the_built_in_and_the_flag_beats_the_file() {
        let file =
            "seed = 7\n[evaluate]\nk = [5, 50]\nsplit = \"ratio:0.7\"\ninclude-seen = true\n";
        let cli = parse(file, &["semrec", "evaluate", "shop"]).unwrap();
        assert_eq!(cli.global.seed, 7);
        let Verb::Evaluate(args) = cli.verb else {
            panic!("evaluate was asked for")
        };
        assert_eq!((args.k, args.include_seen), (vec![5, 50], true));
        assert_eq!(args.split.to_string(), "ratio:0.7");
        let cli = parse(
            file,
            &["semrec", "--seed", "8", "evaluate", "shop", "-k", "3"],
        )
        .unwrap();
        assert_eq!(cli.global.seed, 8);
        let Verb::Evaluate(args) = cli.verb else {
            panic!("evaluate was asked for")
        };
        assert_eq!(args.k, [3]);
    }

    #[test]
    fn a_setting_that_does_not_exist_is_named_with_those_that_do() {
        let error = parse("[validate]\nspeed = 3\n", &["semrec", "validate", "x"]).unwrap_err();
        insta::assert_snapshot!(format!("{error:#}"), @"section [validate]: 'speed' is no setting here; expected one of json");
        let error = parse("[vali]\nspeed = 3\n", &["semrec", "validate", "x"]).unwrap_err();
        assert!(error.to_string().contains("is no verb"), "{error}");
    }
}
