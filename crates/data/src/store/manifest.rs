//! `dataset.toml`: what a data set is, where it came from and what was inferred.

use crate::{Clock, DataError, Field, ImportReport, Role, Table};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file that says a directory is a data set.
pub(crate) const MANIFEST: &str = "dataset.toml";

/// Version of the layout; another one is refused.
pub(crate) const VERSION: u32 = 1;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Version of the layout.
    pub(crate) format: u32,
    pub(crate) name: String,
    pub(crate) fingerprint: String,
    pub(crate) clock: Clock,
    pub(crate) given_split: bool,
    pub(crate) kinds: Vec<String>,
    pub(crate) counts: Counts,
    /// Absent without a knowledge graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) knowledge: Option<KnowledgeCounts>,
    #[serde(default)]
    pub(crate) item_fields: Vec<FieldRole>,
    #[serde(default)]
    pub(crate) user_fields: Vec<FieldRole>,
    #[serde(default)]
    pub(crate) import: ImportReport,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) users: usize,
    pub(crate) items: usize,
    pub(crate) interactions: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnowledgeCounts {
    pub(crate) triples: usize,
    pub(crate) links: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FieldRole {
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// Names and roles of a table's columns.
pub(crate) fn roles(table: &Table) -> Vec<FieldRole> {
    let role = |f: &Field| FieldRole {
        name: f.name.clone(),
        role: f.values.role(),
    };
    table.fields.iter().map(role).collect()
}

impl Manifest {
    pub(crate) fn read(dir: &Path) -> Result<Self, DataError> {
        let path = dir.join(MANIFEST);
        if !dir.is_dir() {
            return Err(DataError::format(
                dir,
                if dir.exists() {
                    "is a file; expected the directory of a data set, as 'semrec import' makes it"
                } else {
                    "does not exist; expected the directory of a data set, as 'semrec import' makes it"
                },
            ));
        }
        if !path.is_file() {
            return Err(DataError::format(
                dir,
                format!(
                    "is no data set: there is no '{MANIFEST}' in it; 'semrec import' makes one"
                ),
            ));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| DataError::io(&path, e))?;
        let broken = |e: toml::de::Error| {
            DataError::format(&path, format!("{}; import the data again", e.message()))
        };
        let version = toml::from_str::<Version>(&text).map_err(broken)?.format;
        if version != VERSION {
            return Err(DataError::format(
                &path,
                format!(
                    "has layout version {version}, this semrec reads {VERSION}; import the data again"
                ),
            ));
        }
        toml::from_str(&text).map_err(broken)
    }

    pub(crate) fn write(&self, dir: &Path) -> Result<(), DataError> {
        let path = dir.join(MANIFEST);
        let text = toml::to_string(self)
            .map_err(|e| DataError::format(&path, format!("cannot be written: {e}")))?;
        std::fs::write(&path, text).map_err(|e| DataError::io(&path, e))
    }
}

/// The one key every layout has.
#[derive(Deserialize)]
struct Version {
    format: u32,
}
