//! A state of the index: the unchanging base, and the changes that lie over it.
//!
//! Changes are kept by item in pages, so that a state is copied by copying a list of pointers,
//! 8 bytes for 1,024 items, and changing one item copies one page of pointers at most. A writer
//! copies only what a reader holds; nothing that a reader holds is ever written to, and a vector
//! that was stored is never changed, only replaced as a whole.

use crate::base::Base;
use crate::graph::RowSource;
use crate::precision::Precision;
use std::sync::Arc;

/// Items of a page.
pub(crate) const PAGE: usize = 1024;

/// A state of the index.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) base: Arc<Base>,
    /// Page `p` has the changes of items `p * PAGE ..`; none where nothing has changed.
    pages: Vec<Option<Arc<Page>>>,
    /// Numbers below this one were given out.
    pub(crate) numbered: u32,
    /// Items that are there.
    pub(crate) live: usize,
}

/// What has happened to the items of a page.
#[derive(Clone, Debug)]
struct Page {
    entries: Vec<Entry>,
    /// Items whose entry is `Stored`, in no order, so that a search finds them at once.
    stored: Vec<u32>,
}

/// What has happened to an item since the base was made.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// Nothing: it is as in the base, if it is there.
    Base,
    /// It was removed.
    Removed,
    /// It came or was replaced.
    Stored(Arc<Stored>),
}

/// A vector in memory.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) row: Vec<u32>,
    pub(crate) full: Option<Vec<f32>>,
}

impl Entry {
    /// Whether it is the same event, not only the same vector.
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Base, Self::Base) | (Self::Removed, Self::Removed) => true,
            (Self::Stored(a), Self::Stored(b)) => Arc::ptr_eq(a, b),
            (Self::Base | Self::Removed | Self::Stored(_), _) => false,
        }
    }
}

impl Snapshot {
    /// A base without changes.
    pub(crate) fn of(base: Base) -> Self {
        Self {
            pages: vec![None; (base.numbered as usize).div_ceil(PAGE)],
            numbered: base.numbered,
            live: base.present.count(),
            base: Arc::new(base),
        }
    }

    fn entry(&self, item: u32) -> &Entry {
        let page = self
            .pages
            .get(item as usize / PAGE)
            .and_then(Option::as_ref);
        page.map_or(&Entry::Base, |page| &page.entries[item as usize % PAGE])
    }

    /// The row of an item that is there.
    #[inline]
    pub(crate) fn row(&self, item: u32) -> Option<&[u32]> {
        match self.entry(item) {
            Entry::Base => self.base.row(item),
            Entry::Removed => None,
            Entry::Stored(stored) => Some(&stored.row),
        }
    }

    /// The vector of an item as it came, if such vectors are kept.
    pub(crate) fn full(&self, item: u32) -> Option<&[f32]> {
        match self.entry(item) {
            Entry::Base => self.base.full(item),
            Entry::Removed => None,
            Entry::Stored(stored) => stored.full.as_deref(),
        }
    }

    /// Whether an item is there and as in the base.
    #[inline]
    pub(crate) fn unchanged(&self, item: u32) -> bool {
        matches!(self.entry(item), Entry::Base) && self.base.present.has(item)
    }

    /// Notes what has happened to an item below `numbered`.
    pub(crate) fn set(&mut self, item: u32, entry: Entry) {
        let was = usize::from(self.row(item).is_some());
        let place = item as usize / PAGE;
        if self.pages.len() <= place {
            self.pages.resize(place + 1, None);
        }
        let page = self.pages[place].get_or_insert_with(|| {
            Arc::new(Page {
                entries: vec![Entry::Base; PAGE],
                stored: Vec::new(),
            })
        });
        let page = Arc::make_mut(page);
        let stores = matches!(entry, Entry::Stored(_));
        let stored = std::mem::replace(&mut page.entries[item as usize % PAGE], entry);
        match (matches!(stored, Entry::Stored(_)), stores) {
            (false, true) => page.stored.push(item),
            (true, false) => page.stored.retain(|&other| other != item),
            (true, true) | (false, false) => {}
        }
        self.live = self.live + usize::from(self.row(item).is_some()) - was;
    }

    /// Items whose vector lies in memory over the base.
    pub(crate) fn stored(&self) -> impl Iterator<Item = u32> {
        let pages = self.pages.iter().flatten();
        pages.flat_map(|page| page.stored.iter().copied())
    }

    /// Number of pages that hold all items.
    pub(crate) fn page_count(&self) -> usize {
        (self.numbered as usize).div_ceil(PAGE)
    }

    /// The numbers of the items of a page.
    pub(crate) fn items_of(&self, page: usize) -> std::ops::Range<u32> {
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX).min(self.numbered);
        number(page * PAGE)..number((page + 1) * PAGE)
    }

    /// Items that are not as in the base, removed ones too.
    pub(crate) fn changed(&self) -> Vec<u32> {
        let pages = self.pages.iter().enumerate();
        let changed = pages.filter(|(_, page)| page.is_some());
        let items = changed.flat_map(|(number, _)| self.items_of(number));
        items
            .filter(|&item| !matches!(self.entry(item), Entry::Base))
            .collect()
    }

    /// Puts a new base under this state that holds all of `saved`, an earlier state: changes that
    /// were saved are forgotten, later ones stay.
    pub(crate) fn rebased(&self, base: Base, saved: &Self) -> Self {
        let mut rebased = Self::of(base);
        rebased.numbered = rebased.numbered.max(self.numbered);
        for item in self.changed() {
            let entry = self.entry(item);
            if !entry.same(saved.entry(item)) {
                rebased.set(item, entry.clone());
            }
        }
        rebased
    }
}

impl RowSource for Snapshot {
    fn precision(&self) -> Precision {
        self.base.rows.precision
    }

    fn dim(&self) -> usize {
        self.base.rows.dim
    }

    /// Also the row of a removed item, as links may still lead over it.
    #[inline]
    fn row(&self, item: u32) -> Option<&[u32]> {
        self.row(item).or_else(|| self.base.rows.get(item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Links;
    use crate::rows::{Presence, Rows, Words};

    fn stored(value: u32) -> Entry {
        Entry::Stored(Arc::new(Stored {
            row: vec![value],
            full: None,
        }))
    }

    fn base(values: &[u32]) -> Base {
        Base {
            numbered: u32::try_from(values.len()).unwrap(),
            present: Presence(Words::Owned(vec![(1 << values.len()) - 1])),
            rows: Arc::new(Rows {
                precision: Precision::F32,
                dim: 1,
                words: Words::Owned(values.to_vec()),
            }),
            full: None,
            links: Links::None,
        }
    }

    #[test]
    fn a_copy_keeps_what_it_saw() {
        let mut now = Snapshot::of(base(&[10, 11, 12]));
        let before = now.clone();
        now.set(1, stored(21));
        now.set(2, Entry::Removed);
        assert_eq!(
            (now.row(0), now.row(1), now.row(2)),
            (Some(&[10][..]), Some(&[21][..]), None)
        );
        assert_eq!((now.live, now.changed()), (2, vec![1, 2]));
        assert_eq!(now.stored().collect::<Vec<_>>(), [1]);
        assert_eq!((before.row(1), before.live), (Some(&[11][..]), 3));
    }

    #[test]
    fn a_new_base_forgets_what_was_saved_and_nothing_else() {
        let mut now = Snapshot::of(base(&[10, 11, 12]));
        now.set(0, stored(20));
        now.set(1, stored(21));
        let saved = now.clone();
        now.set(1, stored(31));
        now.set(2, Entry::Removed);
        let rebased = now.rebased(base(&[20, 21, 12]), &saved);
        assert_eq!((rebased.changed(), rebased.live), (vec![1, 2], 2));
        assert_eq!(
            (rebased.row(0), rebased.row(1)),
            (Some(&[20][..]), Some(&[31][..]))
        );
    }
}
