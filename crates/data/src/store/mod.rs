//! The dataset on disk: a directory that other tools open as it is.
//!
//! | file | holds |
//! |---|---|
//! | `dataset.toml` | layout version, name, fingerprint, clock, kinds of event, counts, roles, and the report of the import with each source's size and SHA-256 |
//! | `items.parquet` | `item_id` and one column a field: text, image as string, category as list of string, number as double, time as int64 (Unix seconds) |
//! | `users.parquet` | `user_id` and the same |
//! | `interactions.parquet` | `user_id item_id value time`, grouped by user, oldest first; `event` where there is more than one kind, `split` where the data is divided |
//! | `facts.parquet` | `head relation tail`, the triples of a knowledge graph, if there is one |
//! | `links.parquet` | `item_id entity`, which items are entities of it |
//! | `rejected.jsonl` | rows of the sources that are not in the data set, and cells left empty, if any |
//!
//! Strings are dictionary-encoded, pages compressed with zstd.

mod fingerprint;
mod interactions;
mod knowledge;
mod manifest;
mod open;
mod staging;
mod tables;

pub(crate) use fingerprint::{fingerprint, hex};
pub use staging::{Staging, discard_stages, write_whole};

use crate::{DataError, Dataset, ImportReport, Interactions, Knowledge, Table};
use manifest::{Counts, KnowledgeCounts, MANIFEST, Manifest, VERSION};
use std::io::Write;
use std::path::Path;

/// Rows that were not accepted, one JSON object a line.
pub(crate) const REJECTED: &str = "rejected.jsonl";

impl Dataset {
    /// A data set with its fingerprint.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        items: Table,
        users: Table,
        interactions: Interactions,
        kinds: Vec<String>,
    ) -> Self {
        let fingerprint = fingerprint(&items, &users, &interactions, &kinds);
        Self {
            items,
            users,
            interactions,
            knowledge: None,
            kinds,
            name: name.into(),
            fingerprint,
        }
    }

    /// The same data set with what else is known of its items.
    #[must_use]
    pub fn with_knowledge(mut self, graph: Knowledge) -> Self {
        self.fingerprint = fingerprint::with_knowledge(&self.fingerprint, &graph, &self.items.ids);
        self.knowledge = Some(graph);
        self
    }

    /// Writes the data set as a directory, whole or not at all; one that is there is replaced.
    /// `report` is kept for [`crate::validate`]; a data set made otherwise than by
    /// [`crate::import`] has the default one.
    ///
    /// # Errors
    /// [`DataError::Io`] if the disk refuses, [`DataError::Format`] if `dir` is something else
    /// than a data set; what was there is then unchanged.
    pub fn save(&self, dir: &Path, report: &ImportReport) -> Result<(), DataError> {
        self.save_with(dir, report, |_| Ok(()))
    }

    pub(crate) fn save_with(
        &self,
        dir: &Path,
        report: &ImportReport,
        rejected: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<(), DataError> {
        let stage = Staging::new(dir, MANIFEST)?;
        tables::write(&stage.path().join("items.parquet"), "item_id", &self.items)?;
        tables::write(&stage.path().join("users.parquet"), "user_id", &self.users)?;
        interactions::write(&stage.path().join("interactions.parquet"), self)?;
        if let Some(graph) = &self.knowledge {
            knowledge::write(stage.path(), graph, &self.items.ids)?;
        }
        if report.has_rejects() {
            let path = stage.path().join(REJECTED);
            let mut file = std::io::BufWriter::new(
                std::fs::File::create(&path).map_err(|e| DataError::io(&path, e))?,
            );
            rejected(&mut file)
                .and_then(|()| file.flush())
                .map_err(|e| DataError::io(&path, e))?;
        }
        let manifest = Manifest {
            format: VERSION,
            name: self.name.clone(),
            fingerprint: self.fingerprint.clone(),
            clock: self.clock(),
            given_split: self.interactions.has_parts(),
            kinds: self.kinds.clone(),
            counts: self.counts(),
            knowledge: self.knowledge.as_ref().map(|graph| KnowledgeCounts {
                triples: graph.triples.len(),
                links: graph.links.len(),
            }),
            item_fields: manifest::roles(&self.items),
            user_fields: manifest::roles(&self.users),
            import: report.clone(),
        };
        manifest.write(stage.path())?;
        stage.commit()
    }

    /// Reads a data set that [`Dataset::save`] wrote, and checks that it is whole: types, counts,
    /// ids and fingerprint.
    ///
    /// # Errors
    /// [`DataError::Io`] if a file cannot be read, [`DataError::Format`] if one is not what the
    /// manifest says.
    pub fn load(dir: &Path) -> Result<Self, DataError> {
        let manifest = Manifest::read(dir)?;
        let counts = manifest.counts;
        let items = tables::read(
            &dir.join("items.parquet"),
            "item_id",
            &manifest.item_fields,
            counts.items,
        )?;
        let users = tables::read(
            &dir.join("users.parquet"),
            "user_id",
            &manifest.user_fields,
            counts.users,
        )?;
        let interactions = interactions::read(
            &dir.join("interactions.parquet"),
            &items.ids,
            &users.ids,
            &manifest,
        )?;
        let graph = manifest
            .knowledge
            .map(|counts| knowledge::read(dir, counts, &items.ids))
            .transpose()?;
        let dataset = Self::new(manifest.name, items, users, interactions, manifest.kinds);
        let dataset = match graph {
            None => dataset,
            Some(graph) => dataset.with_knowledge(graph),
        };
        if dataset.fingerprint != manifest.fingerprint {
            return Err(DataError::format(
                dir,
                "was changed after it was imported: the fingerprint of its content is not the one in 'dataset.toml'; import the sources again",
            ));
        }
        Ok(dataset)
    }

    fn counts(&self) -> Counts {
        Counts {
            users: self.users.len(),
            items: self.items.len(),
            interactions: self.interactions.len(),
        }
    }
}

impl ImportReport {
    /// The report kept with a data set.
    ///
    /// # Errors
    /// [`DataError`] if `dir` is not a data set.
    pub fn load(dir: &Path) -> Result<Self, DataError> {
        Ok(Manifest::read(dir)?.import)
    }
}
