//! The part of Gorse's interface that its clients use, in Gorse's own shapes, so that a shop that
//! speaks to Gorse can speak to this service by another address.
//!
//! Gorse's names, pages (`n`, `cursor`, empty at the end), texts as errors and RFC 3339 times. What
//! is another thing here: feedback counts as an interest whatever its type, but for types that the
//! configuration leaves out; labels and comments of feedback are not kept; `write-back-type` is
//! passed over; users have no neighbours. The reference is Gorse's server (`server/rest.go` of
//! August 2026).

mod feedback;
mod item;
mod items;
mod ranked;
mod users;

use crate::body;
use crate::problem::Problem;
use crate::service::Service;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, Query, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How many are told where nothing is said, as Gorse's `default_n`.
const TOLD: usize = 10;
/// Most of a page, and of a body.
const MOST: usize = 10_000;

/// The routes under `/api`.
pub(crate) fn routes() -> Router<Service> {
    Router::new()
        .route("/api/health/live", get(health))
        .route("/api/health/ready", get(health))
        .route("/api/item", post(items::insert_one))
        .route("/api/items", get(items::list).post(items::insert))
        .route(
            "/api/item/{item}",
            get(items::get).patch(items::modify).delete(items::delete),
        )
        .route(
            "/api/item/{item}/category/{category}",
            put(items::add_category).delete(items::remove_category),
        )
        .route("/api/user", post(users::insert_one))
        .route("/api/users", get(users::list).post(users::insert))
        .route("/api/user/{user}", get(users::get).delete(users::delete))
        .route("/api/user/{user}", patch(users::modify))
        .route("/api/user/{user}/feedback", get(feedback::of_user))
        .route(
            "/api/user/{user}/feedback/{kind}",
            get(feedback::of_user_and_kind),
        )
        .route(
            "/api/feedback",
            get(feedback::list)
                .post(feedback::insert)
                .put(feedback::replace),
        )
        // Of one name, the type; of two, the user and the item.
        .route("/api/feedback/{kind}", get(feedback::list_of_kind))
        .route(
            "/api/feedback/{kind}/{item}",
            get(feedback::between).delete(feedback::delete),
        )
        .route(
            "/api/feedback/{kind}/{user}/{item}",
            get(feedback::between_of_kind).delete(feedback::delete_of_kind),
        )
        .merge(rankings())
}

fn rankings() -> Router<Service> {
    Router::new()
        .route("/api/recommend/{user}", get(ranked::recommend))
        .route("/api/recommend/{user}/", get(ranked::recommend))
        .route(
            "/api/recommend/{user}/{category}",
            get(ranked::recommend_within),
        )
        .route("/api/session/recommend", post(ranked::session))
        .route(
            "/api/session/recommend/{category}",
            post(ranked::session_within),
        )
        .route("/api/item-to-item/{name}/{item}", get(ranked::item_to_item))
        .route("/api/item/{item}/neighbors", get(ranked::neighbors))
        .route("/api/item/{item}/neighbors/", get(ranked::neighbors))
        .route(
            "/api/item/{item}/neighbors/{category}",
            get(ranked::neighbors_within),
        )
        .route("/api/non-personalized/{name}", get(ranked::popular_by_name))
        .route("/api/popular", get(ranked::popular))
        .route("/api/popular/{category}", get(ranked::popular_within))
        .route(
            "/api/{*rest}",
            delete(unknown).get(unknown).post(unknown).put(unknown),
        )
}

/// An error as Gorse tells it: a status and a text.
#[derive(Debug)]
pub(crate) struct Failed(Problem);

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl Failed {
    fn bad(text: impl Into<String>) -> Self {
        Self(Problem::new(StatusCode::BAD_REQUEST, text))
    }

    fn not_found(what: &str, id: &str) -> Self {
        Self(Problem::new(
            StatusCode::NOT_FOUND,
            format!("{what} {id} not found"),
        ))
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        as_text(self.0)
    }
}

/// A problem in Gorse's shape.
pub(crate) fn as_text(problem: Problem) -> Response {
    let text = problem.detail.clone();
    let mut response = problem.into_response();
    let headers = response.headers_mut();
    let kind = axum::http::HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(axum::http::header::CONTENT_TYPE, kind);
    *response.body_mut() = text.into();
    response
}

/// Whether a path is one of Gorse's.
pub(crate) fn is_gorse(path: &str) -> bool {
    path.starts_with("/api/")
}

type Told<T> = Result<axum::Json<T>, Failed>;

/// What came of a write.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Success {
    row_affected: usize,
}

fn success(row_affected: usize) -> axum::Json<Success> {
    axum::Json(Success { row_affected })
}

async fn health() -> axum::Json<Value> {
    axum::Json(json!({
        "Ready": true,
        "DataStoreError": null,
        "CacheStoreError": null,
        "DataStoreConnected": true,
        "CacheStoreConnected": true,
    }))
}

async fn unknown(request: Request) -> Failed {
    let path = request.uri().path();
    Failed(Problem::new(
        StatusCode::NOT_FOUND,
        format!("{path} is none of the routes of Gorse that this service has"),
    ))
}

/// A body, whatever its content type says.
#[derive(Debug)]
struct Body<T>(T);

impl<T: DeserializeOwned> FromRequest<Service> for Body<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Failed> {
        let bytes = body::bytes(request, service).await?;
        Ok(Self(body::read(&bytes)?))
    }
}

/// What stands behind the question mark; of what is not given, Gorse's defaults. Clients send an
/// empty text for what they do not say.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    n: String,
    #[serde(default)]
    offset: String,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    q: String,
    #[serde(default, rename = "user-id")]
    user: String,
}

/// A query, or what is wrong with it.
type Parameters = Result<Query<Asked>, QueryRejection>;

fn asked(query: Parameters) -> Result<Asked, Failed> {
    let Query(asked) = query.map_err(|e| Failed::bad(e.body_text()))?;
    Ok(asked)
}

impl Asked {
    fn number(name: &str, text: &str, fallback: usize, most: usize) -> Result<usize, Failed> {
        let number = match text {
            "" => Ok(fallback),
            text => text.parse(),
        };
        let number = number.ok().filter(|number| (0..=most).contains(number));
        number.ok_or_else(|| Failed::bad(format!("invalid {name} parameter: {text}")))
    }

    /// How many, at most `most`.
    fn n(&self, most: usize) -> Result<usize, Failed> {
        let n = Self::number("n", &self.n, TOLD, most)?;
        if n == 0 {
            return Err(Failed::bad("invalid n parameter: 0"));
        }
        Ok(n)
    }

    fn offset(&self, most: usize) -> Result<usize, Failed> {
        Self::number("offset", &self.offset, 0, most)
    }
}

/// Refuses a body of too many.
fn bounded<T>(many: &[T]) -> Result<(), Failed> {
    if many.len() <= MOST {
        return Ok(());
    }
    let detail = format!("the body has {}; expected at most {MOST}", many.len());
    Err(Failed(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)))
}
