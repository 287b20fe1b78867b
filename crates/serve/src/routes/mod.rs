//! The routes, and what happens around each: an id, a time limit, a key, a count.

mod bundle;
mod document;
pub(crate) mod events;
pub(crate) mod items;
mod map;
mod openai;
pub(crate) mod pages;
pub(crate) mod recommend;
mod refit;
mod reply;
mod search;
mod state;
pub(crate) mod users;

use crate::auth::{self, KeyName};
use crate::origin;
use crate::problem::Problem;
use crate::service::Service;
use crate::watch::trace::{Part, followed};
use crate::watch::{Line, TraceId, Traced};
use axum::Router;
use axum::body::HttpBody;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use document::Common;
use std::time::Instant;
use utoipa::OpenApi;

/// The service as a router.
pub fn router(service: Service) -> Router {
    let limit = service.config().body;
    Router::new()
        .route("/v1/items", get(items::list).post(items::post))
        .route(
            "/v1/items/{id}",
            get(items::get).put(items::put).delete(items::delete),
        )
        .route("/v1/items/{id}/similar", get(search::similar))
        .route("/v1/events", post(events::post))
        .route("/v1/recommend", post(recommend::post))
        .route("/v1/users/{id}", get(users::get).delete(users::delete))
        .route("/v1/users/{id}/recommendations", get(recommend::of_user))
        .route("/v1/bundle", get(bundle::get))
        .route("/v1/map", get(map::get))
        .route("/v1/search", post(search::post))
        .route("/v1/rerank", post(search::rerank))
        .route("/v1/embeddings", post(openai::embeddings))
        .route("/embed", post(openai::embed))
        .route("/rerank", post(openai::rerank))
        .route("/health/live", get(state::live))
        .route("/health/ready", get(state::ready))
        .route("/metrics", get(state::metrics))
        .route("/openapi.json", get(state::document))
        .merge(crate::gorse::routes())
        .merge(pages::router())
        .route("/v1/refit", get(refit::status).post(refit::begin))
        .route("/v1/rollback", post(refit::roll_back))
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(service.clone(), auth::check))
        .layer(from_fn_with_state(service.clone(), origin::check))
        .layer(from_fn_with_state(service.clone(), around))
        .layer(DefaultBodyLimit::max(limit))
        .with_state(service)
}

/// The OpenAPI document, made from the code.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    modifiers(&Common),
    info(
        title = "semrec",
        description = "Recommendations, search and similar items that know what was written a second ago."
    ),
    paths(
        items::list,
        items::post,
        items::get,
        items::put,
        items::delete,
        events::post,
        recommend::post,
        recommend::of_user,
        users::get,
        users::delete,
        bundle::get,
        refit::status,
        refit::begin,
        refit::roll_back,
        map::get,
        search::similar,
        search::post,
        search::rerank,
        openai::embeddings,
        openai::embed,
        openai::rerank,
        state::live,
        state::ready,
        state::metrics
    )
)]
struct Document;

async fn nowhere(request: Request) -> Problem {
    let path = request.uri().path();
    Problem::new(
        StatusCode::NOT_FOUND,
        format!("there is nothing at {path}; /openapi.json has what there is"),
    )
}

async fn not_so(request: Request) -> Problem {
    let (method, path) = (request.method(), request.uri().path());
    let detail = format!("{path} does not take {method}; /openapi.json has what it takes");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// The id of a request, which its reply has too.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

const ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken from a request.
const LONGEST: usize = 128;

/// What is told of a request that is not one of the methods of HTTP: anybody can make one up.
fn method_of(request: &Request) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let method = request.method().as_str();
    let known = known.into_iter().find(|known| *known == method);
    known.unwrap_or("other")
}

/// What is told of a request when it is answered.
struct Told {
    request_id: String,
    method: &'static str,
    route: String,
    trace: Option<TraceId>,
    began: Instant,
}

impl Told {
    fn of(service: &Service, request: &Request) -> Self {
        let header = |name: &str| request.headers().get(name).and_then(|h| h.to_str().ok());
        let sane = header(ID.as_str()).filter(|id| {
            (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
        });
        let route = request.extensions().get::<MatchedPath>();
        let traces = service.traces();
        Self {
            request_id: sane.map_or_else(|| service.next_id(), str::to_owned),
            method: method_of(request),
            route: route.map_or_else(|| "none".to_owned(), |route| route.as_str().to_owned()),
            trace: traces.and_then(|traces| traces.begin(header("traceparent"))),
            began: Instant::now(),
        }
    }

    /// Counts the answer, and tells log and traces of it.
    fn tell(self, service: &Service, response: &Response, parts: Vec<Part>) {
        let (ended, status) = (Instant::now(), response.status());
        let took = (ended - self.began).as_secs_f64();
        let labels = [self.method, &self.route, status.as_str()];
        let requests = &service.meters().requests;
        requests.with_label_values(&labels).observe(took);
        let key = response.extensions().get::<KeyName>();
        let trace_id = self.trace.map(|id| format!("{:032x}", id.trace));
        service.log().request(&Line {
            request_id: &self.request_id,
            method: self.method,
            route: &self.route,
            status: status.as_u16(),
            ms: took * 1e3,
            bytes: response.body().size_hint().exact(),
            key: key.map(|key| key.0.as_str()),
            trace_id: trace_id.as_deref(),
        });
        if let (Some(traces), Some(id)) = (service.traces(), self.trace) {
            traces.send(Traced {
                id,
                name: format!("{} {}", self.method, self.route),
                route: self.route,
                status: status.as_u16(),
                began: self.began,
                ended,
                parts,
            });
        }
    }
}

/// An id, a time limit and a count for each request.
async fn around(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    let told = Told::of(&service, &request);
    let id = RequestId(told.request_id.clone());
    request.extensions_mut().insert(id);
    let limit = service.config().timeout;
    let answered = async {
        match tokio::time::timeout(limit, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let detail = format!("not done after {} seconds", limit.as_secs());
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
            }
        }
    };
    let (mut response, parts) = match told.trace {
        Some(_) => followed(answered).await,
        None => (answered.await, Vec::new()),
    };
    if let Ok(id) = HeaderValue::from_str(&told.request_id) {
        response.headers_mut().insert(ID, id);
    }
    told.tell(&service, &response, parts);
    response
}
