//! From files to a [`Dataset`]: what is what is found out and reported, and nothing is lost.
//!
//! Memory: an event costs 24 bytes while it is read and at most 56 while events are grouped by
//! user; an id costs its own bytes and about 17 more; items and users are held whole. Nothing
//! grows with the length of a row or a field beyond their limits.

mod bundle;
mod cell;
mod events;
mod file;
mod infer;
mod infer_events;
mod knowledge;
mod names;
mod options;
mod rejects;
mod report;
mod role;
mod stats;
mod table;
mod texts;
mod timestamp;

pub use options::{ImportOptions, Roles};
pub(crate) use report::grouped;
pub use report::{ColumnReport, FileReport, ImportReport, ReasonCount};
pub use role::ColumnRole;
pub use texts::{TextOptions, TextRow, TextRows, TextSource};
pub(crate) use timestamp::parse as seconds_of;

use crate::{Clock, DataError, Dataset, Ids, Interactions, Part, Table};
use events::Log;
use file::SourceFile;
use infer::Sampled;
use infer_events::EventColumns;
use options::FileKind;
use rejects::Rejects;
use std::path::Path;
use std::sync::Mutex;

/// Told what is being done, how many bytes of it are done, and of how many.
pub type Progress<'a> = &'a dyn Fn(&str, u64, u64);

/// A data set as it was read, not yet on disk.
#[derive(Debug)]
pub struct Import {
    /// The data.
    pub dataset: Dataset,
    /// How it was read.
    pub report: ImportReport,
    rejects: Mutex<Rejects>,
}

impl Import {
    /// Writes the data set as a directory with its report and rejected rows, whole or not at all.
    ///
    /// # Errors
    /// As [`Dataset::save`].
    pub fn save(&self, dir: &Path) -> Result<(), DataError> {
        self.dataset.save_with(dir, &self.report, |out| {
            let mut rejects = self
                .rejects
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            rejects.copy_to(out)
        })
    }
}

/// Reads files into a data set.
///
/// ```no_run
/// use semrec_data::{ImportOptions, import};
/// let mut options = ImportOptions::new("events.csv");
/// options.items = Some("items.csv".into());
/// let import = import(&options, &|_, _, _| ())?;
/// println!("{}", import.report);
/// import.save("shop".as_ref())?;
/// # Ok::<(), semrec_data::DataError>(())
/// ```
///
/// # Errors
/// [`DataError::Io`] and [`DataError::Format`] for files that cannot be read or understood,
/// [`DataError::Rejected`] if too many rows are bad, [`DataError::Unusable`] if the files have no
/// id in common or a role names no column.
pub fn import(options: &ImportOptions, progress: Progress<'_>) -> Result<Import, DataError> {
    let options = bundle::expand(options)?;
    let mut rejects = Rejects::default();
    match read(&options, &mut rejects, progress) {
        Ok((dataset, report)) => Ok(Import {
            dataset,
            report,
            rejects: Mutex::new(rejects),
        }),
        Err(error) => Err(keep_rejects(
            error,
            &mut rejects,
            options.rejected.as_deref(),
        )),
    }
}

/// Writes the rejected rows where they can be looked at, if they are why the import fails.
fn keep_rejects(error: DataError, rejects: &mut Rejects, to: Option<&Path>) -> DataError {
    let Some(to) = to else {
        return error;
    };
    let DataError::Rejected {
        path,
        rejected,
        rows,
        limit,
        reasons,
        ..
    } = error
    else {
        return error;
    };
    let written = std::fs::File::create(to).and_then(|mut f| rejects.copy_to(&mut f));
    DataError::Rejected {
        path,
        rejected,
        rows,
        limit,
        reasons,
        kept: written.is_ok().then(|| to.to_path_buf()),
    }
}

struct Sources {
    items: Option<SourceFile>,
    users: Option<SourceFile>,
    events: Option<SourceFile>,
    test: Option<SourceFile>,
    facts: Option<SourceFile>,
    links: Option<SourceFile>,
}

impl Sources {
    fn prepare(options: &ImportOptions) -> Result<Self, DataError> {
        let prepare = |path: &Path, part, kind| SourceFile::prepare(path, part, kind, options);
        let optional = |path: &Option<std::path::PathBuf>, part, kind| {
            path.as_deref().map(|p| prepare(p, part, kind)).transpose()
        };
        let sources = Self {
            items: optional(&options.items, "items", FileKind::Items)?,
            users: optional(&options.users, "users", FileKind::Users)?,
            events: optional(
                &options.interactions,
                "interactions",
                FileKind::Interactions,
            )?,
            test: optional(
                &options.test_interactions,
                "test-interactions",
                FileKind::Interactions,
            )?,
            facts: optional(&options.knowledge, "facts", FileKind::Knowledge)?,
            links: optional(&options.links, "links", FileKind::Knowledge)?,
        };
        if let (None, Some(test)) = (&sources.events, &sources.test) {
            return Err(DataError::format(
                &test.path,
                "holds events for testing, but no file of interactions to learn from was given",
            ));
        }
        if let (None, None) = (&sources.events, &sources.items) {
            return Err(DataError::Unusable(
                "nothing to import: expected a file of interactions, of items, or both".to_owned(),
            ));
        }
        if let (None, Some(links)) = (&sources.facts, &sources.links) {
            return Err(DataError::format(
                &links.path,
                "says which items are entities of a knowledge graph, but no file of its facts was given",
            ));
        }
        let columns: Vec<_> = [
            &sources.items,
            &sources.users,
            &sources.test,
            &sources.events,
        ]
        .into_iter()
        .flatten()
        .map(|f| (f.kind, f.columns.clone()))
        .collect();
        options.roles.check(&columns)?;
        Ok(sources)
    }

    /// What was read, now that all is.
    fn into_report(self, log: &Log) -> Result<ImportReport, DataError> {
        let mut report = ImportReport::default();
        if self.items.is_some() {
            let unknown = || log.items.iter().skip(log.known_items);
            report.unknown_items = unknown().count() as u64;
            report.unknown_item_examples = unknown().take(3).map(str::to_owned).collect();
        }
        let files = [
            self.items,
            self.users,
            self.events,
            self.test,
            self.facts,
            self.links,
        ];
        for file in files.into_iter().flatten() {
            report.files.push(file.into_report()?);
        }
        Ok(report)
    }
}

fn sampled(file: &SourceFile) -> Sampled<'_> {
    Sampled {
        path: &file.path,
        kind: file.kind,
        columns: &file.columns,
        stats: &file.stats,
        header: file.has_header(),
    }
}

fn read(
    options: &ImportOptions,
    rejects: &mut Rejects,
    progress: Progress<'_>,
) -> Result<(Dataset, ImportReport), DataError> {
    let mut sources = Sources::prepare(options)?;
    let (item_hint, user_hint) = {
        let events = sources.events.as_ref().map(sampled);
        let hint = |role, list| {
            let events = events.as_ref()?;
            let told = events.given(&options.roles, role);
            let found = told.or_else(|| names::first(events.columns, list))?;
            Some(events.columns[found].clone())
        };
        (
            hint(ColumnRole::Item, names::ITEM),
            hint(ColumnRole::User, names::USER),
        )
    };
    let mut catalogue_id = None;
    let (mut items, mut users) = (Table::default(), Table::default());
    if let Some(file) = &mut sources.items {
        let (id, table) = read_table(file, item_hint.as_deref(), options, (rejects, progress))?;
        catalogue_id = Some(id);
        items = table;
    }
    if let Some(file) = &mut sources.users {
        let hint = user_hint.as_deref();
        users = read_table(file, hint, options, (rejects, progress))?.1;
    }
    let mut log = Log::new(
        std::mem::take(&mut items.ids),
        std::mem::take(&mut users.ids),
    );
    let id = catalogue_id.as_deref();
    let part = sources.test.is_some().then_some(Part::Train);
    let clock = match &mut sources.events {
        None => Clock::None,
        Some(file) => read_events(&mut log, (file, id, part), options, (rejects, progress))?,
    };
    if let Some(file) = &mut sources.test {
        let test_clock = read_events(
            &mut log,
            (file, id, Some(Part::Test)),
            options,
            (rejects, progress),
        )?;
        if test_clock != clock {
            return Err(DataError::format(
                &file.path,
                "its times are of another kind than those of the interactions; both files need the same columns",
            ));
        }
    }
    check_shared(&log, &sources)?;
    let graph = match &mut sources.facts {
        None => None,
        Some(facts) => {
            let files = (facts, sources.links.as_mut());
            Some(knowledge::read(
                files,
                &log.items,
                options,
                (rejects, progress),
            )?)
        }
    };
    let report = sources.into_report(&log)?;
    progress("grouping events by user", 0, 0);
    let dataset = assemble(options, (items, users), log, clock);
    let dataset = match graph {
        None => dataset,
        Some(graph) => dataset.with_knowledge(graph),
    };
    Ok((dataset, report))
}

fn read_table(
    file: &mut SourceFile,
    hint: Option<&str>,
    options: &ImportOptions,
    io: (&mut Rejects, Progress<'_>),
) -> Result<(String, Table), DataError> {
    let sampled = sampled(file);
    let (id, decisions) = infer::table(&sampled, &options.roles, hint)?;
    let columns = sampled.report(&decisions);
    file.report.columns = columns;
    let table = table::read(file, id, &decisions, options, io)?;
    Ok((file.columns[id].clone(), table))
}

fn read_events(
    log: &mut Log,
    (file, catalogue_id, part): (&mut SourceFile, Option<&str>, Option<Part>),
    options: &ImportOptions,
    io: (&mut Rejects, Progress<'_>),
) -> Result<Clock, DataError> {
    let sampled = sampled(file);
    let (columns, decisions): (EventColumns, _) =
        infer_events::events(&sampled, &options.roles, catalogue_id)?;
    let described = sampled.report(&decisions);
    file.report.columns = described;
    log.read(file, (&columns, part), options, io)?;
    Ok(columns.clock)
}

/// Two files that have no id in common do not belong together.
fn check_shared(log: &Log, sources: &Sources) -> Result<(), DataError> {
    let Some(interactions) = &sources.events else {
        return Ok(());
    };
    let examples = |ids: &Ids, range: std::ops::Range<usize>| -> String {
        let some: Vec<_> = ids
            .iter()
            .take(range.end)
            .skip(range.start)
            .take(3)
            .map(|i| format!("'{i}'"))
            .collect();
        some.join(", ")
    };
    let check = |file: &Option<SourceFile>, what: &str, ids: &Ids, known: usize, events: u64| {
        let Some(file) = file else {
            return Ok(());
        };
        if events > 0 {
            return Ok(());
        }
        Err(DataError::Unusable(format!(
            "{} and {} share no {what} id: the first has {}, the second {}; if they are the same {what}s, say with the roles which columns hold their ids",
            file.path.display(),
            interactions.path.display(),
            examples(ids, 0..known),
            examples(ids, known..ids.len()),
        )))
    };
    check(
        &sources.items,
        "item",
        &log.items,
        log.known_items,
        log.events_of_known_items,
    )?;
    check(
        &sources.users,
        "user",
        &log.users,
        log.known_users,
        log.events_of_known_users,
    )
}

fn assemble(
    options: &ImportOptions,
    (mut items, mut users): (Table, Table),
    log: Log,
    clock: Clock,
) -> Dataset {
    items.ids = log.items;
    users.ids = log.users;
    table::pad(&mut items);
    table::pad(&mut users);
    let interactions = Interactions::from_rows(&log.rows, users.len(), items.len(), clock);
    drop(log.rows);
    let kinds = if log.kinds.is_empty() {
        vec!["interaction".to_owned()]
    } else {
        log.kinds
    };
    let first = options.interactions.as_ref().or(options.items.as_ref());
    let parent = first
        .and_then(|path| path.parent())
        .filter(|p| !p.as_os_str().is_empty());
    let name = options
        .name
        .clone()
        .or_else(|| bundle::name_of(parent.unwrap_or(Path::new("."))))
        .unwrap_or_else(|| "data".into());
    Dataset::new(name, items, users, interactions, kinds)
}
