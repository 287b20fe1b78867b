//! `PUT`, `GET` and `DELETE /v1/items/{id}`, `POST` and `GET /v1/items`

use super::RequestId;
use super::recommend::bad_query;
use crate::body::{bytes, read};
use crate::problem::Problem;
use crate::service::Service;
use axum::Extension;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use semrec_engine::Engine;
use semrec_store::{Condition, Put};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// Longest id, in bytes.
const ID: usize = 512;
/// Most items of a page.
const PAGE: usize = 1000;

/// What came of a write.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Written {
    item_id: String,
    /// `created`, `replaced`, `same` or `deleted`.
    result: &'static str,
    version: u64,
    request_id: String,
}

pub(crate) fn check_id(field: &str, id: &str) -> Result<(), Problem> {
    if !id.is_empty() && id.len() <= ID && !id.chars().any(char::is_control) {
        return Ok(());
    }
    let detail = format!(
        "{field} has {} bytes; expected 1 to {ID}, no control characters",
        id.len()
    );
    Err(Problem::bad(field, detail))
}

/// The entity tag of a version.
fn tag(version: u64) -> String {
    format!("\"{version}\"")
}

/// `If-Match: "3"` and `If-None-Match: *`.
fn condition(headers: &HeaderMap) -> Result<Condition, Problem> {
    let text = |name| {
        headers
            .get(name)
            .map(|v: &HeaderValue| v.to_str().unwrap_or("?").trim())
    };
    if text(header::IF_NONE_MATCH) == Some("*") {
        return Ok(Condition::Absent);
    }
    match text(header::IF_MATCH) {
        None | Some("*") => Ok(Condition::Any),
        Some(tag) => {
            let version = tag.trim_start_matches("W/").trim_matches('"').parse();
            let detail = || format!("If-Match is {tag}; expected a tag that a GET gave, as \"3\"");
            version
                .map(Condition::Version)
                .map_err(|_| Problem::bad("If-Match", detail()))
        }
    }
}

fn refused(found: Option<u64>) -> Problem {
    let detail = match found {
        Some(version) => format!("the item is of version {version}"),
        None => "there is no such item".to_owned(),
    };
    Problem::new(StatusCode::PRECONDITION_FAILED, detail)
}

/// An id and its fields.
pub(crate) type Item = (String, Map<String, Value>);

/// An item that is checked.
pub(crate) struct Checked {
    id: String,
    object: Map<String, Value>,
}

pub(crate) fn checked(service: &Service, engine: &Engine, item: Item) -> Result<Checked, Problem> {
    let (id, mut object) = item;
    check_id("item_id", &id)?;
    for value in object.values_mut() {
        service.config().privacy.value(value);
    }
    engine.record(&id, &object)?;
    Ok(Checked { id, object })
}

/// Writes items in one transaction, and makes them known to all requests after this one.
pub(crate) async fn write(
    service: &Service,
    items: Vec<Checked>,
    condition: Condition,
) -> Result<Vec<Put>, Problem> {
    let now = service.now();
    let _writing = service.live().writing().await;
    let put = service
        .in_store(move |store| {
            let items: Vec<_> = items.iter().map(|item| (&*item.id, &item.object)).collect();
            store.put_items(&items, condition, now)
        })
        .await?;
    // What says the same may be stored, and not be known here yet.
    if put.iter().any(|put| !matches!(put, Put::Refused(_))) {
        service.follow_items().await?;
    }
    Ok(put)
}

fn written(id: String, put: Put, request_id: String) -> Result<Response, Problem> {
    let (status, result, version) = match put {
        Put::Created(version) => (StatusCode::CREATED, "created", version),
        Put::Replaced(version) => (StatusCode::OK, "replaced", version),
        Put::Same(version) => (StatusCode::OK, "same", version),
        Put::Refused(found) => return Err(refused(found)),
    };
    let body = Written {
        item_id: id,
        result,
        version,
        request_id,
    };
    Ok(tagged(version, (status, axum::Json(body)).into_response()))
}

fn tagged(version: u64, mut response: Response) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&tag(version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Writes an item: one flat object of fields. It can be recommended and found when the reply is
/// there.
#[utoipa::path(put, path = "/v1/items/{id}",
    request_body(content = Object, example = json!({"title": "Waterproof mascara, brown", "price": 9.5, "in_stock": true})),
    params(("id" = String, Path, description = "The item's id."),
        ("If-Match" = Option<String>, Header, description = "The version that is to be replaced."),
        ("If-None-Match" = Option<String>, Header, description = "`*` for an item that must not be there.")),
    responses((status = 201, body = Written), (status = 200, body = Written), (status = 400, body = Problem),
        (status = 412, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn put(
    State(service): State<Service>,
    Extension(request_id): Extension<RequestId>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let condition = condition(request.headers())?;
    let object: Map<String, Value> = read(&bytes(request, &service).await?)?;
    let item = checked(&service, &service.live().engine(), (id.clone(), object))?;
    let put = write(&service, vec![item], condition).await?;
    let put = put.first().copied().unwrap_or(Put::Refused(None));
    written(id, put, request_id.0)
}

/// An item's fields.
#[utoipa::path(get, path = "/v1/items/{id}",
    params(("id" = String, Path, description = "The item's id.")),
    responses((status = 200, body = Object), (status = 304), (status = 404, body = Problem)))]
pub(crate) async fn get(
    State(service): State<Service>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = id.clone();
    let found = service.in_store(move |store| store.item(&key)).await?;
    let item = found.ok_or_else(|| Problem::no_item(&id))?;
    let own = tag(item.version);
    let known = headers.get(header::IF_NONE_MATCH);
    if known.is_some_and(|tag| tag.as_bytes() == own.as_bytes()) {
        return Ok(tagged(
            item.version,
            StatusCode::NOT_MODIFIED.into_response(),
        ));
    }
    Ok(tagged(
        item.version,
        axum::Json(item.object).into_response(),
    ))
}

/// Deletes an item; it is in no answer after this.
#[utoipa::path(delete, path = "/v1/items/{id}",
    params(("id" = String, Path, description = "The item's id."),
        ("If-Match" = Option<String>, Header, description = "The version that is to be deleted.")),
    responses((status = 200, body = Written), (status = 404, body = Problem), (status = 412, body = Problem)))]
pub(crate) async fn delete(
    State(service): State<Service>,
    Extension(request_id): Extension<RequestId>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<axum::Json<Written>, Problem> {
    let condition = condition(&headers)?;
    let (key, now) = (id.clone(), service.now());
    let _writing = service.live().writing().await;
    let done = service
        .in_store(move |store| store.delete_item(&key, condition, now))
        .await?;
    match done {
        Put::Created(version) | Put::Replaced(version) | Put::Same(version) => {
            service.follow_items().await?;
            Ok(axum::Json(Written {
                item_id: id,
                result: "deleted",
                version,
                request_id: request_id.0,
            }))
        }
        Put::Refused(None) => {
            // Deleted, and that is not known here yet.
            if service.live().engine().item(&id).is_some() {
                service.follow_items().await?;
            }
            Err(Problem::no_item(&id))
        }
        Put::Refused(found) => Err(refused(found)),
    }
}

/// What became of the items of a body.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Bulk {
    created: usize,
    replaced: usize,
    same: usize,
    /// Items that were not written, and why.
    rejected: Vec<Rejected>,
    request_id: String,
}

/// A line, or an entry of a list, that was not taken.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rejected {
    /// From 1.
    pub(crate) line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    pub(crate) detail: String,
}

impl Rejected {
    pub(crate) fn new(line: usize, problem: Problem) -> Self {
        Self {
            line,
            field: problem.field,
            detail: problem.detail,
        }
    }
}

/// An object of a body, or what is wrong with it, and its line from 1.
pub(crate) type Line = (usize, Result<Value, Problem>);

/// The objects of a body, each with its line: JSON lines, a list of objects, or one object.
pub(crate) fn objects(body: &[u8]) -> Result<Vec<Line>, Problem> {
    let first = body.iter().find(|b| !b.is_ascii_whitespace());
    if first == Some(&b'[') {
        let values: Vec<Value> = read(body)?;
        return Ok((1..).zip(values.into_iter().map(Ok)).collect());
    }
    if let Ok(value) = read::<Value>(body) {
        return Ok(vec![(1, Ok(value))]);
    }
    let lines = (1..).zip(body.split(|&b| b == b'\n'));
    let said = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let objects: Vec<_> = said.map(|(number, line)| (number, read(line))).collect();
    if objects.is_empty() {
        let detail = "the body is empty; expected an object, a list of objects, or one a line";
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    Ok(objects)
}

/// Writes many items: a list of objects, or one a line, each with its `item_id`.
#[utoipa::path(post, path = "/v1/items",
    request_body(content = Vec<Object>, example = json!([{"item_id": "item-1", "title": "Waterproof mascara, brown"}])),
    responses((status = 200, body = Bulk), (status = 400, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn post(
    State(service): State<Service>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<axum::Json<Bulk>, Problem> {
    let body = bytes(request, &service).await?;
    let mut bulk = Bulk {
        request_id: request_id.0,
        ..Bulk::default()
    };
    let engine = service.live().engine();
    let mut items = Vec::new();
    for (line, value) in objects(&body)? {
        match value
            .and_then(identified)
            .and_then(|item| checked(&service, &engine, item))
        {
            Ok(item) => items.push(item),
            Err(problem) => bulk.rejected.push(Rejected::new(line, problem)),
        }
    }
    for put in write(&service, items, Condition::Any).await? {
        match put {
            Put::Created(_) => bulk.created += 1,
            Put::Replaced(_) => bulk.replaced += 1,
            // Without a condition nothing is refused.
            Put::Same(_) | Put::Refused(_) => bulk.same += 1,
        }
    }
    Ok(axum::Json(bulk))
}

/// An item with its id among its fields.
fn identified(value: Value) -> Result<Item, Problem> {
    let Value::Object(mut object) = value else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "expected an object"));
    };
    let id = object.remove("item_id").or_else(|| object.remove("id"));
    match id {
        Some(Value::String(id)) => Ok((id, object)),
        Some(Value::Number(id)) => Ok((id.to_string(), object)),
        _ => Err(Problem::bad(
            "item_id",
            "item_id is missing; expected a string",
        )),
    }
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// `next` of the page before.
    pub(crate) cursor: Option<String>,
    /// How many, at most 1000; 100 if not given.
    limit: Option<usize>,
}

impl Page {
    /// How many are asked for.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(100) {
            limit @ 1..=PAGE => Ok(limit),
            limit => {
                let detail = format!("limit is {limit}; expected 1 to {PAGE}");
                Err(Problem::bad("limit", detail))
            }
        }
    }
}

/// Some items, by id.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed {
    #[schema(value_type = Vec<Object>)]
    items: Vec<Map<String, Value>>,
    /// The `cursor` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    request_id: String,
}

/// All items, a page at a time.
#[utoipa::path(get, path = "/v1/items", params(Page),
    responses((status = 200, body = Listed), (status = 400, body = Problem)))]
pub(crate) async fn list(
    State(service): State<Service>,
    Extension(request_id): Extension<RequestId>,
    query: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<axum::Json<Listed>, Problem> {
    let Query(page) = query.map_err(|e| bad_query(&e))?;
    let limit = page.limit()?;
    let after = page.cursor.unwrap_or_default();
    let found = service
        .in_store(move |store| store.items_after(&after, limit))
        .await?;
    let next = found
        .last()
        .filter(|_| found.len() == limit)
        .map(|item| item.id.clone());
    let items = found.into_iter().map(|item| {
        let mut object = Map::new();
        object.insert("item_id".to_owned(), Value::String(item.id));
        object.extend(item.object.unwrap_or_default());
        object
    });
    Ok(axum::Json(Listed {
        items: items.collect(),
        next,
        request_id: request_id.0,
    }))
}
