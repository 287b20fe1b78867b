//! `facts.parquet` and `links.parquet`: a [`Knowledge`] graph with its string ids.

use super::manifest::KnowledgeCounts;
use super::open::{BATCH, Writer, open, strings};
use crate::{DataError, Ids, Knowledge, Link, Triple};
use arrow_array::{ArrayRef, StringArray};
use arrow_schema::{DataType, Field, Schema};
use std::path::Path;
use std::sync::Arc;

const FACTS: &str = "facts.parquet";
const LINKS: &str = "links.parquet";
const OF_FACTS: [&str; 3] = ["head", "relation", "tail"];
const OF_LINKS: [&str; 2] = ["item_id", "entity"];

pub(super) fn write(dir: &Path, graph: &Knowledge, items: &Ids) -> Result<(), DataError> {
    let (entity, relation) = (
        |e: u32| graph.entities.name(e),
        |r: u32| graph.relations.name(r),
    );
    let facts = graph
        .triples
        .iter()
        .map(|t| [entity(t.head), relation(t.relation), entity(t.tail)]);
    write_rows(&dir.join(FACTS), OF_FACTS, facts)?;
    let links = graph
        .links
        .iter()
        .map(|link| [items.name(link.item), entity(link.entity)]);
    write_rows(&dir.join(LINKS), OF_LINKS, links)
}

pub(super) fn read(
    dir: &Path,
    counts: KnowledgeCounts,
    items: &Ids,
) -> Result<Knowledge, DataError> {
    let mut graph = Knowledge::default();
    read_rows(
        &dir.join(FACTS),
        OF_FACTS,
        counts.triples,
        |[head, relation, tail]| {
            graph.triples.push(Triple {
                head: graph.entities.intern(head),
                relation: graph.relations.intern(relation),
                tail: graph.entities.intern(tail),
            });
            Ok(())
        },
    )?;
    read_rows(
        &dir.join(LINKS),
        OF_LINKS,
        counts.links,
        |[item, entity]| {
            let item = items
                .get(item)
                .ok_or_else(|| format!("the id '{item}' is not in 'items.parquet'"))?;
            let entity = graph.entities.intern(entity);
            graph.links.push(Link { item, entity });
            Ok(())
        },
    )?;
    Ok(graph)
}

fn write_rows<'a, const N: usize>(
    path: &Path,
    columns: [&str; N],
    rows: impl Iterator<Item = [&'a str; N]>,
) -> Result<(), DataError> {
    let fields = columns.map(|name| Field::new(name, DataType::Utf8, false));
    let mut writer = Writer::create(path, Schema::new(fields.to_vec()))?;
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let batch: Vec<[&str; N]> = rows.by_ref().take(BATCH).collect();
        let column = |k: usize| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(
                batch.iter().map(|row| row[k]),
            ))
        };
        writer.write((0..N).map(column).collect())?;
    }
    writer.close()
}

fn read_rows<const N: usize>(
    path: &Path,
    columns: [&str; N],
    rows: usize,
    mut each: impl FnMut([&str; N]) -> Result<(), String>,
) -> Result<(), DataError> {
    let expected = columns.map(|name| (name, DataType::Utf8));
    let mut at = 0;
    for batch in open(path, &expected, rows)? {
        let batch = batch?;
        let mut arrays = Vec::with_capacity(N);
        for name in columns {
            arrays.push(strings(path, &batch, name)?);
        }
        for i in 0..batch.num_rows() {
            let row: [&str; N] = std::array::from_fn(|k| arrays[k].value(i));
            if let Some(k) = row.iter().position(|cell| cell.is_empty()) {
                let problem = format!("row {at}: '{}' is empty; import the data again", columns[k]);
                return Err(DataError::format(path, problem));
            }
            each(row).map_err(|problem| {
                DataError::format(path, format!("row {at}: {problem}; import the data again"))
            })?;
            at += 1;
        }
    }
    Ok(())
}
