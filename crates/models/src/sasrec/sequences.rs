//! Histories as the network reads them: several short ones end to end in a row, long ones in
//! windows.
//!
//! A window of at most `length + 1` events gives `length` inputs and, one place later, as many
//! targets. Windows are put end to end into rows of `length` places; a place sees itself and
//! earlier places of its own window, never its neighbour's (`mask`). Positions count from the
//! start of the window.

use semrec_data::Event;

/// Rows that are tried for a window before a new one is opened.
const OPEN: usize = 32;
/// What a place adds to the attention of another that must not see it.
const HIDDEN: f32 = -1e9;

/// Rows of places.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Batch {
    /// Places of a row.
    pub(crate) length: usize,
    /// Number of rows.
    pub(crate) rows: usize,
    /// The item at each place, `[rows * length]`; 0 where there is none.
    pub(crate) items: Vec<u32>,
    /// Place within its window, `[rows * length]`.
    pub(crate) positions: Vec<u32>,
    /// Added to the attention from a place to another, `[rows, length, length]`.
    pub(crate) mask: Vec<f32>,
    /// The places whose next item is known, as indices into `items`.
    pub(crate) places: Vec<u32>,
    /// The items that came next, as many.
    pub(crate) targets: Vec<u32>,
}

/// The windows of a history of items, newest last: the newest `length + 1` events, those before
/// them, and so on; each begins with the last input of the one before it. A window of one event
/// has nothing to predict and is left out.
pub(crate) fn windows(history: &[u32], length: usize) -> impl Iterator<Item = &[u32]> {
    let mut end = history.len();
    std::iter::from_fn(move || {
        if end < 2 {
            return None;
        }
        let start = end.saturating_sub(length + 1);
        let window = &history[start..end];
        end = start + 1;
        Some(window)
    })
}

/// Puts windows into rows, in their order, each into the first of the open rows that has room.
/// With `to_predict`, the last item of a window is its last target; without, all are inputs and
/// the last place of each window, in the order of the windows, is in `places`.
pub(crate) fn pack(windows: &[&[u32]], length: usize, to_predict: bool) -> Batch {
    let inputs = |w: &[u32]| if to_predict { w.len() - 1 } else { w.len() };
    let mut used: Vec<usize> = Vec::new();
    let mut open = 0;
    let mut starts = Vec::with_capacity(windows.len());
    for window in windows {
        let need = inputs(window);
        assert!(need <= length, "a window is no longer than a row");
        let row = (open..used.len()).find(|&r| used[r] + need <= length);
        let row = row.unwrap_or_else(|| {
            used.push(0);
            used.len() - 1
        });
        starts.push(row * length + used[row]);
        used[row] += need;
        open = open.max(used.len().saturating_sub(OPEN));
    }
    let rows = used.len();
    let mut batch = Batch {
        length,
        rows,
        items: vec![0; rows * length],
        positions: vec![0; rows * length],
        mask: vec![HIDDEN; rows * length * length],
        places: Vec::new(),
        targets: Vec::new(),
    };
    for place in 0..rows * length {
        batch.mask[place * length + place % length] = 0.0;
    }
    for (window, &start) in windows.iter().zip(&starts) {
        let n = inputs(window);
        for (k, &item) in (0u32..).zip(&window[..n]) {
            let place = start + k as usize;
            batch.items[place] = item;
            batch.positions[place] = k;
            let row = &mut batch.mask[place * length..(place + 1) * length];
            row[start % length..=place % length].fill(0.0);
            if to_predict {
                batch.places.push(index(place));
                batch.targets.push(window[k as usize + 1]);
            }
        }
        if !to_predict {
            batch.places.push(index(start + n - 1));
        }
    }
    batch
}

/// The items of a history that have a place in the table, oldest first.
pub(crate) fn known(history: &[Event], place: impl Fn(u32) -> Option<u32>) -> Vec<u32> {
    history.iter().filter_map(|e| place(e.item)).collect()
}

fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
