//! Reads a knowledge graph: triples of `head`, `relation` and `tail`, and which item is which
//! entity.

use super::Progress;
use super::cell;
use super::file::SourceFile;
use super::names;
use super::options::ImportOptions;
use super::rejects::Rejects;
use super::report::{ColumnReport, grouped};
use crate::{DataError, Ids, Knowledge, Link, Triple};
use hashbrown::HashSet;

/// Items of the links that the data set does not have, as far as they are named.
const NAMED: usize = 3;

/// The graph, linked to `items`.
///
/// # Errors
/// As [`super::import`]; [`DataError::Unusable`] if no fact is of an item.
pub(super) fn read(
    (triples, links): (&mut SourceFile, Option<&mut SourceFile>),
    items: &Ids,
    options: &ImportOptions,
    io: (&mut Rejects, Progress<'_>),
) -> Result<Knowledge, DataError> {
    let (rejects, progress) = io;
    let mut graph = Knowledge::default();
    read_triples(&mut graph, triples, options, (rejects, progress))?;
    let from_triples = graph.entities.len();
    let known = match links {
        Some(file) => read_links(&mut graph, file, items, options, (rejects, progress))?,
        None => link_by_name(&mut graph, items),
    };
    let linked = grouped(graph.linked_items(items.len()) as u64);
    let count = graph.triples_of_items();
    if known == 0 || count == 0 {
        return Err(DataError::Unusable(format!(
            "no fact in {} is of an item: of its {from_triples} entities (such as '{}') none is an item of the interactions or the catalogue (such as '{}'){}",
            triples.path.display(),
            graph.entities.iter().next().unwrap_or_default(),
            items.iter().next().unwrap_or_default(),
            if options.links.is_some() {
                " by the links that were given"
            } else {
                "; say with a file of links which item is which entity"
            }
        )));
    }
    triples.report.notes.push(format!(
        "{} entities, {} relations; {linked} of {} items are entities, {} of the triples have one at an end",
        grouped(graph.entities.len() as u64),
        grouped(graph.relations.len() as u64),
        grouped(items.len() as u64),
        grouped(count as u64)
    ));
    Ok(graph)
}

fn read_triples(
    graph: &mut Knowledge,
    file: &mut SourceFile,
    options: &ImportOptions,
    io: (&mut Rejects, Progress<'_>),
) -> Result<(), DataError> {
    let roles = [
        ("head", names::HEAD),
        ("relation", names::RELATION),
        ("tail", names::TAIL),
    ];
    let columns = columns(file, roles)?;
    let mut seen: HashSet<Triple> = HashSet::new();
    let mut repeated = 0u64;
    each_row(file, columns, options, io, |[head, relation, tail]| {
        let triple = Triple {
            head: graph.entities.intern(head),
            relation: graph.relations.intern(relation),
            tail: graph.entities.intern(tail),
        };
        if seen.insert(triple) {
            graph.triples.push(triple);
        } else {
            repeated += 1;
        }
    })?;
    note_repeated(file, repeated);
    Ok(())
}

/// Reads which item is which entity; returns how many of these entities have a triple.
fn read_links(
    graph: &mut Knowledge,
    file: &mut SourceFile,
    items: &Ids,
    options: &ImportOptions,
    io: (&mut Rejects, Progress<'_>),
) -> Result<usize, DataError> {
    let columns = columns(file, [("item", names::ITEM), ("entity", names::ENTITY)])?;
    let from_triples = graph.entities.len();
    let mut seen: HashSet<Link> = HashSet::new();
    let (mut repeated, mut known) = (0u64, 0);
    let (mut strangers, mut named) = (0u64, Vec::new());
    each_row(file, columns, options, io, |[item, entity]| {
        let Some(index) = items.get(item) else {
            strangers += 1;
            if named.len() < NAMED {
                named.push(item.to_owned());
            }
            return;
        };
        let link = Link {
            item: index,
            entity: graph.entities.intern(entity),
        };
        if !seen.insert(link) {
            repeated += 1;
            return;
        }
        known += usize::from((link.entity as usize) < from_triples);
        graph.links.push(link);
    })?;
    note_repeated(file, repeated);
    if strangers > 0 {
        file.report.notes.push(format!(
            "{} links are of items that neither the catalogue nor the interactions have, such as {}; they were left out",
            grouped(strangers),
            named.join(", ")
        ));
    }
    Ok(known)
}

/// Without links, an entity with the id of an item is that item; returns how many there are.
fn link_by_name(graph: &mut Knowledge, items: &Ids) -> usize {
    let links = (0u32..)
        .zip(graph.entities.iter())
        .filter_map(|(entity, id)| {
            let item = items.get(id)?;
            Some(Link { item, entity })
        });
    graph.links = links.collect();
    graph.links.len()
}

fn note_repeated(file: &mut SourceFile, repeated: u64) {
    if repeated > 0 {
        file.report.notes.push(format!(
            "{} rows repeat an earlier one and count once",
            grouped(repeated)
        ));
    }
}

/// The columns by their names, or all in order where there are just as many; each is reported.
fn columns<const N: usize>(
    file: &mut SourceFile,
    roles: [(&str, &[&str]); N],
) -> Result<[usize; N], DataError> {
    let found = roles.map(|(_, list)| names::first(&file.columns, list));
    let distinct = (0..N).all(|i| found[i].is_some() && !found[..i].contains(&found[i]));
    let in_order = !distinct && file.columns.len() == N;
    if !distinct && !in_order {
        let wanted = roles.map(|(role, list)| {
            let name = list[0].replace("id", "_id");
            format!("{role} (as {name})")
        });
        return Err(DataError::format(
            &file.path,
            format!(
                "its columns cannot be told apart: it has {}; expected {}, by these names, or no others",
                file.columns.join(", "),
                wanted.join(", ")
            ),
        ));
    }
    let mut places = [0; N];
    for (i, place) in places.iter_mut().enumerate() {
        *place = if in_order { i } else { found[i].unwrap_or(i) };
    }
    let described = file.columns.iter().enumerate().map(|(at, name)| {
        let role = places.iter().position(|&p| p == at);
        ColumnReport {
            name: name.clone(),
            role: role.map_or("ignore", |r| roles[r].0).to_owned(),
            why: match role {
                None => "not one of those expected",
                Some(_) if in_order => "by its place",
                Some(_) => "by its name",
            }
            .to_owned(),
            example: file.stats[at].example.clone(),
        }
    });
    file.report.columns = described.collect();
    Ok(places)
}

/// Hands out the ids in `columns`, row by row.
fn each_row<const N: usize>(
    file: &mut SourceFile,
    columns: [usize; N],
    options: &ImportOptions,
    io: (&mut Rejects, Progress<'_>),
    mut each: impl FnMut([&str; N]),
) -> Result<(), DataError> {
    file.each_row(options, io, |cells, names| {
        let mut ids = [""; N];
        for (id, at) in ids.iter_mut().zip(columns) {
            *id = cell::id(cells, at).map_err(|bad| bad.in_field(&names[at]))?;
        }
        each(ids);
        Ok(())
    })
}
