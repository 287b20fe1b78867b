//! The trials of one model on disk: JSON lines, the first of which says what they are trials of.
//!
//! A line is appended and flushed when its trial ends. A last line without an end was being written
//! when the process was killed, and is dropped. One process writes at a time.

use anyhow::{Context as _, bail};
use semrec_tune::Trial;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Names the file and its layout.
const KIND: &str = "semrec tune 1";

/// What trials were made with: everything their figures depend on, name by name.
pub(super) type About = serde_json::Map<String, serde_json::Value>;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    journal: String,
    about: About,
}

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens or begins a journal; the trials it holds.
    pub(super) fn open(path: &Path, about: About) -> anyhow::Result<(Self, Vec<Trial>)> {
        let shown = path.display();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(|| format!("{shown} cannot be opened"))?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            bail!(
                "{shown}: is being written by another process; wait for it, or name another --out"
            );
        }
        let mut text = String::new();
        file.read_to_string(&mut text)
            .with_context(|| format!("{shown} cannot be read"))?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64)
                .with_context(|| format!("{shown}: the unfinished last line cannot be dropped"))?;
        }
        file.seek(SeekFrom::End(0))?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
        };
        let mut lines = text[..whole].lines().zip(1..);
        let Some((first, _)) = lines.next() else {
            let header = Header {
                journal: KIND.to_owned(),
                about,
            };
            journal.write(&header)?;
            return Ok((journal, Vec::new()));
        };
        let header: Header = serde_json::from_str(first)
            .ok()
            .filter(|h: &Header| h.journal == KIND)
            .with_context(|| {
                format!("{shown}: is no journal of '{KIND}'; name another --out, or delete it")
            })?;
        same(&header.about, &about).with_context(|| shown.to_string())?;
        let trials = lines.map(|(line, number)| {
            serde_json::from_str(line).with_context(|| {
                format!("{shown}: line {number} is damaged; delete it and those after it, and their trials are made again")
            })
        });
        let trials = trials.collect::<anyhow::Result<Vec<Trial>>>()?;
        Ok((journal, trials))
    }

    /// Adds a trial; it is on disk afterwards.
    pub(super) fn append(&mut self, trial: &Trial) -> anyhow::Result<()> {
        self.write(trial)
    }

    fn write(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data())
            .with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

/// Fails with the first thing that is not the same.
fn same(was: &About, is: &About) -> anyhow::Result<()> {
    let names = is.keys().chain(was.keys().filter(|k| !is.contains_key(*k)));
    for name in names {
        if was.get(name) != is.get(name) {
            let said = |about: &About| match about.get(name) {
                None => "nothing".to_owned(),
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            bail!(
                "holds trials of another search: its {name} is {}, and {} was asked for; name another --out, or delete the file",
                said(was),
                said(is)
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_tune::Question;

    fn about(split: &str) -> About {
        [("split".to_owned(), split.into())].into_iter().collect()
    }

    fn trial(number: usize) -> Trial {
        let question = Question {
            number,
            setting: number,
            share: 1.0,
            values: [("lambda".to_owned(), toml::Value::Float(12.5))].into(),
        };
        Trial::measured(question, 0.123_456_789_012)
    }

    #[test]
    fn what_is_appended_is_there_again_and_a_torn_line_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ease.jsonl");
        let (mut journal, none) = Journal::open(&path, about("given")).unwrap();
        assert!(none.is_empty());
        journal.append(&trial(0)).unwrap();
        journal.append(&trial(1)).unwrap();
        let error = Journal::open(&path, about("given")).unwrap_err();
        assert!(error.to_string().contains("another process"), "{error}");
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for torn in [1, 7, 20] {
            std::fs::write(&path, &whole[..whole.len() - torn]).unwrap();
            let (mut journal, trials) = Journal::open(&path, about("given")).unwrap();
            assert_eq!(trials, [trial(0)]);
            journal.append(&trial(1)).unwrap();
            drop(journal);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
        // Killed while the first line was written.
        std::fs::write(&path, &whole[..9]).unwrap();
        assert!(Journal::open(&path, about("given")).unwrap().1.is_empty());
    }

    #[test]
    fn other_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        drop(Journal::open(&path, about("given")).unwrap());
        let said = |about: About| format!("{:#}", Journal::open(&path, about).unwrap_err());
        let said = |about| said(about).replace(&path.display().to_string(), "j");
        insta::assert_snapshot!(said(self::about("ratio:0.8")), @"j: holds trials of another search: its split is given, and ratio:0.8 was asked for; name another --out, or delete the file");
        let more = [
            ("split".to_owned(), "given".into()),
            ("seed".to_owned(), 3.into()),
        ];
        insta::assert_snapshot!(said(more.into_iter().collect()), @"j: holds trials of another search: its seed is nothing, and 3 was asked for; name another --out, or delete the file");
        let header = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, header + "{}\n").unwrap();
        insta::assert_snapshot!(said(self::about("given")), @"j: line 2 is damaged; delete it and those after it, and their trials are made again: missing field `number` at line 1 column 2");
        std::fs::write(&path, "item_id,title\n").unwrap();
        insta::assert_snapshot!(said(self::about("given")), @"j: is no journal of 'semrec tune 1'; name another --out, or delete it");
    }
}
