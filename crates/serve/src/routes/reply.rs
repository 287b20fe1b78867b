//! Answers as JSON.

use super::RequestId;
use semrec_engine::{Reason, Recommendation, Reply};
use serde::Serialize;
use utoipa::ToSchema;

/// Items, best first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Items {
    items: Vec<Item>,
    /// What the reader should know of this answer: unknown ids, fallbacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    request_id: String,
}

/// One item of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Item {
    item: String,
    title: String,
    /// Comparable within one answer.
    score: f32,
    /// The model that brought it here.
    source: String,
    /// Why, in words; where it was asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
    /// Why, in numbers; where it was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    reasons: Vec<Reason>,
}

impl From<Recommendation> for Item {
    fn from(told: Recommendation) -> Self {
        Self {
            item: told.item,
            title: told.title,
            score: told.score,
            source: told.source,
            why: told.why,
            reasons: told.reasons,
        }
    }
}

impl Items {
    pub(crate) fn new(reply: Reply, id: RequestId) -> Self {
        Self {
            items: reply.items.into_iter().map(Item::from).collect(),
            notes: reply.notes,
            request_id: id.0,
        }
    }
}
