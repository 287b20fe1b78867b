//! What is asked in an evaluation: for each person a history, and the items held out.

use crate::Event;

/// Evaluation cases in flat arrays: 16 bytes per history event, 4 per held-out item.
#[derive(Clone, Debug, Default)]
pub struct Cases {
    users: Vec<u32>,
    history_ends: Vec<usize>,
    history: Vec<Event>,
    held_out_ends: Vec<usize>,
    held_out: Vec<u32>,
}

/// One case: rank the catalogue for this history, and see where the held-out items come.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Dense user index.
    pub user: u32,
    /// What the person did before, oldest first; may be empty.
    pub history: &'a [Event],
    /// The distinct items that count as relevant, in time order; never empty.
    pub held_out: &'a [u32],
}

impl Cases {
    /// Appends a case. Repeated held-out items are kept once; a case without any is not kept,
    /// and `false` is returned.
    pub fn push(&mut self, user: u32, history: &[Event], held_out: &[u32]) -> bool {
        let start = self.held_out.len();
        for &item in held_out {
            if !self.held_out[start..].contains(&item) {
                self.held_out.push(item);
            }
        }
        if self.held_out.len() == start {
            return false;
        }
        self.users.push(user);
        self.history.extend_from_slice(history);
        self.history_ends.push(self.history.len());
        self.held_out_ends.push(self.held_out.len());
        true
    }

    /// Number of cases.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The case at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Case<'_> {
        let start = |ends: &[usize]| if index == 0 { 0 } else { ends[index - 1] };
        Case {
            user: self.users[index],
            history: &self.history[start(&self.history_ends)..self.history_ends[index]],
            held_out: &self.held_out[start(&self.held_out_ends)..self.held_out_ends[index]],
        }
    }

    /// All cases in order.
    pub fn iter(&self) -> impl Iterator<Item = Case<'_>> {
        (0..self.len()).map(|i| self.get(i))
    }
}
