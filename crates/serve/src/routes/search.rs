//! `GET /v1/items/{id}/similar`, `POST /v1/search`, `POST /v1/rerank`

use super::RequestId;
use super::recommend::{FilterBody, MOST, bad_query, k_of, sentence};
use super::reply::Items;
use crate::body::Json;
use crate::problem::Problem;
use crate::service::Service;
use axum::Extension;
use axum::extract::{Path, Query, State};
use semrec_engine::{EngineError, Reply, Request};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// How many, and whether with reasons.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Similar {
    /// How many items, at most 1000; 10 if not given.
    k: Option<usize>,
    /// Whether to say why.
    explain: Option<bool>,
}

/// What goes with an item.
#[utoipa::path(get, path = "/v1/items/{id}/similar",
    params(("id" = String, Path, description = "The item's id."), Similar),
    responses((status = 200, body = Items), (status = 404, body = Problem)))]
pub(crate) async fn similar(
    State(service): State<Service>,
    Extension(id): Extension<RequestId>,
    Path(item): Path<String>,
    query: Result<Query<Similar>, axum::extract::rejection::QueryRejection>,
) -> Result<axum::Json<Items>, Problem> {
    let Query(query) = query.map_err(|e| bad_query(&e))?;
    let (k, explain) = (k_of(query.k.unwrap_or(10))?, query.explain.unwrap_or(false));
    let engine = service.live().engine();
    if engine.item(&item).is_none() {
        return Err(Problem::no_item(&item));
    }
    let request = Request {
        k,
        explain,
        now: Some(service.now()),
        ..Request::default()
    };
    let reply = service
        .blocking("rank", move || engine.similar_within(&item, &request))
        .await?;
    Ok(axum::Json(Items::new(reply, id)))
}

/// What is looked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    /// The words.
    #[serde(alias = "text", alias = "q")]
    query: String,
    /// How many items, at most 1000.
    #[serde(default = "ten")]
    k: usize,
    /// What the items must be.
    filter: Option<FilterBody>,
    /// Whether to say which words carried an item.
    #[serde(default)]
    explain: bool,
}

fn ten() -> usize {
    10
}

/// The items whose texts are nearest to words.
#[utoipa::path(post, path = "/v1/search",
    request_body(content = Search, example = json!({"query": "waterproof mascara", "k": 3, "explain": true})),
    responses((status = 200, body = Items), (status = 400, body = Problem)))]
pub(crate) async fn post(
    State(service): State<Service>,
    Extension(id): Extension<RequestId>,
    Json(body): Json<Search>,
) -> Result<axum::Json<Items>, Problem> {
    let words = sentence(Some(body.query), "query")?;
    let Some(words) = words.map(|words| service.without_marks(words)) else {
        return Err(Problem::bad(
            "query",
            "query is empty; expected words to search for",
        ));
    };
    let filter = body.filter.as_ref().map(FilterBody::read).transpose()?;
    let request = Request {
        k: k_of(body.k)?,
        filter: filter.unwrap_or_default(),
        explain: body.explain,
        now: Some(service.now()),
        ..Request::default()
    };
    let engine = service.live().engine();
    let search = move || engine.search_within(&words, &request);
    Ok(axum::Json(Items::new(
        service.blocking("encode and search", search).await?,
        id,
    )))
}

/// Items to be put in order, for a person or for words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rerank {
    /// The items, at most 1000.
    items: Vec<String>,
    /// For somebody with events.
    user_id: Option<String>,
    /// For somebody who touched these, oldest first.
    #[serde(default)]
    history: Vec<String>,
    /// For what is looked for.
    #[serde(alias = "query")]
    text: Option<String>,
    /// How many of them; all if not given.
    k: Option<usize>,
    /// Whether to say why.
    #[serde(default)]
    explain: bool,
}

/// Puts items in the order in which they would be recommended.
#[utoipa::path(post, path = "/v1/rerank",
    request_body(content = Rerank, example = json!({"items": ["item-1", "item-2"], "user_id": "u1"})),
    responses((status = 200, body = Items), (status = 400, body = Problem)))]
pub(crate) async fn rerank(
    State(service): State<Service>,
    Extension(id): Extension<RequestId>,
    Json(body): Json<Rerank>,
) -> Result<axum::Json<Items>, Problem> {
    if body.items.is_empty() || body.items.len() > MOST {
        let detail = format!("items has {} ids; expected 1 to {MOST}", body.items.len());
        return Err(Problem::bad("items", detail));
    }
    let engine = service.live().engine();
    let unknown: Vec<&str> = body
        .items
        .iter()
        .map(String::as_str)
        .filter(|id| engine.item(id).is_none())
        .collect();
    let note = (!unknown.is_empty()).then(|| {
        let listed: Vec<&str> = unknown.iter().take(10).copied().collect();
        format!(
            "{} of the items are not known: {}",
            unknown.len(),
            listed.join(", ")
        )
    });
    if unknown.len() == body.items.len() {
        return Err(Problem::bad("items", note.unwrap_or_default()));
    }
    let k = body.k.unwrap_or(body.items.len() - unknown.len());
    let request = Request {
        user: body.user_id,
        history: body.history,
        text: sentence(body.text, "text")?.map(|text| service.without_marks(text)),
        k: k_of(k)?.min(body.items.len() - unknown.len()),
        include_seen: true,
        explain: body.explain,
        only: Some(body.items),
        ..Request::default()
    };
    let mut reply: Reply = super::recommend::answer(&service, request).await?;
    reply.notes.extend(note);
    Ok(axum::Json(Items::new(reply, id)))
}

/// Vectors of texts, where that holds up nobody.
pub(crate) async fn embedded(
    service: &Service,
    texts: Vec<String>,
    as_queries: bool,
) -> Result<Vec<Vec<f32>>, Problem> {
    let engine = service.live().engine();
    let embed = move || -> Result<_, EngineError> { engine.embed(&texts, as_queries) };
    service.blocking("encode", embed).await
}
