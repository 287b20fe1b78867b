//! `/api/recommend`, `/api/session/recommend`, `/api/item-to-item`, `/api/popular`

use super::feedback::Sent;
use super::{Asked, Body, Failed, Parameters, Told, asked, bounded};
use crate::routes::recommend::{MOST, answer};
use crate::served::Served;
use crate::service::Service;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use semrec_engine::{Engine, Filter, Reply, Request};
use serde::Serialize;
use std::sync::Arc;

/// An item and its score.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Score {
    id: String,
    score: f32,
}

/// What is recommended, by the version of the interface that was asked for.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Recommended {
    Ids(Vec<String>),
    Scores(Vec<Score>),
}

/// A request for what was asked for, and how many of its items are passed over.
fn request(service: &Service, asked: &Asked, category: &str) -> Result<(Request, usize), Failed> {
    let n = asked.n(MOST)?;
    let offset = asked.offset(MOST - n)?;
    let request = Request {
        k: n + offset,
        filter: within(service, category)?,
        now: Some(service.now()),
        ..Request::default()
    };
    Ok((request, offset))
}

/// Items of a category; of any, where none is named.
fn within(service: &Service, category: &str) -> Result<Filter, Failed> {
    if category.is_empty() {
        return Ok(Filter::default());
    }
    if category.contains('"') {
        return Err(Failed::bad("invalid category parameter: it has a quote"));
    }
    let field = service.live().engine().has_field("categories");
    let field = if field { "categories" } else { "category" };
    let filter = Filter::parse(&format!("{field} = \"{category}\""));
    filter.map_err(|e| Failed::bad(e.to_string()))
}

fn scores(reply: Reply, offset: usize) -> Vec<Score> {
    let items = reply.items.into_iter().skip(offset);
    let scores = items.map(|item| Score {
        id: item.item,
        score: item.score,
    });
    scores.collect()
}

async fn recommended(
    service: &Service,
    (user, category): (String, &str),
    asked: &Asked,
    headers: &HeaderMap,
) -> Told<Recommended> {
    let (request, offset) = request(service, asked, category)?;
    let request = Request {
        user: Some(user),
        ..request
    };
    let scores = scores(answer(service, request).await?, offset);
    let second = headers.get("x-api-version");
    if second.is_some_and(|version| version.as_bytes().trim_ascii() == b"2") {
        return Ok(axum::Json(Recommended::Scores(scores)));
    }
    let ids = scores.into_iter().map(|score| score.id).collect();
    Ok(axum::Json(Recommended::Ids(ids)))
}

/// The ids of what is recommended to a person; with `X-API-Version: 2`, with scores.
pub(crate) async fn recommend(
    State(service): State<Service>,
    Path(user): Path<String>,
    query: Parameters,
    headers: HeaderMap,
) -> Told<Recommended> {
    let asked = asked(query)?;
    let category = asked.category.clone();
    recommended(&service, (user, &category), &asked, &headers).await
}

pub(crate) async fn recommend_within(
    State(service): State<Service>,
    Path((user, category)): Path<(String, String)>,
    query: Parameters,
    headers: HeaderMap,
) -> Told<Recommended> {
    recommended(&service, (user, &category), &asked(query)?, &headers).await
}

async fn in_session(
    service: &Service,
    category: &str,
    asked: &Asked,
    mut sent: Vec<Sent>,
) -> Told<Vec<Score>> {
    bounded(&sent)?;
    let now = service.now();
    let times = sent.iter().map(|sent| sent.time(now));
    let times = times.collect::<Result<Vec<i64>, _>>()?;
    let mut order: Vec<usize> = (0..sent.len()).collect();
    order.sort_by_key(|&i| times[i]);
    let engine = service.live().engine();
    let items = order
        .into_iter()
        .map(|i| std::mem::take(&mut sent[i].item_id));
    let history: Vec<String> = items.filter(|id| engine.number(id).is_some()).collect();
    let (request, offset) = request(service, asked, category)?;
    let request = Request {
        history: history[history.len().saturating_sub(MOST)..].to_vec(),
        ..request
    };
    Ok(axum::Json(scores(answer(service, request).await?, offset)))
}

/// What goes on from a session: feedback of somebody who need not be known.
pub(crate) async fn session(
    State(service): State<Service>,
    query: Parameters,
    Body(sent): Body<Vec<Sent>>,
) -> Told<Vec<Score>> {
    let asked = asked(query)?;
    let category = asked.category.clone();
    in_session(&service, &category, &asked, sent).await
}

pub(crate) async fn session_within(
    State(service): State<Service>,
    Path(category): Path<String>,
    query: Parameters,
    Body(sent): Body<Vec<Sent>>,
) -> Told<Vec<Score>> {
    in_session(&service, &category, &asked(query)?, sent).await
}

/// What a person who is named touched.
fn touched(service: &Service, served: &Served, user: &str) -> Vec<u32> {
    if user.is_empty() {
        return Vec::new();
    }
    let history = served.people.history(&service.person(user));
    history.iter().map(|event| event.item).collect()
}

/// The scores of items that were not touched, from a place on, at most `n`.
fn untouched(
    engine: &Engine,
    reply: Reply,
    touched: &[u32],
    (offset, n): (usize, usize),
) -> Vec<Score> {
    let mut reply = reply;
    reply.items.retain(|item| {
        let number = engine.number(&item.item);
        number.is_none_or(|number| !touched.contains(&number))
    });
    let mut scores = scores(reply, offset);
    scores.truncate(n);
    scores
}

async fn near(
    service: &Service,
    (item, category): (String, &str),
    asked: &Asked,
) -> Told<Vec<Score>> {
    let (mut request, offset) = request(service, asked, category)?;
    let n = request.k - offset;
    let served = service.live().served();
    let engine = served.engine();
    if engine.item(&item).is_none() {
        return Ok(axum::Json(Vec::new()));
    }
    let touched = touched(service, &served, &asked.user);
    request.k = (request.k + touched.len()).min(MOST);
    let ranking = Arc::clone(&engine);
    let similar = move || ranking.similar_within(&item, &request);
    let reply = service.blocking("rank", similar).await?;
    Ok(axum::Json(untouched(&engine, reply, &touched, (offset, n))))
}

/// What goes with an item; there is one way to find it, so any name will do.
pub(crate) async fn item_to_item(
    State(service): State<Service>,
    Path((_name, item)): Path<(String, String)>,
    query: Parameters,
) -> Told<Vec<Score>> {
    let asked = asked(query)?;
    let category = asked.category.clone();
    near(&service, (item, &category), &asked).await
}

pub(crate) async fn neighbors(
    State(service): State<Service>,
    Path(item): Path<String>,
    query: Parameters,
) -> Told<Vec<Score>> {
    let asked = asked(query)?;
    let category = asked.category.clone();
    near(&service, (item, &category), &asked).await
}

pub(crate) async fn neighbors_within(
    State(service): State<Service>,
    Path((item, category)): Path<(String, String)>,
    query: Parameters,
) -> Told<Vec<Score>> {
    near(&service, (item, &category), &asked(query)?).await
}

async fn most_popular(service: &Service, category: &str, asked: &Asked) -> Told<Vec<Score>> {
    let (mut request, offset) = request(service, asked, category)?;
    let n = request.k - offset;
    let served = service.live().served();
    let engine = served.engine();
    let touched = touched(service, &served, &asked.user);
    request.k = (request.k + touched.len()).min(MOST);
    let reply = answer(service, request).await?;
    Ok(axum::Json(untouched(&engine, reply, &touched, (offset, n))))
}

/// The most popular items; with `user-id`, without what they touched.
pub(crate) async fn popular(State(service): State<Service>, query: Parameters) -> Told<Vec<Score>> {
    let asked = asked(query)?;
    let category = asked.category.clone();
    most_popular(&service, &category, &asked).await
}

pub(crate) async fn popular_within(
    State(service): State<Service>,
    Path(category): Path<String>,
    query: Parameters,
) -> Told<Vec<Score>> {
    most_popular(&service, &category, &asked(query)?).await
}

/// There is one order for everybody, that of popularity, so any name will do.
pub(crate) async fn popular_by_name(
    State(service): State<Service>,
    Path(_name): Path<String>,
    query: Parameters,
) -> Told<Vec<Score>> {
    popular(State(service), query).await
}
