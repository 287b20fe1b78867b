//! The one interface of every recommender: scores for a *history*, never for a stored user row.

use crate::{ModelError, Tensors};
use semrec_data::{Event, Facts, Interactions, Split};
use semrec_text::{Tower, Vectors};
use semrec_train::{News, RunFiles};
use std::sync::Arc;

/// What is known of the person asked about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'a> {
    /// What they did, oldest first; may be empty.
    pub history: &'a [Event],
    /// The encoder's vector (unit length, not whitened) of a sentence they wrote, or of their
    /// profile.
    pub text: Option<&'a [f32]>,
}

/// When that happens which a model will be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Horizon {
    /// After all that it learns from: in service, or behind one point in time; also all that
    /// people do of whom nothing is learned.
    Later,
    /// Next for each person, while of others it is known what came after: leave-one-out.
    Next,
    /// At any time, before or after what is known of the person.
    AnyTime,
}

impl From<Split> for Horizon {
    fn from(split: Split) -> Self {
        match split {
            Split::Temporal(_) | Split::Given | Split::ColdUsers(_) => Self::Later,
            Split::LeaveOneOut => Self::Next,
            Split::Ratio(_) | Split::ColdItems(_) => Self::AnyTime,
        }
    }
}

/// What a model is fitted on.
#[derive(Clone, Copy)]
pub struct Training<'a> {
    /// The events to learn from; also says how many items there are.
    pub interactions: &'a Interactions,
    /// The encoder's unit vector of each item, `[n_items, dim]`, zero for an item without text;
    /// `None` where there is no text.
    pub item_vectors: Option<&'a Vectors>,
    /// The facts of each item, for the models that read; `None` where they are not to be read.
    pub item_facts: Option<&'a Facts>,
    /// The encoder's unit vector of each user's own text, `[n_users, dim]`, zero where there is
    /// none.
    pub user_vectors: Option<&'a Vectors>,
    /// How people are read beside the encoder, where it was tuned as one of two towers.
    pub tower: Option<Tower>,
    /// When that happens which the model will be asked about.
    pub horizon: Horizon,
    /// Seed of every random draw.
    pub seed: u64,
    /// Where the curve and the checkpoints of a training by epochs may be written; `None` for
    /// nowhere.
    pub run: Option<RunFiles<'a>>,
    /// Called with a line about what is being done, and how far it is (done, of).
    pub progress: &'a (dyn Fn(&str, usize, usize) + Sync),
}

impl Training<'_> {
    /// Whether the items say anything that a model could read.
    #[must_use]
    pub fn can_be_read(&self) -> bool {
        self.item_vectors.is_some() || self.item_facts.is_some()
    }

    /// Tells of an epoch that is done.
    pub(crate) fn told(&self, news: &News<'_>) {
        let News::Epoch {
            epoch,
            epochs,
            loss,
            measure,
            measured,
        } = news
        else {
            return;
        };
        let value = measured.value;
        (self.progress)(
            &format!("epochs — epoch {epoch}, loss {loss:.4}, validation {measure} {value:.4}"),
            usize::try_from(*epoch).unwrap_or(usize::MAX),
            usize::try_from(*epochs).unwrap_or(usize::MAX),
        );
    }
}

/// The epoch that was kept and its measure, as models store them.
#[expect(clippy::cast_possible_truncation, reason = "shown with four digits")]
pub(crate) fn kept(best: Option<(u64, f64)>) -> (f32, f32) {
    best.map_or((0.0, 0.0), |(epoch, measure)| {
        (epoch as f32, measure as f32)
    })
}

/// A part of one item's score, traced to its origin; the parts of an item add up to its score
/// for models whose score is a sum, and to no more than it for the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// The model it came through, e.g. `ease`.
    pub source: String,
    /// What in the query caused it.
    pub cause: Cause,
    /// Its share of the score.
    pub amount: f32,
}

/// What in a query, or outside it, a part of a score goes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// This item of the history.
    History(u32),
    /// The sentence the person wrote.
    Text,
    /// The item's own standing: its popularity, or a fitted constant.
    Item,
}

/// A fitted, immutable model.
pub trait Recommender: Send + Sync + std::fmt::Debug {
    /// The name `--model` takes.
    fn name(&self) -> &'static str;

    /// Number of items it scores.
    fn n_items(&self) -> usize;

    /// Writes the scores of all items for each query into `out`, `[queries.len(), n_items]`
    /// row-major; every value of `out` is overwritten. Minus infinity means "knows nothing of
    /// this item, or of this person". Items of the history are scored like any other.
    fn score(&self, queries: &[Query<'_>], out: &mut [f32]);

    /// The origin of one item's score, largest amounts first.
    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution>;

    /// Writes what [`crate::load`] needs to make the same model again.
    ///
    /// # Errors
    /// [`ModelError`] if a value cannot be stored.
    fn save(&self, into: &mut Tensors) -> Result<(), ModelError>;

    /// The same model over a catalogue of `n_items` in which the items named have these vectors now,
    /// `[items, dim]` of the encoder (unit length, zero for an item that says nothing). Numbers from
    /// [`Recommender::n_items`] on are new items, which nobody has touched. `None` for a model that
    /// does not read: see [`crate::renew`].
    fn renewed(
        &self,
        _n_items: usize,
        _items: &[u32],
        _vectors: &Vectors,
    ) -> Option<Arc<dyn Recommender>> {
        None
    }

    /// What was learned that a person would want to know, a line each.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

impl std::fmt::Debug for Training<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Training")
            .field("events", &self.interactions.len())
            .field("n_items", &self.interactions.n_items())
            .field("has_text", &self.item_vectors.is_some())
            .field("has_facts", &self.item_facts.is_some())
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
