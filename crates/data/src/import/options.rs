//! What an import is told: files, format, roles and limits.

use super::role::ColumnRole;
use crate::{DataError, Format};
use std::path::PathBuf;
use std::str::FromStr;

/// What to import and how; everything but the interactions, or in their place the items, has a
/// default.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportOptions {
    /// The file of events, or the directory of a known data set (MovieLens, RecBole, MIND, or
    /// `interactions.*` with `items.*` and `users.*`), which then gives the other files too.
    /// Without one the items are all there is: a catalogue that can be mined, embedded and searched.
    pub interactions: Option<PathBuf>,
    /// The file of items. Default: none, the ids in the interactions are the catalogue.
    pub items: Option<PathBuf>,
    /// The file of users. Default: none.
    pub users: Option<PathBuf>,
    /// A second file of events, which are for testing; those of the first are for training.
    /// Default: none.
    pub test_interactions: Option<PathBuf>,
    /// A file of facts, each with a head, a relation and a tail: a knowledge graph. Default: none.
    pub knowledge: Option<PathBuf>,
    /// A file that says which item is which entity of the facts. Default: none, the items are
    /// entities by their own ids.
    pub links: Option<PathBuf>,
    /// Default: found out for each file.
    pub format: Format,
    /// What columns are for, where inference would take them for something else. Default: empty.
    pub roles: Roles,
    /// The import fails if more than this share of a file's rows is rejected. Default: 0.05.
    pub max_rejected_share: f64,
    /// Longest field in bytes; a row with a longer one is rejected. Default: 1 MiB.
    pub max_field_bytes: usize,
    /// Name of the data set. Default: that of the directory the interactions lie in, or the items.
    pub name: Option<String>,
    /// Unix seconds; events after it are counted in the report. Default: not checked.
    pub now: Option<i64>,
    /// Where the rejected rows are written if the import fails because of them. Default: nowhere.
    pub rejected: Option<PathBuf>,
}

impl ImportOptions {
    /// Options for a file of events alone.
    pub fn new(interactions: impl Into<PathBuf>) -> Self {
        Self {
            interactions: Some(interactions.into()),
            ..Self::default()
        }
    }
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            interactions: None,
            items: None,
            users: None,
            test_interactions: None,
            knowledge: None,
            links: None,
            format: Format::Auto,
            roles: Roles::default(),
            max_rejected_share: 0.05,
            max_field_bytes: 1 << 20,
            name: None,
            now: None,
            rejected: None,
        }
    }
}

/// The kind of file a role is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Items,
    Users,
    Interactions,
    /// Facts, or links to them: their columns have no roles to choose.
    Knowledge,
}

impl FileKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Users => "users",
            Self::Interactions => "interactions",
            Self::Knowledge => "knowledge",
        }
    }

    fn takes(self, role: ColumnRole) -> bool {
        use ColumnRole::{
            Category, Event, Ignore, Image, Item, Number, Position, Split, Text, Time, User, Value,
        };
        if self == Self::Knowledge {
            return false;
        }
        match role {
            Ignore | Time => true,
            User => self != Self::Items,
            Item => self != Self::Users,
            Value | Position | Event | Split => self == Self::Interactions,
            Text | Category | Number | Image => self != Self::Interactions,
        }
    }
}

/// Roles given by hand, as in `user=uid,item=sku,text=title+body,items.ignore=position`: a role,
/// `=`, the columns that have it joined by `+`. A column not named keeps the role inferred for it.
/// `items.`, `users.` or `interactions.` before a role limits it to that file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    kind: Option<FileKind>,
    role: ColumnRole,
    column: String,
}

impl Roles {
    /// The role given to a column of a file.
    pub(crate) fn of(&self, kind: FileKind, column: &str) -> Option<ColumnRole> {
        self.entries
            .iter()
            .find(|e| e.column == column && e.kind.is_none_or(|k| k == kind) && kind.takes(e.role))
            .map(|e| e.role)
    }

    /// Fails if a column named here is in none of the files.
    pub(crate) fn check(&self, files: &[(FileKind, Vec<String>)]) -> Result<(), DataError> {
        for e in &self.entries {
            let used = files.iter().any(|(kind, columns)| {
                e.kind.is_none_or(|k| k == *kind)
                    && kind.takes(e.role)
                    && columns.contains(&e.column)
            });
            if !used {
                let known: Vec<String> = files
                    .iter()
                    .map(|(kind, columns)| format!("{} has {}", kind.name(), columns.join(", ")))
                    .collect();
                return Err(DataError::Unusable(format!(
                    "roles: no file has a column '{}' that can be '{}'; {}",
                    e.column,
                    e.role.name(),
                    known.join("; ")
                )));
            }
        }
        Ok(())
    }
}

impl FromStr for Roles {
    type Err = DataError;

    fn from_str(s: &str) -> Result<Self, DataError> {
        let mut entries = Vec::new();
        for part in s.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let wrong = |problem: &str| {
                DataError::Unusable(format!(
                    "roles: '{part}' {problem}; expected as in 'user=uid,item=sku,text=title+body'"
                ))
            };
            let (role, columns) = part.split_once('=').ok_or_else(|| wrong("has no '='"))?;
            let (kind, role) = match role.trim().split_once('.') {
                None => (None, role.trim()),
                Some((kind, role)) => {
                    let kinds = [FileKind::Items, FileKind::Users, FileKind::Interactions];
                    let found = kinds.into_iter().find(|k| k.name() == kind);
                    let found = found.ok_or_else(|| {
                        wrong("names a file that is none of items, users, interactions")
                    })?;
                    (Some(found), role)
                }
            };
            let role = ColumnRole::named(role).ok_or_else(|| {
                wrong("names no role; roles are user, item, value, time, position, event, split, text, category, number, image, ignore")
            })?;
            for column in columns.split('+').map(str::trim).filter(|c| !c.is_empty()) {
                entries.push(Entry {
                    kind,
                    role,
                    column: column.to_owned(),
                });
            }
        }
        Ok(Self { entries })
    }
}
