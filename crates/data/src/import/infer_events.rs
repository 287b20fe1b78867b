//! What each column of the interactions is for.

use super::infer::{Decision, Sampled, decide};
use super::names;
use super::options::Roles;
use super::role::ColumnRole;
use crate::{Clock, DataError};

/// Words that a column of a given split holds.
const PARTS: &[&str] = &[
    "train",
    "training",
    "valid",
    "validation",
    "val",
    "dev",
    "test",
    "testing",
    "eval",
];

/// Where to find what in a row of interactions.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventColumns {
    pub(super) user: usize,
    pub(super) item: usize,
    pub(super) value: Option<usize>,
    pub(super) time: Option<usize>,
    pub(super) clock: Clock,
    pub(super) event: Option<usize>,
    pub(super) split: Option<usize>,
}

struct Choice<'a> {
    file: &'a Sampled<'a>,
    roles: &'a Roles,
    taken: Vec<usize>,
    decisions: Vec<Decision>,
}

impl Choice<'_> {
    fn take(&mut self, i: usize, role: ColumnRole, why: &str) -> usize {
        self.taken.push(i);
        self.decisions[i] = decide(role, why);
        i
    }

    /// The column told by hand, or the best-named free one whose values pass.
    fn find(
        &mut self,
        role: ColumnRole,
        list: &[&str],
        fits: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        if let Some(i) = self.file.given(self.roles, role) {
            return Some(self.take(i, role, "as told"));
        }
        let mut free = self.file.free(self.roles, &self.taken);
        while let Some(i) = self.file.named(list, &free) {
            if fits(i) {
                return Some(self.take(i, role, "by its name"));
            }
            let why = format!("named like a {} but its values are not", role.name());
            self.decisions[i] = decide(ColumnRole::Ignore, why);
            free[i] = false;
        }
        None
    }
}

/// Roles of the columns; `catalogue_id` is the name of the catalogue's id column.
pub(super) fn events(
    file: &Sampled<'_>,
    roles: &Roles,
    catalogue_id: Option<&str>,
) -> Result<(EventColumns, Vec<Decision>), DataError> {
    let untaken = |name: &String| {
        let why = if name.is_empty() {
            "has no name"
        } else if roles.of(file.kind, name) == Some(ColumnRole::Ignore) {
            "as told"
        } else {
            "interactions have no use for it"
        };
        decide(ColumnRole::Ignore, why)
    };
    let mut choice = Choice {
        file,
        roles,
        taken: Vec::new(),
        decisions: file.columns.iter().map(untaken).collect(),
    };
    let columns = if file.header {
        by_names(&mut choice, catalogue_id)?
    } else {
        by_place(&mut choice)?
    };
    Ok((columns, choice.decisions))
}

fn by_names(
    choice: &mut Choice<'_>,
    catalogue_id: Option<&str>,
) -> Result<EventColumns, DataError> {
    use ColumnRole::{Event, Item, Position, Split, Time, User, Value};
    let file = choice.file;
    let stats = file.stats;
    let any = |_| true;
    let user = choice
        .find(User, names::USER, any)
        .ok_or_else(|| file.missing(User, "user_id"))?;
    let same = catalogue_id.map(names::normal);
    let shared: Vec<&str> = same.as_deref().into_iter().filter(|n| *n != "id").collect();
    let item = match choice.find(Item, &shared, any) {
        Some(i) => Some(i),
        None => choice.find(Item, names::ITEM, any),
    }
    .ok_or_else(|| file.missing(Item, "item_id"))?;
    let split = choice.find(Split, names::SPLIT, |i| stats[i].all_in(PARTS));
    let value = choice.find(Value, names::VALUE, |i| stats[i].numeric() >= 0.5);
    let mut time = choice.find(Time, names::TIME, |i| stats[i].ordered() >= 0.5);
    let mut clock = Clock::Seconds;
    if time.is_none() {
        let free = file.free(choice.roles, &choice.taken);
        let found = (0..free.len()).find(|i| free[*i] && stats[*i].times() >= 0.95);
        time = found.map(|i| choice.take(i, Time, "its values are points in time"));
    }
    if let Some(i) = time
        && stats[i].times() < 0.5
    {
        let why = "by its name, but too small for Unix seconds: an order";
        choice.decisions[i] = decide(Position, why);
        clock = Clock::Position;
    }
    if time.is_none() {
        time = choice.find(Position, names::POSITION, |i| stats[i].numeric() >= 0.5);
        clock = if time.is_some() {
            Clock::Position
        } else {
            Clock::None
        };
    }
    let event = choice.find(Event, names::EVENT, |i| stats[i].distinct() <= 255);
    Ok(EventColumns {
        user,
        item,
        value,
        time,
        clock,
        event,
        split,
    })
}

/// Without names the order `user, item, value, time` is assumed, and said.
fn by_place(choice: &mut Choice<'_>) -> Result<EventColumns, DataError> {
    use ColumnRole::{Item, Time, User, Value};
    let file = choice.file;
    let why = "no header: by its place";
    let next = |choice: &mut Choice<'_>, role, hint: &str| {
        if let Some(i) = file.given(choice.roles, role) {
            return Ok(choice.take(i, role, "as told"));
        }
        let free = file.free(choice.roles, &choice.taken);
        let found = free.iter().position(|f| *f);
        found
            .map(|i| choice.take(i, role, why))
            .ok_or_else(|| file.missing(role, hint))
    };
    let user = next(choice, User, "user_id")?;
    let item = next(choice, Item, "item_id")?;
    let told_value = file.given(choice.roles, Value);
    let told_time = file.given(choice.roles, Time);
    let mut value = told_value.map(|i| choice.take(i, Value, "as told"));
    let mut time = told_time.map(|i| choice.take(i, Time, "as told"));
    for i in 0..file.columns.len() {
        let free = file.free(choice.roles, &choice.taken)[i];
        if !free {
            continue;
        }
        if time.is_none() && file.stats[i].times() >= 0.95 {
            time = Some(choice.take(i, Time, "no header: its values are points in time"));
        } else if value.is_none() && file.stats[i].numeric() >= 0.95 {
            value = Some(choice.take(i, Value, "no header: by its place"));
        }
    }
    let clock = if time.is_some() {
        Clock::Seconds
    } else {
        Clock::None
    };
    Ok(EventColumns {
        user,
        item,
        value,
        time,
        clock,
        event: None,
        split: None,
    })
}
