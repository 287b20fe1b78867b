//! Files for one test, and short ways to import them and to look at the result.

use semrec_data::{DataError, Dataset, Import, ImportOptions, import};
use std::path::{Path, PathBuf};

/// A directory that is deleted with the test.
pub(crate) struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    /// A directory with these files.
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(dir.path().join(name), content).unwrap();
        }
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Options for `interactions`, and for `items` unless that is empty.
    pub(crate) fn options(&self, interactions: &str, items: &str) -> ImportOptions {
        let mut options = ImportOptions::new(self.path(interactions));
        options.items = (!items.is_empty()).then(|| self.path(items));
        options
    }

    /// Imports files of this directory.
    pub(crate) fn import(&self, interactions: &str, items: &str) -> Result<Import, DataError> {
        import(&self.options(interactions, items), &|_, _, _| ())
    }

    /// The text of an error, with this directory called `DIR`.
    pub(crate) fn message<T: std::fmt::Debug>(&self, result: Result<T, DataError>) -> String {
        let dir = self.dir.path().display().to_string();
        result.unwrap_err().to_string().replace(&dir, "DIR")
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// Events as `user item value time event part`, one a line.
pub(crate) fn events(dataset: &Dataset) -> Vec<String> {
    dataset
        .interactions
        .rows()
        .map(|r| {
            format!(
                "{} {} {} {} {} {:?}",
                dataset.users.ids.name(r.user),
                dataset.items.ids.name(r.event.item),
                r.event.value,
                r.event.time,
                dataset.kinds[usize::from(r.kind)],
                r.part
            )
        })
        .collect()
}

/// Items as `id: text`, one a line.
pub(crate) fn texts(dataset: &Dataset) -> Vec<String> {
    (0..u32::try_from(dataset.items.len()).unwrap())
        .map(|i| format!("{}: {}", dataset.items.ids.name(i), dataset.items.text(i)))
        .collect()
}

/// Columns as `name=role`, for the file at `index` of the report.
pub(crate) fn roles(import: &Import, index: usize) -> String {
    let columns = import.report.files[index].columns.iter();
    let pairs: Vec<_> = columns.map(|c| format!("{}={}", c.name, c.role)).collect();
    pairs.join(" ")
}
