//! What each column is for: first what was said by hand, then its name, then its values.

use super::names;
use super::options::{FileKind, Roles};
use super::report::ColumnReport;
use super::role::ColumnRole;
use super::stats::{Separator, Stats};
use crate::DataError;
use std::path::Path;

/// What was decided for one column, and why.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) role: ColumnRole,
    pub(super) separator: Separator,
    pub(super) why: String,
}

/// A file's columns, and what their values look like.
pub(super) struct Sampled<'a> {
    pub(super) path: &'a Path,
    pub(super) kind: FileKind,
    pub(super) columns: &'a [String],
    pub(super) stats: &'a [Stats],
    /// Whether the file itself names its columns.
    pub(super) header: bool,
}

impl Sampled<'_> {
    pub(super) fn report(&self, decisions: &[Decision]) -> Vec<ColumnReport> {
        let named = self.columns.iter().zip(self.stats).zip(decisions);
        named
            .filter(|((name, _), _)| !name.is_empty())
            .map(|((name, stats), d)| ColumnReport {
                name: name.clone(),
                role: d.role.name().into(),
                why: d.why.clone(),
                example: stats.example.clone(),
            })
            .collect()
    }

    /// The column a hand-given role names.
    pub(super) fn given(&self, roles: &Roles, role: ColumnRole) -> Option<usize> {
        self.columns
            .iter()
            .position(|c| roles.of(self.kind, c) == Some(role))
    }

    /// Columns that can still be chosen.
    pub(super) fn free(&self, roles: &Roles, taken: &[usize]) -> Vec<bool> {
        let free = |(i, c): (usize, &String)| {
            !c.is_empty() && !taken.contains(&i) && roles.of(self.kind, c).is_none()
        };
        self.columns.iter().enumerate().map(free).collect()
    }

    /// The free column with the most telling name of a list.
    pub(super) fn named(&self, list: &[&str], free: &[bool]) -> Option<usize> {
        let columns: Vec<String> = self
            .columns
            .iter()
            .zip(free)
            .map(|(c, free)| if *free { c.clone() } else { String::new() })
            .collect();
        names::first(&columns, list)
    }

    pub(super) fn missing(&self, role: ColumnRole, hint: &str) -> DataError {
        let columns: Vec<&str> = self
            .columns
            .iter()
            .map(String::as_str)
            .filter(|c| !c.is_empty())
            .collect();
        DataError::format(
            self.path,
            format!(
                "no column holds the {role}: got {}, expected a name such as {hint}; say which it is with the role '{role}=COLUMN'",
                columns.join(", "),
                role = role.name(),
            ),
        )
    }
}

pub(super) fn decide(role: ColumnRole, why: impl Into<String>) -> Decision {
    Decision {
        role,
        separator: Separator::None,
        why: why.into(),
    }
}

/// Roles of the columns of items or users; exactly one is the id.
pub(super) fn table(
    file: &Sampled<'_>,
    roles: &Roles,
    hint: Option<&str>,
) -> Result<(usize, Vec<Decision>), DataError> {
    let (id_role, id_names) = if file.kind == FileKind::Users {
        (ColumnRole::User, names::USER)
    } else {
        (ColumnRole::Item, names::ITEM)
    };
    let free = file.free(roles, &[]);
    let same = |h: &str| {
        file.columns
            .iter()
            .zip(&free)
            .position(|(c, free)| *free && names::normal(c) == names::normal(h))
    };
    let (id, why) = if let Some(i) = file.given(roles, id_role) {
        (i, "as told".to_owned())
    } else if let Some(i) = hint.and_then(same) {
        (i, "the interactions have it too".to_owned())
    } else if let Some(i) = file.named(id_names, &free) {
        (i, "by its name".to_owned())
    } else if let Some(i) = file.named(&["id"], &free) {
        (i, "by its name".to_owned())
    } else if free.first() == Some(&true) && is_unique(&file.stats[0]) {
        (0, "the first column, all values differ".to_owned())
    } else {
        return Err(file.missing(
            id_role,
            if id_role == ColumnRole::User {
                "user_id"
            } else {
                "item_id"
            },
        ));
    };
    let decisions = (0..file.columns.len())
        .map(|i| {
            if i == id {
                decide(id_role, &*why)
            } else {
                field(file, roles, i)
            }
        })
        .collect();
    Ok((id, decisions))
}

fn is_unique(stats: &Stats) -> bool {
    stats.filled == stats.rows && stats.distinct() == stats.rows && stats.average_words() <= 1.0
}

/// The role of one column of items or users that is not their id.
pub(super) fn field(file: &Sampled<'_>, roles: &Roles, i: usize) -> Decision {
    let (name, stats) = (&file.columns[i], &file.stats[i]);
    let several = names::is(name, names::SEVERAL);
    if let Some(role) = roles.of(file.kind, name) {
        return Decision {
            separator: stats.separator(several),
            ..decide(role, "as told")
        };
    }
    if name.is_empty() {
        return decide(ColumnRole::Ignore, "has no name");
    }
    if stats.filled == 0 {
        return decide(ColumnRole::Ignore, "empty");
    }
    if names::is(name, names::IGNORE) {
        return decide(ColumnRole::Ignore, "by its name");
    }
    // There are films called 1984 and 300: a title stays text even if all of it is numbers.
    let title = names::is(name, &["title", "name"]);
    if title || (names::is(name, names::TEXT) && stats.numeric() < 1.0) {
        return decide(ColumnRole::Text, "by its name");
    }
    if names::is(name, names::TIME) && stats.times() >= 0.5 {
        return decide(ColumnRole::Time, "by its name");
    }
    if names::is(name, names::IMAGE) || stats.pictures() >= 0.9 {
        return decide(ColumnRole::Image, "by its name or endings such as .jpg");
    }
    if stats.vectors() >= 0.9 {
        return decide(ColumnRole::Ignore, "a list of fractions");
    }
    if stats.all_in(&["true", "false"]) {
        return decide(ColumnRole::Category, "true or false");
    }
    by_values(name, stats, several)
}

fn by_values(name: &str, stats: &Stats, several: bool) -> Decision {
    let labels = names::is(name, names::CATEGORY);
    let separator = stats.separator(several);
    if separator != Separator::None {
        let shown = match separator {
            Separator::Char('\u{1f}') => "a list".to_owned(),
            Separator::Char(c) => format!("labels separated by '{c}'"),
            Separator::Brackets | Separator::None => "labels in brackets".to_owned(),
        };
        return Decision {
            separator,
            ..decide(ColumnRole::Category, shown)
        };
    }
    if stats.numeric() >= 0.95 && !labels {
        let code =
            stats.is_code() || (name.to_lowercase().ends_with("id") && stats.repetition() < 2.0);
        return if code {
            decide(ColumnRole::Ignore, "an id or code of something else")
        } else {
            decide(ColumnRole::Number, "its values are numbers")
        };
    }
    if stats.times() >= 0.95 {
        return decide(ColumnRole::Time, "its values are points in time");
    }
    if labels && stats.average_words() <= 5.0 {
        return decide(ColumnRole::Category, "by its name");
    }
    if stats.repetition() >= 4.0 && stats.average_words() <= 3.0 {
        let why = format!("{} values in {} rows", stats.distinct(), stats.filled);
        return decide(ColumnRole::Category, why);
    }
    let why = format!(
        "{:.1} words, {:.0} characters on average",
        stats.average_words(),
        stats.average_chars()
    );
    decide(ColumnRole::Text, why)
}
