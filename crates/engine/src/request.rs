//! Who asks, for how much, and of what.

use crate::Filter;

/// Who asks, and for how much.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// A user of the data set, whose history (and text) is then used.
    pub user: Option<String>,
    /// Item ids, oldest first; appended to the user's history.
    pub history: Vec<String>,
    /// Items the person does not want, nor any like them.
    pub negative: Vec<String>,
    /// A sentence the person wrote; stands in for the text of the user.
    pub text: Option<String>,
    /// How many items.
    pub k: usize,
    /// Whether items of the history may be recommended.
    pub include_seen: bool,
    /// Whether to say why.
    pub explain: bool,
    /// What the items must be.
    pub filter: Filter,
    /// The only items that may be recommended, if not all.
    pub only: Option<Vec<String>>,
    /// From 0, the best items in their order, to 1, items as unlike each other as can be.
    pub diversity: f32,
    /// Whether of items that read nearly alike only the best may come.
    pub distinct: bool,
    /// Unix seconds; items whose `expires_at` is not later are left out. `None` leaves none out.
    pub now: Option<i64>,
}
