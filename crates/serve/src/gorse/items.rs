//! `/api/item`, `/api/items`

use super::item::{Patch, Sent, Told as Item};
use super::{Body, Failed, MOST, Parameters, Success, Told, asked, bounded, success};
use crate::routes::items::{checked, write};
use crate::routes::recommend::MOST as MOST_RANKED;
use crate::service::Service;
use axum::extract::{Path, State};
use semrec_engine::Request;
use semrec_store::{Condition, Put};
use serde::Serialize;
use serde_json::{Map, Value};

/// A page of items.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Page {
    cursor: String,
    items: Vec<Item>,
}

/// What is stored of an item.
async fn object(service: &Service, id: &str) -> Result<Option<Map<String, Value>>, Failed> {
    let key = id.to_owned();
    let found = service.in_store(move |store| store.item(&key)).await?;
    Ok(found.and_then(|item| item.object))
}

async fn put(service: &Service, items: Vec<(String, Map<String, Value>)>) -> Result<(), Failed> {
    let engine = service.live().engine();
    let items = items
        .into_iter()
        .map(|item| checked(service, &engine, item));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    write(service, items, Condition::Any).await?;
    Ok(())
}

pub(crate) async fn insert_one(
    State(service): State<Service>,
    Body(item): Body<Sent>,
) -> Told<Success> {
    insert(State(service), Body(vec![item])).await
}

/// Writes items, in place of those that are there.
pub(crate) async fn insert(
    State(service): State<Service>,
    Body(items): Body<Vec<Sent>>,
) -> Told<Success> {
    bounded(&items)?;
    let n = items.len();
    let read = items.into_iter().map(|sent| {
        let mut object = Map::new();
        sent.rest.apply(&mut object)?;
        Ok((sent.item_id, object))
    });
    let items = read.collect::<Result<Vec<_>, Failed>>()?;
    put(&service, items).await?;
    Ok(success(n))
}

pub(crate) async fn get(State(service): State<Service>, Path(id): Path<String>) -> Told<Item> {
    let found = object(&service, &id).await?;
    let object = found.ok_or_else(|| Failed::not_found("item", &id))?;
    Ok(axum::Json(Item::new(id, object)))
}

/// Some items, by id; with `q`, those that read most like it.
pub(crate) async fn list(State(service): State<Service>, query: Parameters) -> Told<Page> {
    let asked = asked(query)?;
    if !asked.q.is_empty() {
        let items = search(&service, asked.q.clone(), asked.n(MOST_RANKED)?).await?;
        return Ok(axum::Json(Page {
            cursor: String::new(),
            items,
        }));
    }
    let (n, after) = (asked.n(MOST)?, asked.cursor);
    let found = service
        .in_store(move |store| store.items_after(&after, n))
        .await?;
    let last = found.last().filter(|_| found.len() == n);
    let cursor = last.map(|item| item.id.clone()).unwrap_or_default();
    let items = found
        .into_iter()
        .map(|item| Item::new(item.id, item.object.unwrap_or_default()));
    Ok(axum::Json(Page {
        cursor,
        items: items.collect(),
    }))
}

async fn search(service: &Service, words: String, n: usize) -> Result<Vec<Item>, Failed> {
    let words = service.without_marks(words);
    let request = Request {
        k: n,
        now: Some(service.now()),
        ..Request::default()
    };
    let engine = service.live().engine();
    let search = move || engine.search_within(&words, &request);
    let reply = service.blocking("encode and search", search).await?;
    let mut items = Vec::with_capacity(reply.items.len());
    for found in reply.items {
        if let Some(object) = object(service, &found.item).await? {
            items.push(Item::new(found.item, object));
        }
    }
    Ok(items)
}

/// Changes what is said of an item.
pub(crate) async fn modify(
    State(service): State<Service>,
    Path(id): Path<String>,
    Body(patch): Body<Patch>,
) -> Told<Success> {
    let found = object(&service, &id).await?;
    let mut object = found.ok_or_else(|| Failed::not_found("item", &id))?;
    patch.apply(&mut object)?;
    put(&service, vec![(id, object)]).await?;
    Ok(success(1))
}

pub(crate) async fn delete(
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Told<Success> {
    let (key, now) = (id.clone(), service.now());
    let _writing = service.live().writing().await;
    let done = service
        .in_store(move |store| store.delete_item(&key, Condition::Any, now))
        .await?;
    if let Put::Refused(_) = done {
        return Ok(success(0));
    }
    service.follow_items().await?;
    Ok(success(1))
}

async fn with_categories(
    service: &Service,
    id: String,
    change: impl FnOnce(&mut Vec<Value>),
) -> Told<Success> {
    let found = object(service, &id).await?;
    let mut object = found.ok_or_else(|| Failed::not_found("item", &id))?;
    let mut categories = match object.remove("categories") {
        Some(Value::Array(categories)) => categories,
        Some(one @ Value::String(_)) => vec![one],
        _ => Vec::new(),
    };
    change(&mut categories);
    object.insert("categories".to_owned(), categories.into());
    put(service, vec![(id, object)]).await?;
    Ok(success(1))
}

pub(crate) async fn add_category(
    State(service): State<Service>,
    Path((id, category)): Path<(String, String)>,
) -> Told<Success> {
    let add = |categories: &mut Vec<Value>| {
        if !categories.iter().any(|c| c.as_str() == Some(&category)) {
            categories.push(category.into());
        }
    };
    with_categories(&service, id, add).await
}

pub(crate) async fn remove_category(
    State(service): State<Service>,
    Path((id, category)): Path<(String, String)>,
) -> Told<Success> {
    let remove = |categories: &mut Vec<Value>| categories.retain(|c| c.as_str() != Some(&category));
    with_categories(&service, id, remove).await
}
