//! SHA-256 over ids, texts and events: equal data, equal fingerprint.
//!
//! Every string is preceded by its length and every list by its count, so that no two data sets
//! share a byte sequence. Names of data sets and of files are left out.

use crate::{Ids, Interactions, Knowledge, Table, Values};
use sha2::{Digest, Sha256};

struct Hasher {
    sha: Sha256,
    /// Small writes are gathered, because each call of the hash function costs.
    buffer: Vec<u8>,
}

impl Hasher {
    fn bytes(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > 1 << 16 {
            self.sha.update(&self.buffer);
            self.buffer.clear();
        }
        if bytes.len() > 1 << 16 {
            self.sha.update(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    fn count(&mut self, n: usize) {
        self.bytes(&(n as u64).to_le_bytes());
    }

    fn text(&mut self, s: &str) {
        self.count(s.len());
        self.bytes(s.as_bytes());
    }

    fn table(&mut self, table: &Table) {
        self.count(table.len());
        for id in table.ids.iter() {
            self.text(id);
        }
        self.count(table.fields.len());
        for field in &table.fields {
            self.text(&field.name);
            self.values(&field.values);
        }
    }

    fn values(&mut self, values: &Values) {
        match values {
            Values::Text(v) => {
                self.bytes(b"t");
                v.iter().for_each(|s| self.text(s));
            }
            Values::Image(v) => {
                self.bytes(b"i");
                v.iter().for_each(|s| self.text(s));
            }
            Values::Category(v) => {
                self.bytes(b"c");
                for labels in v {
                    self.count(labels.len());
                    labels.iter().for_each(|s| self.text(s));
                }
            }
            Values::Number(v) => {
                self.bytes(b"n");
                for x in v {
                    self.bytes(&[u8::from(x.is_some())]);
                    self.bytes(&x.unwrap_or(0.0).to_le_bytes());
                }
            }
            Values::Time(v) => {
                self.bytes(b"s");
                for x in v {
                    self.bytes(&[u8::from(x.is_some())]);
                    self.bytes(&x.unwrap_or(0).to_le_bytes());
                }
            }
        }
    }

    fn finish(mut self) -> String {
        self.sha.update(&self.buffer);
        hex(&self.sha.finalize())
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The fingerprint of a data set.
pub(crate) fn fingerprint(
    items: &Table,
    users: &Table,
    log: &Interactions,
    kinds: &[String],
) -> String {
    let mut hasher = Hasher {
        sha: Sha256::new(),
        buffer: Vec::with_capacity(1 << 16),
    };
    hasher.table(items);
    hasher.table(users);
    hasher.count(kinds.len());
    kinds.iter().for_each(|k| hasher.text(k));
    hasher.count(log.len());
    for row in log.rows() {
        let mut cell = [0u8; 22];
        cell[..4].copy_from_slice(&row.user.to_le_bytes());
        cell[4..8].copy_from_slice(&row.event.item.to_le_bytes());
        cell[8..12].copy_from_slice(&row.event.value.to_le_bytes());
        cell[12..20].copy_from_slice(&row.event.time.to_le_bytes());
        cell[20] = row.kind;
        cell[21] = row.part as u8;
        hasher.bytes(&cell);
    }
    hasher.finish()
}

/// The fingerprint of a data set that had `before` without a knowledge graph.
pub(crate) fn with_knowledge(before: &str, graph: &Knowledge, items: &Ids) -> String {
    let mut hasher = Hasher {
        sha: Sha256::new(),
        buffer: Vec::with_capacity(1 << 16),
    };
    hasher.text(before);
    hasher.count(graph.triples.len());
    for triple in &graph.triples {
        hasher.text(graph.entities.name(triple.head));
        hasher.text(graph.relations.name(triple.relation));
        hasher.text(graph.entities.name(triple.tail));
    }
    hasher.count(graph.links.len());
    for link in &graph.links {
        hasher.text(items.name(link.item));
        hasher.text(graph.entities.name(link.entity));
    }
    hasher.finish()
}
