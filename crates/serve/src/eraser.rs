//! Takes people who were forgotten out of the copies of the data that bundles have: that of the
//! bundle the service was started with, and those of the bundles it made since.

use crate::ServeError;
use crate::privacy::Privacy;
use crate::regular::Regular;
use crate::watch::Log;
use semrec_engine::{erase, is_bundle};
use semrec_store::{Store, Who, hash_of_person};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked who was forgotten: those of this time are taken out together.
const LOOK: Duration = Duration::from_secs(2);

/// Where bundles are, and who tells of people who were forgotten.
#[derive(Debug)]
pub(crate) struct Copies {
    pub(crate) store: Arc<Store>,
    /// What people are called in the store.
    pub(crate) privacy: Privacy,
    pub(crate) log: Log,
    /// The bundle that the service was started with.
    pub(crate) first: PathBuf,
    /// The directory of those that it makes.
    pub(crate) made: Option<PathBuf>,
}

/// Starts the thread that looks.
pub(crate) fn start(copies: Copies) -> Result<Regular, ServeError> {
    // Of each bundle the change of people up to which its copy is without those forgotten.
    let mut until = BTreeMap::new();
    let mut told = BTreeSet::new();
    Regular::start("erase", LOOK, move || copies.look(&mut until, &mut told))
}

impl Copies {
    /// Brings each bundle up to the newest change. What goes wrong is told once for each bundle, and
    /// tried again; `told` are those of which it was.
    fn look(&self, until: &mut BTreeMap<PathBuf, u64>, told: &mut BTreeSet<PathBuf>) {
        let bundles = self.bundles();
        until.retain(|path, _| bundles.contains(path));
        for path in bundles {
            let after = until.get(&path).copied().unwrap_or(0);
            match self.erase(&path, after) {
                Ok((newest, people)) => {
                    told.remove(&path);
                    if people > 0 {
                        let count = match people {
                            1 => "1 person who was".to_owned(),
                            n => format!("{n} people who were"),
                        };
                        let at = path.display();
                        let done = format!("{count} forgotten is out of the copy of the data in {at}");
                        self.log.note("info", &done);
                    }
                    until.insert(path, newest);
                }
                // While the store is away nothing can be said; others tell of that.
                Err(ServeError::Store(_)) => return,
                Err(e) if told.insert(path.clone()) => self.log.note(
                    "error",
                    &format!(
                        "{e}; the copy of the data in {} still has people who were forgotten: let the service write there, or make the bundle anew",
                        path.display()
                    ),
                ),
                Err(_) => {}
            }
        }
    }

    /// Takes those out of a bundle who were forgotten after a change. The newest change, and how
    /// many they were.
    fn erase(&self, bundle: &Path, after: u64) -> Result<(u64, usize), ServeError> {
        let changes = self.store.people_changes(after)?;
        let newest = changes.last().map_or(after, |change| change.seq);
        let gone: BTreeSet<[u8; 32]> = changes
            .into_iter()
            .filter_map(|change| match change.who {
                Who::Forgotten(hash) => Some(hash),
                Who::Person(_) | Who::Anybody => None,
            })
            .collect();
        if gone.is_empty() {
            return Ok((newest, 0));
        }
        // The bundles that the service makes have what the store calls people.
        let is_meant = |id: &str| {
            let names = [Cow::Borrowed(id), self.privacy.person(id)];
            names
                .iter()
                .any(|name| gone.contains(&hash_of_person(name)))
        };
        Ok((newest, erase(bundle, &is_meant)?))
    }

    fn bundles(&self) -> Vec<PathBuf> {
        let made = self.made.iter().filter_map(|dir| fs::read_dir(dir).ok());
        // What is being written yet has a name with a dot.
        let made = made
            .flatten()
            .flatten()
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .map(|entry| entry.path());
        let first = std::iter::once(self.first.clone());
        first.chain(made).filter(|path| is_bundle(path)).collect()
    }
}
