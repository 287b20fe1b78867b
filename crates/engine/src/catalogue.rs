//! The items as they are now: those of the bundle, and over them what was written since.
//!
//! Items of the bundle keep their numbers. One that is new gets the next number, one that was
//! deleted keeps its own and is gone; written again, it is back under it. A catalogue does not
//! change: [`Catalogue::with`] makes the next one, which shares all but the list of changes.

use semrec_data::{Cell, Dataset, Record, Table, Values};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// An item that was written or deleted since the bundle was made.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The item reads like this now.
    Put(Record),
    /// The item of this id is gone.
    Delete(String),
}

/// The items as they are now.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue {
    dataset: Arc<Dataset>,
    /// Of each item that changed: what it is, `None` for one that is gone.
    later: BTreeMap<u32, Option<Arc<Record>>>,
    /// Which of them are gone.
    gone: BTreeSet<u32>,
    /// When items end that do, Unix seconds.
    ends: BTreeMap<u32, f64>,
    /// The ids of items that are not of the bundle.
    new: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

/// The field that says when an item ends.
const END: &str = "expires_at";

impl Catalogue {
    pub(crate) fn new(dataset: Arc<Dataset>) -> Self {
        let mut catalogue = Self {
            dataset,
            later: BTreeMap::new(),
            gone: BTreeSet::new(),
            ends: BTreeMap::new(),
            new: HashMap::new(),
            names: Vec::new(),
        };
        let mut ends = BTreeMap::new();
        catalogue.each_cell(END, |item, cell| {
            ends.extend(cell.end().map(|end| (item, end)))
        });
        catalogue.ends = ends;
        catalogue
    }

    /// The catalogue after a change, and the number of the item; `None` where the id to delete is
    /// not known.
    pub(crate) fn change(&mut self, change: &Change) -> Option<u32> {
        let (id, record) = match change {
            Change::Put(record) => (record.id.as_str(), Some(Arc::new(record.clone()))),
            Change::Delete(id) => (id.as_str(), None),
        };
        let item = match self.number(id) {
            Some(item) => item,
            None if record.is_none() => return None,
            None => {
                let item = u32::try_from(self.len()).expect("fewer than 2^32 items");
                let name: Arc<str> = id.into();
                self.new.insert(Arc::clone(&name), item);
                self.names.push(name);
                item
            }
        };
        self.ends.remove(&item);
        let end = record.as_ref().and_then(|record| record.cell(END));
        if let Some(end) = end.and_then(|cell| CellRef::from(cell).end()) {
            self.ends.insert(item, end);
        }
        if record.is_some() {
            self.gone.remove(&item);
        } else {
            self.gone.insert(item);
        }
        self.later.insert(item, record);
        Some(item)
    }

    fn fitted(&self) -> &Table {
        &self.dataset.items
    }

    /// Numbers that are taken, those of deleted items too.
    pub(crate) fn len(&self) -> usize {
        self.fitted().len() + self.names.len()
    }

    /// Items that are there.
    pub(crate) fn there(&self) -> usize {
        self.len() - self.gone.len()
    }

    /// The number of an id, whether or not it is deleted.
    pub(crate) fn number(&self, id: &str) -> Option<u32> {
        let fitted = self.fitted().ids.get(id);
        fitted.or_else(|| self.new.get(id).copied())
    }

    /// The number of an id that is there.
    pub(crate) fn get(&self, id: &str) -> Option<u32> {
        self.number(id).filter(|&item| !self.is_gone(item))
    }

    pub(crate) fn is_gone(&self, item: u32) -> bool {
        self.gone.contains(&item)
    }

    /// The items that are gone.
    pub(crate) fn gone(&self) -> impl Iterator<Item = u32> + '_ {
        self.gone.iter().copied()
    }

    fn record(&self, item: u32) -> Option<&Record> {
        self.later.get(&item)?.as_deref()
    }

    /// All that an item says.
    pub(crate) fn record_of(&self, item: u32) -> Record {
        match self.record(item) {
            Some(record) => record.clone(),
            None if self.is_fitted(item) => Record::of(self.fitted(), item),
            None => Record::default(),
        }
    }

    fn is_fitted(&self, item: u32) -> bool {
        (item as usize) < self.fitted().len()
    }

    /// The id behind a number.
    pub(crate) fn id(&self, item: u32) -> &str {
        if self.is_fitted(item) {
            return self.fitted().ids.name(item);
        }
        let place = item as usize - self.fitted().len();
        self.names.get(place).map_or("", |name| name)
    }

    pub(crate) fn title(&self, item: u32) -> &str {
        match self.record(item) {
            Some(record) => record.title(),
            None if self.is_fitted(item) => self.fitted().title(item),
            None => self.id(item),
        }
    }

    pub(crate) fn text(&self, item: u32) -> String {
        match self.record(item) {
            Some(record) => record.text(),
            None if self.is_fitted(item) => self.fitted().text(item),
            None => String::new(),
        }
    }

    /// Calls `told` with the number and the cell of each item that has the field.
    pub(crate) fn each_cell(&self, field: &str, mut told: impl FnMut(u32, CellRef<'_>)) {
        let own = self.fitted().fields.iter().find(|f| f.name == field);
        if let Some(field) = own {
            for item in (0u32..).take(self.fitted().len()) {
                if !self.later.contains_key(&item)
                    && let Some(cell) = CellRef::of(&field.values, item as usize)
                {
                    told(item, cell);
                }
            }
        }
        for (&item, record) in &self.later {
            if let Some(cell) = record.as_ref().and_then(|record| record.cell(field)) {
                told(item, CellRef::from(cell));
            }
        }
    }

    /// The items whose time is up.
    pub(crate) fn expired(&self, now: f64) -> impl Iterator<Item = u32> + '_ {
        let ends = self.ends.iter().filter(move |(_, end)| **end <= now);
        ends.map(|(&item, _)| item)
    }

    /// The names of all fields that an item has.
    pub(crate) fn fields(&self) -> Vec<&str> {
        let own = self.fitted().fields.iter().map(|f| f.name.as_str());
        let mut names: Vec<&str> = own.collect();
        let records = self.later.values().flatten();
        for (name, _) in records.flat_map(|record| &record.fields) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }
}

/// A value of a field, wherever it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CellRef<'a> {
    Text(&'a str),
    Labels(&'a [String]),
    Number(f64),
}

impl<'a> CellRef<'a> {
    /// A point in time, if it is one.
    fn end(self) -> Option<f64> {
        match self {
            Self::Number(seconds) => Some(seconds),
            Self::Text(_) | Self::Labels(_) => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds, compared with numbers")]
    fn of(values: &'a Values, at: usize) -> Option<Self> {
        Some(match values {
            Values::Text(v) | Values::Image(v) => Self::Text(&v[at]),
            Values::Category(v) => Self::Labels(&v[at]),
            Values::Number(v) => Self::Number(v[at]?),
            Values::Time(v) => Self::Number(v[at]? as f64),
        })
    }
}

impl<'a> From<&'a Cell> for CellRef<'a> {
    #[expect(clippy::cast_precision_loss, reason = "seconds, compared with numbers")]
    fn from(cell: &'a Cell) -> Self {
        match cell {
            Cell::Text(text) | Cell::Image(text) => Self::Text(text),
            Cell::Labels(labels) => Self::Labels(labels),
            Cell::Number(number) => Self::Number(*number),
            Cell::Time(seconds) => Self::Number(*seconds as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::{Clock, Field, Ids, Interactions};

    fn dataset() -> Dataset {
        let mut items = Table::of_ids(["a", "b"].into_iter().collect::<Ids>());
        let titles = vec!["Lamp".to_owned(), "Chair".to_owned()];
        items.fields = vec![Field {
            name: "title".to_owned(),
            values: Values::Text(titles),
        }];
        let log = Interactions::from_rows(&[], 0, 2, Clock::None);
        Dataset::new("shop", items, Table::default(), log, vec![])
    }

    fn put(id: &str, title: &str) -> Change {
        Change::Put(Record {
            id: id.to_owned(),
            fields: vec![("title".to_owned(), Cell::Text(title.to_owned()))],
        })
    }

    #[test]
    fn items_keep_their_numbers_whatever_happens_to_them() {
        let mut now = Catalogue::new(Arc::new(dataset()));
        assert_eq!(now.change(&put("c", "Table")), Some(2));
        assert_eq!(now.change(&put("a", "Bright lamp")), Some(0));
        assert_eq!(now.change(&Change::Delete("b".to_owned())), Some(1));
        assert_eq!(now.change(&Change::Delete("z".to_owned())), None);
        assert_eq!((now.len(), now.there()), (3, 2));
        let titles: Vec<&str> = (0..3).map(|i| now.title(i)).collect();
        assert_eq!(titles, ["Bright lamp", "Chair", "Table"]);
        assert_eq!((now.get("b"), now.number("b")), (None, Some(1)));
        assert_eq!(now.gone().collect::<Vec<_>>(), [1]);
        let mut cells = Vec::new();
        now.each_cell("title", |item, cell| {
            cells.push((item, format!("{cell:?}")))
        });
        assert_eq!(
            cells,
            [
                (0, "Text(\"Bright lamp\")".into()),
                (2, "Text(\"Table\")".into())
            ]
        );
        now.change(&put("b", "Chair again"));
        assert_eq!(
            (now.get("b"), now.text(1)),
            (Some(1), "Chair again".to_owned())
        );
    }
}
