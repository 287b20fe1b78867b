//! The bundles that were made while serving, in one directory, and which of them is in service.
//!
//! `1`, `2`, … are bundles; `1.json`, … say up to where each knows the store. The store keeps the list
//! of those that entered service, the newest last, with 0 for the bundle that the service was started
//! with: to roll back is to drop the last one.

use crate::{Config, ServeError};
use semrec_engine::{Engine, read_info};
use semrec_store::{BUNDLES, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// Bundles that are kept to be rolled back to, the one in service among them.
const KEPT: usize = 3;

/// Up to where a bundle knows the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// It has all items as they were up to this place.
    pub(crate) items_until: u64,
    /// It was trained on the events up to this place.
    pub(crate) events_until: u64,
    /// When it was begun, Unix seconds: it has nothing of people who were forgotten before.
    pub(crate) begun: i64,
}

/// A bundle that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) engine: Engine,
    pub(crate) known: Known,
}

/// The bundles of a service.
#[derive(Clone, Debug)]
pub(crate) struct Generations {
    dir: PathBuf,
    /// The bundle that the service was started with.
    first: PathBuf,
    /// Numbers of those that entered service, the newest last.
    served: Vec<u32>,
}

impl Generations {
    /// Those of a directory, as the store has them; a start with a bundle that is newer than them
    /// begins anew.
    ///
    /// # Errors
    /// [`ServeError`] if the store cannot be read or written.
    pub(crate) fn open(dir: &Path, first: &Path, store: &Store) -> Result<Self, ServeError> {
        let served = Self::listed(store)?.unwrap_or_else(|| vec![0]);
        let mut generations = Self {
            dir: dir.to_owned(),
            first: first.to_owned(),
            served,
        };
        let newest = read_info(&generations.path(generations.current()));
        let newer = match (newest, read_info(first)) {
            (Ok(newest), Ok(first)) => first.created > newest.created,
            _ => false,
        };
        if newer {
            generations.served = vec![0];
            generations.note(store)?;
        }
        Ok(generations)
    }

    /// What the store has of them.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub(crate) fn listed(store: &Store) -> Result<Option<Vec<u32>>, StoreError> {
        let listed = store.note(BUNDLES)?;
        Ok(listed.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Numbers of those that entered service, the newest last.
    pub(crate) fn served(&self) -> &[u32] {
        &self.served
    }

    /// The same bundles, of which others entered service.
    pub(crate) fn following(&self, served: Vec<u32>) -> Self {
        Self {
            served,
            ..self.clone()
        }
    }

    pub(crate) fn current(&self) -> u32 {
        self.served.last().copied().unwrap_or(0)
    }

    pub(crate) fn before(&self) -> Option<u32> {
        let at = self.served.len().checked_sub(2)?;
        self.served.get(at).copied()
    }

    pub(crate) fn path(&self, number: u32) -> PathBuf {
        match number {
            0 => self.first.clone(),
            number => self.dir.join(number.to_string()),
        }
    }

    /// A place for the next bundle, and for the data it is made of.
    ///
    /// # Errors
    /// [`ServeError::Io`] if the directory cannot be read or made.
    pub(crate) fn next(&self) -> Result<(u32, PathBuf, PathBuf), ServeError> {
        fs::create_dir_all(&self.dir).map_err(|e| self.failed(e))?;
        let mut newest = self.served.iter().copied().max().unwrap_or(0);
        for entry in fs::read_dir(&self.dir).map_err(|e| self.failed(e))? {
            let name = entry.map_err(|e| self.failed(e))?.file_name();
            let number = name.to_str().and_then(|name| name.parse().ok());
            newest = newest.max(number.unwrap_or(0));
        }
        let number = newest + 1;
        Ok((number, self.path(number), self.dir.join("data")))
    }

    /// Opens a bundle that was made while serving.
    ///
    /// # Errors
    /// [`ServeError`] if it is damaged.
    pub(crate) fn opened(&self, number: u32) -> Result<Opened, ServeError> {
        let engine = Engine::open(&self.path(number))?;
        let path = self.about(number);
        let text = fs::read_to_string(&path).map_err(|source| ServeError::Io {
            what: path.display().to_string(),
            source,
        })?;
        let known = serde_json::from_str(&text).map_err(|e| ServeError::Io {
            what: format!("{} is damaged", path.display()),
            source: e.into(),
        })?;
        Ok(Opened { engine, known })
    }

    /// Opens the bundle that the service was started with; its data are not taken over again.
    ///
    /// # Errors
    /// [`ServeError`] if it is damaged.
    pub(crate) fn first(&self, store: &Store) -> Result<Opened, ServeError> {
        let engine = Engine::open(&self.first)?;
        let known = seeded(&engine, store)?;
        Ok(Opened { engine, known })
    }

    /// Notes up to where a bundle knows the store.
    ///
    /// # Errors
    /// [`ServeError::Io`] if the disk refuses.
    pub(crate) fn keep(&self, number: u32, known: Known) -> Result<(), ServeError> {
        let text = serde_json::to_string(&known).map_err(|e| self.failed(e.into()))?;
        fs::write(self.about(number), text).map_err(|e| self.failed(e))
    }

    /// A bundle entered service.
    ///
    /// # Errors
    /// [`ServeError`] if the store refuses.
    pub(crate) fn entered(&mut self, number: u32, store: &Store) -> Result<(), ServeError> {
        self.served.push(number);
        Ok(self.note(store)?)
    }

    /// The one before the newest is in service again; the newest is deleted.
    ///
    /// # Errors
    /// [`ServeError`] if the store refuses.
    pub(crate) fn left(&mut self, store: &Store) -> Result<(), ServeError> {
        if self.served.len() > 1
            && let Some(number) = self.served.pop()
        {
            self.note(store)?;
            self.delete(number);
        }
        Ok(())
    }

    /// Deletes bundles that nothing can be rolled back to any more: all but the newest few, and
    /// those that were begun before somebody was forgotten.
    ///
    /// # Errors
    /// [`ServeError`] if the store refuses.
    pub(crate) fn tidy(&mut self, store: &Store) -> Result<(), ServeError> {
        let forgotten = store.last_forgotten()?;
        let current = self.current();
        let surplus = self.served.len().saturating_sub(KEPT);
        let mut kept = Vec::new();
        for (at, &number) in self.served.iter().enumerate() {
            let begun = match number {
                // Not the service's to delete.
                0 => i64::MAX,
                number => fs::read_to_string(self.about(number))
                    .ok()
                    .and_then(|text| serde_json::from_str(&text).ok())
                    .map_or(i64::MIN, |known: Known| known.begun),
            };
            let known = number == current || begun > forgotten.unwrap_or(i64::MIN);
            if number == 0 || (at >= surplus && known) {
                kept.push(number);
            }
        }
        let gone: Vec<u32> = self
            .served
            .iter()
            .copied()
            .filter(|n| !kept.contains(n))
            .collect();
        self.served = kept;
        self.note(store)?;
        gone.into_iter().for_each(|number| self.delete(number));
        Ok(())
    }

    /// Deletes a bundle that did not enter service, or left it. What stays is in nobody's way.
    pub(crate) fn delete(&self, number: u32) {
        if number != 0 {
            fs::remove_dir_all(self.path(number)).ok();
            fs::remove_file(self.about(number)).ok();
        }
    }

    fn about(&self, number: u32) -> PathBuf {
        self.dir.join(format!("{number}.json"))
    }

    fn note(&self, store: &Store) -> Result<(), StoreError> {
        let list = serde_json::to_string(&self.served).unwrap_or_default();
        store.set_note(BUNDLES, &list)
    }

    fn failed(&self, source: std::io::Error) -> ServeError {
        ServeError::Io {
            what: self.dir.display().to_string(),
            source,
        }
    }
}

/// Up to where the bundle that the store was filled from knows it.
fn seeded(engine: &Engine, store: &Store) -> Result<Known, StoreError> {
    Ok(Known {
        items_until: store.seeded_items(&engine.dataset().fingerprint)?,
        events_until: store.seeded_events()?,
        begun: 0,
    })
}

/// What a service begins with.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) engine: Engine,
    pub(crate) known: Known,
    pub(crate) generations: Option<Generations>,
    /// What those who run the service should know.
    pub(crate) notes: Vec<String>,
}

/// The bundle that was in service last, or the one that is given where there is none, or it is
/// damaged. Fills the store with the given one's data if it is new.
pub(crate) fn begin(engine: Engine, store: &Store, config: &Config) -> Result<Begun, ServeError> {
    let now = (config.clock)();
    let person = |id: &str| config.privacy.person(id).into_owned();
    store.seed(engine.dataset(), now, &person)?;
    let known = seeded(&engine, store)?;
    let mut begun = Begun {
        engine,
        known,
        generations: None,
        notes: Vec::new(),
    };
    let Some(refit) = &config.refit else {
        return Ok(begun);
    };
    let mut generations = Generations::open(&refit.dir, begun.engine.path(), store)?;
    loop {
        let current = generations.current();
        if current == 0 {
            break;
        }
        match generations.opened(current) {
            Ok(opened) => {
                (begun.engine, begun.known) = (opened.engine, opened.known);
                break;
            }
            Err(e) => {
                begun
                    .notes
                    .push(format!("{e}; the bundle before it serves"));
                if store.is_shared() {
                    // Others may have it: what is in service is not this one's to say.
                    generations = generations.following(vec![0]);
                    break;
                }
                generations.left(store)?;
            }
        }
    }
    begun.generations = Some(generations);
    Ok(begun)
}
