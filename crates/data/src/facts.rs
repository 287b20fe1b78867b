//! What two items can have in common besides words: the labels of their fields, and the entities
//! that a knowledge graph connects them with.
//!
//! Of the fields, every label of a category is a fact, as `genres: Crime`, and so is a number of a
//! column of whole numbers, as `year: 1995`. Of the graph, an entity one step away is a fact of an
//! item, whatever the relation and its direction: a graph that says everything twice, from film to
//! director and back, says it once here, and two films have a person in common also if one has them
//! as director and the other as writer. What lies two steps away is left out: on MovieLens 100K it
//! drowned what one step says.

use crate::{DataError, Dataset, Values};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Which facts are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FactSource {
    /// None.
    #[default]
    None,
    /// Those of the items' fields.
    Fields,
    /// Those of the knowledge graph.
    Graph,
    /// Those of the fields, and of the graph if there is one.
    Both,
}

impl FactSource {
    const ALL: [Self; 4] = [Self::None, Self::Fields, Self::Graph, Self::Both];

    /// The word for it in flags and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Fields => "fields",
            Self::Graph => "graph",
            Self::Both => "both",
        }
    }
}

impl fmt::Display for FactSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for FactSource {
    type Err = DataError;

    fn from_str(s: &str) -> Result<Self, DataError> {
        Self::ALL
            .into_iter()
            .find(|x| x.name() == s)
            .ok_or_else(|| {
                DataError::Unusable(format!(
                    "'{s}' is no source of facts; expected none, fields, graph or both"
                ))
            })
    }
}

/// Items × facts, binary: which facts each item has. 4 bytes for each, and the names once.
///
/// ```
/// use semrec_data::Facts;
/// let crime = ("genres", "Crime");
/// let facts = Facts::new(&[vec![crime], vec![crime, ("year", "1995")]], &[]);
/// assert_eq!(facts.of_item(1), [0, 1]);
/// assert_eq!(facts.name(1).to_string(), "year: 1995");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    names: Vec<FactName>,
    /// Facts below this are of fields, the others of the graph.
    of_fields: usize,
    offsets: Vec<usize>,
    facts: Vec<u32>,
}

/// What a fact says, in words of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactName {
    /// The column or the relation.
    pub kind: String,
    /// The label, or the entity: the title of the item it is, or else its id.
    pub value: String,
}

impl fmt::Display for FactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.value)
    }
}

impl Facts {
    /// The facts of the items of a data set.
    ///
    /// # Errors
    /// [`DataError::Unusable`] if the graph is asked for and there is none, or no item has a fact.
    pub fn of(dataset: &Dataset, source: FactSource) -> Result<Option<Self>, DataError> {
        if source == FactSource::None {
            return Ok(None);
        }
        if source == FactSource::Graph && dataset.knowledge.is_none() {
            return Err(DataError::Unusable(format!(
                "{} has no knowledge graph; import it with a file of facts",
                dataset.name
            )));
        }
        let mut found = Found::new(dataset.items.len());
        if source != FactSource::Graph {
            found.add_fields(dataset);
        }
        let of_fields = found.names.len();
        if source != FactSource::Fields {
            found.add_graph(dataset);
        }
        if found.names.is_empty() {
            return Err(DataError::Unusable(format!(
                "no item of {} has a fact: there is no column of labels or whole numbers{}",
                dataset.name,
                if source == FactSource::Both {
                    ", and no knowledge graph"
                } else {
                    ""
                }
            )));
        }
        Ok(Some(found.finish(of_fields)))
    }

    /// Facts of fields and of a graph, as `(kind, value)` for each item; where one of the two lists
    /// is shorter, the items beyond it have none of these.
    ///
    /// # Panics
    /// If there are more than 2³² facts.
    #[must_use]
    pub fn new<S: AsRef<str>>(fields: &[Vec<(S, S)>], graph: &[Vec<(S, S)>]) -> Self {
        let mut found = Found::new(fields.len().max(graph.len()));
        let mut of_fields = 0;
        for (part, list) in [fields, graph].into_iter().enumerate() {
            let first = found.names.len();
            for (item, facts) in list.iter().enumerate() {
                for (kind, value) in facts {
                    let name = FactName {
                        kind: kind.as_ref().to_owned(),
                        value: value.as_ref().to_owned(),
                    };
                    let known = found.names[first..].iter().position(|n| *n == name);
                    let fact = known.map_or_else(|| found.fact(name), |at| index(first + at));
                    found.items[item].push(fact);
                }
            }
            if part == 0 {
                of_fields = found.names.len();
            }
        }
        found.finish(of_fields)
    }

    /// How many items.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// How many different facts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Facts below this number are of fields, the others of a knowledge graph.
    #[must_use]
    pub fn of_fields(&self) -> usize {
        self.of_fields
    }

    /// The facts of an item, in order.
    #[must_use]
    pub fn of_item(&self, item: u32) -> &[u32] {
        let item = item as usize;
        &self.facts[self.offsets[item]..self.offsets[item + 1]]
    }

    /// What a fact says.
    #[must_use]
    pub fn name(&self, fact: u32) -> &FactName {
        &self.names[fact as usize]
    }

    /// How many items have each fact, of those for which `counted` holds.
    pub fn counts(&self, counted: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut counts = vec![0; self.len()];
        for item in (0u32..).take(self.n_items()).filter(|&i| counted(i)) {
            for &fact in self.of_item(item) {
                counts[fact as usize] += 1;
            }
        }
        counts
    }
}

/// Facts as they are gathered.
struct Found {
    names: Vec<FactName>,
    items: Vec<Vec<u32>>,
}

fn index(n: usize) -> u32 {
    u32::try_from(n).expect("fewer than 2^32 facts")
}

impl Found {
    fn new(n_items: usize) -> Self {
        Self {
            names: Vec::new(),
            items: vec![Vec::new(); n_items],
        }
    }

    fn fact(&mut self, name: FactName) -> u32 {
        self.names.push(name);
        index(self.names.len() - 1)
    }

    fn add_fields(&mut self, dataset: &Dataset) {
        for field in &dataset.items.fields {
            let mut known = hashbrown::HashMap::new();
            let mut add = |found: &mut Self, item: usize, value: &str| {
                let fact = *known.entry(value.to_owned()).or_insert_with(|| {
                    found.fact(FactName {
                        kind: field.name.clone(),
                        value: value.to_owned(),
                    })
                });
                found.items[item].push(fact);
            };
            match &field.values {
                Values::Category(rows) => {
                    for (item, labels) in rows.iter().enumerate() {
                        labels.iter().for_each(|label| add(self, item, label));
                    }
                }
                // Years, sizes, numbers of pages. Two prices are not the same fact.
                Values::Number(rows) if rows.iter().flatten().all(|x| x.fract() == 0.0) => {
                    for (item, number) in rows.iter().enumerate() {
                        if let Some(number) = number {
                            add(self, item, &number.to_string());
                        }
                    }
                }
                Values::Number(_) | Values::Text(_) | Values::Time(_) | Values::Image(_) => {}
            }
        }
    }

    fn add_graph(&mut self, dataset: &Dataset) {
        let Some(graph) = &dataset.knowledge else {
            return;
        };
        let mut items_of: Vec<Vec<u32>> = vec![Vec::new(); graph.entities.len()];
        for link in &graph.links {
            items_of[link.entity as usize].push(link.item);
        }
        let mut fact_of: Vec<Option<u32>> = vec![None; graph.entities.len()];
        for triple in &graph.triples {
            for (own, other) in [(triple.head, triple.tail), (triple.tail, triple.head)] {
                for &item in &items_of[own as usize] {
                    let fact = *fact_of[other as usize].get_or_insert_with(|| {
                        let title = items_of[other as usize].first();
                        self.fact(FactName {
                            kind: graph.relations.name(triple.relation).to_owned(),
                            value: title
                                .map_or_else(
                                    || graph.entities.name(other),
                                    |&i| dataset.items.title(i),
                                )
                                .to_owned(),
                        })
                    });
                    self.items[item as usize].push(fact);
                }
            }
        }
    }

    fn finish(self, of_fields: usize) -> Facts {
        let mut offsets = vec![0];
        let mut facts = Vec::new();
        for mut own in self.items {
            own.sort_unstable();
            own.dedup();
            facts.extend(own);
            offsets.push(facts.len());
        }
        Facts {
            names: self.names,
            of_fields,
            offsets,
            facts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, Field, Interactions, Knowledge, Link, Table, Triple};

    /// Films `a` (entity e0), `b` (e1) and `c` (none); e2 directed a and acted in b; a precedes b.
    fn dataset() -> Dataset {
        let items = Table {
            ids: ["a", "b", "c"].into_iter().collect(),
            fields: vec![
                Field {
                    name: "title".into(),
                    values: Values::Text(vec!["Alien".into(), "Aliens".into(), String::new()]),
                },
                Field {
                    name: "genres".into(),
                    values: Values::Category(vec![
                        vec!["SF".into(), "Horror".into()],
                        vec!["SF".into()],
                        vec![],
                    ]),
                },
                Field {
                    name: "year".into(),
                    values: Values::Number(vec![Some(1979.0), Some(1986.0), None]),
                },
                Field {
                    name: "price".into(),
                    values: Values::Number(vec![Some(9.99), Some(9.99), Some(9.0)]),
                },
            ],
        };
        let triple = |head, relation, tail| Triple {
            head,
            relation,
            tail,
        };
        let graph = Knowledge {
            entities: ["e0", "e1", "e2"].into_iter().collect(),
            relations: ["directed_by", "acted_in", "prequel"].into_iter().collect(),
            triples: vec![triple(0, 0, 2), triple(2, 1, 1), triple(1, 2, 0)],
            links: vec![Link { item: 0, entity: 0 }, Link { item: 1, entity: 1 }],
        };
        let log = Interactions::from_rows(&[], 0, 3, Clock::None);
        Dataset::new("films", items, Table::default(), log, vec!["seen".into()])
            .with_knowledge(graph)
    }

    fn told(facts: &Facts, item: u32) -> Vec<String> {
        let own = facts.of_item(item).iter();
        own.map(|&f| facts.name(f).to_string()).collect()
    }

    #[test]
    fn labels_whole_numbers_and_neighbours() {
        let facts = Facts::of(&dataset(), FactSource::Both).unwrap().unwrap();
        assert_eq!(facts.of_fields(), 4);
        // An entity that is an item goes by its title.
        let a = [
            "genres: SF",
            "genres: Horror",
            "year: 1979",
            "directed_by: e2",
            "prequel: Aliens",
        ];
        assert_eq!(told(&facts, 0), a);
        let b = [
            "genres: SF",
            "year: 1986",
            "directed_by: e2",
            "prequel: Alien",
        ];
        assert_eq!(told(&facts, 1), b);
        assert!(facts.of_item(2).is_empty());
        assert_eq!(facts.counts(|_| true)[0], 2);
        assert_eq!(facts.counts(|i| i == 1)[0], 1);
    }

    #[test]
    fn a_source_that_has_nothing_is_an_error() {
        let mut bare = dataset();
        bare.knowledge = None;
        assert_eq!(Facts::of(&bare, FactSource::None).unwrap(), None);
        assert!(Facts::of(&bare, FactSource::Both).unwrap().is_some());
        let said = |source| Facts::of(&bare, source).unwrap_err().to_string();
        insta::assert_snapshot!(said(FactSource::Graph), @"films has no knowledge graph; import it with a file of facts");
        bare.items.fields.truncate(1);
        let said = |source| Facts::of(&bare, source).unwrap_err().to_string();
        insta::assert_snapshot!(said(FactSource::Fields), @"no item of films has a fact: there is no column of labels or whole numbers");
        let said = "all".parse::<FactSource>().unwrap_err().to_string();
        insta::assert_snapshot!(said, @"'all' is no source of facts; expected none, fields, graph or both");
    }
}
